package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Store is the broker as web servers use it: a *Client, or the *Broker itself.
type Store interface {
	Enqueue(ctx context.Context, n NewJob) (Job, error)
	Get(ctx context.Context, id string) (Job, error)
	Requeue(ctx context.Context, id string) (Job, error)
	Cancel(ctx context.Context, id string) (Job, error)
	List(ctx context.Context, state State, n int) ([]Job, error)
	Overview(ctx context.Context) (Overview, error)
}

// Enqueue stores one job, as EnqueueAll does.
func (b *Broker) Enqueue(_ context.Context, n NewJob) (Job, error) {
	result := b.EnqueueAll([]NewJob{n})[0]
	return result.Job, result.Err
}

// handleJobs handles what both the broker and the web server answer:
//
//	GET    /jobs/{id}            200 job
//	POST   /jobs/{id}/requeue    200 job
//	DELETE /jobs/{id}            200 job
//	GET    /jobs?state=dead&n=9  200 [job …]
//	GET    /overview             200 numbers of jobs, and some jobs
func handleJobs(mux *http.ServeMux, s Store) {
	handle(mux, "GET /jobs/{id}", http.StatusOK, func(r *http.Request, _ struct{}) (any, error) {
		return s.Get(r.Context(), r.PathValue("id"))
	})
	handle(mux, "POST /jobs/{id}/requeue", http.StatusOK, func(r *http.Request, _ struct{}) (any, error) {
		return s.Requeue(r.Context(), r.PathValue("id"))
	})
	handle(mux, "DELETE /jobs/{id}", http.StatusOK, func(r *http.Request, _ struct{}) (any, error) {
		return s.Cancel(r.Context(), r.PathValue("id"))
	})
	handle(mux, "GET /jobs", http.StatusOK, func(r *http.Request, _ struct{}) (any, error) {
		n, err := strconv.Atoi(cmp.Or(r.FormValue("n"), "100"))
		state, states := State(r.FormValue("state")), []State{"", Scheduled, Queued, Running, Done, Dead, Canceled}
		if err != nil || n < 1 || n > 10_000 || !slices.Contains(states, state) {
			return nil, fmt.Errorf("%w: n must be a number from 1 to 10000, and state one of %v", errMalformed, states[1:])
		}
		return s.List(r.Context(), state, n)
	})
	handle(mux, "GET /overview", http.StatusOK, func(r *http.Request, _ struct{}) (any, error) { return s.Overview(r.Context()) })
}

// API is the broker over HTTP, for web servers and workers: handleJobs and
//
//	POST /jobs                 [{kind, payload, key, due, policy} …]  200 [{job} or {error, status} …], once all are on disk
//	POST /lease                {worker, kinds}    200 job with its token, or 204 if none came within 25 s
//	POST /jobs/{id}/heartbeat  {token, progress}  204
//	POST /jobs/{id}/done       {token, progress}  204
//	POST /jobs/{id}/fail       {token, failure}   204
//	POST /jobs/{id}/release    {token}            204
func API(b *Broker) http.Handler {
	mux := http.NewServeMux()
	handleJobs(mux, b)
	handle(mux, "POST /jobs", http.StatusOK, func(r *http.Request, list []NewJob) (any, error) {
		if len(list) > batchMax {
			return nil, invalid("the limit is %d jobs", batchMax)
		}
		answers := make([]enqueued, len(list))
		for i, result := range b.EnqueueAll(list) {
			if answers[i].Job = &result.Job; result.Err != nil {
				text, status := plain(r, result.Err)
				answers[i] = enqueued{nil, text, status}
			}
		}
		return answers, nil
	})
	handle(mux, "POST /lease", http.StatusOK, func(r *http.Request, in leaseRequest) (any, error) {
		ctx, cancel := context.WithTimeout(r.Context(), longPoll)
		defer cancel()
		began := time.Now()
		j, err := b.Lease(ctx, in.Worker, in.Kinds)
		switch {
		case err == nil && r.Context().Err() != nil: // the worker has disconnected: another one may run the job now
			return nil, b.Release(ctx, j.ID, j.Token)
		case err == nil:
			return leasedJob{j, j.Token, j.Expires.Sub(began)}, nil
		case ctx.Err() != nil:
			return nil, nil
		}
		return nil, err
	})
	handle(mux, "POST /jobs/{id}/heartbeat", http.StatusOK, func(r *http.Request, in leaseReport) (any, error) {
		return nil, b.Heartbeat(r.Context(), r.PathValue("id"), in.Token, in.Progress)
	})
	handle(mux, "POST /jobs/{id}/done", http.StatusOK, func(r *http.Request, in leaseReport) (any, error) {
		return nil, b.Finish(r.Context(), r.PathValue("id"), in.Token, in.Progress)
	})
	handle(mux, "POST /jobs/{id}/fail", http.StatusOK, func(r *http.Request, in leaseReport) (any, error) {
		return nil, b.Fail(r.Context(), r.PathValue("id"), in.Token, in.Failure)
	})
	handle(mux, "POST /jobs/{id}/release", http.StatusOK, func(r *http.Request, in leaseReport) (any, error) {
		return nil, b.Release(r.Context(), r.PathValue("id"), in.Token)
	})
	return mux
}

const (
	longPoll = 25 * time.Second // how long a worker's request for a job stays open
	batchMax = 128              // how many jobs a client enqueues with one request
)

type enqueued struct {
	Job    *Job   `json:"job,omitempty"`
	Error  string `json:"error,omitempty"`
	Status int    `json:"status,omitempty"`
}

// A leasedJob is the only form in which a job's token leaves the broker.
type leasedJob struct {
	Job
	Token     string        `json:"token"`
	ExpiresIn time.Duration `json:"expires_in"` // since the request came, so that clocks need not agree
}

type leaseRequest struct {
	Worker string   `json:"worker"`
	Kinds  []string `json:"kinds"`
}

type leaseReport struct {
	Token    string   `json:"token"`
	Progress Progress `json:"progress,omitzero"`
	Failure  Failure  `json:"failure,omitzero"`
}

// handle registers f, which receives the decoded body. What it returns is answered
// with that status, nil with 204, and an error as answer does.
func handle[In any](mux *http.ServeMux, pattern string, status int, f func(r *http.Request, in In) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in In
		var v any
		err := decode(w, r, &in)
		if err == nil {
			v, err = f(r, in)
		}
		answer(w, r, status, v, err)
	})
}

// decode reads a body of up to 64 KB, a list of jobs up to 3 MB, into v: one JSON
// value, or nothing.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	limit := int64(64 << 10)
	if _, list := v.(*[]NewJob); list {
		limit = batchMax * (payloadMax + 8<<10)
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	body.DisallowUnknownFields()
	err := body.Decode(v)
	if err == nil {
		err = cmp.Or(body.Decode(new(any)), errors.New("more than one JSON value"))
	}
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == io.EOF:
		return nil
	case tooLarge:
		return errTooLarge
	}
	return fmt.Errorf("%w: %w", errMalformed, err)
}

var (
	errMalformed = errors.New("malformed request")
	errTooLarge  = errors.New("the request is too large")
)

// statuses are those of the errors about which a client can do something. A Client
// turns each back into its error.
var statuses = []struct {
	err    error
	status int
}{{errMalformed, 400}, {ErrNotFound, 404}, {ErrFenced, 409}, {ErrState, 409}, {errTooLarge, 413}, {ErrBadJob, 422}, {ErrBacklogFull, 503}}

// plain returns what a client receives of an error. If the error is not one of
// statuses, its text, which may have addresses and paths, goes to the log, and the
// client receives a plain 503.
func plain(r *http.Request, err error) (text string, status int) {
	for _, known := range statuses {
		if errors.Is(err, known.err) {
			return err.Error(), known.status
		}
	}
	slog.Warn("answered with 503", "method", r.Method, "path", r.URL.Path, "error", err)
	return "the broker is not available", http.StatusServiceUnavailable
}

// answer sends v as JSON, or the error as text.
func answer(w http.ResponseWriter, r *http.Request, status int, v any, err error) {
	if err != nil {
		text, status := plain(r, err)
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1") // seconds
		}
		http.Error(w, text, status)
		return
	}
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if j, ok := v.(Job); ok {
		w.Header().Set("Location", "/jobs/"+j.ID)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// NewServer returns a server for h. Each connection has deadlines. Requests from the
// pages of other sites cannot change anything. With a token, requests must have it.
// Without one they must name a loopback host: otherwise the page of any site could use
// the server, once its name resolves to this machine (DNS rebinding).
func NewServer(h http.Handler, token string) *http.Server {
	h = http.NewCrossOriginProtection().Handler(h)
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, given, ok := r.BasicAuth() // as browsers ask for it, with any name
			if !ok {
				given, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			}
			switch {
			case token == "" && !loopback(r.Host):
				http.Error(w, "without a token the host must be localhost or a loopback address", http.StatusMisdirectedRequest)
			case token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1:
				w.Header().Set("WWW-Authenticate", `Basic realm="offload"`)
				http.Error(w, "a token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
			default:
				h.ServeHTTP(w, r)
			}
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      longPoll + 10*time.Second,
		IdleTimeout:       time.Minute,
	}
}

func loopback(host string) bool {
	name := strings.TrimSuffix(strings.ToLower((&url.URL{Host: host}).Hostname()), ".") // without the port
	return name == "localhost" || net.ParseIP(name).IsLoopback()
}

// Listen listens at an address. Without a token it must be a loopback address.
func Listen(addr, token string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); token == "" && (!ok || !tcp.IP.IsLoopback()) {
		listener.Close()
		return nil, fmt.Errorf("other machines can reach %s: set OFFLOAD_TOKEN", addr)
	}
	return listener, nil
}
