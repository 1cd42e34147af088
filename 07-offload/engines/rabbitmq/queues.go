package main

import (
	"fmt"
	"maps"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The queues. RabbitMQ itself moves messages along the arrows that say so:
//
//	web ─▶ signups ─▶ worker ─ failed ──▶ signups.wait.500ms ─ when its TTL is over ─▶ signups
//	                     └─ last attempt ─▶ signups.dead
const (
	queue = "signups"
	dead  = "signups.dead"
)

// waits are the delays that have a queue. A queue with a TTL is how RabbitMQ 3.x
// delays a message: a TTL of the message's own would wait for those before it in the
// queue. A queue for each delay that occurs would be unbounded, so a longer delay goes
// through several of these (see wait). Quorum queues of RabbitMQ 4.3 can delay a retry
// themselves. The delayed-message plugin keeps its messages on one node, needs Mnesia,
// which 4.3 no longer has, and is no longer maintained.
var waits = []time.Duration{
	500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second,
	32 * time.Second, 64 * time.Second, 10 * time.Minute, 2 * time.Hour, 24 * time.Hour,
}

// wait returns the queue in which a message waits next if it is due after d: the
// longest wait that is not longer, or the shortest one.
func wait(d time.Duration) (queue string) {
	next := waits[0]
	for _, w := range waits {
		if w <= d {
			next = w
		}
	}
	return waitQueue(next)
}

func waitQueue(d time.Duration) string { return fmt.Sprintf("%s.wait.%v", queue, d) }

// declareAll creates the queues if they are missing. The web process and the workers
// both do, since either may start first.
func declareAll(ch *amqp.Channel, defaults bool) error {
	if defaults {
		// The default of QueueDeclare's arguments; RabbitMQ 4.3 refuses such a queue.
		_, err := ch.QueueDeclare(queue, false, false, false, false, nil)
		return err
	}
	if err := declare(ch, dead, "", nil); err != nil {
		return err
	}
	// A message whose worker dies each time must end, too: after 20 redeliveries it is
	// dead-lettered. That is the default since RabbitMQ 4.0; in 3.x there is no limit.
	if err := declare(ch, queue, dead, amqp.Table{"x-delivery-limit": 20}); err != nil {
		return err
	}
	for _, d := range waits {
		if err := declare(ch, waitQueue(d), queue, amqp.Table{"x-message-ttl": d.Milliseconds()}); err != nil {
			return err
		}
	}
	return nil
}

// declare creates a quorum queue: on disk, and by default on up to three nodes of a
// cluster. What it rejects and what expires in it goes to the queue then, if there is one.
func declare(ch *amqp.Channel, name, then string, more amqp.Table) error {
	args := amqp.Table{"x-queue-type": "quorum"}
	if then != "" {
		args["x-dead-letter-exchange"] = ""
		args["x-dead-letter-routing-key"] = then
		args["x-dead-letter-strategy"] = "at-least-once" // by default a message may be lost on its way
		args["x-overflow"] = "reject-publish"            // which that needs
	}
	maps.Copy(args, more)
	_, err := ch.QueueDeclare(name, true, false, false, false, args)
	return err
}
