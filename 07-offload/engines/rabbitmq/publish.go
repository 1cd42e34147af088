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
	return &Publisher{url: url, defaults: defaults, idle: make(chan *channel, 64)}
}

// do calls f with a channel. After an error the channel is closed, not used again: an
// answer may still be on its way.
func (p *Publisher) do(f func(*channel) error) error {
	ch, err := p.get()
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

// get returns an idle channel or opens one.
func (p *Publisher) get() (*channel, error) {
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

// open opens a channel, on a new connection if the last one is closed: by default the
// client does not reconnect.
func (p *Publisher) open() (*channel, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil || p.conn.IsClosed() {
		if err := p.connect(); err != nil {
			return nil, err
		}
	}
	ch, err := p.conn.Channel()
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

// connect connects and declares the queues. p.mu is held.
func (p *Publisher) connect() error {
	if p.why != nil && time.Since(p.since) < 200*time.Millisecond {
		return p.why // many callers share one attempt
	}
	p.conn, p.why = amqp.DialConfig(p.url, amqp.Config{Heartbeat: 2 * time.Second, Dial: amqp.DefaultDial(time.Second)})
	if p.why == nil {
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

// Close closes the connection and with it every channel.
func (p *Publisher) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		p.conn.Close()
	}
}

// Publish returns nil when the broker has confirmed that the message is on disk.
// Without confirms it would return as soon as the message is on its way.
func (p *Publisher) Publish(ctx context.Context, to string, m amqp.Publishing) error {
	return p.do(func(ch *channel) error { return ch.publish(ctx, to, m) })
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
