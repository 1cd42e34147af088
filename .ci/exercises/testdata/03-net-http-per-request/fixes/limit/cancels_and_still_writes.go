// Fails with: data race

package exercise

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Limit answers 503 if next has not returned after d, and cancels the context of
// next's request. What next writes later goes nowhere. A panic in next goes on to
// net/http.
func Limit(next http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		own := &locked{ResponseWriter: w}
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
		case <-ctx.Done():
			own.mu.Lock()
			defer own.mu.Unlock()
			http.Error(w, "too slow", http.StatusServiceUnavailable)
		}
	})
}

// locked writes one write at a time.
type locked struct {
	http.ResponseWriter
	mu sync.Mutex
}

func (l *locked) Header() http.Header { return make(http.Header) }

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ResponseWriter.Write(p)
}
