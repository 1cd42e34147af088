package main

import (
	"context"
	"encoding/json"
	"time"

	"concurrency/07-offload/engines/signup"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Tasks is what the web process asks of RabbitMQ.
type Tasks struct{ *Publisher }

// Enqueue publishes the task, and returns nil when the broker has it on disk.
func (q Tasks) Enqueue(ctx context.Context, t signup.Task) error {
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	m := amqp.Publishing{MessageId: t.ID, ContentType: "application/json", Body: body}
	to := queue
	if d := time.Until(t.Due); d > 0 {
		to = wait(d) // for a part of d; then a worker sends it to wait for the rest
	}
	return q.Publish(ctx, to, m)
}

// Dead counts the dead letters.
func (q Tasks) Dead(ctx context.Context) (int, error) {
	var state amqp.Queue
	err := q.do(ctx, func(ch *channel) (err error) {
		state, err = ch.QueueDeclarePassive(dead, true, false, false, false, nil)
		return err
	})
	if err != nil {
		return 0, err // not state: after ctx, it may still be written
	}
	return state.Messages, nil
}

// Requeue moves them back: each one is confirmed in its new queue before it leaves the old one.
// Those that are dead-lettered again meanwhile stay: otherwise it might never end.
func (q Tasks) Requeue(ctx context.Context) error {
	return q.do(ctx, func(ch *channel) error {
		state, err := ch.QueueDeclarePassive(dead, true, false, false, false, nil)
		if err != nil {
			return err
		}
		for range state.Messages {
			d, ok, err := ch.Get(dead, false)
			if err != nil || !ok {
				return err
			}
			m := amqp.Publishing{MessageId: d.MessageId, ContentType: d.ContentType, Body: d.Body} // without headers: all attempts again
			if err := ch.publish(ctx, queue, m); err != nil {
				return err
			}
			if err := d.Ack(false); err != nil {
				return err
			}
		}
		return nil
	})
}
