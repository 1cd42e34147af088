package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Tasks is what web asks of Kafka.
type Tasks struct {
	client   *kgo.Client
	declared atomic.Bool
}

// NewTasks does not wait for the brokers: they may start later, or restart.
func NewTasks(seeds []string) (*Tasks, error) {
	client, err := sender(seeds)
	if err != nil {
		return nil, err
	}
	q := &Tasks{client: client}
	go q.ready(context.Background()) // or the first sign-up has to wait for it; fails after a second
	return q, nil
}

// sender returns a client that writes. By default franz-go v1.22 waits for all
// in-sync replicas (acks=all), and a record that it has to resend is written once.
// In-sync replicas may be one: min.insync.replicas is 1 by default in Kafka 4.4.
func sender(seeds []string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.DialTimeout(time.Second),
		kgo.RetryTimeout(time.Second),
		kgo.ProducerLinger(0),                    // by default it waits 10 ms for more records to send with it
		kgo.RecordDeliveryTimeout(5*time.Second), // by default it retries indefinitely
		kgo.RecordRetries(10),
	)
}

// ready makes sure that the topics are there.
func (q *Tasks) ready(ctx context.Context) error {
	if q.declared.Load() {
		return nil
	}
	err := declare(ctx, q.client)
	q.declared.Store(err == nil)
	return err
}

// Enqueue returns nil when the brokers have the record.
func (q *Tasks) Enqueue(ctx context.Context, t signup.Task) error {
	if !t.Due.IsZero() {
		return signup.ErrNoDelay // a share group has none, and the retry topics have delays of their own only
	}
	if err := q.ready(ctx); err != nil {
		return err
	}
	value, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return produce(ctx, q.client, &kgo.Record{Topic: topic, Key: []byte(t.ID), Value: value})
}

// produce is ProduceSync, but returns when ctx is done. The records may be written all
// the same: after an error the caller does not know.
func produce(ctx context.Context, client *kgo.Client, records ...*kgo.Record) error {
	done := make(chan error, 1)
	go func() { done <- client.ProduceSync(ctx, records...).FirstErr() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Dead counts the dead letters.
func (q *Tasks) Dead(ctx context.Context) (int, error) {
	from, to, err := q.letters(ctx)
	return int(to - from), err
}

// letters returns the first offset of the dead letters, and the one after the last.
func (q *Tasks) letters(ctx context.Context) (from, to int64, err error) {
	if err := q.ready(ctx); err != nil {
		return 0, 0, err
	}
	admin := kadm.NewClient(q.client)
	starts, err := admin.ListStartOffsets(ctx, dead)
	if err != nil {
		return 0, 0, err
	}
	ends, err := admin.ListEndOffsets(ctx, dead)
	if err != nil {
		return 0, 0, err
	}
	start, _ := starts.Lookup(dead, 0)
	end, _ := ends.Lookup(dead, 0)
	return start.Offset, end.Offset, errors.Join(start.Err, end.Err)
}

// Requeue writes up to 100 dead letters at a time to the first topic and then deletes
// them. If it fails in between, the next one writes these again.
func (q *Tasks) Requeue(ctx context.Context) error {
	from, to, err := q.letters(ctx)
	if err != nil || from == to {
		return err
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(q.client.OptValue(kgo.SeedBrokers).([]string)...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{dead: {0: kgo.NewOffset().At(from)}}))
	if err != nil {
		return err
	}
	defer reader.Close()
	for from < to {
		fetches := reader.PollRecords(ctx, 100)
		if err := fetches.Err(); err != nil {
			return err
		}
		var requeued []*kgo.Record
		for _, r := range fetches.Records() {
			requeued = append(requeued, again(r, topic, 0))
			from = r.Offset + 1
		}
		if err := produce(ctx, q.client, requeued...); err != nil {
			return err
		}
		var done kadm.Offsets
		done.AddOffset(dead, 0, from, -1)
		deleted, err := kadm.NewClient(q.client).DeleteRecords(ctx, done)
		if err := cmp.Or(err, deleted.Error()); err != nil {
			return err
		}
	}
	return nil
}
