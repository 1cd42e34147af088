package fixes

import (
	"context"
	"log"
	"time"
)

// Refresh keeps a cache of prices fresh for as long as the server runs. For each
// item it calls fetch with one second to answer, and stores the price. An item
// that fails keeps its old price. Refresh returns when items is closed.
func Refresh(ctx context.Context, items <-chan string,
	fetch func(ctx context.Context, item string) (cents int, err error),
	store func(item string, cents int)) {
	for item := range items {
		// TODO: the server's memory grows with every item: contexts that are no longer needed stay.
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		cents, err := fetch(ctx, item)
		if err != nil {
			log.Printf("price of %s: %v", item, err)
			continue
		}
		store(item, cents)
	}
}
