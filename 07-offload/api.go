package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// API is the broker over HTTP, for web and workers on other processes or machines:
//
//	POST   /jobs                 {kind, payload, key, due, policy}  201 job
//	POST   /lease                {worker, token}                    200 job, or 204 if none came within 25 s
//	POST   /abandon              {token}                            204 the job of a lease whose answer was lost
//	POST   /jobs/{id}/heartbeat  {token, progress}                  204
//	POST   /jobs/{id}/done       {token, progress}                  204
//	POST   /jobs/{id}/fail       {token, error}                     204
//	POST   /jobs/{id}/release    {token}                            204
//	POST   /jobs/{id}/requeue                                       200 job
//	DELETE /jobs/{id}                                               200 job
//	GET    /jobs/{id}                                               200 job
//	GET    /jobs?state=dead&n=100                                   200 [job …], oldest first
//	GET    /jobs/{id}/events     the job as server-sent events, until it has ended
//	GET    /overview             what there is to be seen at a glance
//	GET    /overview/events      the same as server-sent events
//	GET    /debug/vars           figures for a monitoring system
//
// Errors are text with a status: 400 not understood, 404 no such job, 409 the
// lease has ended or the job is not in this state, 413 too large, 422 no good,
// 503 with Retry-After when the backlog is full or the disk does not take it.
func API(b *Broker) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /jobs", func(w http.ResponseWriter, r *http.Request) {
		var n NewJob
		if !decode(w, r, &n) {
			return
		}
		j, err := b.Enqueue(r.Context(), n)
		answer(w, http.StatusCreated, j, err)
	})
	mux.HandleFunc("POST /lease", func(w http.ResponseWriter, r *http.Request) {
		var in leaseRequest
		if !decode(w, r, &in) {
			return
		}
		if len(in.Token) < 16 || len(in.Token) > 100 {
			http.Error(w, "token must be 16 to 100 characters that nobody can guess", http.StatusUnprocessableEntity)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), longPoll)
		defer cancel()
		j, err := b.Lease(ctx, in.Worker, in.Token)
		if err != nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, http.StatusOK, j, nil)
	})
	mux.HandleFunc("POST /abandon", func(w http.ResponseWriter, r *http.Request) {
		var in leaseReport
		if decode(w, r, &in) {
			answer(w, http.StatusNoContent, nil, b.Abandon(r.Context(), in.Token))
		}
	})
	leased := func(name string, f func(ctx context.Context, id string, in leaseReport) error) {
		mux.HandleFunc("POST /jobs/{id}/"+name, func(w http.ResponseWriter, r *http.Request) {
			var in leaseReport
			if decode(w, r, &in) {
				answer(w, http.StatusNoContent, nil, f(r.Context(), r.PathValue("id"), in))
			}
		})
	}
	leased("heartbeat", func(ctx context.Context, id string, in leaseReport) error {
		return b.Heartbeat(ctx, id, in.Token, in.Progress)
	})
	leased("done", func(ctx context.Context, id string, in leaseReport) error {
		return b.Finish(ctx, id, in.Token, in.Progress)
	})
	leased("fail", func(ctx context.Context, id string, in leaseReport) error { return b.Fail(ctx, id, in.Token, in.Error) })
	leased("release", func(ctx context.Context, id string, in leaseReport) error { return b.Release(ctx, id, in.Token) })
	shown := func(pattern string, f func(ctx context.Context, id string) (Job, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			j, err := f(r.Context(), r.PathValue("id"))
			j.Token = "" // it is its worker's alone
			answer(w, http.StatusOK, j, err)
		})
	}
	shown("POST /jobs/{id}/requeue", b.Requeue)
	shown("DELETE /jobs/{id}", b.Cancel)
	shown("GET /jobs/{id}", b.Get)
	mux.HandleFunc("GET /jobs", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(cmp.Or(r.FormValue("n"), "100"))
		if err != nil || n < 1 || n > 10_000 {
			http.Error(w, "n must be a number from 1 to 10000", http.StatusBadRequest)
			return
		}
		state := State(r.FormValue("state"))
		if state != "" && !slices.Contains([]State{Scheduled, Queued, Running, Done, Dead, Cancelled}, state) {
			http.Error(w, "state must be scheduled, queued, running, done, dead or cancelled", http.StatusBadRequest)
			return
		}
		jobs, err := b.List(r.Context(), state, n)
		answer(w, http.StatusOK, jobs, err)
	})
	mux.HandleFunc("GET /jobs/{id}/events", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if _, err := b.Get(r.Context(), id); err != nil {
			answer(w, 0, nil, err)
			return
		}
		stream(w, r, func() (any, <-chan struct{}, bool) {
			changed := b.Changed()
			j, err := b.Get(r.Context(), id)
			j.Token = ""
			return j, changed, err != nil || j.State.Ended()
		})
	})
	mux.HandleFunc("GET /overview", func(w http.ResponseWriter, r *http.Request) {
		o, _ := b.Look()
		answer(w, http.StatusOK, o, nil)
	})
	mux.HandleFunc("GET /overview/events", func(w http.ResponseWriter, r *http.Request) {
		stream(w, r, func() (any, <-chan struct{}, bool) {
			o, changed := b.Look()
			return o, changed, false
		})
	})
	mux.HandleFunc("GET /debug/vars", func(w http.ResponseWriter, r *http.Request) {
		o, _ := b.Look()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jobs": {"waiting": %d, "oldest_seconds": %f, "scheduled": %d, "running": %d, "dead": %d, "done": %d, "journal_bytes": %d}`,
			o.Waiting, o.Oldest, o.Scheduled, o.Running, o.Dead, o.Done, b.journal.Size())
		expvar.Do(func(v expvar.KeyValue) { fmt.Fprintf(w, ",\n%q: %s", v.Key, v.Value) })
		fmt.Fprintln(w, "}")
	})
	return http.NewCrossOriginProtection().Handler(mux) // or any page in a browser here could use it
}

// longPoll is how long a worker's question for a job stays open.
const longPoll = 25 * time.Second

type leaseRequest struct {
	Worker string `json:"worker"`
	Token  string `json:"token"`
}

type leaseReport struct {
	Token    string   `json:"token"`
	Progress Progress `json:"progress,omitzero"`
	Error    string   `json:"error,omitempty"`
}

// decode reads a JSON body into v. If it is no good it answers with a 4xx that
// says why, and returns false.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	body.DisallowUnknownFields()
	err := body.Decode(v)
	if err == nil && body.Decode(new(any)) != io.EOF {
		err = errors.New("more than one JSON value")
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return false
	}
	if err != nil {
		http.Error(w, "not understood: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// answer sends v as JSON with that status, or the error with its own.
func answer(w http.ResponseWriter, status int, v any, err error) {
	switch {
	case err == nil && v == nil:
		w.WriteHeader(status)
		return
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
		return
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, ErrFenced), errors.Is(err, ErrState):
		status = http.StatusConflict
	case errors.Is(err, ErrBadJob):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, ErrBacklogFull), errors.Is(err, ErrUnavailable):
		w.Header().Set("Retry-After", "1") // seconds
		status = http.StatusServiceUnavailable
	default:
		status = http.StatusInternalServerError
	}
	http.Error(w, err.Error(), status)
}

// stream sends what look returns as server-sent events, at each change but not
// more than five times a second, until look says that it was the last one.
func stream(w http.ResponseWriter, r *http.Request, look func() (v any, changed <-chan struct{}, last bool)) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	out.SetWriteDeadline(time.Time{})
	for {
		began := time.Now()
		v, changed, last := look()
		pause := max(200*time.Millisecond, 20*time.Since(began)) // to look must not be all that the broker does
		data, err := json.Marshal(v)
		if err != nil {
			return
		}
		fmt.Fprintf(w, "data: %s\n\n", data)
		if out.Flush() != nil || last {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second): // ages change by themselves; and a client that has gone is noticed
		case <-r.Context().Done():
			return
		}
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
	}
}

// NewServer returns a server for h with limits on what a client can take from it.
// Only those who know the token may use it, if there is one.
func NewServer(h http.Handler, token string) *http.Server {
	if token != "" {
		inner := h
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, given, ok := r.BasicAuth() // as browsers ask for it, whatever the name
			if !ok {
				given, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			}
			if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
				w.Header().Set("WWW-Authenticate", `Basic realm="offload"`)
				http.Error(w, "a token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
				return
			}
			inner.ServeHTTP(w, r)
		})
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      longPoll + 10*time.Second,
		IdleTimeout:       time.Minute,
	}
}

// ErrOpen is returned for an address that others could reach, without a token.
var ErrOpen = errors.New("this address can be reached from other machines: set a -token")

// Listen listens at an address, and refuses one that is open to others if there is no token.
func Listen(addr, token string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); token == "" && (!ok || !tcp.IP.IsLoopback()) {
		listener.Close()
		return nil, fmt.Errorf("%s: %w", addr, ErrOpen)
	}
	return listener, nil
}
