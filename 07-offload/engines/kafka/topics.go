package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The topics. Kafka has no retries, no delays and no dead letters: these are
// topics like any other, and this program gives them their meaning.
//
//	web ─▶ signups ─▶ worker ─ failed ──▶ signups.retry ─ worker, when it is due ─▶ signups
//	                     └─ last attempt ─▶ signups.dead
const (
	topic = "signups"
	later = "signups.retry"
	dead  = "signups.dead"

	partitions = 8 // at most so many worker processes have something to do
)

// declare makes the topics that are not there yet.
func declare(ctx context.Context, client *kgo.Client) error {
	admin := kadm.NewClient(client) // must not be closed: that would close the client
	for name, n := range map[string]int32{topic: partitions, later: 1, dead: 1} {
		if _, err := admin.CreateTopic(ctx, n, -1, nil, name); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return err
		}
	}
	return nil
}

// The headers of a record that was tried before.
const (
	attempts = "attempt" // made so far
	due      = "due"     // not again before
)

// again returns a copy of a record for another topic.
func again(r *kgo.Record, to string, attempt int, at time.Time) *kgo.Record {
	return &kgo.Record{Topic: to, Key: r.Key, Value: r.Value, Headers: []kgo.RecordHeader{
		{Key: attempts, Value: []byte(strconv.Itoa(attempt))},
		{Key: due, Value: []byte(at.Format(time.RFC3339Nano))},
	}}
}

// tried returns how many attempts there were, and when the next one is due.
func tried(r *kgo.Record) (attempt int, at time.Time) {
	for _, h := range r.Headers {
		switch h.Key {
		case attempts:
			attempt, _ = strconv.Atoi(string(h.Value)) // written by again
		case due:
			at, _ = time.Parse(time.RFC3339Nano, string(h.Value))
		}
	}
	return attempt, at
}
