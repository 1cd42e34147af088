// Fails with: 10 shops have 20 offers, and Search returned 6

package exercise

import (
	"maps"
	"slices"
	"sync"
)

// An Offer is what one shop asks for a product.
type Offer struct {
	Shop  string
	Cents int
}

// A Shop is a partner's price service. An answer can have any number of offers.
type Shop func(product string) []Offer

// Search asks all shops at the same time and returns all their offers, in any order.
func Search(product string, shops []Shop) []Offer {
	offers := make(map[Offer]bool)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, shop := range shops {
		wg.Go(func() {
			found := shop(product)
			mu.Lock()
			defer mu.Unlock()
			for _, offer := range found {
				offers[offer] = true
			}
		})
	}
	wg.Wait()
	return slices.Collect(maps.Keys(offers))
}
