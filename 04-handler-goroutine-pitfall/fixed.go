package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrFull means that the handler holds as many emails as it can: retry later.
	ErrFull = errors.New("too many emails in progress")
	// ErrStopping is returned after Shutdown has begun. It is also the error of
	// the emails that Shutdown abandons.
	ErrStopping = errors.New("the server is stopping")
)

// Fixed is the best that can be done inside the web process. It starts a few
// goroutines once. It accepts a limited number of emails and refuses the rest.
// Each email has a deadline. Errors and panics are logged and counted. Shutdown
// waits for the emails in progress.
//
// It cannot keep the emails when its process ends (claim 4.7), and it tries each
// email once: retrying needs a durable queue outside the process.
type Fixed struct {
	mailer  Mailer
	timeout time.Duration // for one email
	log     *slog.Logger

	queue   chan task // emails that no sender has taken yet
	senders sync.WaitGroup

	abandoned context.Context // done when Shutdown stops waiting
	abandon   context.CancelFunc

	mu       sync.Mutex
	pending  int      // guarded by mu: emails accepted and not done, at most cap(queue)
	stopping bool     // guarded by mu: queue is closed, so no send may follow
	undone   []string // guarded by mu: addresses of the emails that Shutdown abandoned

	Sent, Failed atomic.Int64
}

// A task is an email to send, with the context of the request that asked for it.
// (A context in a struct is rarely right. Here it travels with the task.)
type task struct {
	ctx    context.Context
	signup Signup
}

// NewFixed returns a handler that sends up to senders emails at the same time,
// holds up to capacity emails, including those being sent, and gives each of
// them the timeout. Fewer than one sender, or a capacity below one, counts as
// one. Shutdown ends the handler's goroutines.
func NewFixed(mailer Mailer, senders, capacity int, timeout time.Duration, log *slog.Logger) *Fixed {
	f := &Fixed{
		mailer: mailer, timeout: timeout, log: log,
		queue: make(chan task, max(capacity, 1)),
	}
	f.abandoned, f.abandon = context.WithCancel(context.Background())
	for range max(senders, 1) {
		f.senders.Go(func() {
			for t := range f.queue {
				f.handle(t)
			}
		})
	}
	return f
}

// ServeHTTP responds to a valid POST /signups with 202 if it accepts the email,
// and with 503 and Retry-After if it does not.
func (f *Fixed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, ok := readSignup(w, r)
	if !ok {
		return
	}
	if err := f.accept(r.Context(), s); err != nil {
		w.Header().Set("Retry-After", "1") // seconds
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, "welcome, an email is on its way")
}

// accept queues an email, or returns ErrFull or ErrStopping. It never blocks:
// the queue has a slot for every pending email.
func (f *Fixed) accept(ctx context.Context, s Signup) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopping {
		return ErrStopping
	}
	if f.pending == cap(f.queue) {
		return ErrFull // load shedding
	}
	f.pending++
	// The request's context is canceled when the handler
	// returns. Its values (a trace, a user) may outlive it.
	f.queue <- task{context.WithoutCancel(ctx), s}
	return nil
}

// handle sends one email, logs a failure, and then counts the result.
func (f *Fixed) handle(t task) {
	err := f.send(t)
	f.mu.Lock()
	f.pending--
	if errors.Is(err, ErrStopping) {
		f.undone = append(f.undone, t.signup.Email)
	}
	f.mu.Unlock()
	if err != nil {
		f.log.ErrorContext(t.ctx, "welcome email not sent", "to", t.signup.Email, "error", err)
		f.Failed.Add(1)
		return
	}
	f.Sent.Add(1)
}

// send sends one email within the timeout. A panic becomes an error.
func (f *Fixed) send(t task) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	if f.abandoned.Err() != nil {
		return ErrStopping // no time left to send it
	}
	ctx, cancel := context.WithTimeout(t.ctx, f.timeout)
	defer cancel()
	stop := context.AfterFunc(f.abandoned, cancel)
	defer stop() // or f.abandoned would keep this function, for every email
	err = f.mailer.Send(ctx, t.signup)
	if err != nil && ctx.Err() == context.Canceled {
		return ErrStopping // only f.abandon cancels ctx
	}
	return err
}

// Shutdown accepts no more emails and waits until those it has are done, or ctx
// is done. Then it abandons the rest and returns their addresses. The mailer must not call
// runtime.Goexit: that ends a sender, and emails would be neither sent nor returned. (The
// pool of chapter 05 starts another worker then.)
func (f *Fixed) Shutdown(ctx context.Context) (undone []string) {
	f.mu.Lock()
	if !f.stopping {
		f.stopping = true
		close(f.queue)
	}
	f.mu.Unlock()
	stop := context.AfterFunc(ctx, f.abandon)
	defer stop()
	f.senders.Wait() // once ctx is done, sends are canceled
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.undone)
}
