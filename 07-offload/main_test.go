package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play the roles that must be processes of their own.
func TestMain(m *testing.M) {
	switch os.Getenv(asRole) {
	case "":
		os.Exit(m.Run())
	case "stuck":
		stuck()
	default:
		main()
	}
}

// open opens a broker on dir, with a lease of 10 s.
func open(t testing.TB, dir string) *Broker {
	t.Helper()
	b, err := OpenBroker(BrokerConfig{Dir: dir, Backlog: 1000, Lease: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// work starts a worker with one handler for all kinds. The caller calls stop,
// which returns when the worker has ended.
func work(t testing.TB, jobs Jobs, concurrency int, h Handler) (stop func() (stuck int)) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &Worker{Name: "worker", Jobs: jobs, Mux: Mux{"welcome-mail": h, "report": h}, Concurrency: concurrency,
		Beat: 3 * time.Second, Drain: 5 * time.Second, Log: slog.New(slog.DiscardHandler)}
	ended := make(chan int, 1)
	go func() { ended <- w.Run(ctx) }()
	return func() int {
		cancel()
		return <-ended
	}
}

// enqueue has a job written down: a mail to Ada, unless n says otherwise.
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

// get returns the job as it is now.
func get(t testing.TB, b *Broker, id string) Job {
	t.Helper()
	j, err := b.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// direct is a network in memory, for bubbles: it calls the handler.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	d.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

// webOn returns the handler of a web in front of that broker, without sockets in between.
func webOn(b *Broker, root string) http.Handler {
	client := NewClient("http://broker", "")
	client.HTTP.Transport = direct{API(b)}
	return (&Web{client, root}).Handler()
}

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

func newToken() string { return rand.Text() }
