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

// Enqueue is EnqueueAll for one job.
func (b *Broker) Enqueue(_ context.Context, n NewJob) (Job, error) {
	result := b.EnqueueAll([]NewJob{n})[0]
	return result.Job, result.Err
}

// Get returns the job with that ID, or ErrNotFound.
func (b *Broker) Get(_ context.Context, id string) (view Job, err error) {
	b.locked(func(now time.Time) {
		var j *Job
		if j, err = b.queue.Get(id); err == nil {
			view = j.View(now)
		}
	})
	return view, err
}

// List is Queue.List, with copies of the jobs.
func (b *Broker) List(_ context.Context, state State, n int) (views []Job, err error) {
	b.locked(func(now time.Time) {
		b.queue.promote(now)
		views = []Job{} // in JSON a list, even if there are none
		for _, j := range b.queue.List(state, n) {
			views = append(views, j.View(now))
		}
	})
	return views, nil
}

// An Overview counts the jobs that wait, run, or have ended.
type Overview struct {
	Waiting   int     `json:"waiting"`   // due, without a worker
	Oldest    float64 `json:"oldest"`    // seconds since the first of them was due
	Scheduled int     `json:"scheduled"` // due later, retries included
	Running   int     `json:"running"`
	Dead      int     `json:"dead"`
	Done      int64   `json:"done"` // since the broker's start
}

func (b *Broker) Overview(context.Context) (o Overview, err error) {
	b.locked(func(now time.Time) {
		q := b.queue
		q.promote(now)
		o = Overview{Waiting: q.count(Queued), Scheduled: q.count(Scheduled), Running: q.count(Running), Dead: q.count(Dead), Done: q.finished}
		for g := range q.groups {
			if j := q.head(Queued, g.kind); j != nil {
				o.Oldest = max(o.Oldest, now.Sub(j.Due).Seconds())
			}
		}
	})
	return o, nil
}

// API is the broker over HTTP, for web servers and workers:
//
//	GET    /jobs/{id}            200 job
//	POST   /jobs/{id}/requeue    200 job
//	DELETE /jobs/{id}            200 job
//	GET    /jobs?state=dead&n=9  200 [job …]
//	GET    /overview             200 how many jobs wait, run, and have ended
//	POST   /jobs              [{kind, payload, key, due, policy} …]  200 [{job} or {error, status} …], once all are on disk; a job without payload and policy
//	POST   /lease             {worker, kinds}  200 job with its token, or 204 if none came within 25 s
//	POST   /jobs/{id}/update  {token, event, progress, error, permanent}  204
func API(b *Broker) http.Handler {
	mux := http.NewServeMux()
	for pattern, f := range map[string]func(ctx context.Context, id string) (Job, error){
		"GET /jobs/{id}": b.Get, "POST /jobs/{id}/requeue": b.Requeue, "DELETE /jobs/{id}": b.Cancel,
	} {
		handle(mux, pattern, http.StatusOK, func(r *http.Request, _ struct{}) (any, error) { return f(r.Context(), r.PathValue("id")) })
	}
	handle(mux, "GET /jobs", http.StatusOK, func(r *http.Request, _ struct{}) (any, error) {
		n, err := strconv.Atoi(cmp.Or(r.FormValue("n"), "100"))
		state, states := State(r.FormValue("state")), []State{"", Scheduled, Queued, Running, Done, Dead, Canceled}
		if err != nil || n < 1 || n > 10_000 || !slices.Contains(states, state) {
			return nil, fmt.Errorf("%w: n must be a number from 1 to 10000, and state one of %v", errMalformed, states[1:])
		}
		return b.List(r.Context(), state, n)
	})
	handle(mux, "GET /overview", http.StatusOK, func(r *http.Request, _ struct{}) (any, error) { return b.Overview(r.Context()) })
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
			return nil, b.Update(ctx, j.ID, Update{Token: j.Token, Event: Released})
		case err == nil:
			return leasedJob{j, j.Token, j.Expires.Sub(began)}, nil
		case ctx.Err() != nil:
			return nil, nil
		}
		return nil, err
	})
	handle(mux, "POST /jobs/{id}/update", http.StatusOK, func(r *http.Request, u Update) (any, error) {
		return nil, b.Update(r.Context(), r.PathValue("id"), u)
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
// value, or nothing. It also checks the query.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil { // FormValue would drop the malformed part, and use the rest
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
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
	// statuses has the errors about which a client can do something. Client turns them back.
	statuses = map[error]int{
		errMalformed: 400, ErrNotFound: 404, ErrFenced: 409, ErrState: 409, errTooLarge: 413, ErrBadJob: 422, ErrBacklogFull: 503,
	}
)

// plain returns what a client receives of an error. The text of an error that is not in
// statuses may have addresses and paths: it goes to the log, and the client gets a 503.
func plain(r *http.Request, err error) (text string, status int) {
	for known, status := range statuses {
		if errors.Is(err, known) {
			return err.Error(), status
		}
	}
	slog.Warn("answered with 503", "method", r.Method, "path", r.URL.Path, "error", err)
	return "the broker is not available", http.StatusServiceUnavailable
}

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

// NewServer returns a server with deadlines. Requests from the pages of other sites
// cannot change anything. With a token, requests must have it. Without one they must
// name a loopback host: otherwise any site could use the server, once the site's name
// resolves to this machine (DNS rebinding).
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
	if token == "" && !loopback(listener.Addr().String()) {
		listener.Close()
		return nil, fmt.Errorf("other machines can reach %s: set OFFLOAD_TOKEN", addr)
	}
	return listener, nil
}
