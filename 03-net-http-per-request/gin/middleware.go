package main

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// TimeoutInGoroutine is wrong twice: it runs the handlers after it in a goroutine
// of its own. gin.Recovery does not recover a panic there, so the panic ends the
// server. And after the timeout the middleware and the handler use c at the same
// time: a data race.
func TimeoutInGoroutine(d time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Next()
		}()
		select {
		case <-done:
		case <-time.After(d):
			c.AbortWithStatus(http.StatusGatewayTimeout)
		}
	}
}

// Wrap makes Gin's middleware of net/http's, if that changes nothing but the request:
// the handlers after it run inside it, with the new request. For example,
// Wrap(lasting.Handler) ends a stream when Shutdown begins (lasting.go in the chapter). If
// the middleware does not call the next handler, Gin does not either. The middleware before
// Wrap keeps its own request.
func Wrap(middleware func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func(before *http.Request) { c.Request = before }(c.Request) // the new one may be canceled by then
		called := false
		next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			called = true
			c.Request = r
			c.Next()
		})
		middleware(next).ServeHTTP(c.Writer, c.Request)
		if !called {
			c.Abort()
		}
	}
}

// Timeout is right: it starts no goroutine. It gives the request's context a
// deadline, which the handlers after it observe; the middleware before it keeps its own
// request. Timeout does not stop a handler that ignores its context, and sends no response
// of its own.
func Timeout(d time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func(before *http.Request) { c.Request = before }(c.Request) // the new one is canceled by then
		ctx, cancel := context.WithTimeout(c.Request.Context(), d)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}
