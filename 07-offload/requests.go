package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func payload(email string) json.RawMessage { return must1(json.Marshal(Signup{"Ada", email})) }

// signUp signs Ada up with that address, and returns the job and the time to the answer.
func (s *System) signUp(ctx context.Context, email string) (id string, took time.Duration) {
	began := time.Now()
	id, status := s.trySignUp(ctx, email, "")
	if status != http.StatusAccepted {
		must(fmt.Errorf("a sign-up was answered with %d", status))
	}
	return id, time.Since(began)
}

// trySignUp returns the status of the answer, and the job if it is 202.
func (s *System) trySignUp(ctx context.Context, email, key string) (id string, status int) {
	answer := post(ctx, s.web.URL+"/signups", Signup{"Ada", email}, key)
	var j Job
	if answer.status != http.StatusAccepted || json.Unmarshal(answer.body, &j) != nil {
		return "", answer.status
	}
	s.note(j.ID, j.State)
	return j.ID, answer.status
}

// enqueue enqueues a job directly at the broker.
func (s *System) enqueue(ctx context.Context, n NewJob) (id string) {
	j := must1(s.jobs.Enqueue(ctx, n))
	s.note(j.ID, j.State)
	return j.ID
}

// await waits until a job has ended.
func (s *System) await(ctx context.Context, id string) Job {
	return s.until(ctx, id, func(j Job) bool { return j.State.Ended() })
}

func (s *System) awaitAll(ctx context.Context, ids []string) {
	for _, id := range ids {
		s.await(ctx, id)
	}
}

// lost is the state of a job that was accepted, but that the broker does not know.
const lost State = "lost"

// until waits until a job is as wanted, or lost.
func (s *System) until(ctx context.Context, id string, wanted func(Job) bool) Job {
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); sleep(ctx, 5*time.Millisecond) {
		must(context.Cause(ctx))
		j, err := s.jobs.Get(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
			j = Job{ID: id, State: lost}
			s.note(id, lost)
			return j
		case err == nil && wanted(j):
			s.note(id, j.State)
			return j
		case err != nil && !errors.Is(err, ErrUnavailable):
			must(err)
		}
	}
	must(fmt.Errorf("job %s makes no progress", id))
	return Job{}
}

// running signs up until it sees a worker run the job, which takes 1 s.
func (s *System) running(ctx context.Context) Job {
	for {
		id, _ := s.signUp(ctx, "ada@slow.test")
		if j := s.until(ctx, id, func(j Job) bool { return j.State == Running || j.State.Ended() }); j.State == Running {
			return j
		}
	}
}

// cancelRunning cancels a running job and returns how long that took.
func (s *System) cancelRunning(ctx context.Context) (took time.Duration) {
	for {
		id, began := s.running(ctx).ID, time.Now()
		_, err := s.jobs.Cancel(ctx, id)
		took = time.Since(began)
		s.await(ctx, id)
		if !errors.Is(err, ErrState) { // otherwise it was done just before
			must(err)
			return took
		}
	}
}

// series returns the jobs in that state whose email goes to that address.
func (s *System) series(ctx context.Context, address string, state State) (ids []string) {
	for _, j := range s.list(ctx, state) {
		if bytes.Contains(j.Payload, []byte(address)) {
			ids = append(ids, j.ID)
		}
	}
	return ids
}

// cancelSeries cancels the job of a series that is not yet running.
func (s *System) cancelSeries(ctx context.Context, address string) {
	for len(s.series(ctx, address, Cancelled)) == 0 {
		for _, id := range append(s.series(ctx, address, Scheduled), s.series(ctx, address, Queued)...) {
			s.jobs.Cancel(ctx, id)
		}
	}
}

// report enqueues a report on a folder of 200 files, which it creates if need be.
func (s *System) report(ctx context.Context) (j Job) {
	for i := range 200 {
		s.do(func() {
			name := filepath.Join(s.path("files"), fmt.Sprint("d", i%10), fmt.Sprint(i))
			if _, err := os.Stat(name); err == nil {
				return
			}
			must(os.MkdirAll(filepath.Dir(name), 0o700))
			must(os.WriteFile(name, bytes.Repeat([]byte{byte(i % 150)}, 1<<20), 0o600))
		})
	}
	answer := post(ctx, s.web.URL+"/reports", ReportRequest{"."}, "")
	if answer.status != http.StatusAccepted {
		must(fmt.Errorf("a report was answered with %d", answer.status))
	}
	must(json.Unmarshal(answer.body, &j))
	s.note(j.ID, j.State)
	return j
}

// list returns the jobs in that state, or in any if it is "", and notes them.
func (s *System) list(ctx context.Context, state State) []Job {
	jobs := must1(s.jobs.List(ctx, state, 10_000))
	for _, j := range jobs {
		s.note(j.ID, j.State)
	}
	return jobs
}

// serveInline serves the wrong handler, which sends the email itself.
func (s *System) serveInline(ctx context.Context) (server *http.Server, url string) {
	listener := must1(Listen("127.0.0.1:0", ""))
	server = NewServer(Inline(func(ctx context.Context, t *Task) (err error) {
		s.do(func() { err = Maildir(s.path("inline")).Welcome(ctx, t) })
		return err
	}), "")
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	go server.Serve(listener)
	return server, "http://" + listener.Addr().String()
}

// An answered is a response that was read, or status 0 if there was none.
type answered struct {
	status int
	body   []byte
	took   time.Duration
}

// post sends v as JSON.
func post(ctx context.Context, url string, v any, key string) answered {
	began := time.Now()
	request := must1(http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(must1(json.Marshal(v)))))
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answered{}
	}
	return answered{response.StatusCode, body, time.Since(began)}
}
