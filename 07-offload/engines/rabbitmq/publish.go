package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A Publisher has channels to publish with. A channel is used by one goroutine at a
// time: two requests on a channel at the same time may take each other's answers.
type Publisher struct {
	url      string
	defaults bool
	idle     chan *channel
	gate     chan struct{} // full while the connection is blocked, see watch

	mu    sync.Mutex
	conn  *amqp.Connection // guarded by mu; nil until it is needed
	since time.Time        // guarded by mu; the last attempt to connect
	why   error            // guarded by mu; and why it failed
}

type channel struct {
	*amqp.Channel
	returned chan amqp.Return
}

// NewPublisher does not connect yet: the broker may start later, or restart.
func NewPublisher(url string, defaults bool) *Publisher {
	return &Publisher{url: url, defaults: defaults, idle: make(chan *channel, 64), gate: make(chan struct{}, 1)}
}

// do calls f with a channel, in a goroutine of its own: it returns when ctx is done, but
// most requests of the client wait for the broker's answer without a limit.
func (p *Publisher) do(ctx context.Context, f func(*channel) error) error {
	done := make(chan error, 1)
	go func() { done <- p.with(ctx, f) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// with calls f with a channel. After an error the channel is closed, not used again: an
// answer may still be on its way.
func (p *Publisher) with(ctx context.Context, f func(*channel) error) error {
	ch, err := p.get(ctx)
	if err != nil {
		return err
	}
	if err := f(ch); err != nil {
		ch.Close()
		return err
	}
	select {
	case p.idle <- ch:
		return nil
	default:
		return ch.Close()
	}
}

// get returns an idle channel or opens one, once the connection is not blocked.
func (p *Publisher) get(ctx context.Context) (*channel, error) {
	select {
	case p.gate <- struct{}{}:
		<-p.gate
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		select {
		case ch := <-p.idle:
			if !ch.IsClosed() {
				return ch, nil
			}
		default:
			return p.open()
		}
	}
}

// watch keeps the gate full while the broker blocks the connection. Under a memory or disk
// alarm RabbitMQ reads nothing from a connection that publishes, but sends it heartbeats:
// the connection lives, and each request waits until the alarm ends.
func (p *Publisher) watch(changes <-chan amqp.Blocking) {
	blocked := false
	set := func(b bool) {
		switch {
		case b && !blocked:
			p.gate <- struct{}{}
		case blocked && !b:
			<-p.gate
		}
		blocked = b
	}
	for c := range changes {
		set(c.Active)
	}
	set(false) // the connection is closed
}

// open opens a channel. It does not hold p.mu then: the broker may not answer.
func (p *Publisher) open() (*channel, error) {
	conn, err := p.connection()
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if !p.defaults {
		if err := ch.Confirm(false); err != nil {
			ch.Close()
			return nil, err
		}
	}
	return &channel{ch, ch.NotifyReturn(make(chan amqp.Return, 1))}, nil
}

// connection returns the connection, or a new one if that is closed: by default the client
// does not reconnect.
func (p *Publisher) connection() (*amqp.Connection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil || p.conn.IsClosed() {
		if err := p.connect(); err != nil {
			return nil, err
		}
	}
	return p.conn, nil
}

// connect connects and declares the queues. p.mu is held.
func (p *Publisher) connect() error {
	if p.why != nil && time.Since(p.since) < 200*time.Millisecond {
		return p.why // many callers share one attempt
	}
	p.conn, p.why = amqp.DialConfig(p.url, amqp.Config{Heartbeat: 2 * time.Second, Dial: amqp.DefaultDial(time.Second)})
	if p.why == nil {
		go p.watch(p.conn.NotifyBlocked(make(chan amqp.Blocking)))
		var ch *amqp.Channel
		if ch, p.why = p.conn.Channel(); p.why == nil {
			p.why = declareAll(ch, p.defaults)
			ch.Close()
		}
		if p.why != nil {
			p.conn.Close()
		}
	}
	p.since = time.Now()
	return p.why
}

// Close closes the connection and with it every channel. It waits for the broker's answer
// for up to 1 s: on a blocked connection there is none.
func (p *Publisher) Close() {
	p.mu.Lock()
	conn := p.conn
	p.mu.Unlock()
	if conn == nil {
		return
	}
	closed := make(chan struct{})
	go func() {
		conn.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(time.Second):
	}
}

// Publish returns nil when the broker has confirmed that the message is on disk.
// Without confirms it would return as soon as the message is on its way.
func (p *Publisher) Publish(ctx context.Context, to string, m amqp.Publishing) error {
	return p.do(ctx, func(ch *channel) error { return ch.publish(ctx, to, m) })
}

func (ch *channel) publish(ctx context.Context, to string, m amqp.Publishing) error {
	m.DeliveryMode = amqp.Persistent // by default the client marks it as transient
	// Mandatory: by default a message for a queue that does not exist is dropped, and confirmed.
	confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", to, true, false, m)
	if err != nil || confirm == nil { // nil: without confirms
		return err
	}
	ack, err := confirm.WaitContext(ctx)
	if err != nil {
		return err
	}
	if !ack {
		return errors.New("the broker refused the message")
	}
	select {
	case r := <-ch.returned: // it arrives before its confirmation
		return fmt.Errorf("no such queue: %s", r.RoutingKey)
	default:
		return nil
	}
}
