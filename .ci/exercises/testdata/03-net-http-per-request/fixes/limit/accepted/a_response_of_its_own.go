package exercise

import (
	"context"
	"maps"
	"net/http"
	"time"
)

// Limit answers 503 if next has not returned after d, and cancels the context of
// next's request. What next writes later goes nowhere. A panic in next goes on to
// net/http.
func Limit(next http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		own := &response{header: make(http.Header), status: http.StatusOK}
		done := make(chan any, 1)
		go func() {
			defer func() { done <- recover() }()
			next.ServeHTTP(own, r.WithContext(ctx))
		}()
		select {
		case v := <-done:
			if v != nil {
				panic(v)
			}
			maps.Copy(w.Header(), own.header)
			w.WriteHeader(own.status)
			w.Write(own.body)
		case <-ctx.Done():
			http.Error(w, "too slow", http.StatusServiceUnavailable)
		}
	})
}

// A response belongs to the goroutine of next until that has ended.
type response struct {
	header http.Header
	status int
	body   []byte
}

func (r *response) Header() http.Header    { return r.header }
func (r *response) WriteHeader(status int) { r.status = status }
func (r *response) Write(p []byte) (int, error) {
	r.body = append(r.body, p...)
	return len(p), nil
}
