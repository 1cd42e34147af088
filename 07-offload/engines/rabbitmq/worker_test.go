package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"concurrency/07-offload/engines/contract"
	"concurrency/07-offload/engines/signup"

	amqp "github.com/rabbitmq/amqp091-go"
)

// TestPanicOfATaskIsAFailedAttempt: without a context, an attempt panics.
func TestPanicOfATaskIsAFailedAttempt(t *testing.T) {
	w := &worker{Flags: signup.Flags{Mail: signup.Maildir(t.TempDir())}}
	without := struct{ context.Context }{}
	if err := w.try(without, signup.Task{ID: "ID", Email: "ada@slow.test"}, 1); err == nil || errors.Is(err, signup.ErrMalformed) {
		t.Errorf("the task panicked: got the error %v, want one that is retried", err)
	}
}

// TestTaskIsCanceledBeforeTheBrokerClosesItsChannel, in fake time (claim 7.11): by default
// the broker does so when a delivery is unacknowledged for 30 min.
func TestTaskIsCanceledBeforeTheBrokerClosesItsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{Flags: signup.Flags{Mail: signup.Maildir(t.TempDir())}}
		began := time.Now()
		err := w.try(t.Context(), signup.Task{ID: "ID", Email: "ada@30m.slow.test"}, 1)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 25*time.Minute {
			t.Errorf("a task of 30 min returned %v after %v, want its deadline after 25 min", err, took)
		}
	})
}

// TestLostConnectionCancelsTheRunningTasks closes the socket while a task runs (claim 7.11):
// consume returns the reason, and Work can connect again.
func TestLostConnectionCancelsTheRunningTasks(t *testing.T) {
	url := start(t, "")
	var socket net.Conn
	conn, err := amqp.DialConfig(url, amqp.Config{Dial: func(network, addr string) (_ net.Conn, err error) {
		socket, err = net.Dial(network, addr)
		return socket, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := NewPublisher(url, false)
	t.Cleanup(p.Close)
	dir := t.TempDir()
	w := &worker{signup.Flags{Attempts: 1, Concurrency: 2, Mail: signup.Maildir(dir)}, p, t.Context()}
	ended := make(chan error, 1)
	go func() { ended <- w.consume(t.Context(), conn, func() {}) }()

	slow := signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@1h.slow.test"}
	next := signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@example.com"}
	for _, task := range []signup.Task{slow, next} {
		if err := (Tasks{p}).Enqueue(t.Context(), task); err != nil {
			t.Fatal(err)
		}
	}
	if missing := contract.Mailbox(dir).Wait([]string{next.ID}, time.Minute); len(missing) > 0 {
		t.Fatal("the task after the slow one was not done within a minute")
	}
	socket.Close()
	select {
	case err := <-ended:
		if lost := (*amqp.Error)(nil); !errors.As(err, &lost) {
			t.Errorf("the connection is lost: consume returned %v, want the reason", err)
		}
	case <-time.After(time.Minute):
		t.Error("the connection is lost, but the worker does not connect again: it waits for the end of a task of 1 h")
	}
}
