package exercise

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

//go:embed payout.go
var payoutSource string

var tasks = []task{{
	file: "payout.go", source: payoutSource, untouched: 0x516d5984,
	solution: "SOLUTION.md",
	learned:  "A job can be delivered twice, so its ID must be the idempotency key of its side effect. Retry with exponential backoff and full jitter, apply the cap before the random part, and stop after a limit.",
}}

// A bank keeps its accounts, and may be told to fail.
type bank struct {
	mu      sync.Mutex
	seen    map[string]bool
	balance map[string]int64
	lose    int // so many answers are lost: paid, and an error
	away    int // so many times nothing is paid
}

var errBank = errors.New("connection reset")

func (b *bank) Pay(ctx context.Context, key, account string, cents int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if b.away > 0 {
		b.away--
		return errBank
	}
	if b.seen == nil {
		b.seen, b.balance = make(map[string]bool), make(map[string]int64)
	}
	if !b.seen[key] {
		b.seen[key] = true
		b.balance[account] += cents
	}
	if b.lose > 0 {
		b.lose--
		return errBank
	}
	return nil
}

func job(id string, attempt int) Job {
	return Job{ID: id, Attempt: attempt, Payload: []byte(`{"account":"ada","cents":1200}`)}
}

func TestJobThatComesTwiceIsPaidOnce(t *testing.T) {
	alone(t, "7.6 in the program, and twice.go", func(t *testing.T) {
		b := &bank{lose: 1}
		if err := Pay(t.Context(), b, job("A", 1)); err == nil {
			t.Error("the bank's answer was lost, and Pay says that all is well: it can't know")
		}
		Pay(t.Context(), b, job("A", 2))
		if paid := b.balance["ada"]; paid != 1200 {
			t.Errorf("a job of 1200 cents came again after the bank's answer was lost, and ada has %d: for the bank the second attempt was another payment", paid)
		}
	})
}

// TestAnotherWorkerHasTheSameKey does the job in a second process, too: it can't know
// what this one keeps in memory.
func TestAnotherWorkerHasTheSameKey(t *testing.T) {
	alone(t, "7.6 in the program: the job's id is its key", func(t *testing.T) {
		b := &bank{}
		Pay(t.Context(), b, job("A", 1))
		key := fmt.Sprintf("%q", slices.Collect(maps.Keys(b.seen)))
		if os.Getenv("ANOTHER_WORKER") != "" {
			fmt.Println("the key is", key)
			return
		}
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "ANOTHER_WORKER=1")
		out, err := cmd.Output()
		_, other, _ := strings.Cut(string(out), "the key is ")
		if other, _, _ = strings.Cut(other, "\n"); err != nil || other != key {
			t.Errorf("a job came to two workers, each a process of its own, and the bank was given the keys %s and %s: what a worker has in its memory, another one does not know", key, other)
		}
	})
}

func TestTwoJobsAreTwoPayments(t *testing.T) {
	alone(t, "7.6 in the program: the job's id is its key", func(t *testing.T) {
		b := &bank{}
		err := errors.Join(Pay(t.Context(), b, job("A", 1)), Pay(t.Context(), b, job("B", 1)))
		if paid := b.balance["ada"]; paid != 2400 || err != nil {
			t.Errorf("ada has earned 1200 cents twice, in two jobs, and has %d (%v): for the bank both were the same payment", paid, err)
		}
	})
}

func TestFailureIsNotTakenForDone(t *testing.T) {
	alone(t, "7.2 in the program: nothing accepted is lost", func(t *testing.T) {
		b := &bank{away: 1}
		if err := Pay(t.Context(), b, job("A", 1)); !errors.Is(err, errBank) || errors.Is(err, ErrPermanent) {
			t.Errorf("the bank was away, and Pay says: %v; it should say why, and that it may be tried again", err)
		}
		Pay(t.Context(), b, job("A", 2))
		if paid := b.balance["ada"]; paid != 1200 {
			t.Errorf("the bank was away at the first attempt, the second one found it there, and ada has %d: the job was taken for done before it was", paid)
		}
	})
}

func TestBankHearsOfTheEnd(t *testing.T) {
	alone(t, "7.7 in the program: a deadline, or a person, ends the context of a task", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bank{}
			ctx, cancel := context.WithTimeout(t.Context(), 0)
			defer cancel()
			err := Pay(ctx, b, job("A", 1))
			synctest.Wait() // whatever Pay has started has ended now, or waits
			if b.balance["ada"] != 0 || err == nil {
				t.Errorf("the job was cancelled, and ada was paid all the same (%v): the bank was not given the job's context", err)
			} else if errors.Is(err, ErrPermanent) {
				t.Errorf("the job's context has ended, and Pay says: %v; that says nothing of the next attempt", err)
			}
		})
	})
}

func TestTwoWorkersAtTheSameTime(t *testing.T) {
	alone(t, "7.5 in the program", func(t *testing.T) {
		b := &bank{}
		start := make(chan struct{})
		var workers sync.WaitGroup
		for i := range 8 {
			workers.Go(func() {
				<-start
				Pay(t.Context(), b, job(fmt.Sprint("job ", i%2), 1))
			})
		}
		close(start)
		workers.Wait()
		if paid := b.balance["ada"]; paid != 2400 {
			t.Errorf("two jobs of 1200 cents were with four workers each, and ada has %d", paid)
		}
	})
}

func TestWhatWillNeverSucceedSaysSo(t *testing.T) {
	alone(t, "the task: point 3", func(t *testing.T) {
		for _, payload := range []string{"no JSON", `{"account":"ada","cents":-5}`, `{"account":"ada"}`, `{"account":"ada","cents":"1200"}`, `{"account":"ada","cents":1200} and more`} {
			b := &bank{}
			err := Pay(t.Context(), b, Job{"A", 1, []byte(payload)})
			if !errors.Is(err, ErrPermanent) || len(b.seen) > 0 {
				t.Errorf("the payload is %s, and Pay says: %v; it should be ErrPermanent, and the bank left alone", payload, err)
			}
		}
	})
}

// most and third are chances that are none.
func most(limit time.Duration) time.Duration  { return limit }
func third(limit time.Duration) time.Duration { return limit / 3 }

func TestWaitsGrowUpToTheCap(t *testing.T) {
	alone(t, "7.3 in the program, and Retry in job.go", func(t *testing.T) {
		p := Policy{Attempts: 1000, Backoff: time.Second, Cap: time.Minute}
		for _, c := range []struct {
			attempts int
			want     time.Duration
		}{{1, time.Second}, {2, 2 * time.Second}, {3, 4 * time.Second}, {6, 32 * time.Second}, {7, time.Minute}, {35, time.Minute}, {100, time.Minute}} {
			limit := time.Duration(-1)
			_, again := p.Next(c.attempts, errBank, func(l time.Duration) time.Duration { limit = l; return l })
			if !again {
				t.Errorf("after %d of 1000 attempts the job is given up", c.attempts)
			}
			switch {
			case limit == -1:
				t.Fatalf("after %d attempts the wait is not left to chance: random is not asked", c.attempts)
			case limit <= 0:
				t.Errorf("after %d attempts the limit is %v: doubled too often, a Duration overflows", c.attempts, limit)
			case limit > p.Cap:
				t.Errorf("after %d attempts random is asked for a wait of up to %v, beyond the cap of %v: what is cut off afterwards all waits the same time", c.attempts, limit, p.Cap)
			case limit != c.want:
				t.Errorf("after %d attempts the limit is %v, want %v", c.attempts, limit, c.want)
			}
		}
		hours := Policy{Attempts: 1000, Backoff: time.Hour, Cap: 24 * time.Hour}
		for attempts := 6; attempts <= 200 && !t.Failed(); attempts++ {
			if wait, _ := hours.Next(attempts, errBank, most); wait != hours.Cap {
				t.Errorf("the backoff is 1h, the cap is 24h, and after %d attempts the limit is %v: doubled too often, a Duration overflows", attempts, wait)
			}
		}
		small := Policy{Attempts: 10, Backoff: 2 * time.Minute, Cap: time.Minute}
		if wait, _ := small.Next(1, errBank, most); wait > small.Cap {
			t.Errorf("the first limit would be 2m, the cap is 1m, and the wait is %v: beyond the cap", wait)
		}
	})
}

func TestWaitsAreLeftToChance(t *testing.T) {
	alone(t, "7.3 in the program: all that failed together must not come back together", func(t *testing.T) {
		p := Policy{Attempts: 10, Backoff: 3 * time.Second, Cap: time.Minute}
		if wait, _ := p.Next(2, errBank, third); wait != 2*time.Second {
			t.Errorf("after 2 attempts random(6s) says 2s, and Next returns %v: return what random says", wait)
		}
	})
}

func TestItEndsSometime(t *testing.T) {
	alone(t, "7.3 in the program: dead letters", func(t *testing.T) {
		p := Policy{Attempts: 3, Backoff: time.Second, Cap: time.Minute}
		for attempts := 1; attempts <= 4; attempts++ {
			switch _, again := p.Next(attempts, errBank, most); {
			case again && attempts >= 3:
				t.Errorf("3 attempts are allowed, %d were made, and Next says: try again", attempts)
			case !again && attempts < 3:
				t.Errorf("3 attempts are allowed, %d was made, and Next says: give up", attempts)
			}
		}
		if _, again := p.Next(1, fmt.Errorf("no such account: %w", ErrPermanent), most); again {
			t.Error("a job that will never succeed (its error wraps ErrPermanent) is tried again")
		}
	})
}
