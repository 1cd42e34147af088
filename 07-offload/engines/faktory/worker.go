package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"concurrency/07-offload/engines/signup"

	faktory "github.com/contribsys/faktory/client"
	worker "github.com/contribsys/faktory_worker_go"
)

// Work does tasks until ctx is done, and then drains.
func Work(ctx context.Context, addr string, f signup.Flags) error {
	first, err := dial(addr) // the manager would retry forever, silently
	if err != nil {
		return fmt.Errorf("no Faktory there: %w", err)
	}
	first.Close()

	manager := worker.NewManager()
	if manager.Pool, err = faktory.NewPoolWithClientConstructor(f.Concurrency+2, func() (*faktory.Client, error) { return dial(addr) }); err != nil {
		return err
	}
	manager.Concurrency = f.Concurrency // by default 20
	manager.Use(attemptOf, inTime, recovered)
	manager.Register(kind, func(ctx context.Context, args ...any) error {
		task, err := decode(args)
		if err != nil {
			return dead(ctx, args, err)
		}
		return f.Mail.Welcome(ctx, task, ctx.Value(attempt{}).(int))
	})
	tasks, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	manager.On(worker.Shutdown, func(*worker.Manager) error {
		// Not ShutdownTimeout, which has an effect in Run only (1.7). The attempt of a
		// canceled task has failed, and counts.
		time.AfterFunc(f.Drain, cancel)
		return nil
	})
	context.AfterFunc(ctx, func() {
		// Not ctx itself: RunWithContext passes it to the tasks, which would be canceled immediately.
		manager.Terminate(false)
		cancel()
	})
	signup.Ready()
	return manager.RunWithContext(tasks)
}

type attempt struct{}

// attemptOf adds the number of the attempt to the context, counted from 1.
func attemptOf(ctx context.Context, job *faktory.Job, next func(context.Context) error) error {
	n := 1
	if job.Failure != nil {
		n = job.Failure.RetryCount + 2
	}
	return next(context.WithValue(ctx, attempt{}, n))
}

// inTime cancels a task before its reservation ends: the server then gives it to another
// worker, while this one still works on it. To renew it takes Faktory Enterprise.
func inTime(ctx context.Context, job *faktory.Job, next func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(job.ReserveFor, 60))*time.Second-5*time.Second)
	defer cancel()
	return next(ctx)
}

// recovered turns a panic into an error: without it the process would exit.
func recovered(ctx context.Context, _ *faktory.Job, next func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return next(ctx)
}

// decode turns the job's one argument, which was JSON, into a task.
func decode(args []any) (t signup.Task, err error) {
	if len(args) != 1 {
		return t, fmt.Errorf("%w: %d arguments, want 1", signup.ErrMalformed, len(args))
	}
	content, err := json.Marshal(args[0])
	if err != nil {
		return t, err
	}
	return signup.ParseTask(content)
}

// dead moves a job to the dead set. A Faktory worker cannot: the number of retries is in
// the job, and an error uses one up. So it pushes a copy that has none, which fails with
// the same error, and this one is done.
func dead(ctx context.Context, args []any, err error) error {
	if last, ok := worker.HelperFor(ctx).Custom("last"); ok && last == true {
		return err
	}
	job := faktory.NewJob(kind, args...).SetCustom("last", true)
	job.Retry = &faktory.RetryPolicyDirectToMorgue
	return worker.HelperFor(ctx).With(func(c *faktory.Client) error { return c.Push(job) })
}
