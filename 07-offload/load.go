package main

import (
	"context"
	"slices"
	"time"
)

// saturate signs up 12 times with emails that take 1 s each, and returns how long
// they take together, and the latency of other sign-ups meanwhile.
func (s *System) saturate(ctx context.Context) (took, latency time.Duration) {
	began := time.Now()
	var slow []string
	for range 12 {
		id, _ := s.signUp(ctx, "ada@slow.test")
		slow = append(slow, id)
	}
	for o := must1(s.jobs.Overview(ctx)); o.Running < 4 && o.Waiting > 0; o = must1(s.jobs.Overview(ctx)) {
		sleep(ctx, time.Millisecond) // until one worker, at least, is busy
	}
	latency, quick := s.latency(ctx)
	s.awaitAll(ctx, slow)
	took = time.Since(began)
	s.awaitAll(ctx, quick)
	return took, latency
}

// latency returns the median time of 20 sign-ups, and the jobs.
func (s *System) latency(ctx context.Context) (median time.Duration, ids []string) {
	var all []time.Duration
	for range 20 {
		id, took := s.signUp(ctx, "ada@example.com")
		all, ids = append(all, took), append(ids, id)
	}
	slices.Sort(all)
	return all[len(all)/2], ids
}
