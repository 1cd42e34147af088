//go:build ignore

package vetted

import (
	"context"
	"time"
)

// wrongLookup leaves the context and its timer behind after each call.
func wrongLookup(ctx context.Context, find func(context.Context) error) error {
	ctx, _ = context.WithTimeout(ctx, time.Minute)
	return find(ctx)
}

func rightLookup(ctx context.Context, find func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return find(ctx)
}
