package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRouterUsesTheServersGoroutine: the same go statement starts the goroutine of a
// handler behind the router and of one without it (claim 3.5).
func TestRouterUsesTheServersGoroutine(t *testing.T) {
	var rt Router
	rt.Handle("GET", "/whoami", WhoAmI)
	behind, err := Ask(t.Context(), &rt, 1, 1, false, false)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := Ask(t.Context(), http.HandlerFunc(WhoAmI), 1, 1, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if behind[0].Creator != bare[0].Creator || behind[0].Where() != bare[0].Where() {
		t.Errorf("behind the router the goroutine is started by %s (%s), without it by %s (%s); want no difference",
			behind[0].Creator, behind[0].Where(), bare[0].Creator, bare[0].Where())
	}
	if !slices.ContainsFunc(behind[0].Calls, func(call string) bool { return strings.HasSuffix(call, ".(*Router).ServeHTTP") }) {
		t.Errorf("the handler's stack is %q; want the router in it", behind[0].Calls)
	}
}

// TestRequestsThroughRouterOverlap in fake time: no handler returns before all run (claim 3.5).
func TestRequestsThroughRouterOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 5
		var rt Router
		rt.Use(func(next http.Handler) http.Handler { return next })
		rt.Handle("GET", "/", Together(requests, http.HandlerFunc(WhoAmI)).ServeHTTP)
		srv, pipes := serveInBubble(&rt)
		time.AfterFunc(time.Hour, func() { srv.Close() })
		if err := Visit(t.Context(), Crowd(pipes.Dial), "http://pipe/", requests); err != nil {
			t.Errorf("%d requests through the router were not in its handler at the same time: %v", requests, err)
		}
		srv.Close()
	})
}

// TestMiddlewareOrder: the first one is the outermost, and runs for every request.
func TestMiddlewareOrder(t *testing.T) {
	var order string
	mark := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order += name
				next.ServeHTTP(w, r)
			})
		}
	}
	var rt Router
	rt.Use(mark("a"))
	rt.Handle("GET", "/", func(http.ResponseWriter, *http.Request) { order += "h " })
	rt.Use(mark("b")) // every handler: also those that were registered before
	for range 2 {
		rt.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	if order != "abh abh " {
		t.Errorf("two requests went through %q; want a, b and the handler, twice", order)
	}
}

// TestBadRequestsGetAReason: a client's mistake is answered with 4xx.
func TestBadRequestsGetAReason(t *testing.T) {
	var rt Router
	rt.Handle("GET", "/share", Share)
	rt.Handle("PUT", "/share", Share)
	for _, test := range []struct {
		method, target string
		status         int
		says, allow    string
	}{
		{"GET", "/nowhere", http.StatusNotFound, "not found", ""},
		{"GET", "/share/", http.StatusNotFound, "not found", ""},
		{"HEAD", "/share?among=4", http.StatusMethodNotAllowed, "only GET, PUT", "GET, PUT"},
		{"POST", "/share", http.StatusMethodNotAllowed, "only GET, PUT", "GET, PUT"},
		{"GET", "/share?among=x", http.StatusBadRequest, "whole number", ""},
	} {
		rec := httptest.NewRecorder()
		rt.ServeHTTP(rec, httptest.NewRequest(test.method, test.target, nil))
		body, _ := io.ReadAll(rec.Body)
		if allow := rec.Header().Get("Allow"); rec.Code != test.status || !strings.Contains(string(body), test.says) || allow != test.allow {
			t.Errorf("%s %s: got %d %q, Allow %q; want %d with %q, Allow %q", test.method, test.target, rec.Code, body, allow, test.status, test.says, test.allow)
		}
	}
}
