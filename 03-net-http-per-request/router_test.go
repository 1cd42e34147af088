package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestRouterInheritsTheServersGoroutine: the same go statement starts the goroutine of a handler
// behind the router and of one without it (claim 3.5).
func TestRouterInheritsTheServersGoroutine(t *testing.T) {
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
		t.Errorf("a router should start no goroutine: started by %s (%s) behind it, by %s (%s) without it",
			behind[0].Creator, behind[0].Where(), bare[0].Creator, bare[0].Where())
	}
	if !slices.ContainsFunc(behind[0].Calls, func(call string) bool { return strings.HasSuffix(call, ".(*Router).ServeHTTP") }) {
		t.Errorf("the router should be on the handler's stack: %q", behind[0].Calls)
	}
}

// TestRequestsThroughRouterOverlap: requests through the router and its middleware run at the same
// time (claim 3.5). No handler ends before all of them have begun.
func TestRequestsThroughRouterOverlap(t *testing.T) {
	const requests = 5
	var rt Router
	rt.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
	})
	rt.Handle("GET", "/", Together(requests, http.HandlerFunc(WhoAmI)).ServeHTTP)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := Visit(ctx, newClients(), serve(t, &rt)+"/", requests); err != nil {
		t.Errorf("%d requests should be in the router's handler at once: %v", requests, err)
	}
}

// TestBadRequestsAreToldWhy: what a client gets wrong is answered with 4xx and the reason (claim 3.5).
func TestBadRequestsAreToldWhy(t *testing.T) {
	var rt Router
	rt.Handle("GET", "/share", Share)
	for _, test := range []struct {
		method, target string
		status         int
		says           string
	}{
		{"GET", "/nowhere", http.StatusNotFound, "not found"},
		{"POST", "/share", http.StatusMethodNotAllowed, "only GET"},
		{"GET", "/share?among=x", http.StatusBadRequest, "whole number"},
	} {
		rec := httptest.NewRecorder()
		rt.ServeHTTP(rec, httptest.NewRequest(test.method, test.target, nil))
		body, _ := io.ReadAll(rec.Body)
		if rec.Code != test.status || !strings.Contains(string(body), test.says) {
			t.Errorf("%s %s: got %d %q, want %d and %q in it", test.method, test.target, rec.Code, body, test.status, test.says)
		}
	}
}
