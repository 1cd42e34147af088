// Fails with: the limit is 1s: the response is

package exercise

import (
	"context"
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
		next.ServeHTTP(w, r.WithContext(ctx))
		if ctx.Err() != nil {
			http.Error(w, "too slow", http.StatusServiceUnavailable)
		}
	})
}
