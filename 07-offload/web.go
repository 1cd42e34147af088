package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"
)

//go:embed page
var page embed.FS

// Web is what people see: it takes requests, has the broker write them down, and
// answers. It holds no state, and starts no goroutine for work.
type Web struct {
	Broker *Client
	Root   string // reports are on directories below it; "" means no reports
}

// patience is how long a client waits for a broker that does not answer.
const patience = 1500 * time.Millisecond

// Handler returns the handler for all of it:
//
//	POST   /signups           {"name", "email"}  202 with Location, once the job is on the disk; ?in=48h for later
//	POST   /reports           {"dir"}            202 with Location
//	GET    /jobs?state=dead                      up to 100 jobs in that state, or in any
//	GET    /jobs/{id}                            the job
//	GET    /jobs/{id}/events                     the same as server-sent events
//	DELETE /jobs/{id}                            cancels it
//	POST   /jobs/{id}/requeue                    gives a dead one all its attempts again
//	GET    /overview, GET /overview/events       what there is to be seen at a glance
//	GET    /debug/vars                           the broker's figures
//	GET    /                                     the page that shows it
//
// With an Idempotency-Key header the same key is the same job, as long as the
// broker remembers that: until it has ended, and a thousand others after it. A
// browser on another site can't use any of it that changes something.
func (web *Web) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signups", func(w http.ResponseWriter, r *http.Request) {
		var s Signup
		if decode(w, r, &s) {
			web.enqueue(w, r, "welcome-mail", s, s.Check())
		}
	})
	mux.HandleFunc("POST /reports", func(w http.ResponseWriter, r *http.Request) {
		var q ReportRequest
		if web.Root == "" {
			http.Error(w, "there are no reports here: web has no -root", http.StatusNotFound)
		} else if decode(w, r, &q) {
			web.enqueue(w, r, "report", q, q.Check(web.Root))
		}
	})
	for pattern, f := range map[string]func(context.Context, string) (Job, error){
		"GET /jobs/{id}":          web.Broker.Get,
		"DELETE /jobs/{id}":       web.Broker.Cancel,
		"POST /jobs/{id}/requeue": web.Broker.Requeue,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), patience)
			defer cancel()
			j, err := f(ctx, r.PathValue("id"))
			answer(w, http.StatusOK, j, err)
		})
	}
	mux.HandleFunc("GET /jobs", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		jobs, err := web.Broker.List(ctx, State(url.QueryEscape(r.FormValue("state"))), 100)
		answer(w, http.StatusOK, jobs, err)
	})
	mux.HandleFunc("GET /overview", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		o, err := web.Broker.Overview(ctx)
		answer(w, http.StatusOK, o, err)
	})
	mux.HandleFunc("GET /debug/vars", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		vars, err := web.Broker.Events(ctx, "/debug/vars")
		if err != nil {
			answer(w, 0, nil, err)
			return
		}
		defer vars.Close()
		w.Header().Set("Content-Type", "application/json")
		io.Copy(w, vars)
	})
	mux.HandleFunc("GET /overview/events", web.events)
	mux.HandleFunc("GET /jobs/{id}/events", web.events)
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // embedded above
	}
	static := http.FileServerFS(files)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		static.ServeHTTP(w, r)
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// enqueue has a job written down, unless the request is no good, and answers.
func (web *Web) enqueue(w http.ResponseWriter, r *http.Request, kind string, payload any, wrong error) {
	if wrong != nil {
		http.Error(w, wrong.Error(), http.StatusUnprocessableEntity)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > 200 {
		http.Error(w, "the Idempotency-Key is too long: 200 characters at most", http.StatusBadRequest)
		return
	}
	if key != "" {
		key = kind + " " + key
	}
	var due time.Time
	if in := r.URL.Query().Get("in"); in != "" {
		wait, err := time.ParseDuration(in)
		if err != nil || wait < 0 || wait > 10_000*time.Hour {
			http.Error(w, "in must be a duration such as 90s or 48h", http.StatusBadRequest)
			return
		}
		due = time.Now().Add(wait)
	}
	content, err := json.Marshal(payload)
	if err != nil {
		answer(w, 0, nil, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	j, err := web.Broker.Enqueue(ctx, NewJob{Kind: kind, Payload: content, Key: key, Due: due})
	if err == nil {
		w.Header().Set("Location", "/jobs/"+j.ID)
	}
	answer(w, http.StatusAccepted, j, err)
}

// events passes the broker's server-sent events on, piece by piece.
func (web *Web) events(w http.ResponseWriter, r *http.Request) {
	events, err := web.Broker.Events(r.Context(), r.URL.Path)
	if err != nil {
		answer(w, 0, nil, err)
		return
	}
	defer events.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	out.SetWriteDeadline(time.Time{})
	buffer := make([]byte, 32<<10)
	for {
		n, err := events.Read(buffer)
		if _, failed := w.Write(buffer[:n]); failed != nil || out.Flush() != nil {
			return
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				panic(http.ErrAbortHandler) // broken off, and the browser should know
			}
			return
		}
	}
}
