package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// clientOn returns a client of that handler, without sockets in between.
func clientOn(h http.Handler) *Client {
	c := NewClient("http://localhost")
	c.HTTP.Transport = direct{h}
	return c
}

// TestOnlyTheWorkerSeesTheToken of its lease, on no other path.
func TestOnlyTheWorkerSeesTheToken(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	api := API(b)
	n := NewJob{Kind: "newsletter", Payload: []byte(`{"dir":"."}`), Key: "k"}
	enqueue(t, b, n)
	j, err := clientOn(api).Lease(t.Context(), "w", allKinds)
	if err != nil || len(j.Token) < 20 {
		t.Fatalf("the worker's token is %q, %v", j.Token, err)
	}
	for _, path := range []string{"GET /jobs", "GET /jobs?state=running", "GET /jobs/" + j.ID, "GET /overview", "POST /jobs",
		"DELETE /jobs/" + j.ID} {
		method, path, _ := strings.Cut(path, " ")
		var body any = ""
		if method == "POST" {
			body = []NewJob{n}
		}
		w := send(api, method, path, body)
		if w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s %s: answered with %d %s", method, path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), j.Token) {
			t.Errorf("%s %s shows the token of a lease", method, path)
		}
	}
}

// TestAPIHasTheNamesOfItsTable in its requests and answers. Client would not notice
// another name: both ends would have it.
func TestAPIHasTheNamesOfItsTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		b.queue.Random = func() string { return "A" }
		api, due := API(b), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		for _, test := range []struct {
			request, body string
			status        int
			want          []string // in the answer
		}{
			{"POST /jobs", `[{"kind":"newsletter","payload":[1],"key":"k","due":"` + due + `","policy":{"attempts":7}},{"kind":"unknown"}]`, 200,
				[]string{`[{"job":{"id":"1-A","kind":"newsletter","key":"k","state":"scheduled","attempts":0,`, `"due":"` + due + `"`, `}},{"error":"the request is invalid: no such kind of job","status":422}]`}},
			{"GET /jobs/1-A", "", 200, []string{`"payload":[1]`, `"policy":{"attempts":7,"deadline":600000000000,"backoff":1000000000,"cap":60000000000}`}},
			{"POST /jobs", `[{"kind":"welcome-mail","payload":{"a":1}},{"kind":"newsletter","payload":{"b":2}}]`, 200, []string{`"state":"queued"`}},
			{"POST /lease", `{"worker":"w","kinds":["newsletter"]}`, 200,
				[]string{`"id":"3-A"`, `"payload":{"b":2}`, `"policy":{`, `"state":"running","attempts":1,`, `"worker":"w"`, `"token":"A"`, `"expires_in":10000000000`}},
			{"POST /jobs/3-A/update", `{"token":"A","event":"heartbeat","progress":{"done":1,"total":2}}`, 204, nil},
			{"GET /jobs?state=running&n=9", "", 200, []string{`[{"id":"3-A"`, `"progress":{"done":1,"total":2}`, `}]`}},
			{"POST /jobs/3-A/update", `{"token":"A","event":"failed","error":"550","permanent":true}`, 204, nil},
			{"GET /jobs/3-A", "", 200, []string{`"state":"dead","attempts":1,"error":"550"`}},
			{"GET /overview", "", 200, []string{`{"waiting":1,"oldest":0,"scheduled":1,"running":0,"dead":1,"done":0}`}},
			{"POST /jobs/3-A/requeue", "", 200, []string{`{"id":"3-A"`, `"state":"queued"`}},
			{"DELETE /jobs/3-A", "", 200, []string{`{"id":"3-A"`, `"state":"canceled"`}},
			{"POST /lease", `{"worker":"w","kinds":["newsletter"]}`, 204, nil},
		} {
			method, path, _ := strings.Cut(test.request, " ")
			w := send(api, method, path, test.body)
			if w.Code != test.status || (w.Body.Len() == 0) != (test.status == 204) {
				t.Errorf("%s %s: answered with %d %s, want %d", test.request, test.body, w.Code, w.Body, test.status)
			}
			for _, want := range test.want {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("%s %s: answered with %s, want %s in it", test.request, test.body, w.Body, want)
				}
			}
		}
	})
}

// TestAPIRefusesWhatIsWrong with a status and a sentence.
func TestAPIRefusesWhatIsWrong(t *testing.T) {
	must := mustIn(t)
	b := brokerOn(&disk{})
	defer b.Close()
	api := API(b)
	done := enqueue(t, b, NewJob{})
	j, err := b.Lease(t.Context(), "w", allKinds)
	must(err)
	must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished}))
	running := enqueue(t, b, NewJob{})
	j, err = b.Lease(t.Context(), "w", allKinds)
	must(err)
	for _, test := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"POST", "/jobs", `{"kind":"newsletter"}`, 400},
		{"POST", "/jobs", `[{"kind":"newsletter","admin":true}]`, 400},
		{"POST", "/jobs", make([]NewJob, batchMax+1), 422},
		{"POST", "/jobs", `["` + strings.Repeat("x", 5<<20) + `"]`, 413},
		{"POST", "/lease", leaseRequest{strings.Repeat("é", nameMax/2+1), allKinds}, 422},
		{"POST", "/lease", leaseRequest{"w", make([]string, nameMax+1)}, 422},
		{"POST", "/lease", `{"worker":"` + strings.Repeat("x", 70<<10) + `"}`, 413},
		{"POST", "/lease", `{"worker":"w"}}`, 400},
		{"POST", "/lease", `{"worker":"w"} {"worker":"w"}`, 400},
		{"POST", "/jobs/" + running.ID + "/update", Update{Event: Finished}, 409},
		{"POST", "/jobs/" + running.ID + "/update", Update{Event: Heartbeat, Token: "wrong"}, 409},
		{"POST", "/jobs/" + running.ID + "/update", Update{Event: Heartbeat, Token: j.Token, Progress: Progress{2, 1}}, 422},
		{"POST", "/jobs/" + running.ID + "/update", Update{Event: Finished, Token: j.Token, Progress: Progress{-1, 1}}, 422},
		{"POST", "/jobs/" + running.ID + "/update", Update{Event: "lost", Token: j.Token}, 422},
		{"POST", "/jobs/" + running.ID + "/requeue", "", 409},
		{"POST", "/jobs/" + done.ID + "/update", Update{Event: Failed}, 409},
		{"DELETE", "/jobs/" + done.ID, "", 409},
		{"GET", "/jobs/" + done.ID + "X", "", 404},
		{"GET", "/jobs/1", "", 404},
		{"GET", "/jobs/%00", "", 404},
		{"GET", "/jobs/..%2foverview", "", 404},
		{"GET", "/debug/vars", "", 404},
		{"POST", "/jobs/x/update", Update{Event: Failed}, 404},
		{"GET", "/jobs?state=finished", "", 400},
		{"GET", "/jobs?n=0", "", 400},
		{"GET", "/jobs?n=10001", "", 400},
		{"GET", "/jobs?n=x", "", 400},
		{"GET", "/jobs?state=dead;n=9", "", 400},
		{"GET", "/nothing", "", 404},
	} {
		if w := send(api, test.method, test.path, test.body); w.Code != test.status || w.Body.Len() == 0 {
			t.Errorf("%s %s %.60v: answered with %d %.200s, want %d and a reason", test.method, test.path, test.body, w.Code, w.Body, test.status)
		}
	}
	if w := send(api, "POST", "/jobs/"+running.ID+"/update", Update{Event: Heartbeat, Token: j.Token}); w.Code != 204 || w.Body.Len() > 0 {
		t.Errorf("a heartbeat was answered with %d %q, want 204", w.Code, w.Body)
	}
	if w := send(api, "POST", "/jobs", []NewJob{{Kind: "newsletter"}}); w.Code != 200 || !strings.Contains(w.Body.String(), `"status":422`) {
		t.Errorf("a job without a payload: %d %s, want the 422 in the list", w.Code, w.Body)
	}
	if o, _ := look(b); o.Running != 1 || o.Waiting != 0 {
		t.Errorf("after that %d jobs run and %d wait, want 1 and 0", o.Running, o.Waiting)
	}
}

// TestJobOfAWorkerThatDisconnectsBeforeItsLeaseIsReleased: it disconnects while its lease is
// being stored (claim 7.5).
func TestJobOfAWorkerThatDisconnectsBeforeItsLeaseIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		b := brokerOn(d)
		defer b.Close()
		j := enqueue(t, b, NewJob{})
		d.syncing = func() { time.Sleep(time.Second) }
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		body, _ := json.Marshal(leaseRequest{"w", allKinds})
		API(b).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "POST", "/lease", bytes.NewReader(body)))
		if now := get(t, b, j.ID); now.State != Queued || now.Attempts != 0 {
			t.Errorf("the worker left before it got the job, which is now %s after %d attempts: want it queued", now.State, now.Attempts)
		}
	})
}

// TestLeaseDoesNotNeedSynchronizedClocks: the client's Expires is right on its own clock, also
// when the job came only after the second request, and not later than the broker's.
func TestLeaseDoesNotNeedSynchronizedClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		b := brokerOn(&disk{})
		defer b.Close()
		far := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			API(b).ServeHTTP(answer, r)
			if answer.Code == http.StatusNoContent { // after 25 s: the client asks again
				w.WriteHeader(answer.Code)
				return
			}
			var j leasedJob
			must(json.Unmarshal(answer.Body.Bytes(), &j))
			j.Expires = j.Expires.Add(-time.Hour) // the broker's clock is an hour behind
			time.Sleep(time.Second)               // the answer's way
			json.NewEncoder(w).Encode(j)
		})
		time.AfterFunc(40*time.Second, func() { enqueue(t, b, NewJob{}) })
		j, err := clientOn(far).Lease(t.Context(), "w", allKinds)
		if left := time.Until(j.Expires); err != nil || left != 9*time.Second {
			t.Errorf("the lease ends in %v, %v; want 9s", left, err)
		}
	})
}

// TestLeaseWithoutAJobEndsAfter25Seconds with 204.
func TestLeaseWithoutAJobEndsAfter25Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		began := time.Now()
		if w := send(API(b), "POST", "/lease", leaseRequest{"w", allKinds}); w.Code != 204 || time.Since(began) != 25*time.Second {
			t.Errorf("answered with %d after %v, want 204 after 25s", w.Code, time.Since(began))
		}
	})
}

// TestServerWithoutATokenServesOnlyLoopbackNames: otherwise any site could use it
// through its own name (DNS rebinding).
func TestServerWithoutATokenServesOnlyLoopbackNames(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})
	for _, test := range []struct {
		token, host string
		status      int
	}{
		{"", "localhost:8080", 200}, {"", "LOCALHOST.", 200}, {"", "127.0.0.1:8080", 200}, {"", "127.1.2.3", 200}, {"", "[::1]:8080", 200}, {"", "[::1]", 200},
		{"", "evil.example", 421}, {"", "evil.example:8080", 421}, {"", "localhost.evil.example", 421}, {"", "127.0.0.1.evil.example", 421},
		{"", "10.0.0.1", 421}, {"", "", 421}, {"secret", "evil.example", 401},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = test.host
		r.Header.Set("Origin", "http://"+test.host)
		w := httptest.NewRecorder()
		if NewServer(ok, test.token).Handler.ServeHTTP(w, r); w.Code != test.status {
			t.Errorf("token %q, host %q: answered with %d, want %d", test.token, test.host, w.Code, test.status)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	if NewServer(ok, "secret").Handler.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("with its token any name is served: got %d for %s", w.Code, r.Host)
	}
}

// TestConnectionsHaveDeadlines in both directions: a body that does not come, and a
// response that the client does not read.
func TestConnectionsHaveDeadlines(t *testing.T) {
	for _, test := range []struct {
		name, request string
		reads         bool
		limit         time.Duration
	}{
		{"no body", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n", true, 10 * time.Second},
		{"does not read", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false, 35 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			ended := make(chan time.Time, 1)
			began := time.Now()
			go NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { ended <- time.Now() }()
				io.Copy(io.Discard, r.Body)
				for range 100 {
					if _, err := w.Write(make([]byte, 1<<10)); err != nil {
						return
					}
				}
			}), "").Serve(&one{conn: server})
			go io.WriteString(client, test.request)
			if test.reads {
				go io.Copy(io.Discard, client)
			}
			select {
			case at := <-ended:
				if took := at.Sub(began); took > test.limit || took < test.limit/2 {
					t.Errorf("%s: the handler ended after %v, want %v", test.name, took, test.limit)
				}
			case <-time.After(time.Hour):
				t.Errorf("%s: the handler still runs after an hour, want its end after %v", test.name, test.limit)
			}
			client.Close()
			time.Sleep(time.Second) // fake time, in which the server closes the connection
		})
	}
}

// TestIdleConnectionIsClosedAfterAMinute: it has sent a request, and no other.
func TestIdleConnectionIsClosedAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		go NewServer(http.NotFoundHandler(), "").Serve(&one{conn: server})
		began := time.Now()
		go io.WriteString(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		io.Copy(io.Discard, client)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("the connection was closed after %v, want 1m0s", took)
		}
	})
}

// TestStreamToAClientThatNeverReadsEnds: two seconds after its buffers are full.
func TestStreamToAClientThatNeverReadsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		j := enqueue(t, b, NewJob{})
		client, server := net.Pipe() // which has no buffer
		defer client.Close()
		ended := make(chan time.Duration, 1)
		web, began := Web(b, API(b)), time.Now()
		go NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			web.ServeHTTP(w, r)
			ended <- time.Since(began)
		}), "").Serve(&one{conn: server})
		io.WriteString(client, "GET /jobs/"+j.ID+"/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if took := <-ended; took != 2*time.Second {
			t.Errorf("the stream ended after %v, want 2s", took)
		}
	})
}

// TestStreamLivesLongerThanOtherResponses and than a restart of the broker: until the
// job has ended, five minutes later (claim 7.8).
func TestStreamLivesLongerThanOtherResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		j := enqueue(t, b, NewJob{})
		var down atomic.Bool
		broker := clientOn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				http.Error(w, "", http.StatusInternalServerError)
				return
			}
			API(b).ServeHTTP(w, r)
		}))
		client, server := net.Pipe()
		defer client.Close()
		go NewServer(Web(broker, broker), "").Serve(&one{conn: server})
		io.WriteString(client, "GET /jobs/"+j.ID+"/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		time.AfterFunc(time.Minute, func() { down.Store(true) })
		time.AfterFunc(2*time.Minute, func() { down.Store(false) })
		time.AfterFunc(5*time.Minute, func() { b.Cancel(t.Context(), j.ID) })
		time.AfterFunc(time.Hour, func() { client.Close() })
		began := time.Now()
		text, err := io.ReadAll(client)
		if took := time.Since(began).Round(time.Second); took != 5*time.Minute || !strings.Contains(string(text), `"state":"canceled"`) {
			t.Errorf("the stream ended after %v with %v: %s", took, err, text)
		}
		if n := strings.Count(string(text), "data: "); n != 2 { // queued, and canceled
			t.Errorf("a job has changed once, and its stream has %d events, want 2: %s", n, text)
		}
	})
}

// TestStreamOverHTTP2LivesUntilItsJobHasEnded, five minutes later, although nothing is written meanwhile
// (claim 7.8).
func TestStreamOverHTTP2LivesUntilItsJobHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		j := enqueue(t, b, NewJob{})
		client, server := net.Pipe()
		srv := NewServer(Web(b, API(b)), "")
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetUnencryptedHTTP2(true)
		defer srv.Close()
		go srv.Serve(&one{conn: server})
		transport := &http.Transport{Protocols: srv.Protocols, DialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
		defer transport.CloseIdleConnections()
		time.AfterFunc(5*time.Minute, func() { b.Cancel(t.Context(), j.ID) })
		resp, err := (&http.Client{Transport: transport}).Get("http://localhost/jobs/" + j.ID + "/events")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || strings.Count(string(text), "data: ") != 2 || !strings.Contains(string(text), `"state":"canceled"`) {
			t.Errorf("the stream ended with %v: %s; want 2 events, the last one canceled", err, text)
		}
	})
}

// A store is a Store with one job, which does not change.
type store Job

func (s store) Enqueue(context.Context, NewJob) (Job, error) { return Job(s), nil }
func (s store) Get(context.Context, string) (Job, error)     { return Job(s), nil }

// TestStreamEndsWithItsJob, whatever its end is, and not before; the client leaves after a minute.
func TestStreamEndsWithItsJob(t *testing.T) {
	for _, state := range []State{Scheduled, Queued, Running, Done, Dead, Canceled} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			defer time.AfterFunc(time.Hour, func() { panic("an hour later a stream goes on, although its client has left") }).Stop()
			w, began, want := httptest.NewRecorder(), time.Now(), time.Minute
			if state.Ended() {
				want = 0
			}
			Web(store{ID: "1", State: state}, http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/jobs/1/events", nil))
			if took, n := time.Since(began), strings.Count(w.Body.String(), "data: "); took != want || n != 1 {
				t.Errorf("a job that is %s: its stream ended after %v with %d events, want %v and 1", state, took, n, want)
			}
		})
	}
}

// TestStreamSendsAtMostFiveEventsASecond while a job changes a hundred times, and none
// while it does not change (claim 7.8).
func TestStreamSendsAtMostFiveEventsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		b := brokerOn(&disk{})
		defer b.Close()
		enqueue(t, b, NewJob{})
		j, err := b.Lease(t.Context(), "w", allKinds)
		must(err)
		events := make(chan int, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			w := httptest.NewRecorder()
			Web(b, API(b)).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/jobs/"+j.ID+"/events", nil))
			events <- strings.Count(w.Body.String(), "data: ")
			if !strings.Contains(w.Body.String(), `"state":"done"`) {
				t.Errorf("the stream ends with %s", w.Body)
			}
		}()
		time.Sleep(5 * time.Second)
		for i := range 100 {
			time.Sleep(10 * time.Millisecond)
			must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Heartbeat, Progress: Progress{i, 100}}))
		}
		must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished, Progress: Progress{100, 100}}))
		if n := <-events; n < 6 || n > 8 {
			t.Errorf("%d events in a second and 5 s before it, want 5, and a few at its ends", n)
		}
	})
}

// TestStreamLooksAtItsJobFiveTimesASecond: the job is canceled after 50 ms.
func TestStreamLooksAtItsJobFiveTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		j, began := enqueue(t, b, NewJob{}), time.Now()
		time.AfterFunc(50*time.Millisecond, func() { b.Cancel(t.Context(), j.ID) })
		send(Web(b, API(b)), "GET", "/jobs/"+j.ID+"/events", "")
		if took := time.Since(began); took != time.Second/5 {
			t.Errorf("the job has ended after 50ms, and its stream after %v, want 200ms", took)
		}
	})
}

// TestListOfJobsLooksAtFewOthers: of 100,000 that wait it lists 100, in the order in
// which they came. So clients that list do not delay a heartbeat.
func TestListOfJobsLooksAtFewOthers(t *testing.T) {
	q, now := newQueue(), time.Now()
	for k := range 100_000 {
		added(q, allKinds[k%2], now, now)
	}
	for _, h := range q.groups {
		clear(h.jobs[100:]) // to look at one of these would be a panic
	}
	for _, state := range []State{"", Queued} {
		jobs := q.List(state, 100)
		if len(jobs) != 100 || !slices.IsSortedFunc(jobs, func(a, b *Job) int { return cmp.Compare(a.number, b.number) }) {
			t.Errorf("state %q: listed %d jobs of 100, or in another order", state, len(jobs))
		}
	}
}

// TestClientTurnsEachAnswerIntoItsError (claim 7.5: a worker must notice that its lease has ended).
func TestClientTurnsEachAnswerIntoItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		d := &disk{}
		b := brokerOn(d)
		defer b.Close()
		b.queue.Backlog = 1
		c := clientOn(API(b))
		n := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com")}
		j, err := c.Enqueue(t.Context(), n)
		must(err)
		full := func() error { _, err := c.Enqueue(t.Context(), n); return err }()
		_, missing := c.Get(t.Context(), "../overview")
		_, state := call[Job](t.Context(), c, "POST", jobPath(j.ID)+"/requeue", nil)
		_, bad := c.Lease(t.Context(), strings.Repeat("w", nameMax+1), allKinds)
		_, unknown := c.Enqueue(t.Context(), NewJob{Kind: "unknown", Payload: n.Payload})
		fenced := c.Update(t.Context(), j.ID, Update{Token: "wrong", Event: Heartbeat})
		d.full.Store(true)
		_, unavailable := call[Job](t.Context(), c, "DELETE", jobPath(j.ID), nil)
		for known := range statuses {
			c.HTTP.Transport = direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, 0, nil, known) })}
			if _, err := c.Get(t.Context(), j.ID); !errors.Is(err, known) {
				t.Errorf("the broker answers %q, the client returns %v", known, err)
			}
		}
		c.HTTP.Transport = direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("no JSON")) })}
		_, nonsense := c.Enqueue(t.Context(), n)
		for i, test := range []struct{ got, want error }{{full, ErrBacklogFull}, {missing, ErrNotFound}, {state, ErrState}, {bad, ErrBadJob},
			{unknown, ErrBadJob}, {fenced, ErrFenced}, {unavailable, ErrUnavailable}, {nonsense, ErrUnavailable}} {
			if !errors.Is(test.got, test.want) {
				t.Errorf("%d: got %v, want %v", i, test.got, test.want)
			}
		}
	})
}

// TestClientTimesOutWhenTheBrokerDoesNotAnswer: after 5 s, or 30 s if it waits for a job.
func TestClientTimesOutWhenTheBrokerDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		began := time.Now()
		if _, err := c.Enqueue(t.Context(), NewJob{Kind: "newsletter", Payload: []byte("{}")}); !errors.Is(err, ErrUnavailable) || time.Since(began) != 5*time.Second {
			t.Errorf("a new job: %v after %v, want %v after 5s", err, time.Since(began), ErrUnavailable)
		}
		began = time.Now()
		if _, err := c.Lease(t.Context(), "w", allKinds); !errors.Is(err, ErrUnavailable) || time.Since(began) != 30*time.Second {
			t.Errorf("a lease: %v after %v, want %v after 30s", err, time.Since(began), ErrUnavailable)
		}
	})
}

// TestJobsEnqueuedDuringARequestShareTheNextOne, and a job that is wrong, or a caller
// that leaves, does not affect the others.
func TestJobsEnqueuedDuringARequestShareTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		api, requests := API(b), 0
		c := clientOn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests++
			time.Sleep(time.Second)
			api.ServeHTTP(w, r)
		}))
		const callers = 1 + 2 + batchMax + 1 // the first has a request alone; of the others, two send nothing, and batchMax share the second
		var ids [callers]string
		var errs [callers]error
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				n := NewJob{Kind: "newsletter", Payload: []byte("{}")}
				switch i {
				case 1:
					n.Payload = []byte("{") // as a part of the list, all of it would be malformed
				case 2:
					time.AfterFunc(500*time.Millisecond, cancel)
				case 3:
					n.Key = "used"
				case 4:
					n.Key, n.Payload = "used", []byte("[]") // only the broker knows that this is wrong
				}
				var j Job
				j, errs[i] = c.Enqueue(ctx, n)
				ids[i] = j.ID
			})
			synctest.Wait()
		}
		group.Wait()
		for i, err := range errs {
			want := map[int]error{1: ErrBadJob, 2: ErrUnavailable, 4: ErrBadJob}[i]
			if !errors.Is(err, want) || (err == nil) != (ids[i] != "") || i > 0 && ids[i] != "" && ids[i] == ids[i-1] {
				t.Errorf("caller %d got the job %q, %v; want %v", i, ids[i], err, want)
			}
		}
		if requests != 3 {
			t.Errorf("%d callers at the same time sent %d requests, want 3", callers, requests)
		}
	})
}

// TestRequestForManyJobsOutlivesItsCaller: the one that sends it leaves, and another shares it.
func TestRequestForManyJobsOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		c := clientOn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if sleep(r.Context(), time.Second) { // if its context is done, it is not answered
				API(b).ServeHTTP(w, r)
			}
		}))
		errs := make([]error, 3) // the first has a request alone, and the others share the next one
		var callers sync.WaitGroup
		for i := range errs {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), []time.Duration{time.Second / 2, time.Second * 3 / 2, time.Hour}[i])
				defer cancel()
				_, errs[i] = c.Enqueue(ctx, NewJob{Kind: "newsletter", Payload: []byte("{}")})
			})
			synctest.Wait()
		}
		callers.Wait()
		if errs[2] != nil || len(b.queue.jobs) != len(errs) {
			t.Errorf("two of three callers left during a request: the third got %v, and %d jobs are known, want 3", errs[2], len(b.queue.jobs))
		}
	})
}

// TestLongAnswerIsReadToItsEnd and passed on unmodified.
func TestLongAnswerIsReadToItsEnd(t *testing.T) {
	answer := `{"x":"` + strings.Repeat("x", 3<<20) + `"}`
	c := clientOn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, answer) }))
	if w := send(c, "GET", "/jobs?n=10000", ""); strings.TrimSpace(w.Body.String()) != answer {
		t.Errorf("an answer of %d bytes was passed on with %d: %.100s", len(answer), w.Body.Len(), w.Body)
	}
}

// TestClientSendsItsTokenAndEscapesIDs over a real connection.
func TestClientSendsItsTokenAndEscapesIDs(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	srv := httptest.NewServer(NewServer(API(b), "secret").Handler)
	defer srv.Close()
	c := NewClient(srv.URL)
	c.Token = "secret"
	defer c.HTTP.CloseIdleConnections()
	j, err := c.Enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("<ada@example.com>"), Key: "k"})
	if err != nil || j.State != Queued || j.Payload != nil || j.Policy != (Policy{}) {
		t.Errorf("with its token the client enqueued %+v, %v; want it queued, without the payload and the policy", j, err)
	}
	if j, err := c.Get(t.Context(), j.ID); err != nil || !strings.Contains(string(j.Payload), "ada@") || j.Policy != Kinds[j.Kind] {
		t.Errorf("with its token the client got %+v, %v", j, err)
	}
	if _, err := c.Enqueue(t.Context(), NewJob{Kind: "newsletter", Payload: []byte(`"` + strings.Repeat("<", 16000) + `"`)}); err != nil {
		t.Errorf("a payload of 16,000 < was refused with %v, want each sent as one byte", err)
	}
	if _, err := NewClient(srv.URL).Get(t.Context(), j.ID); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("without the token: %v", err)
	}
	for _, id := range []string{"../overview", "../debug/vars?", "\x00", "?", "#", "a/b", "", ".", ".."} {
		if _, err := c.Get(t.Context(), id); err == nil {
			t.Errorf("the ID %q leads to another page", id)
		}
	}
}

// TestOnlyARequestWithAKeyMayBeRetried: net/http sends a request that has an Idempotency-Key again
// when the connection breaks, even a POST, and without a key that would be a second job.
func TestOnlyARequestWithAKeyMayBeRetried(t *testing.T) {
	var has bool
	c := NewClient("http://localhost")
	c.HTTP.Transport = seen(func(r *http.Request) { _, has = r.Header["Idempotency-Key"] })
	for _, key := range [][]string{nil, {"k"}} {
		call[any](t.Context(), c, "POST", "/signups", Signup{"Ada", "ada@example.com"}, key...)
		if has != (len(key) > 0) {
			t.Errorf("with the key %q the request has the header: %t", key, has)
		}
	}
}

// seen is a transport that shows each request to a function and fails.
type seen func(*http.Request)

func (f seen) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return nil, errors.New("no network")
}

// TestClientKeepsAConnectionForEachConcurrentRequest: 20 requests at the same time, twice,
// need 20 connections. With two idle ones each round would open new ones.
func TestClientKeepsAConnectionForEachConcurrentRequest(t *testing.T) {
	const requests = 20
	var opened atomic.Int64
	arrived, leave := make(chan bool), make(chan bool)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-leave
		io.WriteString(w, "{}")
		http.NewResponseController(w).Flush()
		io.WriteString(w, strings.Repeat(" ", 4<<10)) // after the answer, and a connection with unread bytes cannot be used again
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c := NewClient(srv.URL)
	defer c.HTTP.CloseIdleConnections()
	for range 2 {
		var clients sync.WaitGroup
		for range requests {
			clients.Go(func() { c.Get(t.Context(), "1-A") })
		}
		for range requests {
			<-arrived
		}
		for range requests {
			leave <- true
		}
		clients.Wait()
	}
	if n := opened.Load(); n > requests+requests/2 {
		t.Errorf("two rounds of %d requests opened %d connections, want about %[1]d", requests, n)
	}
}

// TestIdempotencyKeyOfACall reaches the web server.
func TestIdempotencyKeyOfACall(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	site := clientOn(Web(b, API(b)))
	var ids []string
	for _, key := range []string{"k", "k", "other"} {
		j, err := call[Job](t.Context(), site, "POST", "/signups", Signup{"Ada", "ada@example.com"}, key)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, j.ID)
	}
	if ids[0] != ids[1] || ids[1] == ids[2] {
		t.Errorf("the keys k, k and other gave the jobs %q", ids)
	}
}

// FuzzAPI sends any request to the broker and to the web server: never a panic, never a 5xx except 503, and the broker's
// lock is free afterwards. go test -fuzz API ./07-offload
func FuzzAPI(f *testing.F) {
	job := `[{"kind":"newsletter","payload":{"dir":"."},"key":"k","policy":{"attempts":1,"every":100000000}}]`
	for _, r := range [][3]string{
		{"POST", "/jobs", job}, {"POST", "/jobs", `[{"kind":"newsletter","payload":null,"policy":{"backoff":9223372036854775807,"cap":9223372036854775807}}]`},
		{"POST", "/lease", `{"worker":"w","kinds":["newsletter"]}`}, {"POST", "/jobs/1-A/update", `{"token":"A","event":"heartbeat","progress":{"done":1,"total":2}}`},
		{"POST", "/jobs/1-A/update", `{"token":"A","event":"finished"}`}, {"POST", "/jobs/1-A/update", `{"token":"A","event":"failed","error":"451","permanent":true}`},
		{"POST", "/jobs/1-A/update", `{"token":"A","event":"released"}`}, {"POST", "/jobs/1-A/requeue", ""}, {"DELETE", "/jobs/1-A", ""}, {"GET", "/jobs/1-A", ""},
		{"GET", "/jobs?state=dead&n=100", ""}, {"GET", "/overview", ""}, {"POST", "/signups", `{"name":"Ada","email":"ada@example.com"}`},
		{"GET", "/jobs/1-A/events", ""}, {"HEAD", "/jobs/1-A/events", ""}, {"GET", "/\x95", ""},
	} {
		f.Add(r[0], r[1], r[2], uint8(0))
	}
	f.Fuzz(func(t *testing.T, method, path, body string, then uint8) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond) // streams and leases end
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, "http://localhost/", strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		if r.URL, err = r.URL.Parse(path); err != nil {
			return
		}
		d := &disk{}
		b := brokerOn(d)
		b.queue.Random = func() string { return "A" }
		b.Enqueue(ctx, NewJob{Kind: "newsletter", Payload: []byte("{}"), Policy: Policy{Attempts: 1 + int(then%2)}})
		if then&2 == 0 {
			b.Lease(ctx, "w", allKinds)
		}
		if then&4 != 0 {
			b.Update(ctx, "1-A", Update{Token: "A", Event: Failed, Permanent: true})
		}
		d.full.Store(then&8 != 0)
		for _, h := range []http.Handler{API(b), Web(b, API(b))} {
			w := httptest.NewRecorder()
			r.Body = io.NopCloser(strings.NewReader(body))
			h.ServeHTTP(w, r)
			if w.Code >= 500 && w.Code != 503 {
				t.Errorf("%s %q %q: answered with %d %s", method, path, body, w.Code, w.Body)
			}
		}
		b.mu.Lock() // it would block if it were not free
		if len(everyJob(b.queue)) != len(b.queue.jobs) {
			t.Errorf("%d jobs are in places, %d are known", len(everyJob(b.queue)), len(b.queue.jobs))
		}
		b.mu.Unlock()
		b.Close()
	})
}

// TestListHasTheStateAndTheNumberOfTheRequest: three jobs wait and two are canceled.
func TestListHasTheStateAndTheNumberOfTheRequest(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	for i := range 5 {
		if j := enqueue(t, b, NewJob{}); i < 2 {
			b.Cancel(t.Context(), j.ID)
		}
	}
	for query, want := range map[string]int{"": 5, "?n=4": 4, "?state=canceled": 2, "?state=canceled&n=1": 1, "?state=dead": 0} {
		var jobs []Job
		w := send(API(b), "GET", "/jobs"+query, "")
		if err := json.Unmarshal(w.Body.Bytes(), &jobs); err != nil || len(jobs) != want {
			t.Errorf("GET /jobs%s has %d jobs, %v; want %d", query, len(jobs), err, want)
		}
		for _, j := range jobs {
			if strings.Contains(query, "state") && j.State != Canceled {
				t.Errorf("GET /jobs%s has a job that is %s", query, j.State)
			}
		}
	}
}

// TestListOfJobsIsReadUpTo3MB and not a byte more.
func TestListOfJobsIsReadUpTo3MB(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	for size, want := range map[int]int{3 << 20: http.StatusOK, 3<<20 + 1: http.StatusRequestEntityTooLarge} {
		list := `[{"kind":"` + strings.Repeat("x", size-13) + `"}]`
		if w := send(API(b), "POST", "/jobs", list); len(list) != size || w.Code != want {
			t.Errorf("a list of %d bytes was answered with %d %.100s, want %d", len(list), w.Code, w.Body, want)
		}
	}
}

// TestRequestsAtTheLimitsAreAccepted: as many jobs as a client sends with one request,
// with the largest payloads, and the largest numbers, names and bodies.
func TestRequestsAtTheLimitsAreAccepted(t *testing.T) {
	b := brokerOn(&disk{})
	defer b.Close()
	api := API(b)
	jobs := make([]NewJob, batchMax)
	for i := range jobs {
		jobs[i] = NewJob{Kind: "newsletter", Payload: []byte(`"` + strings.Repeat("x", payloadMax-2) + `"`)}
	}
	var answers []enqueued
	w := send(api, "POST", "/jobs", jobs)
	if json.Unmarshal(w.Body.Bytes(), &answers); w.Code != 200 || len(answers) != batchMax || len(b.queue.jobs) != batchMax {
		t.Errorf("%d jobs with payloads of %d bytes: answered with %d %.200s, and %d are known", batchMax, payloadMax, w.Code, w.Body, len(b.queue.jobs))
	}
	kinds := slices.Repeat([]string{"newsletter"}, nameMax)
	body := func(size int) string { return `{"worker":"` + strings.Repeat("x", size-13) + `"}` }
	for _, test := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"GET", "/jobs?n=1", "", 200}, {"GET", "/jobs?n=10000", "", 200},
		{"POST", "/lease", leaseRequest{strings.Repeat("w", nameMax), kinds}, 200},
		{"POST", "/lease", body(64 << 10), 422}, // its name is too long
		{"POST", "/lease", body(64<<10 + 1), 413},
	} {
		if w := send(api, test.method, test.path, test.body); w.Code != test.status {
			t.Errorf("%s %s %.60v: answered with %d %.200s, want %d", test.method, test.path, test.body, w.Code, w.Body, test.status)
		}
	}
}
