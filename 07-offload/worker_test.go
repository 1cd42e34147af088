package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeadWorkersJobGoesToAnother has a worker take a job and fall silent (claim 7.5).
func TestDeadWorkersJobGoesToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		j := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Attempts: 2}})
		dead, err := b.Lease(t.Context(), "dead", rand.Text())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var at time.Duration
		defer work(t, b, 1, func(context.Context, *Task) error { at = time.Since(began); return nil })()
		time.Sleep(time.Minute)
		synctest.Wait()
		if at < 10*time.Second || at > 11*time.Second {
			t.Errorf("the dead worker's job was begun by another after %v: want its lease of 10 s, and not much more", at)
		}
		if now := get(t, b, j.ID); now.State != Done || now.Attempts != 2 {
			t.Errorf("it is %s after %d attempts", now.State, now.Attempts)
		}
		// And now the dead one wakes up.
		if err := b.Finish(t.Context(), dead.ID, dead.Token, Progress{}); err != ErrFenced {
			t.Errorf("the answer of the worker that was given up was taken: %v", err)
		}
	})
}

// TestAnswerOfAnEndedLeaseChangesNothing is fencing, for each kind of answer (claim 7.5).
func TestAnswerOfAnEndedLeaseChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		enqueue(t, b, NewJob{})
		old, _ := b.Lease(t.Context(), "old", rand.Text())
		time.Sleep(20 * time.Second)
		current, _ := b.Lease(t.Context(), "current", rand.Text())
		if current.ID != old.ID || current.Token == old.Token {
			t.Fatalf("want the same job under another token: %v, then %v", old, current)
		}
		for name, err := range map[string]error{
			"done":      b.Finish(t.Context(), old.ID, old.Token, Progress{}),
			"failed":    b.Fail(t.Context(), old.ID, old.Token, "no"),
			"release":   b.Release(t.Context(), old.ID, old.Token),
			"heartbeat": b.Heartbeat(t.Context(), old.ID, old.Token, Progress{}),
		} {
			if err != ErrFenced {
				t.Errorf("%q from the worker whose lease has ended: %v", name, err)
			}
		}
		if now := get(t, b, current.ID); now.State != Running || now.Worker != "current" {
			t.Errorf("an old answer changed the job: %+v", now)
		}
	})
}

// countRuns has a job take a minute, with a lease of 10 s, and returns how often it was begun.
func countRuns(t *testing.T, beat time.Duration) (runs int64) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var n atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		for _, name := range []string{"one", "two"} {
			w := &Worker{Name: name, Jobs: b, Concurrency: 1, Beat: beat, Log: b.log, Mux: Mux{"welcome-mail": func(ctx context.Context, _ *Task) error {
				n.Add(1)
				sleep(ctx, time.Minute)
				return ctx.Err()
			}}}
			workers.Go(func() { w.Run(ctx) })
		}
		enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Attempts: 3}})
		time.Sleep(2 * time.Minute)
		cancel()
		workers.Wait()
		runs = n.Load()
	})
	return runs
}

// TestHeartbeatKeepsALongJob: it takes six leases long, and is begun once (claim 7.5).
func TestHeartbeatKeepsALongJob(t *testing.T) {
	if n := countRuns(t, 3*time.Second); n != 1 {
		t.Errorf("a long job was begun %d times although its worker lives", n)
	}
}

// TestWithoutHeartbeatALongJobRunsTwice (negative control of 7.5).
func TestWithoutHeartbeatALongJobRunsTwice(t *testing.T) {
	if n := countRuns(t, time.Hour); n < 2 {
		t.Errorf("without heartbeats a long job was begun %d times: want it given to another worker", n)
	}
}

// TestNeverMoreAtOnceThanConcurrency has tasks that ignore their deadline, and so
// keep their slots (claim 7.5).
func TestNeverMoreAtOnceThanConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var now, peak, begun atomic.Int64
		stop := work(t, b, 3, func(context.Context, *Task) error {
			begun.Add(1)
			peak.Store(max(peak.Load(), now.Add(1)))
			time.Sleep(time.Hour) // deaf
			now.Add(-1)
			return nil
		})
		first := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Attempts: 1, Deadline: time.Minute}})
		for range 9 {
			enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Attempts: 1, Deadline: time.Minute}})
		}
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if begun.Load() != 3 || now.Load() != 3 {
			t.Errorf("%d tasks were begun and %d are under way, with 3 slots and tasks that ignore their deadline", begun.Load(), now.Load())
		}
		if j := get(t, b, first.ID); j.State != Dead || j.Error != errStuck.Error() {
			t.Errorf("a task that ignores its deadline is %s with the error %q, and should be reported as stuck", j.State, j.Error)
		}
		time.Sleep(5 * time.Hour)
		if peak.Load() != 3 {
			t.Errorf("%d at once, with 3 slots", peak.Load())
		}
		if stuck := stop(); stuck != 0 {
			t.Errorf("%d stuck when all have returned", stuck)
		}
	})
}

// TestPanicIsAFailedAttemptWithItsStack (claim 7.5): the worker goes on.
func TestPanicIsAFailedAttemptWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		defer work(t, b, 1, func(_ context.Context, task *Task) error {
			if task.Attempt == 1 {
				explode()
			}
			return nil
		})()
		j := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Attempts: 2, Backoff: time.Hour, Cap: time.Hour}})
		synctest.Wait()
		now := get(t, b, j.ID)
		if !strings.HasPrefix(now.Error, "panic: no such template\n") || !strings.Contains(now.Error, "explode") {
			t.Errorf("the panic should be the job's last error, with its stack: %q", now.Error)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if now := get(t, b, j.ID); now.State != Done {
			t.Errorf("after the panic the job is %s", now.State)
		}
	})
}

func explode() { panic("no such template") }

// TestStoppedWorkerFinishesOrHandsBack has one task that ends within the drain,
// and one that does not (claim 7.5). Nothing of either remains.
func TestStoppedWorkerFinishesOrHandsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		long := enqueue(t, b, NewJob{Kind: "report", Payload: payload("long")})
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
		enqueue(t, b, NewJob{Kind: "report", Payload: payload("later"), Due: time.Now().Add(time.Second)})
		began := time.Now()
		if stuck := stop(); stuck != 0 || time.Since(began) != 5*time.Second {
			t.Errorf("stopped with a drain of 5 s, it ended after %v with %d stuck", time.Since(began), stuck)
		}
		if j := get(t, b, short.ID); j.State != Done {
			t.Errorf("the task that had 2 s to go is %s", j.State)
		}
		if j := get(t, b, long.ID); j.State != Queued || j.Attempts != 0 {
			t.Errorf("the task that had an hour to go is %s after %d attempts: want it handed back, and the attempt not counted", j.State, j.Attempts)
		}
		o, _ := b.Look()
		if o.Waiting != 2 {
			t.Errorf("%d jobs wait, and should be the one handed back and the one never taken", o.Waiting)
		}
	})
}

// flaky is a broker that is away for the first calls.
type flaky struct {
	Jobs
	away atomic.Int64
}

func (f *flaky) Lease(ctx context.Context, worker, token string) (Job, error) {
	if f.away.Add(-1) >= 0 {
		return Job{}, ErrUnavailable
	}
	return f.Jobs.Lease(ctx, worker, token)
}

func (f *flaky) Finish(ctx context.Context, id, token string, p Progress) error {
	if f.away.Add(-1) >= 0 {
		return ErrUnavailable
	}
	return f.Jobs.Finish(ctx, id, token, p)
}

// TestWorkerWaitsForABrokerThatIsAway does the job once although it takes many calls to say so (claim 7.5).
func TestWorkerWaitsForABrokerThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		f := &flaky{Jobs: b}
		f.away.Store(10)
		runs := 0
		j := enqueue(t, b, NewJob{})
		defer work(t, f, 1, func(context.Context, *Task) error { runs++; f.away.Store(3); return nil })()
		time.Sleep(time.Minute)
		synctest.Wait()
		if now := get(t, b, j.ID); now.State != Done || runs != 1 {
			t.Errorf("the job is %s and ran %d times", now.State, runs)
		}
	})
}

// redeliver has a worker die between the work and its report, and returns how many mails there are then.
func redeliver(t *testing.T, h func(Maildir) Handler) (mails int) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		enqueue(t, b, NewJob{})
		j, err := b.Lease(t.Context(), "dies", rand.Text())
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
	names, err := Maildir(dir).Delivered()
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// TestRedeliveredJobHasItsEffectOnce (claim 7.6).
func TestRedeliveredJobHasItsEffectOnce(t *testing.T) {
	if n := redeliver(t, func(m Maildir) Handler { return m.Welcome }); n != 1 {
		t.Errorf("a job done twice made %d mails: its effect should happen once", n)
	}
}

// TestMailThatWasReadDoesNotComeAgain moves it as a mail program does (claim 7.6).
func TestMailThatWasReadDoesNotComeAgain(t *testing.T) {
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
	if again, err := m.Delivered(); err != nil || len(again) > 0 {
		t.Errorf("its job was done again after the mail had been read, and it came again: %v, %v", again, err)
	}
}

// TestHandlerThatIsNotIdempotentHasItTwice (negative control of 7.6).
func TestHandlerThatIsNotIdempotentHasItTwice(t *testing.T) {
	if n := redeliver(t, func(m Maildir) Handler { return m.Twice }); n != 2 {
		t.Errorf("a job done twice, by a handler that makes up a name each time, made %d mails: want 2", n)
	}
}

// TestDeadlineEndsAnAttempt at its very instant (claim 7.7).
func TestDeadlineEndsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var took time.Duration
		defer work(t, b, 1, func(ctx context.Context, _ *Task) error {
			began := time.Now()
			sleep(ctx, time.Hour)
			took = time.Since(began)
			return ctx.Err()
		})()
		j := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Attempts: 1, Deadline: 7 * time.Second}})
		time.Sleep(time.Minute)
		synctest.Wait()
		if now := get(t, b, j.ID); took != 7*time.Second || now.State != Dead || now.Error != context.DeadlineExceeded.Error() {
			t.Errorf("with a deadline of 7 s it took %v and is %s: %s", took, now.State, now.Error)
		}
	})
}

// TestRunningJobCanBeCancelled: at once for those who look, and with the next
// heartbeat for the task (claim 7.7).
func TestRunningJobCanBeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var ended time.Time
		var cause error
		defer work(t, b, 1, func(ctx context.Context, _ *Task) error {
			sleep(ctx, time.Hour)
			ended, cause = time.Now(), context.Cause(ctx)
			return nil // whatever it says now, nobody wants to know
		})()
		j := enqueue(t, b, NewJob{})
		time.Sleep(4 * time.Second)
		cancelled := time.Now()
		if j, err := b.Cancel(t.Context(), j.ID); err != nil || j.State != Cancelled {
			t.Errorf("a running job that is cancelled is %s, %v", j.State, err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := ended.Sub(cancelled); after <= 0 || after > 3*time.Second || !errors.Is(cause, errLost) {
			t.Errorf("its task heard of it after %v (%v), and there is a heartbeat every 3 s", after, cause)
		}
		if now := get(t, b, j.ID); now.State != Cancelled {
			t.Errorf("afterwards it is %s", now.State)
		}
		if _, err := b.Cancel(t.Context(), j.ID); err != ErrState {
			t.Errorf("to cancel it again gave %v", err)
		}
	})
}

// TestReportIsRightAndTellsItsProgress: a pipeline with a pool in a job (claims 7.10 and 7.8).
func TestReportIsRightAndTellsItsProgress(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	for i := range 100 {
		dir := filepath.Join(root, "sub", string(rune('a'+i%5)))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte{byte(i % 40)}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	task := &Task{ID: "r", Payload: []byte(`{"dir":"sub"}`)}
	if err := (Reports{root, out}).Report(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "r.txt"))
	if want := "sub: 100 files, 40 of them different\n"; string(text) != want {
		t.Errorf("the report says %q, %v, and should say %q", text, err, want)
	}
	if p := task.soFar(); p != (Progress{100, 100}) {
		t.Errorf("its progress at the end is %+v", p)
	}
}

// TestCancelledReportStopsAllItsStages (claim 7.10): none of their goroutines remains.
func TestCancelledReportStopsAllItsStages(t *testing.T) {
	root := t.TempDir()
	for i := range 500 {
		if err := os.WriteFile(filepath.Join(root, strings.Repeat("x", i%100+1)+string(rune('a'+i/100))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := runtime.NumGoroutine()
	left := errors.New("cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(left)
	if err := (Reports{root, t.TempDir()}).Report(ctx, &Task{ID: "r", Payload: []byte(`{"dir":"."}`)}); err != left {
		t.Errorf("a cancelled report returned %v", err)
	}
	for limit := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatalf("%d goroutines of the report remain", runtime.NumGoroutine()-before)
		}
	}
}

// TestReportStaysBelowItsRoot, by dots and by links (claim 7.10).
func TestReportStaysBelowItsRoot(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Skip("needs symbolic links: ", err)
	}
	for _, dir := range []string{"link", "..", "/", "link/.."} {
		if err := (ReportRequest{dir}).Check(root); dir != "link/.." && err == nil {
			t.Errorf("%q leads out of the root, and was accepted", dir)
		}
		if err := (Reports{root, t.TempDir()}).Report(t.Context(), &Task{ID: "r", Payload: []byte(`{"dir":"` + dir + `"}`)}); dir != "link/.." && err == nil {
			t.Errorf("%q leads out of the root, and a report was made of it", dir)
		}
	}
}

// lossy is a network that loses the first answer to a question for a job.
type lossy struct {
	Jobs
	lost atomic.Bool
}

func (l *lossy) Lease(ctx context.Context, worker, token string) (Job, error) {
	j, err := l.Jobs.Lease(ctx, worker, token)
	if err == nil && !l.lost.Swap(true) {
		return Job{}, ErrUnavailable
	}
	return j, err
}

// TestJobWhoseAnswerWasLostIsHandedBack: nobody has to wait for the end of its lease (claim 7.5).
func TestJobWhoseAnswerWasLostIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		began := time.Now()
		var took time.Duration
		enqueue(t, b, NewJob{})
		defer work(t, &lossy{Jobs: b}, 1, func(context.Context, *Task) error { took = time.Since(began); return nil })()
		time.Sleep(time.Minute)
		synctest.Wait()
		if took > time.Second || took == 0 {
			t.Errorf("the job was begun after %v: its lease of 10 s should not have to end", took)
		}
	})
}

// TestQuestionThatWasGivenUpGetsNoJob: it comes to the broker after the word that
// nobody waits for its answer any more (claim 7.5).
func TestQuestionThatWasGivenUpGetsNoJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		enqueue(t, b, NewJob{})
		if err := b.Abandon(t.Context(), "token"); err != ErrNotFound {
			t.Errorf("under a token that never had a job, Abandon returned %v", err)
		}
		if j, err := b.Lease(t.Context(), "w", "token"); err != ErrFenced {
			t.Errorf("a question that was given up got the job %s (%v), which nobody will do before its lease ends", j.ID, err)
		}
		time.Sleep(time.Minute)
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.disowned) != 0 {
			t.Errorf("%d tokens are kept for ever", len(b.disowned))
		}
	})
}
