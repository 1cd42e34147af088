package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play the roles that must be processes of their own.
func TestMain(m *testing.M) {
	switch os.Getenv(asRole) {
	case "":
		flag.Set("test.parallel", "8") // the tests that call t.Parallel mostly wait
		os.Exit(m.Run())
	case "stuck":
		stuck()
	case "by hand": // without a parent: its standard input may end
		os.Unsetenv(asRole)
		main()
	default:
		if os.Getenv("OFFLOAD_TROUBLE") != "" {
			inTrouble()
		}
		main()
	}
}

// longest returns for how long a test waits for an event: most of the time that go test
// leaves it, so that a busy machine cannot fail it.
func longest(t *testing.T) time.Duration {
	if deadline, ok := t.Deadline(); ok {
		return time.Until(deadline) * 3 / 4
	}
	return time.Hour
}

// mustIn returns a must that fails the test. That of the program ends the test binary,
// and no test is named.
func mustIn(t testing.TB) func(err error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// open opens a broker on dir, with a lease of 10 s.
func open(t testing.TB, dir string) *Broker {
	t.Helper()
	b, err := OpenBroker(dir, 10*time.Second, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// work starts a worker with one handler for all kinds. The caller calls stop,
// which returns when the worker has ended.
func work(t testing.TB, jobs Jobs, concurrency int, h Handler) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &Worker{Name: "worker", Jobs: jobs, Handlers: map[string]Handler{"welcome-mail": h, "newsletter": h}, Concurrency: concurrency,
		Drain: 5 * time.Second, Log: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// enqueue stores a job: an email to Ada, unless n says otherwise.
func enqueue(t testing.TB, b *Broker, n NewJob) Job {
	t.Helper()
	if n.Kind == "" {
		n.Kind, n.Payload = "welcome-mail", payload("ada@example.com")
	}
	j, err := b.Enqueue(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// email is a new job with these attempts and, if given, that deadline.
func email(address string, attempts int, deadline ...time.Duration) NewJob {
	policy := Policy{Attempts: attempts}
	for _, d := range deadline {
		policy.Deadline = d
	}
	return NewJob{Kind: "welcome-mail", Payload: payload(address), Policy: policy}
}

// get returns the job as it is now.
func get(t testing.TB, b *Broker, id string) Job {
	t.Helper()
	j, err := b.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// until waits until a job is as wanted. System.until waits for a minute, and then ends the
// test binary, and no test is named.
func until(t *testing.T, jobs *Client, id string, wanted func(Job) bool) Job {
	t.Helper()
	for limit := time.Now().Add(min(longest(t), 2*time.Minute)); ; {
		j, err := jobs.Get(t.Context(), id)
		switch {
		case err == nil && wanted(j):
			return j
		case err != nil && !errors.Is(err, ErrUnavailable):
			t.Fatal(err)
		case !sleep(t.Context(), 5*time.Millisecond) || time.Now().After(limit):
			t.Fatalf("job %s makes no progress: %s after %d attempts, %v", id, j.State, j.Attempts, err)
		}
	}
}

func hasEnded(j Job) bool { return j.State.Ended() }

// signUp sends a sign-up to a web server, and returns the ID of its job.
func signUp(t *testing.T, site *Client) (id string) {
	t.Helper()
	j, err := call[Job](t.Context(), site, "POST", "/signups", Signup{"Ada", "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return j.ID
}

// direct is a network in memory, for bubbles: it calls the handler.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil { // nothing is sent then
		return nil, err
	}
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	d.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// clientOf returns a client of that broker, without sockets in between.
func clientOf(b *Broker) *Client {
	client := NewClient("http://broker")
	client.HTTP.Transport = direct{API(b)}
	return client
}

// webOn returns the handler of a web server in front of that broker.
func webOn(b *Broker) http.Handler { return webOf(clientOf(b)) }

// webOf returns the handler of a web server with that client of a broker.
func webOf(c *Client) http.Handler { return Web(c, c) }

// send sends a request to a handler. v is sent as JSON, unless it is a string.
func send(h http.Handler, method, path string, v any, headers ...string) *httptest.ResponseRecorder {
	body, ok := v.(string)
	if !ok {
		b, _ := json.Marshal(v)
		body = string(b)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// needsInterrupt skips a test that interrupts a process, where that cannot be done.
func needsInterrupt(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a signal, which a program on Windows cannot send to another one")
	}
	if signal.Ignored(os.Interrupt) {
		t.Skip("needs SIGINT, which this process ignores since its start, as a shell's background jobs do")
	}
}

// allKinds are the kinds of a worker that can run every job.
var allKinds = []string{"newsletter", "welcome-mail"}

// Delivered returns the names of the emails that have not been read.
func (m Maildir) Delivered() (names []string) {
	entries, _ := os.ReadDir(filepath.Join(string(m), "new")) // which does not exist before the first email
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// look returns an overview, and a channel that is closed when it has changed.
func look(b *Broker) (o Overview, changed <-chan struct{}) {
	b.locked(func(time.Time) { changed = b.changed })
	o, _ = b.Overview(context.Background())
	return o, changed
}
