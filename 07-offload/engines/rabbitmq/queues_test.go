package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"concurrency/07-offload/engines/contract"

	amqp "github.com/rabbitmq/amqp091-go"
)

var all = flag.Bool("all", false, "fail if RabbitMQ is not installed, instead of skipping")

// TestEveryDelayUsesOneOfTheDeclaredQueues follows messages from queue to queue: however
// many different delays occur, no other queue exists, and none ends early or much too late.
func TestEveryDelayUsesOneOfTheDeclaredQueues(t *testing.T) {
	ttl := make(map[string]time.Duration)
	for _, d := range waits {
		ttl[waitQueue(d)] = d
	}
	for delay := time.Millisecond; delay <= 1000*time.Hour; delay += delay/7 + 1 {
		hops, waited := 0, time.Duration(0)
		for waited < delay {
			d, ok := ttl[wait(delay-waited)]
			if !ok {
				t.Fatalf("after %v of %v a message waits in %q, which is not declared", waited, delay, wait(delay-waited))
			}
			hops, waited = hops+1, waited+d
		}
		if late := waited - delay; late >= waits[0] || hops > 80 {
			t.Errorf("a delay of %v took %d queues and was %v late; want at most 80 and less than %v", delay, hops, late, waits[0])
		}
	}
}

// start starts a RabbitMQ of the test's own, with settings added to its configuration, or
// skips the test if it is not installed.
func start(t *testing.T, settings string) (url string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "engines")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	server, err := contract.NewRabbitMQ(dir, "", false)
	if missing := (*contract.NotInstalledError)(nil); errors.As(err, &missing) && !*all {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	config := filepath.Join(dir, "rabbitmq.conf")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(text, settings...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	return server.At
}

// TestFailedPublishLeaksNoChannel fails more often than a connection has channels (2,047).
func TestFailedPublishLeaksNoChannel(t *testing.T) {
	p := NewPublisher(start(t, ""), false)
	t.Cleanup(p.Close)
	failed := errors.New("failed")
	for i := range 2100 {
		if err := p.do(t.Context(), func(*channel) error { return failed }); !errors.Is(err, failed) {
			t.Fatalf("after %d failures there is no channel: %v", i, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Publish(ctx, "nowhere", amqp.Publishing{}); err == nil {
		t.Error("a message for a queue that does not exist was accepted")
	}
	if err := p.Publish(ctx, queue, amqp.Publishing{}); err != nil {
		t.Errorf("after these failures a message was refused: %v", err)
	}
}

// TestRequeueMovesEachDeadLetterOnce (claim 7.11): a consumer dead-letters each one again
// immediately, as a worker does with a malformed task.
func TestRequeueMovesEachDeadLetterOnce(t *testing.T) {
	url := start(t, "")
	p := NewPublisher(url, false)
	t.Cleanup(p.Close)
	const letters = 50
	for range letters {
		if err := p.Publish(t.Context(), dead, amqp.Publishing{}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var moved atomic.Int64
	go func() {
		for d := range deliveries {
			if moved.Add(1) > letters {
				cancel()
			}
			d.Nack(false, false)
		}
	}()
	if err := (Tasks{p}).Requeue(ctx); err != nil {
		t.Fatalf("Requeue of %d dead letters, after %d deliveries: %v", letters, moved.Load(), err)
	}
	for n := 0; n < letters; <-time.After(10 * time.Millisecond) {
		if n, err = (Tasks{p}).Dead(ctx); err != nil {
			t.Fatalf("after Requeue there are %d dead letters, want %d again: %v", n, letters, err)
		}
	}
	if n := moved.Load(); n != letters {
		t.Errorf("Requeue of %d dead letters: %d deliveries, want one for each", letters, n)
	}
}
