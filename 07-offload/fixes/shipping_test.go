package exercise_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/07-offload/fixes"
)

// A line is a queue that records what happens.
type line struct {
	latency  time.Duration // of Ack and Release
	mu       sync.Mutex
	waiting  []string
	received map[string]bool // and neither acknowledged nor released
	acked    []string
	released int
	problem  string
	early    string // what was received before the order before it was finished
}

func newLine(orders ...string) *line {
	return &line{waiting: orders, received: make(map[string]bool)}
}

func (q *line) Receive() (string, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || q.problem != "" {
		return "", false
	}
	for order := range q.received {
		if q.early != "" {
			break // the first one is enough
		}
		q.early = fmt.Sprintf("the worker received %s, but had neither acknowledged nor released %s: after a crash %s is shipped again", q.waiting[0], order, order)
	}
	order := q.waiting[0]
	q.waiting = q.waiting[1:]
	q.received[order] = true
	return order, true
}

func (q *line) Ack(order string) {
	time.Sleep(q.latency)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settle(order, "acknowledged")
	q.acked = append(q.acked, order)
}

func (q *line) Release(order string) {
	time.Sleep(q.latency)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settle(order, "released")
	q.released++
	q.waiting = append(q.waiting, order)
}

// settle ends the worker's hold on an order. q.mu is held.
func (q *line) settle(order, how string) {
	if !q.received[order] {
		q.problem = fmt.Sprintf("%s was %s, but the worker did not have it: it was acknowledged or released before", order, how)
	}
	delete(q.received, order)
}

func (q *line) isAcked(order string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Contains(q.acked, order)
}

const ackLast = "section 7.6: at least once. In which order do the work and the acknowledgment happen?"

func TestShippingAcknowledgesAfterTheWork(t *testing.T) {
	alone(t, ackLast, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := newLine("order 1", "order 2", "order 3")
			q.latency = time.Millisecond
			shipped := 0
			Shipping(q, func(order string) error {
				time.Sleep(time.Second) // an acknowledgment by another goroutine arrives meanwhile
				if q.isAcked(order) && !t.Failed() {
					t.Errorf("%s was acknowledged before ship returned: if the worker crashes now, the order is lost", order)
				}
				shipped++
				return nil
			})
			time.Sleep(time.Second) // its goroutines may still run
			synctest.Wait()
			switch {
			case t.Failed():
			case q.problem != "":
				t.Error(q.problem)
			case shipped != 3:
				t.Errorf("the queue has 3 orders, and the worker shipped %d", shipped)
			case len(q.acked) != 3:
				t.Errorf("3 orders were shipped, but %d acknowledged: the others are shipped again after a crash", len(q.acked))
			case q.early != "":
				t.Error(q.early)
			}
		})
	})
}

func TestShippingReleasesAfterAnError(t *testing.T) {
	alone(t, "the doc comment of Shipping: an order whose ship returns an error goes back to the queue", func(t *testing.T) {
		q := newLine("order 1", "order 2", "order 3")
		const fails = 20
		tries := make(map[string]int)
		Shipping(q, func(order string) error {
			if tries[order]++; order == "order 2" && tries[order] <= fails {
				return errors.New("no parcel label")
			}
			return nil
		})
		switch {
		case q.problem != "":
			t.Error(q.problem)
		case tries["order 2"] == 1 && q.isAcked("order 2"):
			t.Error("order 2 failed, but it was acknowledged: the order is lost")
		case tries["order 2"] == 1 && q.released == 0:
			t.Error("order 2 failed, but it was not released: it is delivered again only after a crash of the worker")
		case tries["order 2"] == 1:
			t.Error("order 2 failed, and the worker ended: the error of one order must not end it while Receive returns others")
		case tries["order 2"] <= fails && q.isAcked("order 2"):
			t.Errorf("order 2 failed %d times, and then it was acknowledged: the order is lost", tries["order 2"])
		case tries["order 1"] != 1 || tries["order 2"] != fails+1 || tries["order 3"] != 1:
			t.Errorf("order 2 fails %d times: ship was called %d times for it, want %d, and %d and %d times for the others, want once", fails, tries["order 2"], fails+1, tries["order 1"], tries["order 3"])
		case q.released != fails:
			t.Errorf("order 2 failed %d times, but was released %d times: while the worker retries it, the orders behind it wait", fails, q.released)
		case len(q.acked) != 3:
			t.Errorf("3 orders were shipped, but %d were acknowledged", len(q.acked))
		}
	})
}

// TestShippingCrashLosesNoOrder: a panic ends the process, and deferred functions run
// before. (A worker may also recover the panic and release the order.)
func TestShippingCrashLosesNoOrder(t *testing.T) {
	alone(t, "section 7.6: an acknowledgment says that the work is done. Which statements run when ship panics?", func(t *testing.T) {
		q := newLine("order 1", "order 2", "order 3")
		crashed, shipped := false, false
		func() {
			defer func() { recover() }()
			Shipping(q, func(order string) error {
				if order == "order 2" && !crashed {
					crashed = true
					panic("a bug in ship")
				}
				shipped = shipped || order == "order 2"
				return nil
			})
		}()
		if q.isAcked("order 2") && !shipped {
			t.Error("the worker crashed while it shipped order 2, but order 2 was acknowledged: the order is lost")
		}
	})
}
