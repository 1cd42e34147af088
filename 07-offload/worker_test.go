package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestJobOfADeadWorkerIsRedelivered has a worker lease a job and send nothing more (claim 7.5).
func TestJobOfADeadWorkerIsRedelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		j := enqueue(t, b, email("ada@example.com", 2))
		dead, err := b.Lease(t.Context(), "dead", allKinds)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var at time.Duration
		defer work(t, b, 1, func(context.Context, *Task) error { at = time.Since(began); return nil })()
		time.Sleep(time.Minute)
		synctest.Wait()
		if at < 10*time.Second || at > 12*time.Second {
			t.Errorf("another worker started the dead worker's job after %v, want the lease of 10 s and little more", at)
		}
		if now := get(t, b, j.ID); now.State != Done || now.Attempts != 2 {
			t.Errorf("the job is %s after %d attempts, want done after 2", now.State, now.Attempts)
		}
		// And now the first worker recovers.
		if err := b.Update(t.Context(), dead.ID, Update{Token: dead.Token, Event: Finished}); err != ErrFenced {
			t.Errorf("the report of a worker whose lease has expired: got %v, want %v", err, ErrFenced)
		}
	})
}

// TestReportUnderExpiredLeaseChangesNothing is fencing, for each kind of report (claim 7.5).
func TestReportUnderExpiredLeaseChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		enqueue(t, b, NewJob{})
		old, _ := b.Lease(t.Context(), "old", allKinds)
		time.Sleep(20 * time.Second)
		current, _ := b.Lease(t.Context(), "current", allKinds)
		if current.ID != old.ID || current.Token == old.Token {
			t.Fatalf("got %v and then %v, want the same job with another token", old, current)
		}
		for _, report := range []struct {
			name string
			err  error
		}{
			{"done", b.Update(t.Context(), old.ID, Update{Token: old.Token, Event: Finished})},
			{"failed", b.Update(t.Context(), old.ID, Update{Token: old.Token, Event: Failed, Error: "no"})},
			{"release", b.Update(t.Context(), old.ID, Update{Token: old.Token, Event: Released})},
			{"heartbeat", b.Update(t.Context(), old.ID, Update{Token: old.Token, Event: Heartbeat})},
		} {
			if report.err != ErrFenced {
				t.Errorf("%q from the worker whose lease has ended: got %v, want %v", report.name, report.err, ErrFenced)
			}
		}
		if now := get(t, b, current.ID); now.State != Running || now.Worker != "current" {
			t.Errorf("a report under an expired lease changed the job: %+v", now)
		}
	})
}

// A network is the broker as one worker reaches it. cut breaks the connection: if
// hang is set, calls return only when their context is done.
type network struct {
	Jobs
	cut, hang, swallow atomic.Bool // swallow answers heartbeats that the broker does not receive
	beats              atomic.Int64
	asked              func(kinds []string) // called for each request for a job, if it is not nil
}

func (n *network) broken(ctx context.Context) error {
	cut := n.cut.Load()
	if cut && n.hang.Load() {
		<-ctx.Done()
	}
	if cut {
		return fmt.Errorf("%w: no route to host", ErrUnavailable)
	}
	return nil
}

func (n *network) Lease(ctx context.Context, worker string, kinds []string) (Job, error) {
	if n.asked != nil {
		n.asked(kinds)
	}
	if err := n.broken(ctx); err != nil {
		return Job{}, err
	}
	return n.Jobs.Lease(ctx, worker, kinds)
}

func (n *network) Update(ctx context.Context, id string, u Update) error {
	if u.Event == Heartbeat {
		n.beats.Add(1)
		if n.swallow.Load() {
			return nil
		}
	}
	if err := n.broken(ctx); err != nil {
		return err
	}
	return n.Jobs.Update(ctx, id, u)
}

// run has two workers and one job that takes a minute, six times the lease. It
// returns how often the job was started, and how often at the same time.
func run(t *testing.T, first func(n *network)) (starts, peak int64) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		n := &network{Jobs: b}
		var mu sync.Mutex // guards starts, peak and running
		var running int64
		add := func(n int64) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			starts, peak = starts+max(n, 0), max(peak, running)
		}
		h := func(ctx context.Context, _ *Task) error {
			add(1)
			defer add(-1)
			sleep(ctx, time.Minute)
			return ctx.Err()
		}
		defer work(t, n, 1, h)()
		synctest.Wait()
		enqueue(t, b, email("ada@example.com", 3, time.Hour)) // the deadline
		synctest.Wait()
		defer work(t, b, 1, h)()
		first(n)
		time.Sleep(3 * time.Minute)
	})
	return starts, peak
}

// TestHeartbeatKeepsALongJob (claim 7.5).
func TestHeartbeatKeepsALongJob(t *testing.T) {
	if starts, _ := run(t, func(*network) {}); starts != 1 {
		t.Errorf("a job of six leases was started %d times, want once: its worker sends heartbeats", starts)
	}
}

// TestWithoutHeartbeatALongJobRunsTwice (negative control of 7.5): the worker
// believes that its heartbeats arrive, but the broker does not receive them.
func TestWithoutHeartbeatALongJobRunsTwice(t *testing.T) {
	if _, peak := run(t, func(n *network) { n.swallow.Store(true) }); peak < 2 {
		t.Errorf("without heartbeats the job ran %d times at the same time, want 2", peak)
	}
}

// TestWorkerThatCannotRenewItsLeaseCancelsTheJob cuts it off from the broker (claim
// 7.5). The job is redelivered, but never runs twice at the same time.
func TestWorkerThatCannotRenewItsLeaseCancelsTheJob(t *testing.T) {
	for _, hang := range []bool{false, true} {
		starts, peak := run(t, func(n *network) {
			time.Sleep(4 * time.Second)
			n.hang.Store(hang)
			n.cut.Store(true)
			time.Sleep(2 * time.Minute)
			n.cut.Store(false)
		})
		if starts < 2 || peak != 1 {
			t.Errorf("calls hang: %v; started %d times, %d of them at the same time; want 2 starts or more, one at a time", hang, starts, peak)
		}
	}
}

// TestHeartbeatThatIsNotAnsweredIsRepeated: one lost heartbeat does not end a lease (claim 7.5).
func TestHeartbeatThatIsNotAnsweredIsRepeated(t *testing.T) {
	for _, hang := range []bool{false, true} {
		starts, _ := run(t, func(n *network) {
			n.hang.Store(hang)
			n.cut.Store(true)
			time.Sleep(5 * time.Second)
			n.cut.Store(false)
		})
		if starts != 1 {
			t.Errorf("a heartbeat got no answer, the later ones did (calls hang: %v), and the job was started %d times, want once", hang, starts)
		}
	}
}

// TestWorkerDoesNotNeedTheClockOfItsBroker has brokers whose clock is an hour ahead or
// behind (claim 7.5). The worker has waited for its job, keeps it, and cancels it in
// time when it is cut off.
func TestWorkerDoesNotNeedTheClockOfItsBroker(t *testing.T) {
	for _, skew := range []time.Duration{time.Hour, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, t.TempDir())
			defer b.Close()
			client := NewClient("http://broker")
			client.HTTP.Transport = direct{skewed(API(b), skew)}
			n := &network{Jobs: client}
			n.hang.Store(true)
			began := time.Now()
			var started, canceled time.Duration
			defer work(t, n, 1, func(ctx context.Context, _ *Task) error {
				started = time.Since(began)
				sleep(ctx, time.Hour)
				canceled = time.Since(began)
				return ctx.Err()
			})()
			time.Sleep(30 * time.Second) // more than a request for a job may take
			enqueue(t, b, email("ada@example.com", 1, time.Hour))
			time.Sleep(time.Minute)
			n.cut.Store(true)
			time.Sleep(10 * time.Second) // the lease
			synctest.Wait()
			if started != 30*time.Second || canceled < 90*time.Second || canceled > 100*time.Second {
				t.Errorf("the broker's clock is %v ahead: the job was started after %v and canceled after %v; want 30 s, and up to 10 s after the cut at 90 s",
					skew, started, canceled)
			}
			n.cut.Store(false)
			time.Sleep(time.Minute)
		})
	}
}

// skewed is the broker's API with a clock that differs.
func skewed(api http.Handler, by time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, r)
		var j map[string]any
		if json.Unmarshal(answer.Body.Bytes(), &j) == nil && j["expires"] != nil {
			expires, err := time.Parse(time.RFC3339, j["expires"].(string))
			must(err)
			j["expires"] = expires.Add(by)
			answer.Body = bytes.NewBuffer(must1(json.Marshal(j)))
		}
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	}
}

// TestLeaseThatExpiredOnItsWayIsNotUsed has the answer to a request for a job take longer than the lease (claim 7.5).
func TestLeaseThatExpiredOnItsWayIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		n := &slow{Jobs: b}
		var at []time.Duration
		began := time.Now()
		defer work(t, n, 1, func(context.Context, *Task) error { at = append(at, time.Since(began)); return nil })()
		enqueue(t, b, email("ada@example.com", 2))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(at) != 1 || at[0] < 11*time.Second {
			t.Errorf("the job was started after %v, want once, under the second lease", at)
		}
	})
}

// slow delays the first answer to a request for a job.
type slow struct {
	Jobs
	later atomic.Bool
}

func (s *slow) Lease(ctx context.Context, worker string, kinds []string) (Job, error) {
	j, err := s.Jobs.Lease(ctx, worker, kinds)
	if err == nil && !s.later.Swap(true) {
		time.Sleep(11 * time.Second)
	}
	return j, err
}

// TestHandlerIgnoringCancellationKeepsItsSlot has two of them, and three slots (claim 7.5).
func TestHandlerIgnoringCancellationKeepsItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var now, peak atomic.Int64
		stop := work(t, b, 3, func(_ context.Context, task *Task) error {
			peak.Store(max(peak.Load(), now.Add(1)))
			defer now.Add(-1)
			if strings.Contains(string(task.Payload), "@hangs.test") {
				time.Sleep(time.Hour)
			}
			time.Sleep(time.Second)
			return nil
		})
		hanging := enqueue(t, b, email("ada@hangs.test", 1, time.Minute))
		enqueue(t, b, email("eve@hangs.test", 1, time.Minute))
		time.Sleep(2 * time.Minute)
		for range 9 {
			enqueue(t, b, NewJob{})
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if o, _ := look(b); peak.Load() != 3 || o.Done != 9 {
			t.Errorf("%d handlers ran at the same time, and %d of 9 jobs were done one at a time; want 3 and 9", peak.Load(), o.Done)
		}
		if j := get(t, b, hanging.ID); j.State != Dead {
			t.Errorf("a job whose handler ignores its deadline is %s, want its only attempt failed when the lease has expired", j.State)
		}
		time.Sleep(time.Hour) // both have returned
		if err := stop(); err != nil {
			t.Errorf("the worker ended with %v, want nil: all handlers have returned", err)
		}
	})
}

// TestWorkerWhoseSlotsAreAllStuckEnds, because only a restart can free them (claim
// 7.5). One handler ignores its deadline, the other one that its job was canceled.
func TestWorkerWhoseSlotsAreAllStuckEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		w := &Worker{Name: "w", Jobs: b, Concurrency: 2, Log: b.log,
			Handlers: map[string]Handler{"welcome-mail": func(context.Context, *Task) error { time.Sleep(time.Hour); return nil }}}
		late := enqueue(t, b, email("ada@hangs.test", 1, time.Minute))
		canceled := enqueue(t, b, email("eve@hangs.test", 1, time.Hour))
		time.AfterFunc(20*time.Second, func() { b.Cancel(t.Context(), canceled.ID) })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		began := time.Now()
		err := w.Run(ctx)
		if took := time.Since(began).Round(time.Second); !errors.Is(err, errStuck) || took != 63*time.Second {
			t.Errorf("the worker ended after %v with %v, want it to end with %q a third of its lease after the deadline of 1 m", took, err, errStuck)
		}
		time.Sleep(10 * time.Second)
		if j := get(t, b, late.ID); j.State != Dead {
			t.Errorf("after the end of the worker and of its lease the job is %s, want its only attempt failed", j.State)
		}
		time.Sleep(time.Hour) // a bubble ends only when all its goroutines have ended
	})
}

// TestHandlerThatReturnsLateFreesItsSlot (claim 7.5): two handlers ignore cancellation,
// but not at the same time, so the worker with two slots goes on.
func TestHandlerThatReturnsLateFreesItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		stop := work(t, b, 2, func(context.Context, *Task) error { time.Sleep(10 * time.Minute); return nil })
		for range 2 {
			enqueue(t, b, email("ada@hangs.test", 1, time.Minute))
			time.Sleep(time.Hour)
		}
		enqueue(t, b, email("ada@example.com", 1, time.Hour))
		synctest.Wait()
		if o, _ := look(b); o.Running != 1 {
			t.Errorf("both handlers have returned, but the worker runs %d jobs, want 1", o.Running)
		}
		time.Sleep(time.Hour)
		if err := stop(); err != nil {
			t.Errorf("the worker ended with %v", err)
		}
	})
}

// TestLostJobIsCanceledBeforeItsLeaseExpires, a tenth of the lease (claim 7.5), and not
// reported. Heartbeats carry its progress until then.
func TestLostJobIsCanceledBeforeItsLeaseExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		n := &network{Jobs: b}
		began := time.Now()
		var canceled time.Duration
		defer work(t, n, 1, func(ctx context.Context, task *Task) error {
			sleep(ctx, time.Second) // the heartbeats have begun
			task.Progress(1, 2)
			sleep(ctx, time.Hour)
			canceled = time.Since(began)
			return ctx.Err()
		})()
		j := enqueue(t, b, email("ada@example.com", 1, time.Hour))
		time.Sleep(4 * time.Second) // after a heartbeat
		if now := get(t, b, j.ID); now.Progress != (Progress{1, 2}) {
			t.Errorf("after a heartbeat the progress is %v, want 1 of 2", now.Progress)
		}
		n.cut.Store(true)
		time.Sleep(8500 * time.Millisecond)
		n.cut.Store(false)
		time.Sleep(500 * time.Millisecond) // the broker's lease ends 10 s after the heartbeat
		if now := get(t, b, j.ID); canceled.Round(time.Millisecond) != 12333*time.Millisecond || now.State != Running {
			t.Errorf("canceled after %v, want 9 s after the heartbeat at 3.333 s, and the job is %s, want it running until its lease expires", canceled, now.State)
		}
		time.Sleep(time.Minute)
	})
}

// late is a broker whose answers to heartbeats take three seconds.
type late struct{ Jobs }

func (l late) Update(ctx context.Context, id string, u Update) error {
	err := l.Jobs.Update(ctx, id, u)
	if u.Event == Heartbeat {
		sleep(ctx, 3*time.Second)
	}
	return err
}

// TestLeaseCountsFromWhenTheHeartbeatWasSent, after a third of it, and not from the answer:
// without a second heartbeat the job is canceled 9 s later.
func TestLeaseCountsFromWhenTheHeartbeatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		n := &network{Jobs: late{b}}
		began, canceled := time.Now(), make(chan time.Duration, 1)
		defer work(t, n, 1, func(ctx context.Context, _ *Task) error {
			<-ctx.Done()
			canceled <- time.Since(began)
			return ctx.Err()
		})()
		enqueue(t, b, email("ada@example.com", 1, time.Hour))
		time.AfterFunc(5*time.Second, func() { n.cut.Store(true) })
		if after := <-canceled; after.Round(time.Millisecond) != 12333*time.Millisecond {
			t.Errorf("a heartbeat was sent after 3.333 s, and answered 3 s later; the job was canceled after %v, want 12.333s", after)
		}
		n.cut.Store(false)
	})
}

// TestJobWithoutAnyHeartbeatIsCanceledBeforeItsLeaseExpires: the connection breaks
// before the first heartbeat, and the handler has a tenth of the lease to return.
func TestJobWithoutAnyHeartbeatIsCanceledBeforeItsLeaseExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		n := &network{Jobs: b}
		began := time.Now()
		canceled := make(chan time.Duration, 1)
		defer work(t, n, 1, func(ctx context.Context, _ *Task) error {
			n.cut.Store(true)
			<-ctx.Done()
			canceled <- time.Since(began)
			return ctx.Err()
		})()
		enqueue(t, b, email("ada@example.com", 1, time.Hour))
		if after := <-canceled; after.Round(time.Millisecond) != 9*time.Second {
			t.Errorf("a lease of 10 s, and no heartbeat arrived: the job was canceled after %v, want 9s", after)
		}
		n.cut.Store(false)
	})
}

// TestStoppedWorkerReportsHandlersThatIgnoreIt (claim 7.5): its status is not that of a drained worker.
func TestStoppedWorkerReportsHandlersThatIgnoreIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		stop := work(t, b, 2, func(context.Context, *Task) error { time.Sleep(time.Hour); return nil })
		enqueue(t, b, NewJob{})
		synctest.Wait()
		began := time.Now()
		if err := stop(); !errors.Is(err, errStuck) || time.Since(began) != 13500*time.Millisecond {
			t.Errorf("with a drain of 5 s the worker ended after %v with %v, want 13.5 s and %q", time.Since(began), err, errStuck)
		}
		time.Sleep(time.Hour)
	})
}

// TestStoppedWorkerWaitsForAReport: the broker does not answer, but the handler has returned,
// when it was canceled.
func TestStoppedWorkerWaitsForAReport(t *testing.T) {
	for _, drain := range []time.Duration{time.Millisecond, time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, t.TempDir())
			defer b.Close()
			n := &network{Jobs: b}
			n.hang.Store(true)
			h := func(ctx context.Context, _ *Task) error { <-ctx.Done(); return ctx.Err() }
			w := &Worker{Name: "w", Jobs: n, Handlers: map[string]Handler{"welcome-mail": h}, Concurrency: 1, Drain: drain, Log: b.log}
			enqueue(t, b, NewJob{Policy: Policy{Attempts: 1, Deadline: time.Hour}})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- w.Run(ctx) }()
			synctest.Wait() // the handler has begun
			time.AfterFunc(drain-time.Nanosecond, func() { n.cut.Store(true) })
			began := time.Now()
			stop()
			if err := <-ended; err != nil || time.Since(began) != drain+5*time.Second {
				t.Errorf("with a drain of %v the worker ended after %v with %v, want 5 s for the report, and no error", drain, time.Since(began), err)
			}
		})
	}
}

// TestPanicIsAFailedAttemptWithItsStack (claim 7.5): the worker goes on.
func TestPanicIsAFailedAttemptWithItsStack(t *testing.T) {
	retried(t, explode, func(err string) bool {
		return strings.HasPrefix(err, "panic: no such template\n") && strings.Contains(err, "explode")
	})
}

// TestGoexitIsAFailedAttempt (claim 7.5): runtime.Goexit, which t.FailNow calls, ends
// the handler's goroutine without a result, but its slot becomes free.
func TestGoexitIsAFailedAttempt(t *testing.T) {
	retried(t, func() error { runtime.Goexit(); return nil }, func(err string) bool { return err == errGoexit.Error() })
}

func explode() error { panic("no such template") }

// TestErrorWhoseMethodPanicsIsAFailedAttempt (claim 7.5): the handler returns it, and the
// worker goes on.
func TestErrorWhoseMethodPanicsIsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in the goroutine of the test first, where a panic fails it
		b := open(t, t.TempDir())
		defer b.Close()
		enqueue(t, b, NewJob{})
		j, err := b.Lease(t.Context(), "w", allKinds)
		mustIn(t)(err)
		defer func() {
			if v := recover(); v != nil {
				t.Fatalf("the worker has panicked: %v", v)
			}
		}()
		h := func(context.Context, *Task) error { return panicking{} }
		w := &Worker{Jobs: b, Handlers: map[string]Handler{j.Kind: h}, Concurrency: 1, Log: b.log}
		w.do(t.Context(), j, nil)
	})
	retried(t, func() error { return panicking{} }, func(err string) bool {
		return strings.HasPrefix(err, "panic: a bug in a method\n") && strings.Contains(err, "panicking.Error")
	})
}

type panicking struct{}

func (panicking) Error() string { panic("a bug in a method") }

// retried has the only slot's first attempt call fail. The job must fail with the error and then be retried.
func retried(t *testing.T, fail func() error, right func(err string) bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var calls atomic.Int64
		defer work(t, b, 1, func(context.Context, *Task) error {
			if calls.Add(1) == 1 {
				return fail()
			}
			return nil
		})()
		n := email("ada@example.com", 2)
		n.Policy.Backoff, n.Policy.Cap = time.Hour, time.Hour
		j := enqueue(t, b, n)
		synctest.Wait()
		if now := get(t, b, j.ID); !right(now.Error) {
			t.Errorf("after the first attempt the job's error is %q", now.Error)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if now := get(t, b, j.ID); now.State != Done || now.Attempts != 2 || now.Error != "" {
			t.Errorf("the job is %s after %d attempts with the error %q, want done after 2 without", now.State, now.Attempts, now.Error)
		}
	})
}

// TestPermanentErrorIsNotRetried (claim 7.3), nor is a payload that is no email and no newsletter, or
// that would have a header of its own: no email is sent, not even to the other addresses.
func TestPermanentErrorIsNotRetried(t *testing.T) {
	mail := Maildir(t.TempDir())
	const twoLines = "ada@example.com\r\nBcc: eve@example.com"
	for _, test := range []struct {
		name string
		h    Handler
		n    NewJob
	}{
		{"550 no such mailbox", mail.Welcome, email("ada@gone.test", 5)},
		{"malformed payload", mail.Welcome, NewJob{Kind: "welcome-mail", Payload: []byte(`[]`)}},
		{"malformed payload", mail.Welcome, email(twoLines, 5)},
		{"malformed payload", mail.Newsletter, NewJob{Kind: "newsletter", Payload: []byte(`{}`)}},
		{"malformed payload", mail.Newsletter, NewJob{Kind: "newsletter", Payload: must1(json.Marshal([]string{"ada@example.com", twoLines, "eve@example.com"}))}},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, t.TempDir())
			defer b.Close()
			defer work(t, b, 1, test.h)()
			j := enqueue(t, b, test.n)
			synctest.Wait()
			if now := get(t, b, j.ID); now.State != Dead || now.Attempts != 1 || !strings.Contains(now.Error, test.name) {
				t.Errorf("the job is %s after %d attempts with the error %q, want dead after 1 with %q", now.State, now.Attempts, now.Error, test.name)
			}
			if sent := mail.Delivered(); len(sent) > 0 {
				t.Errorf("%s: the emails %q were sent, want none", test.n.Payload, sent)
			}
		})
	}
}

// TestLongErrorIsCut (claim 7.8) sends one over HTTP, which has a limit for requests.
func TestLongErrorIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		defer work(t, clientOf(b), 1, func(context.Context, *Task) error {
			return errors.New("the cause" + strings.Repeat("ä", 70<<10))
		})()
		j := enqueue(t, b, email("ada@example.com", 1))
		time.Sleep(time.Second)
		if now := get(t, b, j.ID); now.State != Dead || !strings.HasPrefix(now.Error, "the causeä") || len(now.Error) > 5000 || strings.Contains(now.Error, "\uFFFD") {
			t.Errorf("the job is %s with an error of %d bytes, %.20q; want dead with the first 4 KB", now.State, len(now.Error), now.Error)
		}
	})
}

// TestWorkerLeasesOnlyTheKindsOfItsHandlers (claim 7.5): another worker may have the handler.
func TestWorkerLeasesOnlyTheKindsOfItsHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var asked []string
		n := &network{Jobs: b, asked: func(kinds []string) { asked = kinds }}
		defer work(t, n, 1, func(context.Context, *Task) error { return nil })()
		synctest.Wait()
		if !slices.Equal(asked, allKinds) {
			t.Errorf("a worker with handlers for %v asks for jobs of %v", allKinds, asked)
		}
	})
}

// TestStoppedWorkerFinishesOrReleasesItsJobs has one that ends within the drain,
// and one that does not (claim 7.5).
func TestStoppedWorkerFinishesOrReleasesItsJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		long := enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte(`{"dir":"long"}`)})
		short := enqueue(t, b, NewJob{})
		stop := work(t, b, 2, func(ctx context.Context, task *Task) error {
			d := 3 * time.Second
			if task.ID == long.ID {
				d = time.Hour
			}
			if !sleep(ctx, d) {
				return ctx.Err()
			}
			return nil
		})
		time.Sleep(time.Second)
		enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("later@example.com"), Due: time.Now().Add(time.Second)})
		began := time.Now()
		if err := stop(); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("stopped with a drain of 5 s, it ended after %v with %v", time.Since(began), err)
		}
		if j := get(t, b, short.ID); j.State != Done {
			t.Errorf("the job that needed 2 s more is %s, want done", j.State)
		}
		if j := get(t, b, long.ID); j.State != Queued || j.Attempts != 0 {
			t.Errorf("the job that needed an hour more is %s after %d attempts, want released, and the attempt not counted", j.State, j.Attempts)
		}
		if o, _ := look(b); o.Waiting != 2 {
			t.Errorf("%d jobs wait, want 2: the released one and the one that was never leased", o.Waiting)
		}
	})
}

// TestWorkerRetriesWhileTheBrokerIsDown (claim 7.5): it leases again, and reports a
// result that it has already, instead of running the job again.
func TestWorkerRetriesWhileTheBrokerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		n := &network{Jobs: b}
		n.cut.Store(true)
		runs := 0
		j := enqueue(t, b, NewJob{})
		defer work(t, n, 1, func(context.Context, *Task) error { runs++; n.cut.Store(true); return nil })()
		for range 2 {
			time.Sleep(5 * time.Second)
			n.cut.Store(false)
		}
		time.Sleep(3 * time.Second)
		if now := get(t, b, j.ID); now.State != Done || runs != 1 {
			t.Errorf("the job is %s and ran %d times, want done, and once", now.State, runs)
		}
	})
}

// away is a broker that is not available for longer than a lease when a job has ended.
type away struct {
	Jobs
	refused, reported atomic.Int64
}

func (a *away) Update(ctx context.Context, id string, u Update) error {
	if a.refused.Add(1) < 100 || u.Event != Finished {
		return ErrUnavailable
	}
	a.reported.Add(1)
	return nil
}

// TestResultIsReportedAfterALongOutage (claim 7.5), in which the worker loses its lease, too: a
// broker that restarts gives each running job a whole lease.
func TestResultIsReportedAfterALongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		a := &away{Jobs: b}
		defer work(t, a, 1, func(context.Context, *Task) error { return nil })()
		enqueue(t, b, email("ada@example.com", 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		if a.reported.Load() != 1 {
			t.Errorf("the broker was not available for %d reports, and then the result was reported %d times, want once", a.refused.Load(), a.reported.Load())
		}
	})
}

// unreported is a broker that accepts no result.
type unreported struct {
	Jobs
	asked func()
}

func (b unreported) Update(ctx context.Context, id string, u Update) error {
	if u.Event != Finished {
		return b.Jobs.Update(ctx, id, u)
	}
	b.asked()
	return ErrUnavailable
}

// TestPauseBetweenRequestsIsRandomUpToALimit (claim 7.5) keeps the broker down for an hour.
func TestPauseBetweenRequestsIsRandomUpToALimit(t *testing.T) {
	for _, what := range []string{"requests for a job", "reports of a job"} {
		synctest.Test(t, func(t *testing.T) {
			b := brokerOn(&disk{})
			defer b.Close()
			enqueue(t, b, NewJob{})
			var at []time.Time
			asked := func() { at = append(at, time.Now()) }
			down := &network{asked: func([]string) { asked() }}
			down.cut.Store(true)
			jobs := Jobs(down)
			if what == "reports of a job" {
				jobs = unreported{b, asked}
			}
			stop := work(t, jobs, 1, func(context.Context, *Task) error { return nil })
			time.Sleep(time.Hour)
			stop()
			longest := time.Duration(0)
			for i := 1; i < len(at); i++ {
				longest = max(longest, at[i].Sub(at[i-1]))
			}
			if mean := time.Hour / time.Duration(len(at)+1); longest > retryPause || mean < retryPause/3 || mean > retryPause*2/3 || longest < retryPause*9/10 {
				t.Errorf("%s came up to %v apart, on average %v; want a random pause of up to %v", what, longest, mean, retryPause)
			}
		})
	}
}

// TestSleepInADoneContextReturnsFalse although the time has passed, too: both cases of
// the select are ready, and it picks one at random.
func TestSleepInADoneContextReturnsFalse(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if sleep(ctx, 0) {
			t.Fatal("ctx is done, and sleep returned true: its caller would go on")
		}
	}
	if !sleep(t.Context(), 0) {
		t.Error("ctx is not done, and sleep returned false")
	}
}

// redeliver has a worker die between the work and its report, and returns how many emails there are then.
func redeliver(t *testing.T, h func(Maildir) Handler) (emails int) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		enqueue(t, b, NewJob{})
		j, err := b.Lease(t.Context(), "dies", allKinds)
		if err != nil {
			t.Fatal(err)
		}
		task := &Task{ID: j.ID, Attempt: 1, Payload: j.Payload}
		if err := h(Maildir(dir))(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		// Here it dies.
		stop := work(t, b, 1, h(Maildir(dir)))
		time.Sleep(time.Minute)
		stop()
	})
	return len(Maildir(dir).Delivered())
}

// TestRedeliveredJobHasItsEffectOnce (claim 7.6).
func TestRedeliveredJobHasItsEffectOnce(t *testing.T) {
	if n := redeliver(t, func(m Maildir) Handler { return m.Welcome }); n != 1 {
		t.Errorf("a job that was delivered twice sent %d emails: its effect should happen once", n)
	}
}

// TestHandlerThatIsNotIdempotentHasItsEffectTwice (negative control of 7.6).
func TestHandlerThatIsNotIdempotentHasItsEffectTwice(t *testing.T) {
	if n := redeliver(t, func(m Maildir) Handler { return m.Twice }); n != 2 {
		t.Errorf("a handler that gives each email a new name sent %d emails for a job that was delivered twice: want 2", n)
	}
}

// TestReadEmailIsNotRedelivered moves it as a mail program does (claim 7.6).
func TestReadEmailIsNotRedelivered(t *testing.T) {
	m := Maildir(t.TempDir())
	if err := m.Deliver("job-1", "Welcome"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(string(m), "new", "job-1"), filepath.Join(string(m), "cur", "job-1;2,S")); err != nil { // a colon, where Windows allows it
		t.Fatal(err)
	}
	if err := m.Deliver("job-1", "Welcome"); err != nil {
		t.Fatal(err)
	}
	if again := m.Delivered(); len(again) > 0 {
		t.Errorf("after its email was read a job was redelivered, and the email, too: %v", again)
	}
}

// TestReadEmailWithFlagsAfterAColonIsNotRedelivered: most mail programs use a colon.
func TestReadEmailWithFlagsAfterAColonIsNotRedelivered(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows allows no colon in a name")
	}
	must := mustIn(t)
	m := Maildir(t.TempDir())
	must(m.Deliver("job-1", "Welcome"))
	must(os.Rename(filepath.Join(string(m), "new", "job-1"), filepath.Join(string(m), "cur", "job-1:2,S")))
	must(m.Deliver("job-1", "Welcome"))
	if again := m.Delivered(); len(again) > 0 {
		t.Errorf("after its email was read a job was redelivered, and the email, too: %v", again)
	}
}

// TestReadEmailWithALongerNameIsAnotherOne: email 10 of a newsletter was read, and email 1 was not sent yet.
func TestReadEmailWithALongerNameIsAnotherOne(t *testing.T) {
	m := Maildir(t.TempDir())
	for _, read := range []string{"n-10;2,S", "n-11"} {
		name, _, _ := strings.Cut(read, ";")
		if err := m.Deliver(name, "News"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(string(m), "new", name), filepath.Join(string(m), "cur", read)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"n-1", "n-10", "n-11"} {
		if err := m.Deliver(name, "News"); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.Delivered(); !slices.Equal(got, []string{"n-1"}) {
		t.Errorf("the unread emails are %v, want only n-1", got)
	}
}

// TestFailedDeliveryLeavesNoFile has a file where the directory new should be.
func TestFailedDeliveryLeavesNoFile(t *testing.T) {
	m := Maildir(t.TempDir())
	if err := m.Deliver("job-1", "Welcome"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(string(m), "new", "job-2"), 0o700); err != nil { // a name that a file cannot replace
		t.Fatal(err)
	}
	if err := m.Deliver("job-2", "Welcome"); err == nil {
		t.Error("an email replaced a directory")
	}
	if left, err := os.ReadDir(filepath.Join(string(m), "tmp")); err != nil || len(left) > 0 {
		t.Errorf("after a failed delivery tmp contains %v, %v; want nothing", left, err)
	}
}

// TestDeadlineEndsAnAttempt at that instant, and then there are no heartbeats (claim 7.7).
func TestDeadlineEndsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var took time.Duration
		n := &network{Jobs: b}
		defer work(t, n, 1, func(ctx context.Context, _ *Task) error {
			began := time.Now()
			sleep(ctx, time.Hour)
			took = time.Since(began)
			time.Sleep(2500 * time.Millisecond) // less than a third of the lease: it is not stuck
			return ctx.Err()
		})()
		j := enqueue(t, b, email("ada@example.com", 1, 8*time.Second))
		time.Sleep(time.Minute)
		synctest.Wait()
		if now := get(t, b, j.ID); took != 8*time.Second || now.State != Dead || now.Error != context.DeadlineExceeded.Error() {
			t.Errorf("with a deadline of 8 s it took %v and is %s: %s", took, now.State, now.Error)
		}
		if beats := n.beats.Load(); beats != 2 {
			t.Errorf("%d heartbeats, want 2: after one and two thirds of the lease of 10 s, but none after the deadline", beats)
		}
	})
}

// TestEachAttemptHasAWholeDeadline: the second one has 8 s, too.
func TestEachAttemptHasAWholeDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var took []time.Duration
		defer work(t, b, 1, func(ctx context.Context, _ *Task) error {
			began := time.Now()
			<-ctx.Done()
			took = append(took, time.Since(began))
			return ctx.Err()
		})()
		enqueue(t, b, email("ada@example.com", 2, 8*time.Second))
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []time.Duration{8 * time.Second, 8 * time.Second}; !slices.Equal(took, want) {
			t.Errorf("the attempts were canceled after %v, want %v", took, want)
		}
	})
}

// TestRunningJobCanBeCanceled (claim 7.7): the state changes immediately, and the
// task's context is canceled with the worker's next heartbeat.
func TestRunningJobCanBeCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var ended time.Time
		var cause error
		defer work(t, b, 1, func(ctx context.Context, _ *Task) error {
			sleep(ctx, time.Hour)
			ended, cause = time.Now(), context.Cause(ctx)
			return nil // which the broker rejects
		})()
		j := enqueue(t, b, NewJob{})
		time.Sleep(4 * time.Second) // after the first heartbeat, which is a third of the lease after the start
		canceled := time.Now()
		if j, err := b.Cancel(t.Context(), j.ID); err != nil || j.State != Canceled || !j.Expires.IsZero() {
			t.Errorf("a running job that is canceled is %s, %v, and its lease expires at %v; want canceled, without a lease", j.State, err, j.Expires)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := ended.Sub(canceled); after.Round(time.Second) != 3*time.Second || !errors.Is(cause, errLost) {
			t.Errorf("its context was canceled after %v with %v, want the second heartbeat, after 2.67 s, and %q", after, cause, errLost)
		}
		if now := get(t, b, j.ID); now.State != Canceled {
			t.Errorf("afterward it is %s, want canceled", now.State)
		}
		if _, err := b.Cancel(t.Context(), j.ID); err != ErrState {
			t.Errorf("canceled again: got %v, want %v", err, ErrState)
		}
	})
}

// forgotten is a broker that no longer knows the job.
type forgotten struct{ Jobs }

func (f forgotten) Update(ctx context.Context, id string, u Update) error {
	if u.Event == Heartbeat {
		return ErrNotFound
	}
	return f.Jobs.Update(ctx, id, u)
}

// TestJobThatTheBrokerDoesNotKnowIsCanceled: nothing accepts its result (claim 7.7).
func TestJobThatTheBrokerDoesNotKnowIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var took time.Duration
		defer work(t, forgotten{b}, 1, func(ctx context.Context, _ *Task) error {
			began := time.Now()
			sleep(ctx, time.Hour)
			took = time.Since(began)
			return ctx.Err()
		})()
		enqueue(t, b, email("ada@example.com", 1))
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if took.Round(time.Second) != 3*time.Second {
			t.Errorf("the job was canceled after %v, want the first heartbeat, after a third of 10 s", took)
		}
	})
}

// TestSuccessIsReportedThoughTheLeaseWasLost (claim 7.5): the handler ignores that it was canceled.
func TestSuccessIsReportedThoughTheLeaseWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		defer work(t, forgotten{b}, 1, func(ctx context.Context, _ *Task) error { <-ctx.Done(); return nil })()
		j := enqueue(t, b, email("ada@example.com", 1))
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if now := get(t, b, j.ID); now.State != Done {
			t.Errorf("after its first heartbeat the job was canceled, and it succeeded; it is %s, want done", now.State)
		}
	})
}

// TestLastProgressIsReported (claim 7.8): the job ends before its first heartbeat.
func TestLastProgressIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		defer work(t, b, 1, func(_ context.Context, task *Task) error { task.Progress(10, 10); return nil })()
		j := enqueue(t, b, NewJob{})
		synctest.Wait()
		if now := get(t, b, j.ID); now.State != Done || now.Progress != (Progress{10, 10}) {
			t.Errorf("the job is %s with the progress %+v, want done with 10 of 10", now.State, now.Progress)
		}
	})
}

// TestProgressIsFromZeroToItsTotal whatever the handler says: otherwise the broker
// would reject its report.
func TestProgressIsFromZeroToItsTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		steps := []struct{ done, total, wantDone, wantTotal int }{{3, 2, 2, 2}, {-1, 2, 0, 2}, {1, -1, 0, 0}, {1, 2, 1, 2}}
		step := 0
		defer work(t, b, 1, func(_ context.Context, task *Task) error {
			task.Progress(steps[step].done, steps[step].total)
			return nil
		})()
		for step = range steps {
			j := enqueue(t, b, NewJob{})
			synctest.Wait()
			want := Progress{steps[step].wantDone, steps[step].wantTotal}
			if now := get(t, b, j.ID); now.State != Done || now.Progress != want {
				t.Errorf("%d of %d: the job is %s with the progress %v, want done with %v", steps[step].done, steps[step].total, now.State, now.Progress, want)
			}
		}
	})
}

// busy is a broker that does not accept results until some time.
type busy struct {
	Jobs
	until time.Time
}

func (b *busy) Update(ctx context.Context, id string, u Update) error {
	if u.Event == Finished && time.Now().Before(b.until) {
		return ErrUnavailable
	}
	return b.Jobs.Update(ctx, id, u)
}

// TestHeartbeatsContinueUntilTheResultIsReported (claim 7.5), beyond the deadline of
// the job: its handler has returned in time.
func TestHeartbeatsContinueUntilTheResultIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		runs := 0
		defer work(t, &busy{b, time.Now().Add(time.Minute)}, 1, func(context.Context, *Task) error { runs++; return nil })()
		j := enqueue(t, b, email("ada@example.com", 3, 5*time.Second))
		time.Sleep(2 * time.Minute)
		if now := get(t, b, j.ID); now.State != Done || runs != 1 {
			t.Errorf("its result was reported after a minute; the job is %s and ran %d times, want done, and once", now.State, runs)
		}
	})
}

// addresses returns a payload with n addresses.
func addresses(n int) json.RawMessage {
	return must1(json.Marshal(slices.Repeat([]string{"ada@example.com"}, n)))
}

// TestNewsletterReachesEachAddressOnceAndReportsItsProgress: a pool in a job, which is
// redelivered (claims 7.10 and 7.8).
func TestNewsletterReachesEachAddressOnceAndReportsItsProgress(t *testing.T) {
	mail := Maildir(t.TempDir())
	for attempt := range 2 {
		task := &Task{ID: "n", Attempt: attempt + 1, Payload: addresses(100)}
		if err := mail.Newsletter(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		if p := *task.progress.Load(); p != (Progress{100, 100}) {
			t.Errorf("its progress at the end is %+v, want 100 of 100", p)
		}
	}
	if sent := mail.Delivered(); len(sent) != 100 {
		t.Errorf("after 2 attempts at a newsletter to 100 addresses there are %d emails", len(sent))
	}
}

// TestNewsletterGoesToEachOfItsAddresses: email n, under its own key, is that to address n.
func TestNewsletterGoesToEachOfItsAddresses(t *testing.T) {
	must := mustIn(t)
	box, to := Maildir(t.TempDir()), make([]string, 20)
	for i := range to {
		to[i] = fmt.Sprintf("ada%d@example.com", i/2) // each twice: an address is not a key
	}
	must(box.Newsletter(t.Context(), &Task{ID: "n", Attempt: 1, Payload: must1(json.Marshal(to))}))
	for i, address := range to {
		text, err := os.ReadFile(filepath.Join(string(box), "new", fmt.Sprint("n-", i)))
		if err != nil || !strings.HasPrefix(string(text), "To: "+address+"\r\n") {
			t.Errorf("email %d: got %q, %v; want it to %s", i, text, err, address)
		}
	}
}

// TestCanceledNewsletterStopsAllItsSenders (claim 7.10): none of their goroutines remains.
func TestCanceledNewsletterStopsAllItsSenders(t *testing.T) {
	before := runtime.NumGoroutine()
	left := errors.New("canceled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(left)
	box := Maildir(t.TempDir())
	if err := box.Newsletter(ctx, &Task{ID: "n", Payload: addresses(500)}); err != left {
		t.Errorf("a canceled newsletter returned %v, want %v", err, left)
	}
	if n := len(box.Delivered()); n > 0 {
		t.Errorf("a canceled newsletter delivered %d emails, want none", n)
	}
	for limit := time.Now().Add(longest(t)); runtime.NumGoroutine() > before; sleep(t.Context(), time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d goroutines of the newsletter remain", runtime.NumGoroutine()-before)
		}
	}
}

// TestErrorStopsANewsletter (claim 7.10): an email cannot be delivered, and the handler
// returns: it does not block until a sender receives the next address.
func TestErrorStopsANewsletter(t *testing.T) {
	noDirectory := Maildir(write(t, nil))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel() // which ends a newsletter that has not returned
		returned := make(chan error, 1)
		go func() { returned <- noDirectory.Newsletter(ctx, &Task{ID: "n", Payload: addresses(500)}) }()
		synctest.Wait()
		select {
		case err := <-returned:
			if err == nil {
				t.Error("no email was delivered, but the newsletter returned nil")
			}
		default:
			t.Error("all senders have ended after an error, but the newsletter blocks")
		}
	})
}

// TestFirstErrorStopsTheOtherSenders: one email fails while the others are
// being delivered, and no sender begins another one.
func TestFirstErrorStopsTheOtherSenders(t *testing.T) {
	box := Maildir(t.TempDir())
	mustIn(t)(box.Deliver("first", "text")) // creates the directories
	original := syncDir
	defer func() { syncDir = original }()
	synctest.Test(t, func(t *testing.T) {
		var begun, delivering atomic.Int64
		leave, returned := make(chan struct{}), make(chan error, 1)
		syncDir = func(string) error { // the last step of a delivery
			if begun.Add(1) == 1 {
				return errFailed
			}
			delivering.Add(1)
			defer delivering.Add(-1)
			<-leave
			return nil
		}
		go func() { returned <- box.Newsletter(t.Context(), &Task{ID: "n", Payload: addresses(20)}) }()
		synctest.Wait()
		if n := delivering.Load(); n > 0 && len(returned) > 0 {
			t.Errorf("the newsletter has returned, but %d of its senders still deliver emails", n)
		}
		close(leave)
		if err := <-returned; err != errFailed || begun.Load() > 8 {
			t.Errorf("an email failed: the newsletter returned %v after %d deliveries, want that error, and 8 at most", err, begun.Load())
		}
	})
}

// TestNewsletterHasEightSenders: as many emails are delivered at the same time, each of
// which blocks in its last step here.
func TestNewsletterHasEightSenders(t *testing.T) {
	must := mustIn(t)
	box := Maildir(t.TempDir())
	must(box.Deliver("first", "text")) // creates the directories
	original := syncDir
	defer func() { syncDir = original }()
	synctest.Test(t, func(t *testing.T) {
		var delivering atomic.Int64
		leave := make(chan struct{})
		syncDir = func(string) error {
			delivering.Add(1)
			<-leave
			return nil
		}
		go box.Newsletter(t.Context(), &Task{ID: "n", Payload: addresses(20)})
		synctest.Wait()
		if n := delivering.Load(); n != 8 {
			t.Errorf("%d emails are delivered at the same time, want 8", n)
		}
		close(leave)
	})
}

// TestDrainingWorkerLeasesNoJob: one slot is busy when the worker is stopped, and a job comes for the other one.
func TestDrainingWorkerLeasesNoJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		running := enqueue(t, b, NewJob{}).ID
		stop := work(t, b, 2, func(context.Context, *Task) error { time.Sleep(3 * time.Second); return nil })
		synctest.Wait()
		late := make(chan string, 1)
		time.AfterFunc(time.Second, func() { late <- enqueue(t, b, NewJob{}).ID })
		stop()
		if first, second := get(t, b, running), get(t, b, <-late); first.State != Done || second.State != Queued || second.Attempts > 0 {
			t.Errorf("the running job is %s; the one that came during the drain is %s after %d attempts, want done, and queued", first.State, second.State, second.Attempts)
		}
	})
}

// TestDrainedWorkerReleasesItsJobOverTheNetwork: its own context is done by then, and a client
// sends nothing with such a context.
func TestDrainedWorkerReleasesItsJobOverTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		stop := work(t, clientOn(API(b)), 1, func(ctx context.Context, _ *Task) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		j := enqueue(t, b, email("ada@example.com", 3))
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if now := get(t, b, j.ID); now.State != Queued || now.Attempts != 0 {
			t.Errorf("after the drain the job is %s after %d attempts, want queued, and none", now.State, now.Attempts)
		}
	})
}

// TestJobThatSucceedsAfterTheDrainIsDone: its handler was canceled, but it had all of its effect.
func TestJobThatSucceedsAfterTheDrainIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		j := enqueue(t, b, NewJob{})
		stop := work(t, b, 1, func(ctx context.Context, _ *Task) error { <-ctx.Done(); return nil })
		synctest.Wait()
		stop()
		if now := get(t, b, j.ID); now.State != Done {
			t.Errorf("its handler returned nil after the drain, and the job is %s, want done", now.State)
		}
	})
}

// TestStoppedWorkerReportsUntilItsDrainIsOver while the broker is not available.
func TestStoppedWorkerReportsUntilItsDrainIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		until := time.Now().Add(20 * time.Second)
		stop := work(t, &busy{b, until}, 1, func(context.Context, *Task) error { return nil })
		enqueue(t, b, email("ada@example.com", 1))
		time.Sleep(time.Second)
		began := time.Now()
		err := stop()
		if took := time.Since(began); err != nil || took < 5*time.Second || took > 5*time.Second+retryPause {
			t.Errorf("with a drain of 5 s the worker ended after %v with %v, want about 5s and nil", took, err)
		}
		time.Sleep(time.Minute)
	})
}
