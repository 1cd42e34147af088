package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// TestManyCallersShareOneAttemptToConnect, in fake time: after a failure the next attempt is
// 200 ms later. (This URL cannot be used, so no attempt needs the network.)
func TestManyCallersShareOneAttemptToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPublisher("no URL", false)
		failed := func() error {
			err := p.do(t.Context(), func(*channel) error { t.Error("there is no broker, but a channel"); return nil })
			if err == nil {
				t.Fatal("there is no broker, but no error")
			}
			return err
		}
		first, began := failed(), p.since
		for range 3 {
			if err := failed(); err != first || p.since != began {
				t.Errorf("a caller made an attempt of its own, %v after the first: %v", p.since.Sub(began), err)
			}
			time.Sleep(66 * time.Millisecond)
		}
		time.Sleep(2 * time.Millisecond)
		if failed(); p.since.Sub(began) != 200*time.Millisecond {
			t.Errorf("the last attempt was %v after the first, want 200ms", p.since.Sub(began))
		}
	})
}

// TestPublishWaitsWhileTheConnectionIsBlocked, in fake time (claim 7.11): until it is
// unblocked or closed, or ctx is done. (This URL cannot be used, and the error says so.)
func TestPublishWaitsWhileTheConnectionIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPublisher("no URL", false)
		changes := make(chan amqp.Blocking)
		go p.watch(changes)
		publish := func() (time.Duration, error) {
			synctest.Wait() // for watch
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			err := p.Publish(ctx, queue, amqp.Publishing{})
			return time.Since(began), err
		}
		for range 2 { // of two alarms
			changes <- amqp.Blocking{Active: true}
		}
		if took, err := publish(); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
			t.Errorf("a publish on a blocked connection returned %v after %v, want its deadline after 5s", err, took)
		}
		time.AfterFunc(2*time.Second, func() { changes <- amqp.Blocking{} })
		if took, err := publish(); errors.Is(err, context.DeadlineExceeded) || took != 2*time.Second {
			t.Errorf("the connection was unblocked after 2s: the publish returned %v after %v", err, took)
		}
		changes <- amqp.Blocking{Active: true}
		time.AfterFunc(3*time.Second, func() { close(changes) })
		if took, err := publish(); errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
			t.Errorf("the blocked connection was closed after 3s: the next publish returned %v after %v", err, took)
		}
	})
}

// TestRequestWithoutAnAnswerReturnsWhenCtxIsDone, in fake time (claim 7.11): here the answer
// takes an hour.
func TestRequestWithoutAnAnswerReturnsWhenCtxIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPublisher("no URL", false)
		p.idle <- &channel{Channel: new(amqp.Channel)}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := p.do(ctx, func(*channel) error { time.Sleep(time.Hour); return nil })
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
			t.Errorf("a request without an answer returned %v after %v, want its deadline after 5s", err, took)
		}
		<-p.idle // once it has its answer
	})
}

// TestMemoryAlarmDelaysNothingPastItsContext has a broker that accepts no message (claim 7.11).
func TestMemoryAlarmDelaysNothingPastItsContext(t *testing.T) {
	p := NewPublisher(start(t, "vm_memory_high_watermark.absolute = 1\n"), false)
	within := func(what string, f func() error) {
		t.Helper()
		returned := make(chan error, 1)
		go func() { returned <- f() }()
		select {
		case err := <-returned:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s returned %v, want the deadline exceeded", what, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s has not returned, a minute after it should", what)
		}
	}
	publish := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return p.Publish(ctx, queue, amqp.Publishing{})
	}
	within("Publish", func() (err error) {
		for err == nil { // the alarm may begin after the broker is ready
			err = publish()
		}
		return err
	})
	within("the next Publish", publish) // the broker has confirmed the one that made it block the connection
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	within("Dead", func() error { _, err := Tasks{p}.Dead(ctx); return err })
	within("Close", func() error { p.Close(); return context.DeadlineExceeded })
}
