package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sendBack returns the records of one retry topic to the first topic after their
// delay. All records of a topic have the same delay, so they are due in the order in
// which they were written. For that a classic group is the right one: a single worker
// reads the partition, and its commit means that everything before is done.
func sendBack(ctx, tasks context.Context, seeds []string, producer *kgo.Client, delay time.Duration) {
	name := retryTopic(delay)
	client, err := reader(seeds, name, name)
	if err != nil {
		slog.Error("no retries", "error", err)
		return
	}
	defer leave(client)
	for ctx.Err() == nil {
		for _, r := range poll(ctx, client, 100) {
			select {
			case <-time.After(time.Until(r.Timestamp.Add(delay))):
			case <-ctx.Done():
				return // not committed: another worker reads it
			}
			if !store(ctx, producer, again(r, topic, tried(r))) {
				return
			}
			if err := client.CommitRecords(tasks, r); err != nil {
				slog.Warn("not committed: the task is sent twice", "error", err)
			}
		}
	}
}

// reader returns a member of a classic group. The defaults are those of franz-go v1.22.
func reader(seeds []string, topic, group string, more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(more, kgo.SeedBrokers(seeds...), kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),           // by default it commits, every 5 s, what was returned by the polls before the last one
		kgo.SessionTimeout(6*time.Second), // of a dead member, until another one reads its partitions; by default 45 s
		kgo.HeartbeatInterval(time.Second),
	)...)
}

// poll blocks until there are records, up to n. The client reconnects by itself.
func poll(ctx context.Context, client *kgo.Client, n int) []*kgo.Record {
	fetches := client.PollRecords(ctx, n)
	if err := fetches.Err0(); err != nil && ctx.Err() == nil {
		slog.Warn("not read", "error", err)
		pause(ctx, time.Second)
	}
	return fetches.Records()
}

// store writes a record. It retries until the brokers have it or ctx is done.
func store(ctx context.Context, producer *kgo.Client, r *kgo.Record) bool {
	for {
		err := produce(ctx, producer, r)
		if err == nil || ctx.Err() != nil {
			return err == nil
		}
		slog.Warn("not stored yet", "topic", r.Topic, "error", err)
		pause(ctx, time.Second)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// leave leaves the group, so that others need not wait for a timeout. Close would do
// it too, but waits as long as it takes.
func leave(client *kgo.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	client.LeaveGroupContext(ctx)
}
