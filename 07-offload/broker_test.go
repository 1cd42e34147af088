package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWaitingJobsAreTheSameAfterAStart restarts a broker, with a rewrite of its
// journal in between (claim 7.2): the jobs are leased in the order in which they
// came, keys are known, and a canceled job stays canceled.
func TestWaitingJobsAreTheSameAfterAStart(t *testing.T) {
	must := mustIn(t)
	dir := t.TempDir()
	b := open(t, dir)
	var ids []string
	mail := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Key: "k"}
	for i := range 8 {
		n := NewJob{}
		if i == 3 {
			n = mail
		}
		ids = append(ids, enqueue(t, b, n).ID)
	}
	b.Close()

	b = open(t, dir)
	if j := get(t, b, ids[5]); j.State != Queued {
		t.Errorf("job 6 is %+v after the start", j)
	}
	if _, err := b.Get(t.Context(), "5-ANOTHER"); err != ErrNotFound {
		t.Errorf("a job of which only the number is right: got %v, want %v", err, ErrNotFound)
	}
	if _, err := b.Cancel(t.Context(), ids[1]); err != nil {
		t.Error("job 2 could not be canceled:", err)
	}
	if j := enqueue(t, b, mail); j.ID != ids[3] {
		t.Error("the same key made another job after the start")
	}
	if err := b.compact(); err != nil {
		t.Error(err)
	}
	ids = append(ids, enqueue(t, b, NewJob{}).ID)
	b.Close()

	b = open(t, dir)
	defer b.Close()
	want := slices.Delete(slices.Clone(ids), 1, 2)
	var listed, leased []string
	jobs, err := b.List(t.Context(), Queued, 100)
	must(err)
	for _, j := range jobs {
		listed = append(listed, j.ID)
	}
	if !slices.Equal(listed, want) {
		t.Fatalf("after the start %v are queued, want %v", listed, want)
	}
	for range want {
		j, err := b.Lease(t.Context(), "w", allKinds)
		must(err)
		leased = append(leased, j.ID)
	}
	if !slices.Equal(leased, want) {
		t.Errorf("leased %v, want %v", leased, want)
	}
	if j := get(t, b, ids[1]); j.State != Canceled {
		t.Errorf("the canceled job is %s after the start", j.State)
	}
}

// TestRestartKeepsLeases restarts a broker in the middle of a job (claim 7.5): its
// worker has a whole lease from then on, and the attempt counts.
func TestRestartKeepsLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		dir := t.TempDir()
		b := open(t, dir)
		enqueue(t, b, NewJob{})
		j, err := b.Lease(t.Context(), "w", allKinds)
		must(err)
		time.Sleep(9 * time.Second)
		b.Close()
		b = open(t, dir)
		defer b.Close()
		time.Sleep(9 * time.Second)
		if now := get(t, b, j.ID); now.State != Running || now.Attempts != 1 || now.Worker != "w" {
			t.Errorf("9 s after the start it is %+v, want it running", now)
		}
		if err := b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished}); err != nil {
			t.Error("its worker could not finish it:", err)
		}
	})
}

// TestCollectorIsOffOnlyWhileTheJournalIsRead, whether the broker starts or not. Meanwhile no other broker starts.
func TestCollectorIsOffOnlyWhileTheJournalIsRead(t *testing.T) {
	original := syncDir
	defer func() { syncDir = original }()
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	for _, fails := range []error{nil, errFailed} {
		var during int
		syncDir = func(string) error { // the last step of OpenJournal
			during = debug.SetGCPercent(-1)
			debug.SetGCPercent(during)
			if reading.TryLock() {
				reading.Unlock()
				t.Error("another broker could start now, when the collector is off, and would leave it off")
			}
			return fails
		}
		b, err := OpenBroker(t.TempDir(), time.Second, slog.New(slog.DiscardHandler))
		if err == nil {
			b.Close()
		}
		if after := debug.SetGCPercent(77); during != -1 || after != 77 || !errors.Is(err, fails) {
			t.Errorf("the start returned %v; GOGC was %d during the read and %d after it, want off and 77, as before", err, during, after)
		}
	}
}

// TestRecordThatIsNotAJobRefusesTheStart: its checksum is right, so an operator must
// decide (claim 7.2).
func TestRecordThatIsNotAJobRefusesTheStart(t *testing.T) {
	content := change{{ID: "1-A", number: 1}}.encode()
	path := write(t, records(string(content), string(content[:len(content)-1])))
	b := newBroker(time.Second, nil)
	_, _, err := OpenJournal(path, b.restore)
	if want := fmt.Sprintf("damaged at byte %d: ", header+len(content)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it %s", err, want)
	}
}

// TestLeaseIsAsLongAsItsBrokerSays: three seconds, and the job of a silent worker waits again.
func TestLeaseIsAsLongAsItsBrokerSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := OpenBroker(t.TempDir(), 3*time.Second, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		enqueue(t, b, NewJob{})
		j, err := b.Lease(t.Context(), "silent", allKinds)
		if left := time.Until(j.Expires); err != nil || left != 3*time.Second {
			t.Errorf("the lease expires in %v, %v; want 3s", left, err)
		}
		time.Sleep(4 * time.Second)
		if now := get(t, b, j.ID); now.State == Running {
			t.Error("4 s without a heartbeat, and its worker has the job")
		}
	})
}

// TestJobWakesEveryWorkerThatWaits, and not only the first, which takes no jobs of its kind.
func TestJobWakesEveryWorkerThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		leased := make(chan string, 2)
		for _, kind := range []string{"welcome-mail", "newsletter"} {
			go func() {
				if _, err := b.Lease(t.Context(), kind, []string{kind}); err == nil {
					leased <- kind
				}
			}()
			synctest.Wait()
		}
		enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte("{}")})
		synctest.Wait()
		if len(leased) != 1 || <-leased != "newsletter" {
			t.Error("the worker that waits for newsletters did not get one")
		}
	})
}

// TestLeaseLooksAgainOnlyAfterAChange: a job that is in the queue without one is not found. A
// Lease that polls would find it.
func TestLeaseLooksAgainOnlyAfterAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		time.AfterFunc(time.Second, func() {
			b.locked(func(now time.Time) { added(b.queue, "newsletter", now, now) })
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		if j, err := b.Lease(ctx, "w", allKinds); err != context.DeadlineExceeded || time.Since(began) != time.Hour {
			t.Errorf("nothing had changed, but after %v Lease returned job %q and %v, want %v after an hour", time.Since(began), j.ID, err, context.DeadlineExceeded)
		}
	})
}

// TestLeaseBlocksUntilTheNextJobIsDue, whether that one was enqueued first or last.
func TestLeaseBlocksUntilTheNextJobIsDue(t *testing.T) {
	for _, due := range [][]time.Duration{{time.Minute, time.Hour}, {time.Hour, time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			b := brokerOn(&disk{})
			defer b.Close()
			began := time.Now()
			for _, d := range due {
				enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte("{}"), Due: began.Add(d)})
			}
			ctx, cancel := context.WithTimeout(t.Context(), day)
			defer cancel()
			if _, err := b.Lease(ctx, "w", allKinds); err != nil || time.Since(began) != time.Minute {
				t.Errorf("jobs are due after %v: a lease of the first came after %v, %v; want a minute", due, time.Since(began), err)
			}
		})
	}
}

// TestEachChangeWakesWhatWaits, but not a heartbeat: no job is in another state after it.
func TestEachChangeWakesWhatWaits(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	var j Job
	var err error
	update := func(u Update) func() {
		return func() { u.Token = j.Token; err = b.Update(t.Context(), j.ID, u) }
	}
	lease := func() { j, err = b.Lease(t.Context(), "w", allKinds) }
	heartbeat := 2
	for i, change := range []func(){
		func() { enqueue(t, b, NewJob{}) }, lease, update(Update{Event: Heartbeat}), update(Update{Event: Released}), lease,
		update(Update{Event: Failed, Permanent: true}), func() { _, err = b.Requeue(t.Context(), j.ID) }, func() { _, err = b.Cancel(t.Context(), j.ID) },
	} {
		_, changed := look(b)
		if change(); err != nil {
			t.Fatal(err)
		}
		woken := false
		select {
		case <-changed:
			woken = true
		default:
		}
		if woken == (i == heartbeat) {
			t.Errorf("after change %d of a job, what waits for one was woken: %t", i, woken)
		}
	}
}

// TestLeaseIsAWholeOneAfterASlowSave has a disk that takes 8 s, and then 12 s, to store a lease of
// 10 s (claim 7.5): the worker has 10 s from then on, and its attempt is the first one.
func TestLeaseIsAWholeOneAfterASlowSave(t *testing.T) {
	for _, slow := range []time.Duration{8 * time.Second, 12 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			d := &disk{}
			b := brokerOn(d)
			defer b.Close()
			enqueue(t, b, NewJob{})
			d.syncing = func() { time.Sleep(slow) }
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			j, err := b.Lease(ctx, "w", allKinds)
			if left := time.Until(j.Expires); err != nil || left != 10*time.Second || j.Attempts != 1 {
				t.Fatalf("stored within %v, the lease of attempt %d expires in %v, %v; want attempt 1 and 10s", slow, j.Attempts, left, err)
			}
			time.Sleep(9 * time.Second)
			if now := get(t, b, j.ID); now.State != Running {
				t.Errorf("9 s later the job is %s", now.State)
			}
		})
	}
}

// TestLeaseThatIsNotStoredExpires (claim 7.5): no worker has the job, so it must be retried.
func TestLeaseThatIsNotStoredExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		b := brokerOn(d)
		defer b.Close()
		j := enqueue(t, b, NewJob{})
		d.broken.Store(true)
		if _, err := b.Lease(t.Context(), "w", allKinds); err != ErrUnavailable {
			t.Errorf("the disk fails, and a lease returns %v, want %v", err, ErrUnavailable)
		}
		d.broken.Store(false)
		time.Sleep(12 * time.Second)
		if now := get(t, b, j.ID); now.State == Running {
			t.Errorf("12 s after a lease that was not stored, its job is %s, want it to wait for a worker", now.State)
		}
	})
}

// TestResultThatIsReportedTwiceCountsOnce as when the answer was lost. The second
// report returns when the first is on disk.
func TestResultThatIsReportedTwiceCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		d := &disk{}
		b := brokerOn(d)
		defer b.Close()
		enqueue(t, b, NewJob{})
		j, err := b.Lease(t.Context(), "w", allKinds)
		must(err)
		d.syncing = func() { time.Sleep(time.Second) }
		began := time.Now()
		go b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished})
		synctest.Wait()
		if err := b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished}); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("the second report: %v after %v, want 2s: it is stored after the first one", err, time.Since(began))
		}
		if o, _ := look(b); o.Done != 1 {
			t.Errorf("one job is done, but %d are counted", o.Done)
		}
	})
}

// TestSameKeyWaitsForTheFirstToBeStored: the second client gets the same job when it
// is on disk, and an error if the disk fails. A worker gets it only then, too.
func TestSameKeyWaitsForTheFirstToBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, fails := range []bool{false, true} {
			d := &disk{}
			b := brokerOn(d)
			const oneSync = 900 * time.Millisecond // not a second: then the rewrite after a failure would come at the same moment
			d.syncing = func() { time.Sleep(oneSync) }
			d.broken.Store(fails)
			n := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Key: "k"}
			began := time.Now()
			ids, errs := make([]string, 3), make([]error, 3)
			var group sync.WaitGroup
			group.Go(func() {
				j, err := b.Lease(t.Context(), "w", allKinds)
				if (err != nil) != fails || !fails && d.survives(t).get(j.ID) == nil {
					t.Errorf("disk fails: %v; a worker got the job %q, %v, want it only from the disk", fails, j.ID, err)
				}
			})
			for i := range ids {
				group.Go(func() {
					j, err := b.Enqueue(t.Context(), n)
					ids[i], errs[i] = j.ID, err
					if took := time.Since(began); fails && took != oneSync || !fails && took != oneSync*time.Duration(1+min(i, 1)) {
						t.Errorf("disk fails: %v; client %d got its answer after %v", fails, i, took)
					}
				})
				synctest.Wait()
			}
			group.Wait()
			for i := range ids {
				if fails != (errs[i] == ErrUnavailable) || ids[i] != ids[0] || (ids[i] == "") != fails {
					t.Errorf("disk fails: %v; client %d got the job %q and %v, client 0 the job %q", fails, i, ids[i], errs[i], ids[0])
				}
			}
			d.broken.Store(false)
			time.Sleep(5 * time.Second) // a rewrite makes the journal good again
			if j := enqueue(t, b, n); j.ID != ids[0] && !fails || len(b.queue.jobs) != 1 {
				t.Errorf("disk fails: %v; later the same key is the job %s, and %d are known", fails, j.ID, len(b.queue.jobs))
			}
			b.Close()
		}
	})
}

// TestKeyOfAnotherJobIsRefused whose kind or payload is different.
func TestKeyOfAnotherJobIsRefused(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	ada := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Key: "k"}
	first := enqueue(t, b, ada)
	if _, err := b.Enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("eve@example.com"), Key: "k"}); !errors.Is(err, ErrBadJob) {
		t.Errorf("Ada's key with Eve's address: got %v, want %v", err, ErrBadJob)
	}
	if _, err := b.Enqueue(t.Context(), NewJob{Kind: "newsletter", Payload: ada.Payload, Key: "k"}); !errors.Is(err, ErrBadJob) {
		t.Errorf("the key of an email with a report: got %v, want %v", err, ErrBadJob)
	}
	ada.Payload = []byte(strings.ReplaceAll(string(ada.Payload), ":", " : "))
	if j := enqueue(t, b, ada); j.ID != first.ID {
		t.Error("the same payload with other spaces made another job")
	}
}

// TestRewriteKeepsChangesThatAreMadeMeanwhile enqueues, finishes and cancels jobs
// during rewrites, and then restarts (claim 7.2).
func TestRewriteKeepsChangesThatAreMadeMeanwhile(t *testing.T) {
	must := mustIn(t)
	dir := t.TempDir()
	b := newBroker(10*time.Minute, slog.New(slog.DiscardHandler))
	b.compactAt, b.release = 1<<60, func() {} // only this test rewrites
	journal, _, err := OpenJournal(filepath.Join(dir, "journal"), b.restore)
	must(err)
	b.start(journal)
	must1(b.change("queued", func(now time.Time) (jobs []*Job, err error) {
		for range 1500 {
			jobs = append(jobs, must1(b.queue.Add(NewJob{Kind: "newsletter", Payload: []byte("{}"), Due: now}, now)))
		}
		return jobs, nil
	}))
	stop := make(chan bool)
	var group sync.WaitGroup
	want := make([]map[string]State, 4)
	for i := range want {
		want[i] = make(map[string]State)
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := enqueue(t, b, NewJob{}).ID
				want[i][id] = Queued
				if n%2 == 0 {
					if j, err := b.Cancel(t.Context(), id); err == nil {
						want[i][id] = j.State
					}
				}
				if j, err := b.Lease(t.Context(), "w", []string{"newsletter"}); err == nil {
					must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished}))
					want[i][j.ID] = Done
				}
			}
		})
	}
	for range 10 {
		if err := b.compact(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	group.Wait()
	b.Close()
	b = open(t, dir)
	defer b.Close()
	for _, jobs := range want {
		for id, state := range jobs {
			if j, err := b.Get(t.Context(), id); err != nil || j.State != state {
				t.Fatalf("%s was %s, and after rewrites and a restart it is %q, %v", id, state, j.State, err)
			}
		}
	}
}

// TestJobsThatComeDuringARewriteAreCopied (claim 7.2): the last job of 1,000 is done,
// and followed by the next one of its series, when half of the jobs are copied.
func TestJobsThatComeDuringARewriteAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		b := brokerOn(&disk{})
		defer b.Close()
		for range 999 {
			enqueue(t, b, NewJob{})
		}
		enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte("{}"), Policy: Policy{Every: time.Hour}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		j, err := b.Lease(ctx, "w", []string{"newsletter"})
		must(err)
		copied := make(map[uint64]State)
		b.copies(func(jobs change) {
			if !b.mu.TryLock() {
				t.Fatal("the broker's lock is held while copied jobs are used")
			}
			b.mu.Unlock()
			if len(copied) == 0 {
				must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished}))
			}
			for _, j := range jobs {
				copied[j.number] = j.State
			}
		})
		if len(copied) != 1001 || copied[1001] != Queued {
			t.Errorf("%d jobs were copied, want all 1000 and the next one of the series, which is %q", len(copied), copied[1001])
		}
	})
}

// TestPanicThatWouldBlockOthersEndsTheProcess: net/http would recover it, and leave
// the broker locked, or the other callers of a batch blocked.
func TestPanicThatWouldBlockOthersEndsTheProcess(t *testing.T) {
	panics := map[string]func(){
		"while the broker's lock is held: a bug": func() { brokerOn(&disk{}).locked(func(time.Time) { panic("a bug") }) },
		"in a call for many callers: a bug": func() {
			ctx, cancel := context.WithCancel(context.Background())
			newBatch(10, func([]int) []int { cancel(); panic("a bug") }).Add(1)(ctx) // without the end of the process it returns
		},
	}
	if which := os.Getenv("OFFLOAD_PANIC"); which != "" {
		defer func() { recover() }()
		panics[which]()
		os.Exit(0)
	}
	for which := range panics {
		cmd := exec.Command(must1(os.Executable()), "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "OFFLOAD_PANIC="+which)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), which) || !strings.Contains(string(out), "broker_test.go") {
			t.Errorf("a panic %q: %v, want the process to end with the panic and its stack:\n%s", which, err, out)
		}
	}
}

// TestOverviewHasTheAgeOfTheOldest (claim 7.8): a job that is due later waits from then
// on. A retry is scheduled, too.
func TestOverviewHasTheAgeOfTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		b := brokerOn(&disk{})
		defer b.Close()
		policy := Policy{Attempts: 2, Backoff: time.Hour, Cap: time.Hour}
		b.queue.Retry = func(Policy, int) time.Duration { return time.Hour }
		failed := enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte("{}"), Policy: policy})
		leased, err := b.Lease(t.Context(), "w", allKinds)
		must(err)
		must(b.Update(t.Context(), failed.ID, Update{Token: leased.Token, Event: Failed, Error: "451"}))
		due := enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte("{}"), Due: time.Now().Add(10 * time.Second)})
		later := enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte("{}"), Due: time.Now().Add(time.Minute)})
		time.Sleep(30 * time.Second)
		if queued, err := b.List(t.Context(), Queued, 10); err != nil || len(queued) != 1 || queued[0].ID != due.ID {
			t.Errorf("queued are %v, %v; want the one that is due", queued, err)
		}
		if o, _ := look(b); o.Scheduled != 2 {
			t.Errorf("one has failed and one is due later: %+v", o)
		}
		time.Sleep(time.Minute)
		enqueue(t, b, NewJob{})
		o, _ := look(b)
		if o.Oldest != 80 || o.Waiting != 3 || o.Scheduled != 1 {
			t.Errorf("one failed, %s and %s are due, and one is new: %+v", due.ID, later.ID, o)
		}
	})
}

// TestOldestIsThatOfAllKinds: newsletters have waited for a minute, emails for a second. The
// broker looks at the kinds in a random order.
func TestOldestIsThatOfAllKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte("{}")})
		time.Sleep(59 * time.Second)
		enqueue(t, b, email("ada@example.com", 1))
		time.Sleep(time.Second)
		for range 100 {
			if o, _ := look(b); o.Oldest != 60 {
				t.Fatalf("the oldest job has waited for a minute, but the overview says %v s", o.Oldest)
			}
		}
	})
}

// TestOldLeaseExpiresWhileOthersAreRenewed and the broker's other leases are kept.
func TestOldLeaseExpiresWhileOthersAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		b := brokerOn(&disk{})
		defer b.Close()
		silent, renewed := enqueue(t, b, NewJob{}), enqueue(t, b, NewJob{})
		b.Lease(t.Context(), "silent", allKinds)
		j, _ := b.Lease(t.Context(), "renewed", allKinds)
		for range 4 {
			time.Sleep(3 * time.Second)
			must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Heartbeat, Progress: Progress{1, 2}}))
		}
		if now := get(t, b, silent.ID); now.State == Running || !strings.Contains(now.Error, "silent sent no heartbeat") {
			t.Errorf("12 s without a heartbeat, and its job is %s: %s", now.State, now.Error)
		}
		if now := get(t, b, renewed.ID); now.State != Running || now.Progress != (Progress{1, 2}) {
			t.Errorf("renewed every 3 s, and its job is %s with the progress %v: %s", now.State, now.Progress, now.Error)
		}
	})
}

// TestLogHasTheStateOfAJobAndWarnsOfTheDisk: a scheduled job is not logged as queued, and
// a rewrite of the journal that failed is not logged as one that succeeded. It has no token.
func TestLogHasTheStateOfAJobAndWarnsOfTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &disk{}
		b := newBroker(10*time.Second, slog.New(slog.NewTextHandler(&log, nil)))
		b.release = func() {}
		b.start(newJournal(d, d, 0))
		enqueue(t, b, NewJob{})
		enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte("{}"), Due: time.Now().Add(time.Hour)})
		leased, err := b.Lease(t.Context(), "w", allKinds)
		if err != nil {
			t.Fatal(err)
		}
		d.full.Store(true)
		b.Enqueue(t.Context(), email("ada@example.com", 1))
		time.Sleep(1500 * time.Millisecond) // the first rewrite
		d.full.Store(false)
		time.Sleep(time.Second) // the second one
		b.Close()
		for _, want := range []string{"level=INFO msg=enqueued .* state=queued ", "level=INFO msg=enqueued .* state=scheduled ", `level=ERROR msg="not stored" `,
			`level=WARN msg="rewrite of the journal" .* error="no space`, `level=INFO msg="rewrite of the journal" .* error=<nil>`} {
			if n := len(regexp.MustCompile(want).FindAllString(log.String(), -1)); n != 1 {
				t.Errorf("the log has %d lines with %s, want 1:\n%s", n, want, log.String())
			}
		}
		if strings.Contains(log.String(), leased.Token) {
			t.Errorf("the log has the token of a lease, %s, which only its worker receives:\n%s", leased.Token, log.String())
		}
	})
}

// TestEachJobOfAListHasItsOwnResult: one that is invalid does not affect the next one.
func TestEachJobOfAListHasItsOwnResult(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	results := b.EnqueueAll([]NewJob{email("ada@example.com", 101), email("ada@example.com", 1), {Kind: "unknown"}, email("eve@example.com", 1)})
	for i, r := range results {
		if invalid := i%2 == 0; errors.Is(r.Err, ErrBadJob) != invalid || (r.Job.ID == "") != invalid || (r.Err != nil) != invalid {
			t.Errorf("job %d: got the ID %q and %v, want an error only for jobs 0 and 2", i, r.Job.ID, r.Err)
		}
	}
}

// TestJobsOfOneCallAreInOneRecord: two that are enqueued, and the end of one with the next
// of its series. In two records, a crash could keep the first without the second.
func TestJobsOfOneCallAreInOneRecord(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	recurs := email("ada@example.com", 1)
	recurs.Policy.Every = time.Hour
	results := b.EnqueueAll([]NewJob{recurs, email("eve@example.com", 1)})
	j, err := b.Lease(t.Context(), "w", allKinds)
	if err = cmp.Or(results[0].Err, results[1].Err, err); err == nil {
		err = b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished})
	}
	if b.Close(); err != nil {
		t.Fatal(err)
	}
	var got []int // jobs, by record
	journal, _, err := OpenJournal(filepath.Join(dir, "journal"), func(content []byte) error {
		got = append(got, 0)
		return decodeChange(content, func(*Job) { got[len(got)-1]++ })
	})
	if err != nil {
		t.Fatal(err)
	}
	journal.Close()
	if want := []int{2, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("two jobs were enqueued, one was leased, and ended with a next one: the records have %v jobs, want %v", got, want)
	}
}

// TestChangeReturnsTheFirstOfItsJobs, which the caller has named; the next of a series follows it.
func TestChangeReturnsTheFirstOfItsJobs(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	first, err := b.change("added", func(now time.Time) (jobs []*Job, err error) {
		return []*Job{added(b.queue, "newsletter", now, now), added(b.queue, "newsletter", now, now)}, nil
	})
	if err != nil || first.number != 1 {
		t.Errorf("jobs 1 and 2 were added, and change returned job %d, %v; want job 1", first.number, err)
	}
}

// TestNoJobIsStoredAsScheduled: when its time comes nothing is written, so a job that is not
// due is queued on disk.
func TestNoJobIsStoredAsScheduled(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	later := email("ada@example.com", 1)
	later.Due = time.Now().Add(time.Hour)
	shown := enqueue(t, b, later).State
	b.Close()
	var stored State
	journal, _, err := OpenJournal(filepath.Join(dir, "journal"), func(content []byte) error {
		return decodeChange(content, func(j *Job) { stored = j.State })
	})
	if err != nil {
		t.Fatal(err)
	}
	journal.Close()
	if shown != Scheduled || stored != Queued {
		t.Errorf("a job that is due in an hour is shown as %s and stored as %s, want %s and %s", shown, stored, Scheduled, Queued)
	}
}

// blocking is a log that blocks until it is closed.
type blocking chan struct{}

func (b blocking) Write(text []byte) (int, error) {
	<-b
	return len(text), nil
}

// TestCloseWaitsForARewrite that is in progress: it could replace the journal of the next
// broker in this directory.
func TestCloseWaitsForARewrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave, d := make(blocking), &disk{}
		b := newBroker(10*time.Second, slog.New(slog.NewTextHandler(leave, nil)))
		b.release = func() {}
		b.start(newJournal(d, d, 0))
		b.journal.failed.Store(true)
		time.Sleep(1500 * time.Millisecond) // the rewrite has begun, and blocks when it logs its result
		closed := make(chan struct{})
		go func() {
			b.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("the broker is closed, but a rewrite of its journal has not ended")
		default:
		}
		close(leave)
		<-closed
	})
}

// TestDirectoryIsUnlockedWhenTheJournalIsClosed, and not before: another broker may open it.
func TestDirectoryIsUnlockedWhenTheJournalIsClosed(t *testing.T) {
	d := &disk{}
	b := brokerOn(d)
	unlocked := false
	b.release = func() { unlocked = d.closed }
	if b.Close(); !unlocked {
		t.Error("the directory was not unlocked, or its journal was still open then")
	}
}

// TestAllExpiredLeasesEndTogether (claim 7.5): 600 workers are silent from the same moment on, whenever
// that is, and a sync takes 100 ms.
func TestAllExpiredLeasesEndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		b := brokerOn(&disk{syncing: func() {
			if slow.Load() {
				time.Sleep(100 * time.Millisecond)
			}
		}})
		defer b.Close()
		time.Sleep(5500 * time.Millisecond)
		for range 600 {
			enqueue(t, b, email("ada@example.com", 1))
			if _, err := b.Lease(t.Context(), "silent", allKinds); err != nil {
				t.Fatal(err)
			}
		}
		slow.Store(true)
		time.Sleep(11500 * time.Millisecond) // the lease and a tenth of it
		if o, _ := look(b); o.Running != 0 || o.Dead != 600 {
			t.Errorf("600 leases have expired, but %d jobs run and %d are dead letters, want 0 and 600", o.Running, o.Dead)
		}
	})
}

// TestDoneJobsAreCountedSinceTheStart of the broker, and failed ones not at all.
func TestDoneJobsAreCountedSinceTheStart(t *testing.T) {
	must := mustIn(t)
	dir := t.TempDir()
	b := open(t, dir)
	for _, event := range []Event{Finished, Failed} {
		enqueue(t, b, email("ada@example.com", 1))
		j, err := b.Lease(t.Context(), "w", allKinds)
		must(err)
		must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: event}))
	}
	before, _ := look(b)
	b.Close()
	b = open(t, dir)
	defer b.Close()
	if after, _ := look(b); before.Done != 1 || after.Done != 0 {
		t.Errorf("a job is done: %d are counted, and %d after a restart, want 1 and 0", before.Done, after.Done)
	}
}

// TestJobThatIsCanceledWhileItsLeaseIsStoredGoesToNoWorker: the worker gets the next one.
func TestJobThatIsCanceledWhileItsLeaseIsStoredGoesToNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		b := brokerOn(d)
		defer b.Close()
		canceled := enqueue(t, b, NewJob{})
		d.syncing = func() { time.Sleep(time.Second) }
		leased := make(chan string, 1)
		go func() {
			j, err := b.Lease(t.Context(), "w", allKinds)
			if err != nil {
				t.Error(err)
			}
			leased <- j.ID
		}()
		synctest.Wait() // its lease is being stored
		if _, err := b.Cancel(t.Context(), canceled.ID); err != nil {
			t.Error(err)
		}
		next := enqueue(t, b, NewJob{})
		if id := <-leased; id != next.ID {
			t.Errorf("a job was canceled while its lease was stored; its worker got the job %q, want the next one, %q", id, next.ID)
		}
	})
}

// TestRecordsAreInTheOrderOfTheChanges: a job is appended to the journal before the
// broker's lock is free, so no other change can come between.
func TestRecordsAreInTheOrderOfTheChanges(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	b.journal.batch.mu.Lock() // so Append blocks
	enqueued := make(chan error, 1)
	go func() {
		_, err := b.Enqueue(context.Background(), email("ada@example.com", 1))
		enqueued <- err
	}()
	for stacks := make([]byte, 1<<20); !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte(".(*Journal).Append")); { // or in a function of it
		runtime.Gosched()
	}
	if b.mu.TryLock() {
		b.mu.Unlock()
		t.Error("a job is being appended to the journal, but the broker's lock is free: another change could be appended before it")
	}
	b.journal.batch.mu.Unlock()
	if err := <-enqueued; err != nil {
		t.Error(err)
	}
}
