package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Work does tasks until ctx ends, and then drains.
func Work(ctx context.Context, seeds []string, f signup.Flags) error {
	client, err := member(seeds, topic, "workers")
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance() // leaves the group, so that others need not wait for its session to end
	first, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := declare(first, client); err != nil {
		return fmt.Errorf("no Kafka there: %w", err)
	}
	retries, err := member(seeds, later, "retries")
	if err != nil {
		return err
	}
	defer retries.CloseAllowingRebalance()

	tasks, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	context.AfterFunc(ctx, func() { time.AfterFunc(f.Drain, cut) })
	var both sync.WaitGroup
	both.Go(func() { sendBack(ctx, retries) })
	both.Go(func() { consume(ctx, tasks, client, f) })
	signup.Ready()
	both.Wait()
	return nil
}

// member returns a client that reads a topic as one of a group: each partition is
// read by one of its members.
func member(seeds []string, topic, group string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(seeds...),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // what came before the first worker, too
		kgo.DisableAutoCommit(),                           // by default it commits every 5 s what was polled, done or not
		kgo.BlockRebalanceOnPoll(),                        // or a partition could go to another while its records are at work here
		kgo.SessionTimeout(6*time.Second),                 // a dead member's partitions go to another; by default after 45 s
		kgo.HeartbeatInterval(time.Second),
	)
}

// consume takes as many records as may be done at once, does them, and commits. A
// commit is a mark on a log: all before it is done. So there is none before every
// task of the batch has ended well, or was written down elsewhere; and one that is
// slow holds up the rest of its batch. Kafka has no acknowledgement for a single record.
func consume(ctx, tasks context.Context, client *kgo.Client, f signup.Flags) {
	for ctx.Err() == nil {
		fetches := poll(ctx, client, f.Concurrency)
		var batch sync.WaitGroup
		var cut atomic.Bool
		for _, r := range fetches.Records() {
			batch.Go(func() {
				if !work(tasks, client, r, f) {
					cut.Store(true)
				}
			})
		}
		batch.Wait()
		if fetches.NumRecords() > 0 && !cut.Load() {
			if err := client.CommitRecords(tasks, fetches.Records()...); err != nil {
				slog.Warn("not committed: these come again", "error", err)
			}
		}
		client.AllowRebalance()
	}
}

// poll waits for records, n at most. The client goes on by itself when the brokers are away.
func poll(ctx context.Context, client *kgo.Client, n int) kgo.Fetches {
	fetches := client.PollRecords(ctx, n)
	fetches.EachError(func(topic string, partition int32, err error) {
		if ctx.Err() == nil {
			slog.Warn("not read", "topic", topic, "partition", partition, "error", err)
			time.Sleep(100 * time.Millisecond) // or it would be said very often
		}
	})
	return fetches
}

// work does one task. It returns false if the task was cut off, and must come again.
func work(ctx context.Context, client *kgo.Client, r *kgo.Record, f signup.Flags) bool {
	attempt, _ := tried(r)
	attempt++
	err := try(ctx, r, attempt, f)
	if err == nil {
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	// First to another topic, and then the commit: or it would be lost, or hold up its partition.
	next := again(r, dead, attempt, time.Time{})
	if attempt < f.Attempts {
		next = again(r, later, attempt, time.Now().Add(min(500*time.Millisecond<<min(attempt-1, 10), 30*time.Second)))
	}
	slog.Warn("failed", "job", string(r.Key), "attempt", attempt, "then", next.Topic, "error", err)
	return client.ProduceSync(ctx, next).FirstErr() == nil
}

// sendBack sends what failed to the first topic again, when it is due. One after
// the other: a long wait holds up the shorter ones behind it, so real systems
// have a topic for each length of waiting.
func sendBack(ctx context.Context, client *kgo.Client) {
	for ctx.Err() == nil {
		fetches := poll(ctx, client, 1)
		for _, r := range fetches.Records() {
			attempt, at := tried(r)
			select {
			case <-time.After(time.Until(at)):
			case <-ctx.Done():
				return // not committed: it comes again
			}
			if err := client.ProduceSync(ctx, again(r, topic, attempt, at)).FirstErr(); err != nil {
				return
			}
			if err := client.CommitRecords(ctx, r); err != nil {
				slog.Warn("not committed: this comes again", "error", err)
			}
		}
		client.AllowRebalance()
	}
}

// try is one attempt; a panic is a failed one.
func try(ctx context.Context, r *kgo.Record, attempt int, f signup.Flags) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	var task signup.Task
	if err := json.Unmarshal(r.Value, &task); err != nil {
		return err
	}
	return f.Mail.Welcome(ctx, task, attempt)
}
