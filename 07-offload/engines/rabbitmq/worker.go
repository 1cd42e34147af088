package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"concurrency/07-offload/engines/signup"

	amqp "github.com/rabbitmq/amqp091-go"
)

// header counts the attempts. RabbitMQ counts deliveries, too, but from zero again when
// a message comes from another queue.
const header = "attempt"

// A worker consumes on one connection and publishes retries on another.
type worker struct {
	signup.Flags
	publisher *Publisher
	tasks     context.Context // of the running tasks: outlives the signal
}

// Work does tasks until ctx is done, and then drains. By default the client
// does not reconnect, so Work does.
func Work(ctx context.Context, url string, defaults bool, f signup.Flags) error {
	tasks, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	context.AfterFunc(ctx, func() { time.AfterFunc(f.Drain, cancel) })
	w := &worker{f, NewPublisher(url, defaults), tasks}
	defer w.publisher.Close()
	ready := sync.OnceFunc(signup.Ready)
	for first := true; ; first = false {
		conn, err := amqp.DialConfig(url, amqp.Config{Heartbeat: 2 * time.Second, Dial: amqp.DefaultDial(2 * time.Second)})
		if err == nil {
			err = w.consume(ctx, conn, ready)
			conn.Close() // what is still unacknowledged returns to the queue
		} else if first {
			return fmt.Errorf("no RabbitMQ there: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		slog.Warn("not consuming, next attempt in 200 ms", "error", err)
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

// consume does tasks until the connection or its channel is lost, or ctx is done and the
// running tasks have ended.
func (w *worker) consume(ctx context.Context, conn *amqp.Connection, ready func()) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := declareAll(ch, w.publisher.defaults); err != nil {
		return err
	}
	// The number of unacknowledged messages is limited to what runs. By default there
	// is no limit: one worker would be sent all messages, and the others none.
	if err := ch.Qos(w.Concurrency, 0, false); err != nil {
		return err
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := ch.Consume(queue, "worker", false, false, false, false, nil)
	if err != nil {
		return err
	}
	ready()
	stop := context.AfterFunc(ctx, func() {
		// The only request on this channel from here on. It ends the deliveries; if it fails, the
		// end of the connection does.
		if err := ch.Cancel("worker", false); err != nil {
			conn.Close()
		}
	})
	defer stop()
	tasks, cancel := context.WithCancel(w.tasks)
	defer cancel()
	var pool sync.WaitGroup
	for d := range deliveries { // a goroutine for each: Qos limits how many run at the same time
		if ctx.Err() != nil {
			d.Nack(false, true) // it arrived during shutdown: back to the queue
			continue
		}
		pool.Go(func() { w.work(tasks, d) })
	}
	if ctx.Err() == nil { // the connection, the channel or the consumer is lost, and all tasks are redelivered:
		cancel() // until the running ones end, this worker consumes nothing
		err = errors.New("the broker canceled the consumer")
		select {
		case lost := <-closed:
			if lost != nil { // a nil *amqp.Error would be an error that is not nil
				err = lost
			}
		default:
		}
	}
	pool.Wait()
	return err
}

// work does one task and then acknowledges it, retries it later or dead-letters it.
// The broker forgets a message when it is acknowledged, so that is always the last step.
func (w *worker) work(ctx context.Context, d amqp.Delivery) {
	n, _ := d.Headers[header].(int32)
	attempt := int(n) + 1
	task, err := signup.ParseTask(d.Body)
	if err == nil && time.Until(task.Due) > 0 {
		w.later(ctx, d, int(n), time.Until(task.Due))
		return
	}
	if err == nil {
		err = w.try(ctx, task, attempt)
	}
	switch {
	case err == nil:
		d.Ack(false)
	case ctx.Err() != nil: // canceled: back to the queue, the attempt does not count
		d.Nack(false, true)
	case errors.Is(err, signup.ErrMalformed), attempt >= w.Attempts:
		slog.Error("dead-lettered", "job", d.MessageId, "attempt", attempt, "error", err)
		d.Nack(false, false)
	default:
		slog.Warn("failed", "job", d.MessageId, "attempt", attempt, "error", err)
		w.later(ctx, d, attempt, min(500*time.Millisecond<<min(attempt-1, 10), 64*time.Second))
	}
}

// later has the message wait in another queue, and acknowledges it here. A nack with
// requeue would redeliver it immediately: a retry storm.
func (w *worker) later(ctx context.Context, d amqp.Delivery, attempts int, delay time.Duration) {
	err := w.publisher.Publish(ctx, wait(delay), amqp.Publishing{
		MessageId: d.MessageId, ContentType: d.ContentType, Body: d.Body, Headers: amqp.Table{header: int32(attempts)},
	})
	if err != nil {
		slog.Warn("back to the queue", "job", d.MessageId, "error", err)
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
		d.Nack(false, true)
		return
	}
	d.Ack(false) // if this is lost the message is delivered twice
}

// try is one attempt; a panic is a failed one. So is a task that takes longer than 25 min:
// after 30 (the broker's consumer_timeout) the broker closes the channel of all tasks.
func (w *worker) try(ctx context.Context, t signup.Task, attempt int) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, 25*time.Minute)
	defer cancel()
	return w.Mail.Welcome(ctx, t, attempt)
}
