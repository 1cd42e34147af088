package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broker is kfake in this process: it can refuse what it is asked. The contract
// tries the real Kafka.
type broker struct {
	*testing.T
	cluster  *kfake.Cluster
	seeds    []string
	producer *kgo.Client
	admin    *kadm.Client
	refuse   atomic.Bool  // all that is written
	refused  atomic.Int32 // requests
}

func newBroker(t *testing.T) *broker {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), deliveryLimit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := &broker{T: t, cluster: cluster, seeds: cluster.ListenAddrs()}
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !b.refuse.Load() {
			return nil, nil, false
		}
		b.refused.Add(1)
		return refusal(r.(*kmsg.ProduceRequest)), nil, true
	})
	b.producer, err = sender(b.seeds)
	b.must(err)
	t.Cleanup(b.producer.Close)
	b.admin = kadm.NewClient(b.producer)
	b.must(declare(t.Context(), b.producer))
	b.must(configure(t.Context(), b.producer))
	return b
}

// refusal answers that no record is valid, which a client does not retry.
func refusal(r *kmsg.ProduceRequest) *kmsg.ProduceResponse {
	response := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range r.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, kerr.InvalidRecord.Code
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

func (b *broker) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// until blocks until a condition holds.
func (b *broker) until(what string, holds func() bool) {
	b.Helper()
	for limit := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(limit) {
			b.Fatalf("after a minute: not %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (b *broker) write(records ...*kgo.Record) {
	b.Helper()
	b.must(b.producer.ProduceSync(b.Context(), records...).FirstErr())
}

// records counts those that a topic has.
func (b *broker) records(topic string) int64 {
	b.Helper()
	ends, err := b.admin.ListEndOffsets(b.Context(), topic)
	b.must(err)
	end, _ := ends.Lookup(topic, 0)
	return end.Offset
}

// committed returns the position of a classic group.
func (b *broker) committed(group, topic string) int64 {
	b.Helper()
	offsets, err := b.admin.FetchOffsets(b.Context(), group)
	if err != nil {
		return 0 // there is no such group yet
	}
	offset, ok := offsets.Lookup(topic, 0)
	if !ok {
		return 0
	}
	return max(0, offset.At)
}

// run starts f with a context and returns a function that cancels it and blocks until
// f has returned.
func run(t *testing.T, f func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { f(ctx) })
	stop = func() {
		cancel()
		group.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// work starts a worker.
func (b *broker) work(f signup.Flags, consume func(ctx, tasks context.Context, seeds []string, producer *kgo.Client, f signup.Flags)) (stop func()) {
	return run(b.T, func(ctx context.Context) {
		if err := Work(ctx, b.seeds, f, consume); err != nil {
			b.Error(err)
		}
	})
}

func flags(t *testing.T) signup.Flags {
	return signup.Flags{Attempts: 5, Mail: signup.Maildir(filepath.Join(t.TempDir(), "mail")), Concurrency: 2, Drain: 10 * time.Second}
}

// task returns a record of a task whose ID is made of n.
func task(n int, email string) *kgo.Record {
	id := strings.Repeat("A", 24) + string(rune('A'+n/26)) + string(rune('A'+n%26))
	value, _ := json.Marshal(signup.Task{ID: id, Name: "Ada", Email: email})
	return &kgo.Record{Topic: topic, Key: []byte(id), Value: value}
}

func delivered(f signup.Flags) int {
	entries, _ := os.ReadDir(filepath.Join(string(f.Mail), "new"))
	return len(entries)
}

// record keeps what is logged. Tests that use it do not run in parallel.
func record(t *testing.T) *log {
	l := new(log)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(l, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return l
}

type log struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count returns how many lines have a text.
func (l *log) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func TestFailedProduceDoesNotStopRetries(t *testing.T) {
	b := newBroker(t)
	delay := delays[0]
	for n := range 3 {
		b.write(again(task(n, "ada@example.com"), retryTopic(delay), 1))
	}
	back := func(ctx context.Context) { sendBack(ctx, context.WithoutCancel(ctx), b.seeds, b.producer, delay) }

	b.refuse.Store(true)
	stop := run(t, back)
	b.until("refused twice", func() bool { return b.refused.Load() >= 2 })
	stop()
	if n := b.committed(retryTopic(delay), retryTopic(delay)); n != 0 {
		t.Errorf("the group is at offset %d; want 0: the first record was not written to %s", n, topic)
	}

	b.refused.Store(0)
	run(t, back)
	b.until("refused again", func() bool { return b.refused.Load() > 0 })
	b.refuse.Store(false)
	b.until("sent back", func() bool { return b.records(topic) == 3 })
	b.until("committed", func() bool { return b.committed(retryTopic(delay), retryTopic(delay)) == 3 })
}

// TestFailingTaskIsKeptUntilItIsStored refuses the record for the retry topic: the task
// must be neither acknowledged nor committed.
func TestFailingTaskIsKeptUntilItIsStored(t *testing.T) {
	for name, consume := range map[string]func(ctx, tasks context.Context, seeds []string, producer *kgo.Client, f signup.Flags){
		"share": shareGroup, "classic": classicGroup,
	} {
		t.Run(name, func(t *testing.T) {
			b, f := newBroker(t), flags(t)
			f.Drain = 0
			b.write(task(0, "ada@flaky.test"), task(1, "ada@example.com"))
			b.refuse.Store(true)
			stop := b.work(f, consume)
			b.until("refused", func() bool { return b.refused.Load() > 0 })
			b.until("delivered", func() bool { return delivered(f) == 1 })
			stop()
			if n := b.committed(group+".classic", topic); n != 0 {
				t.Errorf("the group is at offset %d; want 0: the first task is not done", n)
			}
			b.refuse.Store(false)
			b.work(f, consume)
			b.until("all delivered", func() bool { return delivered(f) == 2 })
		})
	}
}

func TestMalformedTaskIsDeadLetteredImmediately(t *testing.T) {
	logged := record(t)
	b, f := newBroker(t), flags(t)
	malformed := task(0, "ada@example.com")
	malformed.Value = []byte("no JSON")
	b.write(malformed, task(1, "ada@example.com"))
	b.work(f, shareGroup)
	b.until("dead-lettered", func() bool { return b.records(dead) == 1 })
	b.until("delivered", func() bool { return delivered(f) == 1 })
	if n := logged.count("msg=begun"); n != 1 {
		t.Errorf("%d attempts were begun; want 1: the malformed task has none", n)
	}
	for _, d := range delays {
		if n := b.records(retryTopic(d)); n != 0 {
			t.Errorf("%s has %d records; want 0", retryTopic(d), n)
		}
	}
}

// TestTaskThatKillsItsWorkersIsDeadLettered has a record delivered five times to members
// that leave without an acknowledgment.
func TestTaskThatKillsItsWorkersIsDeadLettered(t *testing.T) {
	logged := record(t)
	b, f := newBroker(t), flags(t)
	f.Attempts = 25
	b.write(task(0, "ada@example.com"))
	for n := range deliveries / 2 {
		client, err := kgo.NewClient(kgo.SeedBrokers(b.seeds...), kgo.ConsumeTopics(topic), kgo.ShareGroup(group))
		b.must(err)
		records := poll(t.Context(), client, 1)
		if len(records) != 1 || int(records[0].DeliveryCount()) != n+1 {
			t.Fatalf("delivery %d is of %d records, the count of the first is %d", n+1, len(records), records[0].DeliveryCount())
		}
		client.Close()
	}
	b.work(f, shareGroup)
	b.until("dead-lettered", func() bool { return b.records(dead) == 1 })
	if n := logged.count("msg=begun"); n != 0 {
		t.Errorf("it was begun %d times; want 0", n)
	}
}

func TestLockIsRenewedWhileTaskRuns(t *testing.T) {
	b := newBroker(t)
	b.must(setGroup(t.Context(), b.producer, map[string]string{"share.record.lock.duration.ms": "3000"}))
	b.write(task(0, "ada@example.com"))
	var clients [2]*kgo.Client
	for i := range clients {
		var err error
		clients[i], err = kgo.NewClient(kgo.SeedBrokers(b.seeds...), kgo.ConsumeTopics(topic),
			kgo.ShareGroup(group), kgo.ShareMaxRecords(1), kgo.ShareMaxRecordsStrict())
		b.must(err)
		defer clients[i].Close()
	}
	held := poll(t.Context(), clients[0], 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // kfake looks for expired locks every 5 s
	defer cancel()
	hold(held[0], 500*time.Millisecond, func() kgo.AckStatus {
		if again := poll(ctx, clients[1], 1); len(again) > 0 {
			t.Error("the record was delivered to a second member while the first renews its lock")
		}
		return kgo.AckAccept
	})
}

// TestStopWithHundredFailingTasks stops a worker while all its tasks fail: it must
// return in time, and no task may be lost.
func TestStopWithHundredFailingTasks(t *testing.T) {
	const n = 100
	logged := record(t)
	b, f := newBroker(t), flags(t)
	f.Concurrency = n
	for i := range n {
		b.write(task(i, "ada@flaky.test"))
	}
	stop := b.work(f, shareGroup)
	b.until("failing", func() bool { return logged.count("msg=failed") > 0 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > f.Drain+30*time.Second {
		t.Errorf("the worker returned after %v; its drain is %v", took, f.Drain)
	}
	f.Concurrency = 4
	b.work(f, shareGroup)
	b.until("all delivered", func() bool { return delivered(f) == n })
}

// TestDefaultsOfTheClient holds the comments that name a default of franz-go to it.
func TestDefaultsOfTheClient(t *testing.T) {
	client, err := kgo.NewClient(kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, test := range []struct {
		option any
		want   any
	}{
		{kgo.RequiredAcks, kgo.AllISRAcks()},
		{kgo.DisableIdempotentWrite, false},
		{kgo.ProducerLinger, 10 * time.Millisecond},
		{kgo.RecordDeliveryTimeout, time.Duration(0)},
		{kgo.DisableAutoCommit, false},
		{kgo.AutoCommitInterval, 5 * time.Second},
		{kgo.SessionTimeout, 45 * time.Second},
		{kgo.RebalanceTimeout, 60 * time.Second},
	} {
		if got := client.OptValue(test.option); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("the default of option %T is %v; the comments say %v", test.option, got, test.want)
		}
	}
}

// panicking is a context with which a task that takes a while panics.
type panicking struct{ context.Context }

func (panicking) Done() <-chan struct{} { panic("in Done") }

func TestPanicOfATaskIsAFailedAttempt(t *testing.T) {
	if err := try(panicking{t.Context()}, signup.Task{ID: "ID", Email: "ada@slow.test"}, 1, flags(t)); err == nil || !strings.HasPrefix(err.Error(), "panic: ") {
		t.Errorf("the task panicked: got the error %v, want the panic", err)
	}
}

// TestRebalanceWaitsForTheLongestTask reads what a member of the classic group asks for: a
// broker removes a member that takes longer from the group (claim 7.11).
func TestRebalanceWaitsForTheLongestTask(t *testing.T) {
	b := newBroker(t)
	var waits atomic.Int64
	b.cluster.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if join := r.(*kmsg.JoinGroupRequest); join.Group == group+".classic" {
			waits.Store(int64(join.RebalanceTimeoutMillis))
		}
		return nil, nil, false
	})
	b.work(flags(t), classicGroup)
	b.until("joined", func() bool { return waits.Load() > 0 })
	if got := time.Duration(waits.Load()) * time.Millisecond; got <= timeout {
		t.Errorf("a rebalance waits for %v; want more than %v: a task may take that long", got, timeout)
	}
}

// TestTaskIsCanceledAfterItsTimeout (claim 7.11): it does not hold its slot for longer.
func TestTaskIsCanceledAfterItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := try(t.Context(), signup.Task{ID: "ID", Email: "ada@90s.slow.test"}, 1, flags(t))
		if took := time.Since(began); took != timeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a task of 90 s returned the error %v after %v, want %v after %v", err, took, context.DeadlineExceeded, timeout)
		}
	})
}

// TestRequeuedTaskHasAllItsAttempts again, in the order of the dead letters. If the records
// cannot be written, the dead letters stay; once they are, there are none.
func TestRequeuedTaskHasAllItsAttempts(t *testing.T) {
	b := newBroker(t)
	q, err := NewTasks(b.seeds)
	b.must(err)
	t.Cleanup(q.client.Close)
	for n := range 3 {
		b.write(again(task(n, "ada@example.com"), dead, 5))
	}
	counted := func(want int) {
		t.Helper()
		if n, err := q.Dead(t.Context()); n != want || err != nil {
			t.Fatalf("%d dead letters, %v; want %d", n, err, want)
		}
	}
	counted(3)
	b.refuse.Store(true)
	if err := q.Requeue(t.Context()); err == nil {
		t.Error("the broker refuses all records, but Requeue returned no error")
	}
	counted(3)
	b.refuse.Store(false)
	b.must(q.Requeue(t.Context()))
	counted(0)
	b.must(q.Requeue(t.Context())) // there are none
	client, err := kgo.NewClient(kgo.SeedBrokers(b.seeds...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	b.must(err)
	t.Cleanup(client.Close)
	var requeued []*kgo.Record
	b.until("requeued", func() bool {
		requeued = append(requeued, poll(t.Context(), client, 3)...)
		return len(requeued) >= 3
	})
	for n, r := range requeued {
		if want := task(n, "ada@example.com"); n > 2 || string(r.Key) != string(want.Key) || string(r.Value) != string(want.Value) || tried(r) != 0 {
			t.Errorf("record %d of %d is %s after %d attempts, want the dead letters once, in their order, and 0 attempts", n+1, len(requeued), r.Value, tried(r))
		}
	}
}

// TestFailedRequeueKeepsItsProgress has a broker that refuses all records after the first
// 120: the dead letters that were written before are deleted, up to the last 100, and the
// next Requeue writes only the others (claim 7.11).
func TestFailedRequeueKeepsItsProgress(t *testing.T) {
	const n = 250
	b := newBroker(t)
	q, err := NewTasks(b.seeds)
	b.must(err)
	t.Cleanup(q.client.Close)
	for i := range n {
		b.producer.Produce(t.Context(), again(task(i, "ada@example.com"), dead, 5), nil)
	}
	b.must(b.producer.Flush(t.Context()))
	var taken atomic.Int32
	b.cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		var batch kmsg.RecordBatch
		err := batch.ReadFrom(r.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records)
		if err != nil || taken.Add(batch.NumRecords) >= 120 {
			b.refuse.Store(true)
		}
		return nil, nil, false
	})
	if err := q.Requeue(t.Context()); err == nil {
		t.Error("the broker refuses records, but Requeue returned no error")
	}
	left, err := q.Dead(t.Context())
	b.must(err)
	if left > n-100 {
		t.Errorf("Requeue failed after %d of %d dead letters: %d are left, want up to %d", taken.Load(), n, left, n-100)
	}
	taken.Store(-n)
	b.refuse.Store(false)
	b.must(q.Requeue(t.Context()))
	if written := b.records(topic); written < n || written > n+100 {
		t.Errorf("%d dead letters are %d records after a second Requeue; want up to 100 of them twice", n, written)
	}
}
