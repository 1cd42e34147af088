package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Work does tasks until ctx is done, and then drains: shareGroup consumes, or
// classicGroup.
func Work(ctx context.Context, seeds []string, f signup.Flags, consume func(ctx, tasks context.Context, seeds []string, producer *kgo.Client, f signup.Flags)) error {
	producer, err := sender(seeds)
	if err != nil {
		return err
	}
	defer producer.Close()
	first, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err = declare(first, producer); err == nil {
		err = configure(first, producer)
	}
	if err != nil {
		return fmt.Errorf("no Kafka there: %w", err)
	}
	tasks, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	context.AfterFunc(ctx, func() { time.AfterFunc(f.Drain, cut) })
	var all sync.WaitGroup
	all.Go(func() { consume(ctx, tasks, seeds, producer, f) })
	for _, delay := range delays {
		all.Go(func() { sendBack(ctx, tasks, seeds, producer, delay) })
	}
	signup.Ready()
	all.Wait()
	return nil
}

// shareGroup consumes with f.Concurrency members of a share group. Each has one task at
// a time: a record that is not acknowledged when franz-go v1.22 polls for the next one
// counts as done. Only one of them polls at a time: a record that the broker takes back
// from a dead worker would otherwise be delivered to all the other dead members first,
// and each delivery counts.
func shareGroup(ctx, tasks context.Context, seeds []string, producer *kgo.Client, f signup.Flags) {
	var members sync.WaitGroup
	var polling sync.Mutex
	for range f.Concurrency {
		members.Go(func() { member(ctx, tasks, seeds, producer, f, &polling) })
	}
	members.Wait()
}

func member(ctx, tasks context.Context, seeds []string, producer *kgo.Client, f signup.Flags, polling *sync.Mutex) {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.ConsumeTopics(topic),
		kgo.ShareGroup(group), kgo.ShareMaxRecords(1), kgo.ShareMaxRecordsStrict(), // by default up to 500
		kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) {
			if err := results.Error(); err != nil {
				slog.Warn("not acknowledged: the task is redelivered", "error", err)
			}
		}))
	if err != nil {
		slog.Error("not a member", "error", err)
		return
	}
	defer leave(client) // releases what it holds, so that another member gets it immediately
	for ctx.Err() == nil {
		polling.Lock()
		records := poll(ctx, client, 1)
		polling.Unlock()
		for _, r := range records {
			hold(r, lock/3, func() kgo.AckStatus { return work(tasks, producer, r, f) })
			client.FlushAcks(tasks)
		}
	}
}

// hold renews the lock of a record until do returns, and then acknowledges the record.
func hold(r *kgo.Record, every time.Duration, do func() kgo.AckStatus) {
	done := make(chan kgo.AckStatus, 1)
	go func() { done <- do() }()
	renew := time.NewTicker(every)
	defer renew.Stop()
	for {
		select {
		case <-renew.C:
			r.Ack(kgo.AckRenew)
		case status := <-done:
			r.Ack(status)
			return
		}
	}
}

// work does one task. The record is acknowledged only when the task is done, or is
// stored in another topic.
func work(ctx context.Context, producer *kgo.Client, r *kgo.Record, f signup.Flags) kgo.AckStatus {
	attempt := tried(r) + 1
	next := dead
	task, err := signup.ParseTask(r.Value) // malformed: to the dead letters immediately
	switch {
	case err != nil:
	case r.DeliveryCount() > deliveries/2: // before Kafka drops it
		err = errors.New("delivered too often: its workers died")
	default:
		if err = try(ctx, task, attempt, f); err == nil {
			return kgo.AckAccept
		}
		if ctx.Err() != nil {
			return kgo.AckRelease // canceled at the end of the drain: redelivered immediately
		}
		if attempt < f.Attempts {
			next = retryTopic(delays[min(attempt, len(delays))-1])
		}
	}
	slog.Warn("failed", "job", string(r.Key), "attempt", attempt, "next", next, "error", err)
	switch {
	case !store(ctx, producer, again(r, next, attempt)):
		return kgo.AckRelease
	case next == dead:
		return kgo.AckReject
	}
	return kgo.AckAccept
}

// timeout is for one attempt. A task that ignores its context keeps its slot and its
// record until it returns: hold renews the lock.
const timeout = time.Minute

// try is one attempt; a panic is a failed one.
func try(ctx context.Context, task signup.Task, attempt int, f signup.Flags) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return f.Mail.Welcome(ctx, task, attempt)
}
