package exercise_test

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

	. "concurrency/01-goroutines/exercise"
)

//go:embed checkall.go
var checkAllSource string

var tasks = []task{{
	file: "checkall.go", source: checkAllSource, untouched: 0xab0e2149,
	solution:   "SOLUTION.md",
	learned:    "Give each goroutine a variable of its own; after WaitGroup.Wait the caller sees what all of them wrote. recover works only in a deferred function of the goroutine that panics.",
	interleave: true,
}}

// The clock in these checks is fake: an hour passes as soon as all goroutines are blocked.

// failing returns services whose checks take these times and then fail, each with an
// error of its own. Their names are unordered, and two are equal.
func failing(times ...time.Duration) (services []Service, errs []error, c *counts) {
	c = new(counts)
	for i, d := range times {
		err := fmt.Errorf("service %d is down", i)
		errs = append(errs, err)
		services = append(services, Service{[]string{"payments", "mail", "database", "mail"}[i%4], func() error {
			c.locked(func() { c.started++; c.running++; c.peak = max(c.peak, c.running) })
			time.Sleep(d)
			c.locked(func() { c.running--; c.ended++ })
			return err
		}})
	}
	return services, errs, c
}

// counts are numbers of checks.
type counts struct {
	mu                            sync.Mutex // guards what follows
	started, running, peak, ended int
}

func (c *counts) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func TestAllChecksRunConcurrently(t *testing.T) {
	alone(t, "section 1.6: blocked goroutines wait concurrently, even with one CPU", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// More checks than a limit or a buffer allows; a poll every second or millisecond misses their end.
			const n, each = 400, time.Second + time.Nanosecond
			services, _, c := failing(slices.Repeat([]time.Duration{each}, n)...)
			start := time.Now()
			CheckAll(services)
			took := time.Since(start)
			c.locked(func() {
				switch {
				case took < each:
					t.Errorf("CheckAll returned after %v, but each of the %d checks takes %v: it does not wait for them", took, n, each)
				case c.started != n:
					t.Errorf("CheckAll ran %d checks for %d services, want one check per service", c.started, n)
				case c.peak == 1:
					t.Errorf("%d checks of %v each took %v: they ran one at a time, want all of them concurrently", n, each, took)
				case c.peak < n:
					t.Errorf("%d checks of %v each took %v: at most %d ran at the same time, want all %d", n, each, took, c.peak, n)
				case took != each:
					t.Errorf("%d concurrent checks of %v each took %v: CheckAll should return when the last check has ended, without polling or sleeping", n, each, took)
				}
			})
		})
	})
}

func TestCheckAllReturnsAfterTheSlowestCheck(t *testing.T) {
	alone(t, "section 1.5, and ending.go: what waits for a goroutine?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, _, c := failing(time.Second, time.Hour, time.Minute)
			CheckAll(services)
			c.locked(func() {
				if c.ended < 3 {
					t.Errorf("CheckAll returned when %d of 3 checks had ended: the slowest takes an hour, and CheckAll does not wait for it", c.ended)
				}
			})
		})
	})
}

func TestNoServicesReturnsNoErrors(t *testing.T) {
	alone(t, "how CheckAll learns that the last check has ended: without services no check ever ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			got := make(chan []error, 1)
			go func() { got <- CheckAll(nil) }()
			time.Sleep(time.Minute)
			select {
			case errs := <-got:
				if len(errs) > 0 {
					t.Errorf("CheckAll(nil) returned %q, want no errors", errs)
				}
			default:
				t.Error("CheckAll(nil) does not return: there is no service to wait for")
			}
		})
	})
}

func TestServicesThatAreUpReturnNilErrors(t *testing.T) {
	alone(t, "the length of the slice that CheckAll returns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			up := func() error { return nil }
			errs := CheckAll([]Service{{"mail", up}, {"database", up}})
			if len(errs) != 2 || errs[0] != nil || errs[1] != nil {
				t.Errorf("CheckAll returned %d errors, %q, for 2 services that are up, want one per service, each nil", len(errs), errs)
			}
		})
	})
}

func TestErrorsAreInTheOrderOfTheServices(t *testing.T) {
	alone(t, "the line that stores an error: which element of the slice does it write?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, errs, _ := failing(4*time.Second, 3*time.Second, 2*time.Second, time.Second)
			services[1].Check = func() error { return nil }
			errs[1] = nil
			got := CheckAll(services)
			if len(got) != len(errs) {
				t.Fatalf("CheckAll returned %d errors for %d services, want one per service, nil for a service that is up", len(got), len(errs))
			}
			wrong := ""
			for i := range got {
				other := slices.IndexFunc(errs, func(err error) bool { return err != nil && errors.Is(got[i], err) })
				switch {
				case errs[i] == nil && got[i] == nil, other == i:
					continue
				case other >= 0: // says more than the other cases
					t.Fatalf("errs[%d] is the error of service %d, %q: the order must be that of the services, not that in which the checks end", i, other, got[i])
				case errs[i] == nil:
					wrong = fmt.Sprintf("errs[%d] is %q, want nil: service %d is up", i, got[i], i)
				case got[i] == nil:
					wrong = fmt.Sprintf("errs[%d] is nil, want %q", i, errs[i])
				default:
					wrong = fmt.Sprintf("errs[%d] is %q, which does not wrap the error of the check, %q (to add text to an error, use fmt.Errorf with %%w)", i, got[i], errs[i])
				}
			}
			if wrong != "" { // one is enough
				t.Error(wrong)
			}
		})
	})
}

func TestResultsAreWrittenWithoutDataRace(t *testing.T) {
	alone(t, "section 1.5", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, _, _ := failing(slices.Repeat([]time.Duration{time.Second}, 100)...)
			CheckAll(services)
		})
	})
}

func TestConcurrentCallsDoNotAffectEachOther(t *testing.T) {
	alone(t, "which memory do two calls of CheckAll share? A variable at package level, or the slice that both of them got?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, want, _ := failing(time.Second, 2*time.Second, 3*time.Second)
			var wg sync.WaitGroup
			for range 2 { // as two requests for the status page do
				wg.Go(func() {
					got := CheckAll(services)
					if !slices.EqualFunc(got, want, errors.Is) {
						t.Errorf("of two concurrent calls of CheckAll one returned %q, want %q", got, want)
					}
				})
			}
			wg.Wait()
		})
	})
}

var states map[string]int // nil: an assignment to an entry panics

func TestPanicBecomesTheErrorOfItsService(t *testing.T) {
	alone(t, "section 1.7, and panics.go: recover works only in a deferred function of the goroutine that panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, errs, _ := failing(time.Hour, 0, 0, 0, time.Minute)
			services[1].Check = func() error { panic("no route to host") }
			services[2].Check = func() error { time.Sleep(time.Second); states["up"]++; return nil } // a runtime.Error
			services[3].Check = func() error { time.Sleep(time.Second); panic(errors.New("no license")) }
			if got := CheckAll(services[1:2]); len(got) != 1 || got[0] == nil {
				t.Fatalf("the check of the only service panicked, and CheckAll returned %q, want one error", got)
			}
			got := CheckAll(services)
			if len(got) != 5 {
				t.Fatalf("3 of 5 checks panicked, and CheckAll returned %d errors, want 5", len(got))
			}
			for _, i := range []int{0, 4} {
				if !errors.Is(got[i], errs[i]) {
					t.Fatalf("other checks panicked, and check %d then failed with %q, but errs[%d] is %v: a panic must not affect the other checks", i, errs[i], i, got[i])
				}
			}
			for i, value := range []string{1: "no route to host", 2: "nil map", 3: "no license"} {
				if value != "" && (got[i] == nil || !strings.Contains(got[i].Error(), value)) {
					t.Errorf("check %d panicked with %q, but errs[%d] is %v: the error must contain the value of the panic", i, value, i, got[i])
					return
				}
			}
		})
	})
}
