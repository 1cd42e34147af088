package contract

import (
	"fmt"
	"testing"
)

// overtaken enqueues quick tasks while a slow one runs, and counts those that are done
// before it.
func overtaken(r *trial) string {
	const quick = 5
	n := countOvertaking(r, quick, r.worker(4))
	if n < quick {
		r.Errorf("%d of %d quick tasks were done before the slow one; want all", n, quick)
	}
	return fmt.Sprintf("%d of %d", n, quick)
}

func countOvertaking(r *trial, quick int, worker *Process) (n int) {
	spans, err := overtake(r.web, worker, r.mail, quick)
	r.must(err)
	for _, s := range spans[1:] {
		if s.done.Before(spans[0].done) {
			n++
		}
	}
	return n
}

// TestClassicGroupDelaysTasksBehindSlowOne is the negative control of the row in the
// contract: a commit is a position, so a classic group begins nothing before its batch
// is done.
func TestClassicGroupDelaysTasksBehindSlowOne(t *testing.T) {
	program := build(t, Kafka)
	r := on(t, Kafka, program, private(t, Kafka, program, false))
	if n := countOvertaking(r, 5, r.worker(4, "-classic")); n != 0 {
		t.Errorf("%d of 5 quick tasks were done before the slow one; want 0: a classic group blocks behind it", n)
	}
}
