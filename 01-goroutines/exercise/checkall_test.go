package exercise

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The file to change, and its checksum as it came: the exercise is open until it differs.
//
//go:embed checkall.go
var source string

const (
	file      = "checkall.go"
	untouched = 0x5f081ff0
)

// answers are services that take so long, and then answer with an error of their own.
func answers(times ...time.Duration) (all []Service, errs []error, ended *atomic.Int64) {
	ended = new(atomic.Int64)
	for i, d := range times {
		err := fmt.Errorf("service %d is down", i)
		errs = append(errs, err)
		all = append(all, Service{fmt.Sprint("service ", i), func() error {
			time.Sleep(d)
			ended.Add(1)
			return err
		}})
	}
	return all, errs, ended
}

func TestAllAreAskedAtTheSameTime(t *testing.T) {
	alone(t, "1.6 in the program: waits overlap, on one processor too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, _, _ := answers(time.Second, time.Second, time.Second, time.Second)
			began := time.Now()
			CheckAll(services)
			switch took := time.Since(began); {
			case took == 4*time.Second:
				t.Errorf("4 services that answer after 1s each took %v together: they were asked one after the other", took)
			case took < time.Second:
				t.Errorf("4 services that answer after 1s each, and CheckAll returned after %v: it has not waited for them", took)
			case took != time.Second:
				t.Errorf("4 services that answer after 1s each took %v together: wait for them, and no longer", took)
			}
		})
	})
}

func TestEveryAnswerIsWaitedFor(t *testing.T) {
	alone(t, "1.5 in the program, and ending.go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, _, ended := answers(time.Second, time.Hour, time.Minute)
			CheckAll(services)
			if n := ended.Load(); n != 3 {
				t.Errorf("CheckAll returned when %d of 3 services had answered: the slowest takes an hour, and nobody waited for it", n)
			}
		})
	})
}

func TestErrorsStandInTheOrderOfTheServices(t *testing.T) {
	alone(t, "1.5 in the program, and then at your results: who writes which of them?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			services, errs, _ := answers(3*time.Second, 2*time.Second, time.Second)
			services[1].Check = func() error { return nil }
			errs[1] = nil
			got := CheckAll(services)
			if len(got) != 3 {
				t.Fatalf("for 3 services there are %d errors: one that is up has nil in its place", len(got))
			}
			for i := range got {
				if got[i] != errs[i] {
					t.Errorf("in place %d stands %q, and service %d said %q: they are in the order in which they ended", i, got[i], i, errs[i])
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

func TestPanicIsAnErrorOfThatServiceAlone(t *testing.T) {
	alone(t, "1.7 in the program, and panics.go: recover only works in the goroutine that panics", func(t *testing.T) {
		services, errs, _ := answers(0, 0, 0)
		services[1].Check = func() error { panic("nil map") }
		got := CheckAll(services)
		if len(got) != 3 || !errors.Is(got[0], errs[0]) || !errors.Is(got[2], errs[2]) {
			t.Fatalf("one of 3 checks panicked, and the errors are %q: the others lost their answers", got)
		}
		if got[1] == nil || !strings.Contains(got[1].Error(), "nil map") {
			t.Errorf("the check that panicked with \"nil map\" has the error %v: it should say what happened", got[1])
		}
	})
}
