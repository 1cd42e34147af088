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
	// ErrFull is returned when there is no room for one more mail: come back later.
	ErrFull = errors.New("too many emails in progress")
	// ErrStopping is returned after Shutdown has begun, and is the error of the mails it gave up.
	ErrStopping = errors.New("the server is stopping")
)

// Fixed is the best that can be done inside the web process. Its goroutines are
// few and started once; it takes what it has room for and refuses the rest; each
// mail has a deadline; errors and panics are logged and counted; and Shutdown
// waits for what is under way.
//
// What it can't do is keep a promise across the end of its process (claim 4.7).
// And it tries each mail once: trying again, later, is a queue's work.
type Fixed struct {
	mailer  Mailer
	timeout time.Duration // for one mail
	log     *slog.Logger

	queue   chan task
	room    chan struct{} // one inside for each mail that is accepted and not done; queue has only those not begun
	senders sync.WaitGroup
	giveUp  context.Context // ends when Shutdown waits no longer
	stop    context.CancelFunc

	mu       sync.Mutex
	stopping bool     // guarded by mu; set before queue is closed, so that nothing is sent to it afterwards
	undone   []string // guarded by mu; addresses of the mails that Shutdown gave up

	Sent, Failed atomic.Int64
}

// A task is a mail to be sent, with the context of the request that asked for it. (A
// context in a struct is rarely right. Here it is the task's, and waits with it.)
type task struct {
	ctx    context.Context
	signup Signup
}

// NewFixed returns a handler that sends at most senders mails at a time, holds
// at most room mails, those being sent included, and gives each timeout.
// Shutdown ends it.
func NewFixed(mailer Mailer, senders, room int, timeout time.Duration, log *slog.Logger) *Fixed {
	f := &Fixed{
		mailer: mailer, timeout: timeout, log: log,
		queue: make(chan task, room), // sends to it never block
		room:  make(chan struct{}, room),
	}
	f.giveUp, f.stop = context.WithCancel(context.Background())
	for range senders {
		f.senders.Go(func() {
			for t := range f.queue {
				f.handle(t)
				<-f.room
			}
		})
	}
	return f
}

// ServeHTTP answers a POST /signups with 202 if there is room for the mail, else with 503.
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

// accept takes a mail or returns ErrFull or ErrStopping. It never waits.
func (f *Fixed) accept(ctx context.Context, s Signup) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopping {
		return ErrStopping
	}
	select {
	case f.room <- struct{}{}:
		// The request's context is canceled when the handler
		// returns. Its values (a trace, a user) may outlive it.
		f.queue <- task{context.WithoutCancel(ctx), s}
		return nil
	default:
		return ErrFull
	}
}

// handle sends one mail and sees to it that somebody hears what came of it.
func (f *Fixed) handle(t task) {
	err := f.send(t)
	if errors.Is(err, ErrStopping) {
		f.mu.Lock()
		f.undone = append(f.undone, t.signup.Email)
		f.mu.Unlock()
	}
	if err != nil {
		f.Failed.Add(1)
		f.log.ErrorContext(t.ctx, "welcome email not sent", "to", t.signup.Email, "error", err)
		return
	}
	f.Sent.Add(1)
}

// send sends one mail before its deadline, or returns why not. A panic becomes an error.
func (f *Fixed) send(t task) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(t.ctx, f.timeout)
	defer cancel()
	ctx, give := context.WithCancelCause(ctx)
	stopWatching := context.AfterFunc(f.giveUp, func() { give(ErrStopping) }) // when Shutdown gives up, so does this mail
	defer stopWatching()
	if f.giveUp.Err() != nil {
		return ErrStopping // Do not begin what can't be finished.
	}
	return f.mailer.Send(ctx, t.signup)
}

// Shutdown takes no more mails and waits until those it has are done, or ctx
// ends. It then gives up the rest, and returns the addresses of those.
func (f *Fixed) Shutdown(ctx context.Context) (undone []string) {
	f.mu.Lock()
	if !f.stopping {
		f.stopping = true
		close(f.queue)
	}
	f.mu.Unlock()
	stopWatching := context.AfterFunc(ctx, f.stop)
	defer stopWatching()
	f.senders.Wait() // after ctx is done, sends are canceled
	f.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.undone)
}
