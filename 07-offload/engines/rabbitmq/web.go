package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"concurrency/07-offload/engines/signup"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Tasks is what web asks of RabbitMQ.
type Tasks struct {
	url      string
	careless bool

	mu    sync.Mutex
	conn  *amqp.Connection // guarded by mu; nil until it is needed
	idle  chan *channel    // of conn
	since time.Time        // guarded by mu; the last attempt to connect
	why   error            // guarded by mu; and why it failed
}

// A channel is for one publisher at a time: so what comes back belongs to what it has sent.
type channel struct {
	*amqp.Channel
	returned chan amqp.Return
}

// NewTasks does not connect yet: the broker may come later, or go and come back.
func NewTasks(url string, careless bool) *Tasks {
	return &Tasks{url: url, careless: careless, idle: make(chan *channel, 64)}
}

// get returns a channel, on a connection that is made anew if it is gone: the client
// does not do that by itself.
func (q *Tasks) get() (*channel, error) {
	for {
		select {
		case ch := <-q.idle:
			if !ch.IsClosed() {
				return ch, nil
			}
			continue
		default:
		}
		break
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.conn == nil || q.conn.IsClosed() {
		if q.why != nil && time.Since(q.since) < 200*time.Millisecond {
			return nil, q.why // do not let a crowd wait for one attempt each
		}
		q.conn, q.why = amqp.DialConfig(q.url, amqp.Config{Heartbeat: 2 * time.Second, Dial: amqp.DefaultDial(time.Second)})
		q.since = time.Now()
		if q.why != nil {
			return nil, q.why
		}
		ch, err := q.conn.Channel()
		if err != nil {
			return nil, err
		}
		defer ch.Close()
		if err := declareAll(ch, q.careless); err != nil {
			q.conn.Close()
			return nil, err
		}
	}
	ch, err := q.conn.Channel()
	if err != nil {
		return nil, err
	}
	if !q.careless {
		if err := ch.Confirm(false); err != nil {
			return nil, err
		}
	}
	return &channel{ch, ch.NotifyReturn(make(chan amqp.Return, 1))}, nil
}

func (q *Tasks) put(ch *channel) {
	select {
	case q.idle <- ch:
	default:
		ch.Close()
	}
}

// Enqueue publishes, and returns nil when the broker has confirmed that it has the
// message on disk. Without confirms it would return as soon as the message is on its way.
func (q *Tasks) Enqueue(ctx context.Context, t signup.Task) error {
	ch, err := q.get()
	if err != nil {
		return err
	}
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	to := queue
	if wait := time.Until(t.Due).Round(time.Millisecond); wait > 0 {
		if to, err = declareWait(ch.Channel, wait); err != nil {
			return err
		}
	}
	m := amqp.Publishing{MessageId: t.ID, ContentType: "application/json", Body: body}
	if err := publish(ctx, ch, to, m); err != nil {
		ch.Close() // an answer may still come: not for the next one
		return err
	}
	q.put(ch)
	return nil
}

func publish(ctx context.Context, ch *channel, to string, m amqp.Publishing) error {
	m.DeliveryMode = amqp.Persistent // by default it lives in memory
	// Mandatory: by default a message for a queue that is not there is dropped, and confirmed all the same.
	confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", to, true, false, m)
	if err != nil || confirm == nil { // nil: nobody asked for confirms
		return err
	}
	ack, err := confirm.WaitContext(ctx)
	if err != nil {
		return err
	}
	if !ack {
		return errors.New("the broker has refused it")
	}
	select {
	case r := <-ch.returned: // it comes before its confirmation
		return fmt.Errorf("no such queue: %s", r.RoutingKey)
	default:
		return nil
	}
}

// Dead counts the dead letters.
func (q *Tasks) Dead(context.Context) (int, error) {
	ch, err := q.get()
	if err != nil {
		return 0, err
	}
	defer ch.Close()
	state, err := ch.QueueDeclarePassive(dead, true, false, false, false, nil)
	return state.Messages, err
}

// Requeue moves them back, each one confirmed in its new place before it leaves the old one.
func (q *Tasks) Requeue(ctx context.Context) error {
	ch, err := q.get()
	if err != nil {
		return err
	}
	defer ch.Close()
	for {
		d, ok, err := ch.Get(dead, false)
		if err != nil || !ok {
			return err
		}
		m := amqp.Publishing{MessageId: d.MessageId, ContentType: d.ContentType, Body: d.Body} // without headers: all attempts again
		if err := publish(ctx, ch, queue, m); err != nil {
			return err
		}
		if err := d.Ack(false); err != nil {
			return err
		}
	}
}
