package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// A Pipeline is the goroutines that run the stages of one Run.
type Pipeline struct {
	ctx    context.Context         // done when the stages must stop
	cancel context.CancelCauseFunc // cancels ctx; its first call gives the reason, the cause
	outer  context.Context         // of the caller of Run; ctx is derived from it
	left   error                   // the cause if body has returned; no two Runs have the same
	stages sync.WaitGroup          // the goroutines of all stages
	failed atomic.Pointer[error]   // the first error
	cut    atomic.Bool             // ctx was done before some stage had ended
}

// Run calls body, which starts the stages and receives from the last one's
// channel. When body returns, early or not, or panics, Run cancels the context of
// all stages and waits for their goroutines. Only body and the stages may use p.
//
// The error is the first one of a stage or of body; a panic in a stage, or
// runtime.Goexit, is a *PanicError. Once body has returned, other errors of a stage are
// dropped: they follow from the stop. If ctx is done first, before body returns and all
// stages have ended, the error is the cause of ctx (context.Cause), joined with the
// first error that has another reason.
func Run(ctx context.Context, body func(p *Pipeline) error) (err error) {
	p := &Pipeline{outer: ctx, left: fmt.Errorf("the consumer has returned: %w", context.Canceled)}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	defer func() { // deferred, so that it happens even if body panics
		if err != nil {
			p.ended(err)
		}
		p.cancel(p.left) // has no effect if there was a reason before
		p.stages.Wait()
		err = p.Err()
	}()
	return body(p)
}

// Err returns why a stage has stopped early, or nil. It is set before the channel
// is closed: if it is nil after body's loop, the loop has received every item.
func (p *Pipeline) Err() error {
	if failed := p.failed.Load(); failed != nil {
		return *failed
	}
	if cause := context.Cause(p.ctx); p.cut.Load() && cause != p.left {
		return cause
	}
	return nil
}

// ended stops all stages if err is the first one that is not a consequence of a stop.
func (p *Pipeline) ended(err error) {
	if p.outer.Err() != nil {
		p.cancel(context.Cause(p.outer)) // otherwise outer cancels ctx a moment later
	}
	cause, done := context.Cause(p.ctx), p.ctx.Err()
	switch panicked, follows := examine(err, cause, done); {
	case done == nil && err == nil:
		return
	case done == nil, cause == p.left && panicked:
	case cause == p.left, err == nil, follows:
		p.cut.Store(true)
		return
	default:
		err = errors.Join(cause, err)
	}
	if p.failed.CompareAndSwap(nil, &err) {
		p.cancel(err)
	}
}
