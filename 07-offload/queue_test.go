package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestQueueKnowsWhatItHasWithoutLooking does two thousand things by chance, and
// compares what the queue counts with a look at every job (claim 7.8).
func TestQueueKnowsWhatItHasWithoutLooking(t *testing.T) {
	q := NewQueue(1000, 10*time.Second, 20)
	now := time.Now()
	var ids, tokens []string
	any := func(of []string) string { return of[rand.N(len(of))] }
	for i := range 2000 {
		now = now.Add(rand.N(time.Second))
		id, token := fmt.Sprint("job ", i), fmt.Sprint("token ", i)
		if i == 0 {
			ids, tokens = []string{id}, []string{token}
		}
		switch rand.N(10) {
		case 0, 1:
			due := now.Add(rand.N(20*time.Second) - 10*time.Second)
			q.Add(Job{ID: id, Due: due, Policy: Policy{Attempts: 2, Backoff: 5 * time.Second, Cap: time.Minute}}, now)
			ids = append(ids, id)
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
			for _, j := range q.All() {
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
		q.First(now) // those whose time has come are due
		count := make(map[State]int)
		retrying := 0
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
