package main

import (
	"context"
	"errors"
	"sync"

	"github.com/alitto/pond/v2"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc/panics"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
)

type task = func(context.Context) error

var peers = []peer{
	{
		name: "this pool",
		run: func(ctx context.Context, tasks ...task) error {
			p := NewPool(ctx, Config{}, func(ctx context.Context, t task) error { return t(ctx) })
			for _, t := range tasks {
				if p.Submit(ctx, t) != nil {
					break
				}
			}
			return p.Close()
		},
		late: func(f func()) error {
			p := NewPool(context.Background(), Config{}, func(context.Context, func()) error { f(); return nil })
			if err := p.Close(); err != nil {
				return err
			}
			return p.Submit(context.Background(), f)
		},
		try: func(f func()) (accepted int) {
			p := NewPool(context.Background(), Config{Workers: 8}, func(context.Context, func()) error { f(); return nil })
			return tryEight(func() bool { return p.TrySubmit(f) == nil })
		},
	},
	{
		name: "errgroup",
		run: func(ctx context.Context, tasks ...task) error {
			g, ctx := errgroup.WithContext(ctx)
			g.SetLimit(1)
			for _, t := range tasks {
				g.Go(func() error { return t(ctx) })
			}
			return g.Wait()
		},
		late: func(f func()) error {
			g := new(errgroup.Group)
			if err := g.Wait(); err != nil {
				return err
			}
			g.Go(func() error { f(); return nil })
			return nil
		},
		try: func(f func()) int {
			g := new(errgroup.Group)
			g.SetLimit(8)
			return tryEight(func() bool { return g.TryGo(func() error { f(); return nil }) })
		},
	},
	{
		name: "conc",
		run: func(ctx context.Context, tasks ...task) (err error) {
			p := pool.New().WithMaxGoroutines(1).WithContext(ctx).WithCancelOnError().WithFirstError()
			for _, t := range tasks {
				p.Go(t)
			}
			defer func() {
				if v := recover(); v != nil {
					err = repanicked{errors.New("not an error")}
					if r, ok := v.(*panics.Recovered); ok && r.AsError() != nil {
						err = repanicked{r.AsError()}
					}
				}
			}()
			return p.Wait()
		},
		late: func(f func()) error {
			p := pool.New()
			p.Wait()
			p.Go(f)
			return nil
		},
	},
	{
		name: "pond",
		run: func(ctx context.Context, tasks ...task) error {
			p := pond.NewPool(1, pond.WithContext(ctx))
			g := p.NewGroupContext(ctx)
			for _, t := range tasks {
				g.SubmitErr(func() error { return t(ctx) })
			}
			defer p.StopAndWait()
			return g.Wait()
		},
		late: func(f func()) error {
			p := pond.NewPool(1)
			p.StopAndWait()
			return p.Go(f)
		},
		try: func(f func()) int {
			p := pond.NewPool(8)
			return tryEight(func() bool { _, ok := p.TrySubmit(f); return ok })
		},
	},
	{
		name: "ants",
		run: func(ctx context.Context, tasks ...task) error { // it has no errors and no contexts
			p, err := ants.NewPool(1)
			if err != nil {
				return err
			}
			defer p.Release()
			var group sync.WaitGroup
			for _, t := range tasks {
				group.Add(1)
				if err := p.Submit(func() { defer group.Done(); t(ctx) }); err != nil {
					return err
				}
			}
			group.Wait()
			return nil
		},
		late: func(f func()) error {
			p, err := ants.NewPool(1)
			if err != nil {
				return nil
			}
			p.Release()
			return p.Submit(f)
		},
		try: func(f func()) int {
			p, err := ants.NewPool(8, ants.WithNonblocking(true))
			if err != nil {
				return 0
			}
			return tryEight(func() bool { return p.Submit(f) == nil })
		},
	},
}

func tryEight(try func() bool) (accepted int) {
	for range 8 {
		if try() {
			accepted++
		}
	}
	return accepted
}
