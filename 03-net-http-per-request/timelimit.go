package main

import (
	"net/http"
	"time"
)

// LimitTime answers 503 if h has not returned after d. It cancels the context of
// h, and h's later writes return http.ErrHandlerTimeout. It cannot end h: a
// handler that ignores its context goes on. TimeoutHandler holds the response in
// memory until h returns, so h cannot stream. And it hides a panic of h: before d the
// server logs it without h's stack, and after d not at all. Recover and log in h.
func LimitTime(h http.Handler, d time.Duration) http.Handler {
	return http.TimeoutHandler(h, d, "too slow\n")
}

// LimitTimeByHand is wrong: after d it returns, which ends the response, but h is
// still running, and its later writes use the same ResponseWriter.
func LimitTimeByHand(h http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(w, r)
		}()
		select {
		case <-done:
		case <-time.After(d):
			http.Error(w, "too slow", http.StatusServiceUnavailable)
		}
	})
}
