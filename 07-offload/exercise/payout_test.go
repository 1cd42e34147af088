package exercise_test

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

	. "concurrency/07-offload/exercise"
)

//go:embed payout.go
var payoutSource string

var tasks = []task{{
	file: "payout.go", source: payoutSource, untouched: 0x6c091b68,
	solution: "SOLUTION.md",
	learned:  "A job can be delivered twice, so its ID must be the idempotency key of its side effect. Retry with exponential backoff and full jitter, apply the cap before the random part, and stop after a limit.",
}}

// A bank keeps its accounts, and can fail.
type bank struct {
	mu      sync.Mutex
	seen    map[string]bool
	balance map[string]int64
	lose    int // the next answers are lost: paid, but the client gets an error
	down    int // the next calls fail: nothing is paid
	calls   int
}

var errBank = errors.New("connection reset")

func (b *bank) Pay(ctx context.Context, key, account string, cents int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if b.down > 0 {
		b.down--
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

// paid returns what an account has got.
func (b *bank) paid(account string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.balance[account]
}

// keys returns the keys of all payments.
func (b *bank) keys() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%q", slices.Sorted(maps.Keys(b.seen)))
}

func job(id string, attempt int) Job {
	return Job{ID: id, Attempt: attempt, Payload: []byte(`{"account":"ada","cents":1200}`)}
}

const theKey = "section 7.6, Welcome and Twice in mail.go: the job's ID is the idempotency key"

func TestJobDeliveredTwiceIsPaidOnce(t *testing.T) {
	alone(t, theKey, func(t *testing.T) {
		b := &bank{lose: 1}
		switch err := Pay(t.Context(), b, job("A", 1)); {
		case b.calls > 1:
			t.Fatalf("the bank returned an error, and Pay called the bank %d times: a failed job waits before its next attempt\n→ point 2 of the task: Pay returns the error, and Next says when to retry", b.calls)
		case err == nil:
			t.Fatal("the bank returned an error because its answer was lost, but Pay returned nil: the job is acknowledged, and perhaps it was not paid")
		}
		Pay(t.Context(), b, job("A", 2))
		if paid := b.paid("ada"); paid != 1200 {
			t.Errorf("a job of 1200 cents was delivered twice, because the bank's answer was lost, and ada got %d: the key of the second attempt differs from the first, %s", paid, b.keys())
		}
	})
}

// TestKeyIsTheSameInAnotherProcess runs the job in a second process, too, which
// does not know what this one has in memory.
func TestKeyIsTheSameInAnotherProcess(t *testing.T) {
	alone(t, theKey, func(t *testing.T) {
		b := &bank{}
		Pay(t.Context(), b, job("A", 1))
		if os.Getenv("ANOTHER_WORKER") != "" {
			fmt.Println("the key is", b.keys())
			return
		}
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "ANOTHER_WORKER=1")
		out, err := cmd.Output()
		_, other, _ := strings.Cut(string(out), "the key is ")
		if other, _, _ = strings.Cut(other, "\n"); err != nil || other != b.keys() {
			t.Errorf("a job was delivered to two workers, each a process of its own, and the bank got the keys %s and %s, want the same key: a process does not know what another one has in memory", b.keys(), other)
		}
	})
}

func TestKeyIsTheSameLater(t *testing.T) {
	alone(t, theKey, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bank{}
			Pay(t.Context(), b, job("A", 1))
			for _, later := range []time.Duration{time.Second, time.Hour, 24 * time.Hour, 400 * 24 * time.Hour} {
				time.Sleep(later)
				Pay(t.Context(), b, job("A", 1))
				if paid := b.paid("ada"); paid != 1200 {
					t.Fatalf("a job of 1200 cents was delivered again %v later, and ada got %d: the key depends on the time, %s", later, paid, b.keys())
				}
			}
		})
	})
}

func TestTwoJobsAreTwoPayments(t *testing.T) {
	alone(t, theKey, func(t *testing.T) {
		prefix := strings.Repeat("0123456789abcdef", 4)
		for _, ids := range [][2]string{{"A", "B"}, {prefix + "A", prefix + "B"}, {"A" + prefix, "B" + prefix}} {
			b := &bank{}
			err := errors.Join(Pay(t.Context(), b, job(ids[0], 1)), Pay(t.Context(), b, job(ids[1], 1)))
			if paid := b.paid("ada"); paid != 2400 || err != nil {
				t.Fatalf("the jobs %q and %q are for 1200 cents each, and ada got %d (%v), want 2400: both have the same key, %s", ids[0], ids[1], paid, err, b.keys())
			}
		}
	})
}

func TestAmountIsExact(t *testing.T) {
	alone(t, "point 1 of the task: which type has an amount of money?", func(t *testing.T) {
		for _, cents := range []int64{1, 29, 9_007_199_254_740_993} {
			b := &bank{}
			err := Pay(t.Context(), b, Job{fmt.Sprint("job ", cents), 1, fmt.Appendf(nil, `{"account":"ada","cents":%d}`, cents)})
			if paid := b.paid("ada"); paid != cents || err != nil {
				t.Errorf("a job is for %d cents, but ada got %d (%v): a float64 is exact only up to 2^53", cents, paid, err)
			}
		}
	})
}

func TestFailureOfTheBankIsRetried(t *testing.T) {
	alone(t, "section 7.3: a failed job is retried. What does the worker do with a job whose task returns nil, or ErrPermanent?", func(t *testing.T) {
		b := &bank{down: 1}
		switch err := Pay(t.Context(), b, job("A", 1)); {
		case errors.Is(err, ErrPermanent):
			t.Fatalf("the bank was down, and Pay returned %q, which is ErrPermanent: the job is not retried, but the bank may be available again", err)
		case !errors.Is(err, errBank):
			t.Fatalf("the bank returned the error %q, but Pay returned %v: want that error, or an error that wraps it", errBank, err)
		}
		Pay(t.Context(), b, job("A", 2))
		if paid := b.paid("ada"); paid != 1200 {
			t.Errorf("the bank was down at the first attempt and available at the second, but ada got %d cents, want 1200: the job was recorded as done before it was", paid)
		}
	})
}

func TestCanceledJobIsNotPaid(t *testing.T) {
	alone(t, "section 7.7: a deadline, or an operator, cancels the context of a task", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bank{}
			ctx, cancel := context.WithTimeout(t.Context(), 0)
			defer cancel()
			err := Pay(ctx, b, job("A", 1))
			synctest.Wait() // for whatever Pay has started
			switch {
			case b.paid("ada") != 0:
				t.Errorf("the job was canceled, but ada was paid (%v): the bank did not get the context of the job", err)
			case err == nil:
				t.Error("the job was canceled and ada was not paid, but Pay returned nil: the job is acknowledged")
			case errors.Is(err, ErrPermanent):
				t.Errorf("the job was canceled, and Pay returned %q, which is ErrPermanent: the next attempt may succeed", err)
			}
		})
	})
}

func TestConcurrentDeliveriesArePaidOnce(t *testing.T) {
	alone(t, "section 7.5: two workers can have the same job at the same time", func(t *testing.T) {
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
		if paid := b.paid("ada"); paid != 2400 {
			t.Errorf("two jobs of 1200 cents were delivered to 4 workers each at the same time, and ada got %d, want 2400", paid)
		}
	})
}

func TestInvalidPayloadIsPermanent(t *testing.T) {
	alone(t, "point 3 of the task: which payloads can never succeed?", func(t *testing.T) {
		for _, payload := range []string{`no JSON`, `{"account":"ada","cents":-5}`, `{"account":"ada","cents":0}`, `{"account":"ada"}`, `{"account":"ada","cents":"1200"}`,
			`{"account":"ada","cents":1200} and more`, `{"cents":1200}`, `{"account":"","cents":1200}`} {
			b := &bank{}
			err := Pay(t.Context(), b, Job{"A", 1, []byte(payload)})
			switch {
			case len(b.seen) > 0:
				t.Fatalf("the payload is %s, but Pay called the bank, want ErrPermanent", payload)
			case err != nil && !errors.Is(err, ErrPermanent) && strings.Contains(err.Error(), ErrPermanent.Error()):
				t.Fatalf("the payload is %s, and the error %q has the text of ErrPermanent, but errors.Is does not find it\n→ hint 2: fmt.Errorf wraps an error with %%w, not with %%v", payload, err)
			case !errors.Is(err, ErrPermanent):
				t.Fatalf("the payload is %s, but Pay returned %v, want ErrPermanent", payload, err)
			}
		}
	})
}

// most and third are random numbers that are known in advance.
func most(limit time.Duration) time.Duration  { return limit }
func third(limit time.Duration) time.Duration { return limit / 3 }

func TestWaitIsRandom(t *testing.T) {
	alone(t, "section 7.3: full jitter. Jobs that failed together must not come back together", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := Policy{Attempts: 10, Backoff: 3 * time.Second, Cap: time.Minute}
			var asked, said time.Duration
			began := time.Now()
			wait, _ := p.Next(2, errBank, func(limit time.Duration) time.Duration {
				asked, said = limit, third(limit)
				return said
			})
			switch {
			case asked == 0:
				t.Errorf("after attempt 2 Next returned a wait of %v without calling random: all jobs that failed together come back together", wait)
			case wait != said:
				t.Errorf("after attempt 2 random(%v) returned %v, but Next returned %v: the whole wait is random", asked, said, wait)
			}
			if slept := time.Since(began); slept > 0 {
				t.Errorf("Next returned after %v: it must return the wait, not sleep", slept)
			}
		})
	})
}

func TestLimitDoublesUpToTheCap(t *testing.T) {
	alone(t, "section 7.3: exponential backoff with a cap", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // in fake time, in case that Next sleeps
			p := Policy{Attempts: 1000, Backoff: time.Second, Cap: time.Minute}
			for _, c := range []struct {
				attempts int
				want     time.Duration
			}{{1, time.Second}, {2, 2 * time.Second}, {3, 4 * time.Second}, {6, 32 * time.Second}, {7, time.Minute}, {35, time.Minute}, {100, time.Minute}} {
				limit := time.Duration(-1)
				_, again := p.Next(c.attempts, errBank, func(l time.Duration) time.Duration { limit = l; return l })
				switch {
				case !again:
					t.Fatalf("1000 attempts are allowed and attempt %d failed, but Next reports no retry", c.attempts)
				case limit == -1:
					t.Fatalf("after attempt %d Next returned a wait without calling random", c.attempts)
				case limit <= 0:
					t.Fatalf("after attempt %d the limit is %v: a Duration that is doubled too often overflows", c.attempts, limit)
				case limit > p.Cap:
					t.Fatalf("after attempt %d the limit is %v, more than the cap of %v: a cap on the result of random gives most jobs the same wait", c.attempts, limit, p.Cap)
				case limit != c.want:
					t.Fatalf("the backoff is 1s and the cap is 1m: after attempt %d the limit is %v, want %v", c.attempts, limit, c.want)
				}
			}
			hours := Policy{Attempts: 1000, Backoff: time.Hour, Cap: 24 * time.Hour}
			for attempts := 6; attempts <= 200; attempts++ {
				if wait, _ := hours.Next(attempts, errBank, most); wait != hours.Cap {
					t.Fatalf("the backoff is 1h and the cap is 24h: after attempt %d the limit is %v, want 24h: a Duration that is doubled too often overflows", attempts, wait)
				}
			}
			small := Policy{Attempts: 10, Backoff: 2 * time.Minute, Cap: time.Minute}
			if wait, _ := small.Next(1, errBank, most); wait != small.Cap {
				t.Errorf("the backoff is 2m and the cap is 1m: after the first attempt the limit is %v, want 1m", wait)
			}
		})
	})
}

func TestRetriesEnd(t *testing.T) {
	alone(t, "section 7.3: after the last attempt, and after a permanent error, a job becomes a dead letter", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // in fake time, in case that Next sleeps
			p := Policy{Attempts: 3, Backoff: time.Second, Cap: time.Minute}
			for attempts := 1; attempts <= 4; attempts++ {
				switch _, again := p.Next(attempts, errBank, most); {
				case again && attempts >= 3:
					t.Fatalf("3 attempts are allowed and attempt %d failed, but Next reports a retry", attempts)
				case !again && attempts < 3:
					t.Fatalf("3 attempts are allowed and attempt %d failed, but Next reports no retry", attempts)
				}
			}
			if _, again := p.Next(1, fmt.Errorf("no such account: %w", ErrPermanent), most); again {
				t.Error("the error wraps ErrPermanent, but Next reports a retry")
			}
			for _, err := range []error{context.Canceled, context.DeadlineExceeded} {
				if _, again := p.Next(1, err, most); !again {
					t.Errorf("the attempt failed with %q, but Next reports no retry: the next attempt has another context", err)
				}
			}
		})
	})
}
