package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnswerComesBeforeTheWork has a task that takes an hour (claim 7.1).
func TestAnswerComesBeforeTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		defer work(t, b, 1, func(ctx context.Context, _ *Task) error { sleep(ctx, time.Hour); return nil })()
		began := time.Now()
		w := send(webOn(b), "POST", "/signups", Signup{"Ada", "ada@example.com"})
		if w.Code != http.StatusAccepted || time.Since(began) != 0 {
			t.Errorf("answered with %d after %v: the client should not wait for the work", w.Code, time.Since(began))
		}
		var j Job
		if err := json.Unmarshal(w.Body.Bytes(), &j); err != nil || w.Header().Get("Location") != "/jobs/"+j.ID || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("the answer %q has the header %v, want JSON and the Location of the job", w.Body, w.Header())
		}
	})
}

// TestInlineHandlerMakesTheClientWait because it sends the email itself (negative control of 7.1).
func TestInlineHandlerMakesTheClientWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := send(Inline(Maildir(t.TempDir()).Welcome), "POST", "/signups", Signup{"Ada", "ada@slow.test"})
		if took := time.Since(began); w.Code != http.StatusOK || took != time.Second {
			t.Errorf("answered with %d after %v: want the client to wait for the mail server's second", w.Code, took)
		}
		if w := send(Inline(Maildir(t.TempDir()).Welcome), "POST", "/signups", Signup{"Ada", "ada@gone.test"}); w.Code < 500 {
			t.Errorf("no such mailbox: answered with %d, want the error of the handler", w.Code)
		}
	})
}

// TestWebAnswersWithoutAnyWorker because the web server does not need one (claim 7.9).
func TestWebAnswersWithoutAnyWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		web := webOn(b)
		for range 100 {
			if w := send(web, "POST", "/signups", Signup{"Ada", "ada@example.com"}); w.Code != http.StatusAccepted {
				t.Fatalf("without a worker a sign-up was answered with %d %s", w.Code, w.Body)
			}
		}
		o, _ := look(b)
		if o.Waiting != 100 {
			t.Errorf("%d of 100 jobs wait for a worker", o.Waiting)
		}
	})
}

// TestTwiceTheWorkersDoubleTheThroughput measures 40 tasks of a second, in fake time (claim 7.9).
func TestTwiceTheWorkersDoubleTheThroughput(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		seconds := 10 / time.Duration(workers)
		synctest.Test(t, func(t *testing.T) {
			b := open(t, t.TempDir())
			defer b.Close()
			for range 40 {
				enqueue(t, b, NewJob{})
			}
			began := time.Now()
			for range workers {
				defer work(t, b, 4, func(ctx context.Context, _ *Task) error { sleep(ctx, time.Second); return nil })()
			}
			for o, changed := look(b); o.Done < 40; o, changed = look(b) {
				select {
				case <-changed:
				case <-time.After(time.Hour):
					t.Fatalf("with %d workers, %d of 40 tasks are done, and nothing has changed for an hour", workers, o.Done)
				}
			}
			if took := time.Since(began); took != seconds*time.Second {
				t.Errorf("40 tasks of 1 s, run by %d workers with 4 slots each, took %v, want %d s", workers, took, seconds)
			}
		})
	}
}

// TestWorkersDoNotSpeedUpAnInlineHandler has 12 clients send a sign-up at the same time. Each
// web server sends up to 4 emails at a time, a second for each (negative control of 7.9): only
// another web server makes the clients wait for less.
func TestWorkersDoNotSpeedUpAnInlineHandler(t *testing.T) {
	for _, servers := range []struct{ webs, workers, seconds int }{{1, 0, 3}, {1, 5, 3}, {3, 0, 1}} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, t.TempDir())
			defer b.Close()
			for range servers.workers {
				defer work(t, b, 4, func(context.Context, *Task) error { return nil })()
			}
			began := time.Now()
			var clients sync.WaitGroup
			for range servers.webs {
				slots := make(chan struct{}, 4)
				web := Inline(func(ctx context.Context, _ *Task) error {
					slots <- struct{}{}
					defer func() { <-slots }()
					sleep(ctx, time.Second)
					return nil
				})
				for range 12 / servers.webs {
					clients.Go(func() { send(web, "POST", "/signups", Signup{"Ada", "ada@example.com"}) })
				}
			}
			clients.Wait()
			if took := time.Since(began); took != time.Duration(servers.seconds)*time.Second {
				t.Errorf("%d web servers that send emails, and %d workers: the last of 12 clients waited for %v, want %d s", servers.webs, servers.workers, took, servers.seconds)
			}
		})
	}
}

// TestBadRequestsAreRefusedAndQueueNothing: each gets a 4xx with a reason (claim 7.1).
func TestBadRequestsAreRefusedAndQueueNothing(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	web := webOn(b)
	long := string(make([]byte, 100<<10))
	for _, test := range []struct {
		method, path string
		body         any
		status       int
		reason       string // a part of it
	}{
		{"POST", "/signups", "no JSON", 400, ""},
		{"POST", "/signups", `{"name":"Ada","email":"ada@example.com","admin":true}`, 400, ""},
		{"POST", "/signups", `{"name":1,"email":"ada@example.com"}`, 400, ""},
		{"POST", "/signups", `{"name":"Ada","email":"ada@example.com"} {}`, 400, ""},
		{"POST", "/signups", Signup{long, "ada@example.com"}, 413, ""},
		{"POST", "/signups", Signup{"Ada", "ada"}, 422, "email must be"},
		{"POST", "/signups", Signup{"Ada\r\nBcc: all@example.com", "ada@example.com"}, 422, "name must be"},
		{"POST", "/signups", Signup{" ", "ada@example.com"}, 422, "name must be"},
		{"POST", "/signups", Signup{strings.Repeat("n", 201), "ada@example.com"}, 422, "name must be"},
		{"POST", "/signups", Signup{"Ada", "Ada <ada@example.com>"}, 422, "email must be"},
		{"POST", "/signups", Signup{"Ada", strings.Repeat("a", 190) + "@example.com"}, 422, "email must be"},
		{"POST", "/signups?in=soon", Signup{"Ada", "ada@example.com"}, 400, "in must be"},
		{"GET", "/jobs/missing", "", 404, ""},
		{"DELETE", "/jobs/missing", "", 404, ""},
		{"POST", "/jobs/missing/requeue", "", 404, ""},
		{"PUT", "/signups", "", 405, ""},
	} {
		if w := send(web, test.method, test.path, test.body); w.Code != test.status || w.Body.Len() == 0 || !strings.Contains(w.Body.String(), test.reason) {
			t.Errorf("%s %s %.60q: answered with %d %q, want %d and a reason, with %q in it", test.method, test.path, test.body, w.Code, w.Body, test.status, test.reason)
		}
	}
	if w := send(web, "GET", "/jobs", ""); strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("without jobs GET /jobs is answered with %q, want an empty list", w.Body)
	}
	if jobs, _ := b.List(t.Context(), "", 10); len(jobs) != 0 {
		t.Errorf("bad requests left %d jobs in the queue", len(jobs))
	}
}

// TestOtherSitesCannotUseTheBrowser: a form on another site cannot sign up (claim 7.8: the page has buttons).
func TestOtherSitesCannotUseTheBrowser(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	for _, h := range []http.Handler{webOn(b), API(b)} {
		for _, token := range []string{"", "secret"} { // a browser sends it with each request
			w := send(NewServer(h, token).Handler, "POST", "http://localhost/signups", Signup{"Ada", "ada@example.com"},
				"Sec-Fetch-Site", "cross-site", "Authorization", "Basic OnNlY3JldA==")
			if w.Code != http.StatusForbidden {
				t.Errorf("token %q: a request from another site's page was answered with %d", token, w.Code)
			}
		}
	}
}

// TestOpenAddressNeedsAToken: without one the server only listens on loopback, and with one each request needs it.
func TestOpenAddressNeedsAToken(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0"} {
		if l, err := Listen(addr, ""); err == nil {
			l.Close()
			t.Errorf("it listens on %s, where other machines can reach it, without a token", addr)
		}
	}
	loop, err := Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Listen(loop.Addr().String(), ""); err == nil {
		again.Close()
		t.Errorf("it listens at %s, want %s, which is taken, so an error", again.Addr(), loop.Addr())
	}
	loop.Close()
	l, err := Listen("0.0.0.0:0", "secret")
	if err != nil {
		t.Errorf("with a token it does not listen there: %v", err)
	} else {
		l.Close()
	}
	srv := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}), "secret")
	for authorization, status := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer secre": 401, "Bearer secrets": 401, "Bearer secret": 200, "Basic OnNlY3JldA==": 200, "Basic YWRhOnNlY3JldA==": 200} {
		if w := send(srv.Handler, "GET", "/", "", "Authorization", authorization); w.Code != status || (status == 401) != strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("Authorization %q was answered with %d %v, want %d, and browsers asked for it", authorization, w.Code, w.Header(), status)
		}
	}
}

// TestSameKeyIsTheSameJob sends one sign-up many times concurrently (claim 7.2).
func TestSameKeyIsTheSameJob(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	web := webOn(b)
	ids := make(chan string, 20)
	for range cap(ids) {
		go func() {
			ids <- send(web, "POST", "/signups", Signup{"Ada", "ada@example.com"}, "Idempotency-Key", "k").Header().Get("Location")
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		if id := <-ids; id != first || id == "" {
			t.Errorf("the same key gave the jobs %q and %q", first, id)
		}
	}
}

// TestFullBacklogIsRefused with 503 and Retry-After (claim 7.1).
func TestFullBacklogIsRefused(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	b.queue.Backlog = 2
	web := webOn(b)
	for i, want := range []int{202, 202, 503} {
		w := send(web, "POST", "/signups", Signup{"Ada", "ada@example.com"})
		if w.Code != want || (want == 503 && w.Header().Get("Retry-After") == "") {
			t.Errorf("with a backlog of 2, sign-up %d was answered with %d, %v", i+1, w.Code, w.Header())
		}
	}
}

// TestDeliveriesOfOneJobDoNotShareAFile: another worker is writing the same email.
func TestDeliveriesOfOneJobDoNotShareAFile(t *testing.T) {
	must := mustIn(t)
	box := Maildir(t.TempDir())
	must(box.Deliver("other", "text"))
	half := filepath.Join(string(box), "tmp", "name")
	must(os.WriteFile(half, []byte("hal"), 0o600))
	must(box.Deliver("name", "text"))
	if other, err := os.ReadFile(half); string(other) != "hal" {
		t.Errorf("the file of the other worker has %q (%v), want it as it was", other, err)
	}
}

// TestEmailIsWrittenInTmp, and not in new, where a mail program could read a half of it:
// without tmp there is no email.
func TestEmailIsWrittenInTmp(t *testing.T) {
	must := mustIn(t)
	box := Maildir(t.TempDir())
	must(box.Deliver("first", "text"))
	tmp := filepath.Join(string(box), "tmp")
	must(os.Remove(tmp))
	must(os.WriteFile(tmp, nil, 0o600)) // a file, so no other file can be created in it
	if err := box.Deliver("second", "text"); err == nil || len(box.Delivered()) != 1 {
		t.Errorf("without the directory tmp a delivery returned %v, and new has %q, want an error and the first email", err, box.Delivered())
	}
}

// TestDeliveredEmailHasItsNameOnDisk: the directory new is synced after the email is in it, and an
// error of that is returned.
func TestDeliveredEmailHasItsNameOnDisk(t *testing.T) {
	must := mustIn(t)
	original := syncDir
	defer func() { syncDir = original }()
	box, synced := Maildir(t.TempDir()), ""
	must(box.Deliver("first", "text"))
	emails := 0
	syncDir = func(dir string) error { synced, emails = dir, len(box.Delivered()); return errFailed }
	if err := box.Deliver("name", "text"); err != errFailed || synced != filepath.Join(string(box), "new") || emails != 2 {
		t.Errorf("delivered with %v after a sync of %q, which had %d emails, want the error of the sync of new with 2 emails", err, synced, emails)
	}
}

// TestFlakyAddressFailsTwice, and then has its email.
func TestFlakyAddressFailsTwice(t *testing.T) {
	box := Maildir(t.TempDir())
	for attempt := 1; attempt <= 3; attempt++ {
		if err := box.Welcome(t.Context(), &Task{ID: "1", Attempt: attempt, Payload: payload("ada@flaky.test")}); (err == nil) != (attempt == 3) || errors.Is(err, ErrPermanent) {
			t.Errorf("attempt %d: %v; want two errors that a retry can fix, and then none", attempt, err)
		}
	}
}

// TestAddressesMisbehave as the comment of Welcome says, each in its way.
func TestAddressesMisbehave(t *testing.T) {
	box := Maildir(t.TempDir())
	for attempt := range 100 {
		if err := box.Welcome(t.Context(), &Task{ID: "1", Attempt: attempt + 1, Payload: payload("ada@fails.test")}); err == nil || errors.Is(err, ErrPermanent) {
			t.Fatalf("fails.test, attempt %d: got %v, want an error that is retried", attempt+1, err)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("panics.test has not panicked")
			}
		}()
		box.Welcome(t.Context(), &Task{ID: "1", Attempt: 1, Payload: payload("ada@panics.test")})
	}()
	for _, test := range []struct {
		domain    string
		canceled  bool
		want      time.Duration
		delivered int
	}{{"slow.test", true, 0, 0}, {"slow.test", false, time.Second, 1}, {"hangs.test", true, time.Hour, 1}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.canceled {
				cancel()
			}
			box, began := Maildir(t.TempDir()), time.Now()
			err := box.Welcome(ctx, &Task{ID: "1", Attempt: 1, Payload: payload("ada@" + test.domain)})
			if took, emails := time.Since(began), len(box.Delivered()); took != test.want || emails != test.delivered || (err == nil) != (emails == 1) {
				t.Errorf("%s, canceled: %v: the handler returned %v after %v with %d emails, want %v and %d", test.domain, test.canceled, err, took, emails, test.want, test.delivered)
			}
		})
	}
}

// TestWelcomeEmailIsNamedByTheJobsID in every attempt, and is for the user who has signed up.
func TestWelcomeEmailIsNamedByTheJobsID(t *testing.T) {
	box := Maildir(t.TempDir())
	for attempt := 1; attempt <= 2; attempt++ {
		if err := box.Welcome(t.Context(), &Task{ID: "7-A", Attempt: attempt, Payload: payload("ada@example.com")}); err != nil {
			t.Errorf("attempt %d: %v", attempt, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(string(box), "new", "7-A"))
	if want := "To: ada@example.com\r\nSubject: Welcome\r\n\r\nWelcome, Ada!\r\n"; string(text) != want || len(box.Delivered()) != 1 {
		t.Errorf("the emails are %q, and 7-A has %q, %v; want it alone, with %q", box.Delivered(), text, err, want)
	}
}

// TestNameWithALineBreakIsRefused, of either kind: the rest would be a header. So is a
// name with another control character.
func TestNameWithALineBreakIsRefused(t *testing.T) {
	for _, control := range []string{"\r", "\n", "\r\n", "\x00"} {
		name := "Ada" + control + "Bcc: all@example.com"
		if err := (Signup{name, "ada@example.com"}).Check(); !errors.Is(err, ErrBadJob) {
			t.Errorf("the name %q: got %v, want %v", name, err, ErrBadJob)
		}
	}
}

// TestSignUpAtItsLimitsIsAccepted: 200 bytes of each.
func TestSignUpAtItsLimitsIsAccepted(t *testing.T) {
	at := "@" + strings.Repeat("a.", 66) + "test"
	s := Signup{strings.Repeat("n", 200), strings.Repeat("a", 200-len(at)) + at}
	if err := s.Check(); err != nil || len(s.Email) != 200 {
		t.Errorf("a name and an address of 200 and %d bytes: %v", len(s.Email), err)
	}
}
