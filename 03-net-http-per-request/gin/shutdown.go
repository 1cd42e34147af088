package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// A Shutdown stops a server, and then closes what its handlers use, so that the requests
// in flight can still use it.
type Shutdown struct {
	Pause time.Duration  // how long the server accepts connections after Ready fails, so that load balancers can notice
	Limit time.Duration  // for the requests in flight, and again for each step
	Steps []func() error // what the handlers use, in the order in which to close it: a pool, then the database

	begun atomic.Bool
}

// Ready is the readiness check: 200, and 503 once the shutdown has begun.
func (s *Shutdown) Ready(c *gin.Context) {
	if s.begun.Load() {
		c.Status(http.StatusServiceUnavailable)
		return
	}
	c.Status(http.StatusOK)
}

// Serve serves until ctx is done (see signal.NotifyContext). Then Ready fails; after the
// pause the server accepts no more connections and finishes its requests; then the steps
// run, one at a time. If the listener fails, Serve does the same, without the pause or the
// rest of it. Serve returns the errors of the listener, the requests and the steps. If the
// requests or a step exceed the limit, that is an error, too, and Serve goes on with the next
// step.
func (s *Shutdown) Serve(ctx context.Context, srv *http.Server, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	var err error
	select {
	case err = <-ended: // requests may still be in flight
	case <-ctx.Done():
	}
	s.begun.Store(true)
	if err == nil {
		select {
		case err = <-ended: // no load balancer can connect any more
		case <-time.After(s.Pause):
		}
	}
	limit, cancel := context.WithTimeout(context.Background(), s.Limit)
	defer cancel()
	if e := srv.Shutdown(limit); e != nil {
		err = errors.Join(err, fmt.Errorf("requests still run after %s: %w", s.Limit, e), srv.Close())
	}
	for i, step := range s.Steps {
		closed := make(chan error, 1)
		go func() { closed <- step() }()
		select {
		case e := <-closed:
			err = errors.Join(err, e)
		case <-time.After(s.Limit):
			err = errors.Join(err, fmt.Errorf("step %d still runs after %s", i+1, s.Limit))
		}
	}
	return err
}
