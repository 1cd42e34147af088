package main

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestQueueKnowsWhatItHasWithoutLooking does two thousand things by chance, starts
// anew now and then, and compares what the queue counts with a look at every job
// (claim 7.8).
func TestQueueKnowsWhatItHasWithoutLooking(t *testing.T) {
	q := NewQueue(1000, 10*time.Second, 20)
	now := time.Now()
	ids, tokens := []string{"none"}, []string{"none"}
	any := func(of []string) string { return of[mathrand.N(len(of))] }
	for i := range 2000 {
		now = now.Add(mathrand.N(time.Second))
		token := fmt.Sprint("token ", i)
		switch mathrand.N(10) {
		case 0, 1:
			due := now.Add(mathrand.N(20*time.Second) - 10*time.Second)
			j := Job{Created: now, Due: due, Policy: Policy{Attempts: 2, Backoff: 5 * time.Second, Cap: time.Minute}}
			q.Name(&j)
			q.Add(j, now)
			ids = append(ids, j.ID)
		case 2, 3, 4:
			first := q.First(now)
			if j := q.Next("w", token, now); j != first {
				t.Fatalf("the first job is %v, and the worker got %v", first, j)
			} else if j != nil {
				ids, tokens = append(ids, j.ID), append(tokens, token)
			}
		case 5:
			q.Done(any(ids), any(tokens[max(0, len(tokens)-5):]), Progress{}, now)
		case 6:
			for _, j := range q.All(0) {
				if j.State == Running {
					q.Fail(j.ID, j.Token, "451 busy", now)
					break
				}
			}
		case 7:
			q.Cancel(any(ids), now)
		case 8:
			q.Requeue(any(ids), now)
		case 9:
			q.Expired(now)
		}
		if i%200 == 199 {
			anew := NewQueue(q.Backlog, q.Lease, q.Keep)
			for content := range q.Records() {
				if j, err := decodeJob(content); err != nil {
					t.Fatal(err)
				} else if !anew.Park(content) {
					anew.Restore(j, now)
				}
			}
			q = anew
		}
		q.First(now) // those whose time has come are due
		count := make(map[State]int)
		retrying := 0
		for _, p := range q.parked {
			if p.job == nil {
				count[Queued]++
			}
		}
		for _, j := range q.jobs {
			state := j.View(now).State
			if count[state]++; state == Scheduled && j.Attempts > 0 {
				retrying++
			}
		}
		want := []int{count[Queued], count[Scheduled] - retrying, retrying, count[Running], count[Dead], count[Done] + count[Cancelled]}
		have := []int{q.waiting.count, q.scheduled.count, q.retrying.count, q.running.count, q.dead.count, q.over.count}
		if fmt.Sprint(want) != fmt.Sprint(have) {
			t.Fatalf("after step %d there are %v waiting, scheduled, retrying, running, dead, over, and the queue counts %v", i, want, have)
		}
		if len(q.retrying.jobs) != retrying || len(q.running.jobs) != count[Running] || len(q.dead.jobs) != count[Dead] {
			t.Fatalf("after step %d it knows other jobs than there are", i)
		}
	}
}

// TestWaitingJobsAreTheSameAfterAStart starts a broker three times on the same
// journal (claim 7.2): the jobs that waited come in their order, those with a key
// among them, can be looked at, listed and cancelled, and a compaction keeps them.
func TestWaitingJobsAreTheSameAfterAStart(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	var ids []string
	for i := range 8 {
		n := NewJob{}
		if i == 3 {
			n = NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Key: "k"}
		}
		ids = append(ids, enqueue(t, b, n).ID)
	}
	b.Close()

	b = open(t, dir)
	if len(b.queue.jobs) != 1 {
		t.Errorf("at the start %d jobs were decoded: want the one with a key", len(b.queue.jobs))
	}
	if j := get(t, b, ids[5]); j.State != Queued || j.ID != ids[5] {
		t.Errorf("job 6 is %+v after the start", j)
	}
	if _, err := b.Get(t.Context(), "5-SOMEBODYELSES"); err == nil {
		t.Error("the number of a job was enough to see it")
	}
	if _, err := b.Cancel(t.Context(), ids[1]); err != nil {
		t.Error("job 2 could not be cancelled:", err)
	}
	if j := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Key: "k"}); j.ID != ids[3] {
		t.Error("the same key made another job after the start")
	}
	b.mu.Lock()
	b.rewrite()
	b.mu.Unlock()
	ids = append(ids, enqueue(t, b, NewJob{}).ID)
	b.Close()

	b = open(t, dir)
	defer b.Close()
	want := slices.Delete(slices.Clone(ids), 1, 2)
	var listed, leased []string
	jobs, err := b.List(t.Context(), Queued, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		listed = append(listed, j.ID)
	}
	for range want {
		j, err := b.Lease(t.Context(), "w", rand.Text())
		if err != nil {
			t.Fatal(err)
		}
		leased = append(leased, j.ID)
	}
	if !slices.Equal(listed, want) || !slices.Equal(leased, want) {
		t.Errorf("want %v\nlisted %v\nleased %v", want, listed, leased)
	}
	if o, _ := b.Look(); o.Waiting != 0 || o.Running != len(want) {
		t.Errorf("%d wait and %d run, of %d", o.Waiting, o.Running, len(want))
	}
}

// TestRecordThatIsNoJobIsADeadLetter: its bytes are those that were written, so
// they are no damage, and nobody can do them (claim 7.2).
func TestRecordThatIsNoJobIsADeadLetter(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	content := encodeJob(&Job{number: 1, ID: "1-A", State: Queued, Created: now, Due: now})
	good := encodeJob(&Job{number: 2, ID: "2-B", State: Queued, Created: now, Due: now})
	if err := os.WriteFile(filepath.Join(dir, "journal"), record(record(nil, content[:len(content)-1]), good), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir)
	defer b.Close()
	if j, err := b.Lease(t.Context(), "w", rand.Text()); err != nil || j.ID != "2-B" {
		t.Errorf("the job behind it is %v, %v", j, err)
	}
	if o, _ := b.Look(); o.Dead != 1 || !strings.HasPrefix(o.SomeDead[0].ID, "1-") || o.SomeDead[0].Error == "" || o.Waiting != 0 {
		t.Errorf("it is not among the dead: %+v", o)
	}
}
