package main

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"concurrency/07-offload/engines/signup"

	"github.com/twmb/franz-go/pkg/kgo"
)

// classicGroup consumes as a classic consumer group, as most programs that use Kafka
// do. A commit is a position in the log: everything before it is done. So nothing is
// committed before each task of a batch is done or stored in another topic, and one
// slow task delays the next batch and each task behind it in its partition: head-of-line
// blocking. There is no delivery count either: a task that kills its worker is redelivered
// forever. And at most one process reads a partition: the others have nothing to do.
func classicGroup(ctx, tasks context.Context, seeds []string, producer *kgo.Client, f signup.Flags) {
	client, err := reader(seeds, topic, group+".classic",
		kgo.BlockRebalanceOnPoll(),      // no partition moves during a batch: a rebalance waits,
		kgo.RebalanceTimeout(2*timeout), // for up to this; by default 60 s. Then the member is removed, and cannot commit
	)
	if err != nil {
		slog.Error("not a member", "error", err)
		return
	}
	defer leave(client)
	defer client.AllowRebalance()
	for ctx.Err() == nil {
		records := poll(ctx, client, f.Concurrency)
		var batch sync.WaitGroup
		var unfinished atomic.Bool
		for _, r := range records {
			batch.Go(func() {
				if work(tasks, producer, r, f) == kgo.AckRelease {
					unfinished.Store(true)
				}
			})
		}
		batch.Wait()
		if unfinished.Load() {
			return // not committed: the whole batch is redelivered
		}
		if err := client.CommitRecords(tasks, records...); err != nil {
			slog.Warn("not committed: the batch may be redelivered", "error", err)
		}
		client.AllowRebalance()
	}
}
