package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"concurrency/07-offload/engines/signup"

	faktory "github.com/contribsys/faktory/client"
)

// TestTaskIsCanceledBeforeItsReservationEnds, 5 s before, in fake time. The server reserves
// a job for at least 60 s.
func TestTaskIsCanceledBeforeItsReservationEnds(t *testing.T) {
	for reserved, want := range map[int]time.Duration{0: 55 * time.Second, 30: 55 * time.Second, 60: 55 * time.Second, 90: 85 * time.Second, 1800: 1795 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			began, failed := time.Now(), errors.New("failed")
			err := inTime(t.Context(), &faktory.Job{ReserveFor: reserved}, func(ctx context.Context) error {
				<-ctx.Done()
				return failed
			})
			if took := time.Since(began); took != want || err != failed {
				t.Errorf("a job is reserved for %d s: it was canceled after %v, and %v was returned; want %v and its error", reserved, took, err, want)
			}
		})
	}
}

// TestAttemptsAreCountedFromOne. The server counts the retries from 0, and has no failure
// before the first.
func TestAttemptsAreCountedFromOne(t *testing.T) {
	for want, failure := range map[int]*faktory.Failure{1: nil, 2: {RetryCount: 0}, 3: {RetryCount: 1}} {
		attemptOf(t.Context(), &faktory.Job{Failure: failure}, func(ctx context.Context) error {
			if n := ctx.Value(attempt{}); n != want {
				t.Errorf("after the failure %+v: got attempt %v, want %d", failure, n, want)
			}
			return nil
		})
	}
}

// TestPanicOfATaskIsAnError with the stack; another error is not changed.
func TestPanicOfATaskIsAnError(t *testing.T) {
	err := recovered(t.Context(), nil, func(context.Context) error { panic("a bug") })
	if err == nil || !strings.HasPrefix(err.Error(), "panic: a bug\n") || !strings.Contains(err.Error(), "TestPanicOfATaskIsAnError") {
		t.Errorf("a task panicked: got the error %v, want its value and its stack", err)
	}
	failed := errors.New("failed")
	for _, want := range []error{nil, failed} {
		if err := recovered(t.Context(), nil, func(context.Context) error { return want }); err != want {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

// TestDecodeChecksTheOneArgument of a job.
func TestDecodeChecksTheOneArgument(t *testing.T) {
	good := map[string]any{"id": "ABCDEFGHIJKLMNOPQRSTUVWX27", "name": "Ada", "email": "ada@example.com"}
	if task, err := decode([]any{good}); err != nil || task.Name != "Ada" {
		t.Errorf("got %+v, %v", task, err)
	}
	for _, args := range [][]any{nil, {}, {good, good}, {"text"}, {map[string]any{}}} {
		if task, err := decode(args); !errors.Is(err, signup.ErrMalformed) {
			t.Errorf("the arguments %v: got %+v, %v; want %v", args, task, err, signup.ErrMalformed)
		}
	}
}

// pipes are connections to a Faktory server that a test plays. It has one job.
type pipes struct {
	job      string // for the first FETCH
	silent   bool   // the server closes the connection after that, and is silent on the next one
	servers  []net.Conn
	begun    chan struct{}
	reported chan string // ACK or FAIL
}

func (p *pipes) Dial(string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.servers = append(p.servers, server)
	if p.silent && len(p.servers) == 3 { // the first is Work's own
		close(p.begun)
		return client, nil
	}
	go func() {
		fmt.Fprint(server, "+HI {\"v\":2}\r\n")
		for lines := bufio.NewScanner(server); lines.Scan(); {
			switch command, _, _ := strings.Cut(lines.Text(), " "); command {
			case "FETCH":
				fmt.Fprintf(server, "$%d\r\n%s\r\n", len(p.job), p.job)
				if p.silent {
					server.Close()
				} else {
					close(p.begun)
				}
			case "END":
			default:
				if command != "HELLO" { // the result of the job
					p.reported <- lines.Text()
				}
				fmt.Fprint(server, "+OK\r\n")
			}
		}
		server.Close()
	}()
	return client, nil
}

// drained starts a worker with a server of pipes, cancels its context once the worker has the
// job, or meets the silence, and returns how long it then takes and what it reports.
func drained(t *testing.T, p *pipes, drain time.Duration) (took time.Duration, reported string) {
	defer func(before faktory.Dialer) { tcp = before }(tcp)
	p.begun, p.reported, tcp = make(chan struct{}), make(chan string, 1), p
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- Work(ctx, "127.0.0.1:1", signup.Flags{Mail: signup.Maildir(t.TempDir()), Concurrency: 1, Drain: drain})
	}()
	select {
	case <-p.begun:
	case <-time.After(5 * time.Second): // it begins within 2 s
		t.Error("after 5 s the worker has not fetched the job")
	}
	synctest.Wait()
	began := time.Now()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Hour):
		t.Error("canceled, the worker has not ended after an hour")
		for _, server := range p.servers {
			server.Close()
		}
		<-ended
	}
	took = time.Since(began)
	if len(p.reported) > 0 {
		reported = <-p.reported
	}
	return took, reported
}

// jobFor returns a job with an email to that address.
func jobFor(email string) string {
	return `{"jid":"ID","jobtype":"welcome-mail","reserve_for":1800,"args":[{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"` + email + `"}]}`
}

// TestWorkerCancelsItsTasksAfterTheDrain, in fake time (claim 7.11): a task of 1000 s fails
// when the drain is over, and the worker reports that before it ends.
func TestWorkerCancelsItsTasksAfterTheDrain(t *testing.T) {
	for _, drain := range []time.Duration{0, 3 * time.Second} {
		t.Run(drain.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, reported := drained(t, &pipes{job: jobFor("ada@1000s.slow.test")}, drain)
				if took != drain || !strings.HasPrefix(reported, "FAIL ") || !strings.Contains(reported, context.Canceled.Error()) {
					t.Errorf("a task of 1000 s was running; the worker ended after %v and reported %q; want %v, and FAIL with %q", took, reported, drain, context.Canceled)
				}
			})
		})
	}
}

// TestWorkerEndsWhenItsServerIsSilent, in fake time (claim 7.11): the worker connects again to
// report a result, and the server accepts the connection and never answers.
func TestWorkerEndsWhenItsServerIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took, _ := drained(t, &pipes{job: jobFor("ada@example.com"), silent: true}, 2*time.Hour)
		if took != signup.Timeout {
			t.Errorf("the server does not answer; the worker ended after %v, want %v", took, signup.Timeout)
		}
	})
}
