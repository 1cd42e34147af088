package main

import (
	"context"
	"errors"
	"sync"
)

// A Pipeline is the set of goroutines that run the stages of one Run. Its
// rules are three:
//
//   - Whoever sends on a channel closes it. The receivers just range over it.
//   - A stage that sends also listens for the stop. So it never waits for
//     ever for a receiver that has gone.
//   - The first reason to stop is the one that counts.
type Pipeline struct {
	ctx    context.Context         // cancelled when the pipeline must stop
	stop   context.CancelCauseFunc // cancels ctx; only the first call's reason is kept
	stages sync.WaitGroup          // the goroutines of all stages
}

// errLeft is the reason to stop when nothing went wrong.
var errLeft = errors.New("the consumer has left")

// Run builds a pipeline and uses it: body starts the stages and ranges over
// the last one's channel, as the consumer. When body returns, early or at the
// end, all stages are told to stop. Run returns once their last goroutine has
// ended.
//
// The error is the first one of any stage, or of body, or the reason why ctx
// was cancelled (its cause). Such an error closes the channels early. So body
// can't tell from a closed channel that all went well, and need not: Run
// returns the error then, even if body returns nil.
//
// A panic in a stage ends the program, as in any goroutine.
func Run(ctx context.Context, body func(p *Pipeline) error) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	p := &Pipeline{ctx: ctx, stop: stop}
	defer func() { // deferred, so that it happens even if body panics
		p.stop(errLeft) // no more than a formality if there was a reason before
		p.stages.Wait()
		if cause := context.Cause(ctx); cause != errLeft {
			err = cause
		}
	}()
	if err := body(p); err != nil {
		p.stop(err)
	}
	return nil // unless the deferred function finds a reason
}

// slack is how many items may wait between two stages. With none, a stage that
// is slow for a moment would stop its neighbours for that moment; a little lets
// them work on. It must be fixed, whatever it is: these are the items that the
// pipeline holds in memory. Make it smaller where items are large.
const slack = 32

// send hands v over to the next stage. It returns false when the pipeline
// stops: then nobody may be receiving any more, and the caller must return.
//
// Only senders listen for the stop. Receivers need not: every sender closes its
// channel when it returns, which ends the range loop of the next stage.
func send[T any](p *Pipeline, out chan<- T, v T) bool {
	if p.ctx.Err() != nil { // or a stage that never has to wait would never notice
		return false
	}
	select {
	case out <- v: // There is room. A select with one case and a default is almost
		return true // as cheap as a plain send; one with two cases costs twice that.
	default:
	}
	select {
	case out <- v:
		return true
	case <-p.ctx.Done():
		return false
	}
}
