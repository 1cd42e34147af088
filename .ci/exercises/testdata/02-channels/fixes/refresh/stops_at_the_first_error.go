// Fails with: Refresh returned, and ctx is not done

package exercise

import (
	"context"
	"log"
	"time"
)

// Refresh keeps a cache of prices fresh for as long as the server runs. For each
// item that is due it calls fetch with one second to answer, and stores the price.
// An item that fails keeps its old price. Refresh returns when ctx is done.
func Refresh(ctx context.Context, due <-chan string,
	fetch func(ctx context.Context, item string) (cents int, err error),
	store func(item string, cents int)) {
	for {
		select {
		case <-ctx.Done():
			return
		case item := <-due:
			fetchCtx, cancel := context.WithTimeout(ctx, time.Second)
			cents, err := fetch(fetchCtx, item)
			cancel()
			if err != nil {
				log.Printf("price of %s: %v", item, err)
				return
			}
			store(item, cents)
		}
	}
}
