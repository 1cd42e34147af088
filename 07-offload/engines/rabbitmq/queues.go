package main

import (
	"fmt"
	"maps"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The queues. RabbitMQ itself moves messages along the arrows that say so:
//
//	web ─▶ signups ─▶ worker ─ failed ──▶ signups.wait.500ms ─ when its time is over ─▶ signups
//	                     └─ last attempt ─▶ signups.dead
const (
	queue = "signups"
	dead  = "signups.dead"
)

// declare makes a queue if it is not there, safe: on disk, and on most nodes of a
// cluster. What is rejected there, or too old, goes to another queue, if there is one named.
func declare(ch *amqp.Channel, name, then string, more amqp.Table) error {
	args := amqp.Table{"x-queue-type": "quorum"}
	if then != "" {
		args["x-dead-letter-exchange"] = ""
		args["x-dead-letter-routing-key"] = then
		args["x-dead-letter-strategy"] = "at-least-once" // by default it may be lost on its way
		args["x-overflow"] = "reject-publish"            // which that needs
	}
	maps.Copy(args, more)
	_, err := ch.QueueDeclare(name, true, false, false, false, args)
	return err
}

// declareAll makes those that are always there. Web and workers both do: whoever comes first.
func declareAll(ch *amqp.Channel, careless bool) error {
	if careless {
		_, err := ch.QueueDeclare(queue, false, false, false, false, nil)
		return err
	}
	if err := declare(ch, dead, "", nil); err != nil {
		return err
	}
	// A message that ends its worker again and again must end somewhere, too. By
	// default there is no limit here.
	return declare(ch, queue, dead, amqp.Table{"x-delivery-limit": 20})
}

// declareWait makes the queue in which messages wait for d. RabbitMQ has no delays;
// it has queues in which messages grow too old after a time, and go elsewhere. All
// in one queue must wait equally long: it looks at the first one only. So there is
// one for each d, and those that nobody uses any more go away by themselves.
func declareWait(ch *amqp.Channel, d time.Duration) (name string, err error) {
	name = fmt.Sprintf("%s.wait.%v", queue, d)
	return name, declare(ch, name, queue, amqp.Table{
		"x-message-ttl": d.Milliseconds(),
		"x-expires":     (d + 10*time.Minute).Milliseconds(),
	})
}
