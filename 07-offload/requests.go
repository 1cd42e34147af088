package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func payload(email string) json.RawMessage { return must1(json.Marshal(Signup{"Ada", email})) }

// signUp signs Ada up with that address. It returns the job's ID and the time to the answer.
func (s *System) signUp(ctx context.Context, email string) (id string, took time.Duration) {
	began := time.Now()
	j := must1(call[Job](ctx, s.site, "POST", "/signups", Signup{"Ada", email}))
	return j.ID, time.Since(began)
}

// await waits until a job has ended.
func (s *System) await(ctx context.Context, id string) Job {
	return s.until(ctx, id, func(j Job) bool { return j.State.Ended() })
}

// lost is the state of a job that was accepted, but that the broker does not know.
const lost State = "lost"

// until waits until a job is as wanted, or lost.
func (s *System) until(ctx context.Context, id string, wanted func(Job) bool) Job {
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); sleep(ctx, 5*time.Millisecond) {
		j, err := s.jobs.Get(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
			return Job{ID: id, State: lost}
		case err == nil && wanted(j):
			return j
		case err != nil && !errors.Is(err, ErrUnavailable):
			must(err)
		}
	}
	must(fmt.Errorf("job %s makes no progress", id))
	return Job{}
}

// running signs up until it sees a worker run the job, which takes 1 s.
func (s *System) running(ctx context.Context) (j Job) {
	for j.State != Running {
		id, _ := s.signUp(ctx, "ada@slow.test")
		j = s.until(ctx, id, func(j Job) bool { return j.State == Running || j.State.Ended() })
	}
	return j
}

// crash sends sign-ups and kills the broker when half of them are accepted, while the
// next are sent. It restarts the broker after the first 503, so every run has one.
func (s *System) crash(ctx context.Context, signUps int) (ids []string, restart time.Duration) {
	run, killed := rand.Text(), make(chan struct{}) // so that a second run has keys of its own
	for len(ids) < signUps || restart == 0 {
		j, err := call[Job](ctx, s.site, "POST", "/signups", Signup{"Ada", "ada@example.com"}, fmt.Sprint(run, len(ids)))
		switch {
		case err == nil:
			if ids = append(ids, j.ID); len(ids) == signUps/2 {
				go func() {
					s.broker.Kill()
					close(killed)
				}()
			}
		case !errors.Is(err, ErrUnavailable):
			must(err)
		case len(ids) >= signUps/2 && restart == 0:
			<-killed
			began := time.Now()
			s.do(s.broker.Restart)
			restart = time.Since(began)
		}
	}
	return ids, restart
}

// burst sends 12 sign-ups whose emails take 1 s each, and returns how long they
// take together, and the longest time to an answer.
func (s *System) burst(ctx context.Context) (took, slowest time.Duration) {
	began := time.Now()
	var ids []string
	for range 12 {
		id, answered := s.signUp(ctx, "ada@slow.test")
		ids, slowest = append(ids, id), max(slowest, answered)
	}
	for _, id := range ids {
		s.await(ctx, id)
	}
	return time.Since(began), slowest
}

// report enqueues a report on a folder of 200 files, which it creates.
func (s *System) report(ctx context.Context) (id string) {
	for i := range 200 {
		s.do(func() error {
			name := filepath.Join(s.path("files"), fmt.Sprint("d", i%10), fmt.Sprint(i))
			content := bytes.Repeat([]byte{byte(i % 150)}, 1<<20)
			return cmp.Or(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, content, 0o600))
		})
	}
	return must1(call[Job](ctx, s.site, "POST", "/reports", ReportRequest{"."})).ID
}

// inline signs Ada up with the wrong handler, which sends the email itself, and
// returns the time to the answer.
func (s *System) inline(ctx context.Context, email string) time.Duration {
	listener := must1(Listen("127.0.0.1:0", ""))
	server := NewServer(Inline(func(ctx context.Context, t *Task) error {
		s.do(func() error { return Maildir(s.path("inline")).Welcome(ctx, t) })
		return nil
	}), "")
	go server.Serve(listener)
	defer server.Close()
	began := time.Now()
	must1(call[any](ctx, NewClient("http://"+listener.Addr().String(), ""), "POST", "/signups", Signup{"Ada", email}))
	return time.Since(began)
}
