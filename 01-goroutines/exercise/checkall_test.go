package exercise

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

//go:embed checkall.go
var checkAllSource string

var tasks = []task{{
	file: "checkall.go", source: checkAllSource, untouched: 0x5f081ff0,
	solution:   "SOLUTION.md",
	learned:    "LEARNED.",
	interleave: true,
}}

// answers are services that take so long, and then answer with an error of their own.
// Their names are in no order, and not all different.
func answers(times ...time.Duration) (all []Service, errs []error, seen *counts) {
	seen = new(counts)
	for i, d := range times {
		err := fmt.Errorf("service %d is down", i)
		errs = append(errs, err)
		all = append(all, Service{[]string{"payments", "mail", "database", "mail"}[i%4], func() error {
			seen.note(func() { seen.asked++; seen.now++; seen.most = max(seen.most, seen.now) })
			time.Sleep(d)
			seen.note(func() { seen.now--; seen.ended++ })
			return err
		}})
	}
	return all, errs, seen
}

// counts are of the services asked: how many, how many at this moment, the most at a moment, and those that have answered.
type counts struct {
	mu                      sync.Mutex // guards what follows
	asked, now, most, ended int
}

func (c *counts) note(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func TestAllAreAskedAtTheSameTime(t *testing.T) {
	alone(t, "1.6 in the program: waits overlap, on one processor too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const n, each = 100, time.Second + time.Nanosecond // nobody looks again at that very moment by accident
			services, _, seen := answers(slices.Repeat([]time.Duration{each}, n)...)
			began := time.Now()
			CheckAll(services)
			took := time.Since(began)
			seen.note(func() {
				switch {
				case took < each:
					t.Errorf("%d services answer after %v each, and CheckAll returned after %v: it has not waited for them", n, each, took)
				case seen.asked != n:
					t.Errorf("%d services were asked %d times together: once each is enough", n, seen.asked)
				case seen.most == 1:
					t.Errorf("%d services that answer after %v each took %v together: they were asked one after the other", n, each, took)
				case seen.most < n:
					t.Errorf("%d services that answer after %v each took %v together: only %d were asked at the same time", n, each, took, seen.most)
				case took != each:
					t.Errorf("%d services that answer after %v each took %v together: wait for them, and no longer", n, each, took)
				}
			})
		})
	})
}

func TestEveryAnswerIsWaitedFor(t *testing.T) {
	alone(t, "1.5 in the program, and ending.go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, _, seen := answers(time.Second, time.Hour, time.Minute)
			CheckAll(services)
			seen.note(func() {
				if seen.ended < 3 {
					t.Errorf("CheckAll returned when %d of 3 services had answered: the slowest takes an hour, and nobody waited for it", seen.ended)
				}
			})
		})
	})
}

func TestNoServicesAreNoErrors(t *testing.T) {
	alone(t, "how your code learns that the last has answered: there is none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			got := make(chan []error, 1)
			go func() { got <- CheckAll(nil) }()
			time.Sleep(time.Minute)
			select {
			case errs := <-got:
				if len(errs) > 0 {
					t.Errorf("without any services there are the errors %q", errs)
				}
			default:
				t.Error("without any services CheckAll never returns")
			}
		})
	})
}

func TestErrorsStandInTheOrderOfTheServices(t *testing.T) {
	alone(t, "1.5 in the program, and then at your results: who writes which of them?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, errs, _ := answers(4*time.Second, 3*time.Second, 2*time.Second, time.Second)
			services[1].Check = func() error { return nil }
			errs[1] = nil
			got := CheckAll(services)
			if len(got) != len(errs) {
				t.Fatalf("for %d services there are %d errors: one that is up has nil in its place", len(errs), len(got))
			}
			for i := range got {
				other := slices.IndexFunc(errs, func(err error) bool { return err != nil && errors.Is(got[i], err) })
				switch {
				case errs[i] == nil && got[i] == nil, other == i:
				case other >= 0:
					t.Errorf("in place %d stands the error of service %d, %q: each belongs in the place of its service, whoever ends first", i, other, got[i])
				case errs[i] == nil:
					t.Errorf("service %d is up, and in its place stands %q instead of nil", i, got[i])
				case got[i] == nil:
					t.Errorf("service %d said %q, and in its place stands nil", i, errs[i])
				default:
					t.Errorf("service %d said %q, and in its place stands %q: that is another error (to add to one, use %%w)", i, errs[i], got[i])
				}
			}
		})
	})
}

func TestNoTwoGoroutinesWriteTheSame(t *testing.T) {
	if !raceDetector() {
		t.Skip(noDetector)
	}
	alone(t, "1.5 in the program", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, _, _ := answers(slices.Repeat([]time.Duration{time.Second}, 100)...)
			CheckAll(services)
		})
	})
}

var states map[string]int // nobody has made it

func TestPanicIsAnErrorOfThatServiceAlone(t *testing.T) {
	alone(t, "1.7 in the program, and panics.go: recover only works in the goroutine that panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, errs, _ := answers(time.Hour, 0, 0, 0, time.Minute)
			services[1].Check = func() error { panic("no route to host") }
			services[2].Check = func() error { time.Sleep(time.Second); states["up"]++; return nil } // a runtime.Error
			services[3].Check = func() error { time.Sleep(time.Second); panic(errors.New("no licence")) }
			got := CheckAll(services)
			if len(got) != 5 || !errors.Is(got[0], errs[0]) || !errors.Is(got[4], errs[4]) {
				t.Fatalf("3 of 5 checks panicked at once or soon, and the errors are %v: the answers of the others, which came later, are not in their places", got)
			}
			for i, said := range []string{1: "no route to host", 2: "nil map", 3: "no licence"} {
				if said != "" && (got[i] == nil || !strings.Contains(got[i].Error(), said)) {
					t.Errorf("a check that panicked with %q has the error %v: it should say what happened", said, got[i])
				}
			}
		})
	})
}
