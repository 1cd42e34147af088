package main

import (
	"context"
	"time"
)

// dot is the time that one column of a lane stands for.
const dot = 60 * time.Millisecond

// lane watches a job until it has ended, and draws when its attempts began.
func (s *System) lane(ctx context.Context, id string) (Job, string) {
	var lane []rune
	drawn := 0
	j := s.until(ctx, id, func(j Job) bool {
		for ; drawn < j.Attempts; drawn++ {
			for at := min(int(time.Since(j.Created)/dot), 50); len(lane) < at; {
				lane = append(lane, '·')
			}
			lane = append(lane, '█')
		}
		return j.State.Ended()
	})
	return j, string(lane)
}
