package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

//go:embed page
var page embed.FS

// A Store is the broker as web servers use it: a *Client, or the *Broker itself.
type Store interface {
	Enqueue(ctx context.Context, n NewJob) (Job, error)
	Get(ctx context.Context, id string) (Job, error)
}

// Web is what people see: it has the broker store requests as jobs, and then
// answers:
//
//	POST /signups           {"name", "email"}  202 with Location, once the job is on disk; ?in=48h for later
//	GET  /jobs/{id}/events  the job as server-sent events: five times a second, if it has changed, until it has ended
//	GET  /                  the page that shows the jobs
//
// It passes the requests of that page on to jobs. Requests with the same
// Idempotency-Key header create one job, as long as the broker knows it.
func Web(broker Store, jobs http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, request := range []string{"GET /jobs/{id}", "GET /jobs", "DELETE /jobs/{id}", "POST /jobs/{id}/requeue", "GET /overview"} {
		mux.Handle(request, jobs)
	}
	handle(mux, "POST /signups", http.StatusAccepted, func(r *http.Request, s Signup) (any, error) {
		if err := s.Check(); err != nil {
			return nil, err
		}
		wait, err := time.ParseDuration(cmp.Or(r.URL.Query().Get("in"), "0s"))
		if err != nil || wait < 0 {
			return nil, fmt.Errorf("%w: in must be a duration such as 90s or 48h", errMalformed)
		}
		payload, _ := json.Marshal(s) // strings, so there is no error
		n := NewJob{Kind: "welcome-mail", Payload: payload, Key: r.Header.Get("Idempotency-Key")}
		if wait > 0 {
			n.Due = time.Now().Add(wait)
		}
		return broker.Enqueue(r.Context(), n) // then the 202
	})
	mux.HandleFunc("GET /jobs/{id}/events", func(w http.ResponseWriter, r *http.Request) { events(w, r, broker) })
	files, _ := fs.Sub(page, "page") // an error is only possible for an invalid name
	for _, name := range []string{"{$}", "page.css", "page.js"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.FileServerFS(files).ServeHTTP(w, r)
		})
	}
	return mux
}

// Inline is the WRONG way to do long work: in the handler. The client waits for
// all of it. When the mail server is slow, the web server is, too.
func Inline(send Handler) http.Handler {
	mux := http.NewServeMux()
	handle(mux, "POST /signups", http.StatusOK, func(r *http.Request, s Signup) (any, error) {
		payload, _ := json.Marshal(s)
		return s, send(r.Context(), &Task{ID: rand.Text(), Attempt: 1, Payload: payload})
	})
	return mux
}

// events sends the job when it has changed. A restart of the broker does not end the stream.
func events(w http.ResponseWriter, r *http.Request, broker Store) {
	out, sent := http.NewResponseController(w), ""
	limit := func() { out.SetWriteDeadline(time.Now().Add(2 * time.Second)) } // or a client that does not read could keep the server from ending
	defer limit()                                                             // for the end of the response
	for {
		j, err := broker.Get(r.Context(), r.PathValue("id"))
		if err != nil && sent == "" {
			answer(w, r, 0, nil, err)
			return
		}
		if data, _ := json.Marshal(j); err == nil && string(data) != sent {
			sent = string(data)
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			limit()
			fmt.Fprintf(w, "data: %s\n\n", data)
			err = out.Flush()
			out.SetWriteDeadline(time.Time{}) // over HTTP/2 a deadline that passes resets the stream, even if nothing is written
		}
		if err != nil && !errors.Is(err, ErrUnavailable) || j.State.Ended() || r.Method == http.MethodHead || !sleep(r.Context(), 200*time.Millisecond) {
			return
		}
	}
}
