package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"concurrency/07-offload/engines/signup"

	amqp "github.com/rabbitmq/amqp091-go"
)

// header counts the attempts. RabbitMQ counts deliveries too, but a message that
// has waited in another queue begins anew.
const header = "attempt"

// Work does tasks until ctx ends, and then drains. The client does not connect
// again by itself, so this does.
func Work(ctx context.Context, url string, careless bool, f signup.Flags) error {
	conn, err := dial(url)
	if err != nil {
		return fmt.Errorf("no RabbitMQ there: %w", err)
	}
	for ready := false; ; ready = true {
		if err == nil {
			err = consume(ctx, conn, careless, f, func() {
				if !ready {
					signup.Ready()
				}
			})
			conn.Close()
		}
		if ctx.Err() != nil {
			return nil
		}
		slog.Warn("no broker, again in 200 ms", "error", err)
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
		conn, err = dial(url)
	}
}

func dial(url string) (*amqp.Connection, error) {
	return amqp.DialConfig(url, amqp.Config{Heartbeat: 2 * time.Second, Dial: amqp.DefaultDial(2 * time.Second)})
}

// consume does tasks until the connection breaks, or ctx ends and those under way are done.
func consume(ctx context.Context, conn *amqp.Connection, careless bool, f signup.Flags, ready func()) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := declareAll(ch, careless); err != nil {
		return err
	}
	// As many unacknowledged at once as there are workers. By default there is no
	// limit: one worker would be sent all there is, and the others nothing.
	if err := ch.Qos(f.Concurrency, 0, false); err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil { // for what is sent to wait
		return err
	}
	const consumer = "worker"
	deliveries, err := ch.Consume(queue, consumer, false, false, false, false, nil)
	if err != nil {
		return err
	}
	ready()
	tasks, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		ch.Cancel(consumer, false) // sends no more; deliveries is closed
		time.AfterFunc(f.Drain, cancel)
	})
	defer stop()
	var workers sync.WaitGroup
	for range f.Concurrency { // a pool, as in chapter 05, whose queue is the broker's
		workers.Go(func() {
			for d := range deliveries {
				if ctx.Err() != nil {
					d.Nack(false, true) // it came when we were leaving: back it goes
					continue
				}
				work(tasks, ch, d, f)
			}
		})
	}
	workers.Wait() // what is still unacknowledged when the connection closes goes back
	return nil
}

// work does one task and acknowledges it, or has it tried again later. Each answer
// is given only when what it says is safe: the acknowledgement is what makes RabbitMQ forget.
func work(ctx context.Context, ch *amqp.Channel, d amqp.Delivery, f signup.Flags) {
	attempt := 1
	if n, ok := d.Headers[header].(int32); ok {
		attempt = int(n) + 1
	}
	err := try(ctx, d, attempt, f)
	switch {
	case err == nil:
		d.Ack(false)
	case ctx.Err() != nil:
		d.Nack(false, true) // not its fault: back to the queue
	case attempt >= f.Attempts:
		slog.Error("given up", "job", d.MessageId, "error", err)
		d.Nack(false, false) // to the dead letters
	default:
		slog.Warn("failed", "job", d.MessageId, "attempt", attempt, "error", err)
		if err := retry(ctx, ch, d, attempt); err != nil {
			slog.Warn("back to the queue", "job", d.MessageId, "error", err)
			d.Nack(false, true)
			return
		}
		d.Ack(false) // if this is lost it comes twice, which must not matter
	}
}

// retry has the message wait: half a second, doubled each time. To nack with
// requeue would be easier, and have it back at once: a storm.
func retry(ctx context.Context, ch *amqp.Channel, d amqp.Delivery, attempt int) error {
	wait := min(500*time.Millisecond<<min(attempt-1, 10), time.Minute)
	to, err := declareWait(ch, wait)
	if err != nil {
		return err
	}
	confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", to, false, false, amqp.Publishing{
		MessageId: d.MessageId, ContentType: d.ContentType, Body: d.Body,
		DeliveryMode: amqp.Persistent, Headers: amqp.Table{header: int32(attempt)},
	})
	if err != nil {
		return err
	}
	ack, err := confirm.WaitContext(ctx)
	if err == nil && !ack {
		err = fmt.Errorf("refused")
	}
	return err
}

// try is one attempt; a panic is a failed one.
func try(ctx context.Context, d amqp.Delivery, attempt int, f signup.Flags) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	var task signup.Task
	if err := json.Unmarshal(d.Body, &task); err != nil {
		return err
	}
	return f.Mail.Welcome(ctx, task, attempt)
}
