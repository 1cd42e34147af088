package exercise_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/03-net-http-per-request/fixes"
)

// get calls h as net/http does, and returns its response and what it panicked with.
func get(h http.Handler) (rec *httptest.ResponseRecorder, panicked any) {
	rec = httptest.NewRecorder()
	defer func() { panicked = recover() }()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	return rec, nil
}

func TestLimitAnswersInTime(t *testing.T) {
	alone(t, "section 3.12: the client's answer must not wait for next", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			rec, _ := get(Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }), time.Second))
			if took := time.Since(start); took != time.Second || rec.Code != 503 {
				t.Errorf("next takes 1h, the limit is 1s: the response is %d after %s, want 503 after 1s", rec.Code, took)
			}
			time.Sleep(time.Hour)
		})
	})
}

func TestLimitKeepsLateWritesOut(t *testing.T) {
	alone(t, "section 3.12: which ResponseWriter does next have after the limit?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rec, _ := get(Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Hour)
				w.Header().Set("Late", "yes")
				io.WriteString(w, "late")
			}), time.Second))
			time.Sleep(2 * time.Hour)
			if body := rec.Body.String(); strings.Contains(body, "late") || rec.Header().Get("Late") != "" {
				t.Errorf("next wrote \"late\" after the limit: it is in the response, %q, which was finished before", body)
			}
		})
	})
}

func TestLimitCancelsTheContext(t *testing.T) {
	alone(t, "section 3.12: next can stop only if its context is canceled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			done := make(chan time.Duration, 1)
			start := time.Now()
			get(Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
				defer cancel()
				<-ctx.Done()
				done <- time.Since(start)
			}), time.Second))
			if after := <-done; after != time.Second {
				t.Errorf("the limit is 1s: the context of next was done after %s", after)
			}
		})
	})
}

func TestLimitPassesAPanicOn(t *testing.T) {
	alone(t, "section 3.7: net/http recovers a panic in the goroutine that called the handler", func(t *testing.T) {
		rec, panicked := get(Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug in next") }), time.Second))
		if panicked == nil {
			t.Errorf("next panicked, but the handler returned without a panic: the client gets a response with status %d, and net/http logs nothing", rec.Code)
		}
	})
}

func TestLimitKeepsAQuickResponse(t *testing.T) {
	alone(t, "section 3.12: a handler that returns in time is not affected", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rec, _ := get(Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Second / 2)
				w.Header().Set("Kind", "tea")
				w.WriteHeader(418)
				io.WriteString(w, "short and stout")
			}), time.Second))
			if rec.Code != 418 || rec.Header().Get("Kind") != "tea" || rec.Body.String() != "short and stout" {
				t.Errorf("next answered 418 in time; the response is %d %v %q", rec.Code, rec.Header(), rec.Body)
			}
			time.Sleep(time.Hour)
		})
	})
}
