package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// webAt returns the handler of a web server whose broker is that handler.
func webAt(broker http.HandlerFunc) http.Handler {
	client := NewClient("http://broker.test")
	client.Token = "broker's token"
	client.HTTP.Transport = direct{broker}
	return webOf(client)
}

// anID has the form of a job's ID.
const anID = "1-ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// TestWebPassesOnOnlyWhatItLists tries the broker's other requests, and IDs that lead
// to them (claim 7.8).
func TestWebPassesOnOnlyWhatItLists(t *testing.T) {
	var passed []string
	web := webAt(func(w http.ResponseWriter, r *http.Request) {
		passed = append(passed, r.Method+" "+r.URL.RequestURI())
		answer(w, r, 0, nil, ErrNotFound)
	})
	for request, want := range map[string]string{
		"GET /jobs?state=dead": "GET /jobs?state=dead", "HEAD /jobs/" + anID: "GET /jobs/" + anID,
		"GET /jobs/" + anID: "GET /jobs/" + anID, "DELETE /jobs/" + anID: "DELETE /jobs/" + anID,
		"POST /jobs/" + anID + "/requeue": "POST /jobs/" + anID + "/requeue", "GET /jobs/" + anID + "/events?x": "GET /jobs/" + anID,
		"GET /jobs/..%2foverview/events": "GET /jobs/..%2Foverview",
		"GET /overview":                  "GET /overview", "GET /jobs/%00": "GET /jobs/%00", "GET /jobs/..%2foverview": "GET /jobs/..%2foverview",
		"POST /jobs/..%2flease%3f/requeue": "POST /jobs/..%2flease%3f/requeue", "GET /jobs/" + anID + "%2fdone": "GET /jobs/" + anID + "%2fdone",
	} {
		passed = nil
		method, path, _ := strings.Cut(request, " ")
		if w := send(web, method, path, ""); w.Code != http.StatusNotFound || len(passed) != 1 || passed[0] != want {
			t.Errorf("%s: answered with %d, and the broker received %q; want 404 and %q", request, w.Code, passed, want)
		}
	}
	passed = nil
	for _, request := range []string{
		"GET /debug/vars", "POST /jobs", "POST /lease", "POST /jobs/" + anID + "/update", "GET /jobs/../debug/vars",
	} {
		method, path, _ := strings.Cut(request, " ")
		if w := send(web, method, path, ""); w.Code/100 != 4 && w.Code != 307 || len(passed) > 0 {
			t.Errorf("%s: answered with %d, and the broker received %q; want a 4xx, and nothing", request, w.Code, passed)
		}
	}
}

// TestBrokerReceivesItsTokenAndNothingOfTheClients: each server has its own token (claim 7.8).
func TestBrokerReceivesItsTokenAndNothingOfTheClients(t *testing.T) {
	var got http.Header
	var body []byte
	web := webAt(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("X-Broker", "1")
	})
	w := send(web, "POST", "/jobs/"+anID+"/requeue", `{"client":1}`, "Authorization", "Bearer the web server's token", "Cookie", "secret", "Origin", "http://example.com", "Idempotency-Key", "k")
	if w.Code != 200 || got.Get("Authorization") != "Bearer broker's token" || got.Get("Cookie") != "" || got.Get("Origin") != "" || got.Get("Idempotency-Key") != "" || len(body) > 0 {
		t.Errorf("answered with %d; the broker received %v and the body %q, want its own token only", w.Code, got, body)
	}
}

// TestWebHidesWhatTheClientCannotChange (claim 7.1): a plain 503 with Retry-After, and the cause in the log.
func TestWebHidesWhatTheClientCannotChange(t *testing.T) {
	defer slog.SetDefault(slog.Default())
	for _, status := range []int{401, 421, 500} {
		var log bytes.Buffer
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		web := webAt(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "open /var/jobs: secret", status) })
		for _, request := range []struct {
			method, path string
			body         any
		}{
			{"POST", "/signups", Signup{"Ada", "ada@example.com"}}, {"GET", "/jobs/" + anID, ""}, {"GET", "/jobs/" + anID + "/events", ""},
		} {
			w := send(web, request.method, request.path, request.body)
			if w.Code != 503 || w.Body.String() != "the broker is not available\n" || w.Header().Get("Retry-After") != "1" {
				t.Errorf("%s, the broker answers %d: the client receives %d %v %q", request.path, status, w.Code, w.Header(), w.Body)
			}
			if text := log.String(); !strings.Contains(text, fmt.Sprint(status)) && !strings.Contains(text, "secret") {
				t.Errorf("%s: the log does not contain the broker's %d: %s", request.path, status, text)
			}
			log.Reset()
		}
	}
	// What the client can change.
	for _, err := range []error{invalid("n must be a number"), ErrNotFound, ErrState, ErrFenced, ErrBacklogFull} {
		web := webAt(func(w http.ResponseWriter, r *http.Request) { answer(w, r, 0, nil, err) })
		if w := send(web, "DELETE", "/jobs/"+anID, ""); w.Body.String() != err.Error()+"\n" || w.Code/100 != 4 && err != ErrBacklogFull {
			t.Errorf("the broker answers %q, the client receives %d %q", err, w.Code, w.Body)
		}
	}
}

// TestNoRequestWaitsLongForABrokerThatDoesNotAnswer (claim 7.1): 5 s. Of many sign-ups, which
// wait for each other's requests, the one that sends the second request waits for less than 10 s.
func TestNoRequestWaitsLongForABrokerThatDoesNotAnswer(t *testing.T) {
	for _, request := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/signups", Signup{"Ada", "ada@example.com"}},
		{"GET", "/jobs", ""}, {"GET", "/jobs/" + anID, ""}, {"DELETE", "/jobs/" + anID, ""}, {"POST", "/jobs/" + anID + "/requeue", ""},
		{"GET", "/jobs/" + anID + "/events", ""}, {"GET", "/overview", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			web := webAt(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			began := time.Now()
			w := send(web, request.method, request.path, request.body)
			if took := time.Since(began); w.Code != 503 || took != 5*time.Second {
				t.Errorf("%s %s was answered with %d after %v, want 503 after 5 s", request.method, request.path, w.Code, took)
			}
			time.Sleep(time.Minute) // a bubble ends only when all its goroutines have ended
		})
	}
	synctest.Test(t, func(t *testing.T) {
		web := webAt(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		var took [3 * batchMax]time.Duration
		var clients sync.WaitGroup
		for i := range took {
			clients.Go(func() {
				began := time.Now()
				if w := send(web, "POST", "/signups", Signup{"Ada", "ada@example.com"}); w.Code != 503 {
					t.Errorf("sign-up %d was answered with %d, want 503", i, w.Code)
				}
				took[i] = time.Since(began)
			})
			time.Sleep(10 * time.Millisecond)
		}
		clients.Wait()
		slices.Sort(took[:])
		if last := len(took) - 1; took[0] != 5*time.Second || took[last-1] != 5*time.Second || took[last] >= 10*time.Second {
			t.Errorf("%d sign-ups were answered after %v to %v, the last but one after %v; want 5 s, and the last within 10 s", len(took), took[0], took[last], took[last-1])
		}
	})
}

// TestTokenOfALeaseIsOnNoPath through the web server (claim 7.5): with it, any client could end the job.
func TestTokenOfALeaseIsOnNoPath(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	web := webOn(b)
	key := []string{"Idempotency-Key", "k"}
	signup := func() *httptest.ResponseRecorder {
		return send(web, "POST", "/signups", Signup{"Ada", "ada@example.com"}, key...)
	}
	signup()
	j, err := b.Lease(t.Context(), "w", allKinds)
	if err != nil || len(j.Token) < 16 {
		t.Fatalf("no lease with a token: %v, %v", j, err)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"the same key": signup(), "job": send(web, "GET", "/jobs/"+j.ID, ""), "list": send(web, "GET", "/jobs", ""),
		"job's events": send(web, "HEAD", "/jobs/"+j.ID+"/events", ""),
		"cancel":       send(web, "DELETE", "/jobs/"+j.ID, ""),
	} {
		if text := w.Body.String(); !strings.Contains(text, j.ID) || strings.Contains(text, j.Token) || strings.Contains(text, `"token"`) {
			t.Errorf("%s: got %d %s; want the job without the token of its lease", name, w.Code, text)
		}
	}
}

// A growing store has one job, which is large and changes all the time.
type growing struct {
	Store
	looks chan int
}

func (g growing) Get(ctx context.Context, id string) (Job, error) {
	select {
	case n := <-g.looks:
		return Job{ID: id, Attempts: n, Payload: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)}, nil
	case <-ctx.Done():
		return Job{}, ErrUnavailable
	}
}

// TestClientThatDoesNotReadDoesNotBlockShutdown (claim 7.5): the client has asked for a stream.
func TestClientThatDoesNotReadDoesNotBlockShutdown(t *testing.T) {
	t.Parallel() // it mostly waits
	listener, err := Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	g := growing{looks: make(chan int)}
	go func() { served <- serve(ctx, listener, NewServer(Web(g, http.NotFoundHandler()), "")) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /jobs/1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for n, full := 0, false; !full; n++ { // until the buffers between here and the client are
		select {
		case g.looks <- n:
		case <-time.After(500 * time.Millisecond):
			full = true
		}
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("the server ended with %v, want nil: a client that does not read has 2 s", err)
	}
}

// TestPageHasNoInlineScriptsAndIsNotFramed: what comes from jobs cannot become a script (claim 7.8).
func TestPageHasNoInlineScriptsAndIsNotFramed(t *testing.T) {
	web := webAt(nil)
	w := send(web, "GET", "/", "")
	policy := w.Header().Get("Content-Security-Policy")
	if w.Code != 200 || !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the page was answered with %d and %v", w.Code, w.Header())
	}
}

// TestLimitsOfASignUp for the headers and the query (claim 7.1).
func TestLimitsOfASignUp(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	web := webOn(b)
	for _, test := range []struct {
		query, key string
		status     int
	}{
		{"", strings.Repeat("k", keyMax), 202}, {"", strings.Repeat("k", keyMax+1), 422},
		{"?in=48h", "", 202}, {"?in=90s", "", 202}, {"?in=8784h", "", 202}, {"?in=8785h", "", 422}, {"?in=-1s", "", 400}, {"?in=1", "", 400},
		{"?in=48h;", "", 400}, {"?in=48%", "", 400},
	} {
		began := time.Now()
		w := send(web, "POST", "/signups"+test.query, Signup{"Ada", "ada@example.com"}, "Idempotency-Key", test.key)
		if w.Code != test.status {
			t.Errorf("%q with a key of %d bytes: answered with %d %s, want %d", test.query, len(test.key), w.Code, w.Body, test.status)
		}
		var j Job
		if json.Unmarshal(w.Body.Bytes(), &j); w.Code == 202 && (j.State == Scheduled) != (test.query != "") {
			t.Errorf("%q: the job is %s", test.query, j.State)
		}
		wait, _ := time.ParseDuration(strings.TrimPrefix(test.query, "?in="))
		if due := j.Due.Sub(began); w.Code == 202 && (due < wait || j.Due.After(time.Now().Add(wait))) {
			t.Errorf("%q: the job is due %v after the request, want %v", test.query, due, wait)
		}
	}
}
