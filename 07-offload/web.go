package main

import (
	"cmp"
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

// Web is what people see: it has the broker store requests as jobs, and then
// answers. It handles what handleJobs does and
//
//	POST /signups           {"name", "email"}  202 with Location, once the job is on disk; ?in=48h for later
//	POST /reports           {"dir"}            202 with Location
//	GET  /jobs/{id}/events  the job as server-sent events: five times a second, if it has changed, until it has ended
//	GET  /                  the page that shows the jobs
//
// Requests with the same Idempotency-Key header create one job, as long as the broker
// knows it.
func Web(broker Store) http.Handler {
	mux := http.NewServeMux()
	handleJobs(mux, broker)
	handle(mux, "POST /signups", http.StatusAccepted, func(r *http.Request, s Signup) (any, error) {
		return offload(r, broker, "welcome-mail", s, s.Check())
	})
	handle(mux, "POST /reports", http.StatusAccepted, func(r *http.Request, q ReportRequest) (any, error) {
		return offload(r, broker, "report", q, q.Check())
	})
	mux.HandleFunc("GET /jobs/{id}/events", func(w http.ResponseWriter, r *http.Request) { events(w, r, broker) })
	files, _ := fs.Sub(page, "page") // an error is only possible for an invalid name
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.FileServerFS(files).ServeHTTP(w, r)
	})
	return mux
}

// offload enqueues what a client has sent as a job, unless it is wrong.
func offload(r *http.Request, broker Store, kind string, v any, wrong error) (any, error) {
	if wrong != nil {
		return nil, wrong
	}
	wait, err := time.ParseDuration(cmp.Or(r.URL.Query().Get("in"), "0s"))
	if err != nil || wait < 0 {
		return nil, fmt.Errorf("%w: in must be a duration such as 90s or 48h", errMalformed)
	}
	n := NewJob{Kind: kind, Key: r.Header.Get("Idempotency-Key")}
	if wait > 0 {
		n.Due = time.Now().Add(wait)
	}
	n.Payload, _ = json.Marshal(v)        // strings, so there is no error
	return broker.Enqueue(r.Context(), n) // then the 202
}

// events looks at the job five times a second and sends it when it has changed. A
// restart of the broker does not end the stream.
func events(w http.ResponseWriter, r *http.Request, broker Store) {
	out, sent := http.NewResponseController(w), ""
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
			out.SetWriteDeadline(time.Now().Add(2 * time.Second)) // or a client that does not read could keep the server from ending
			fmt.Fprintf(w, "data: %s\n\n", data)
			err = out.Flush()
		}
		if err != nil && !errors.Is(err, ErrUnavailable) || j.State.Ended() || r.Method == http.MethodHead || !sleep(r.Context(), 200*time.Millisecond) {
			return
		}
	}
}
