// Fails with: they run one at a time

package exercise

import (
	"sync"
)

// Prices asks all shops at the same time and returns their prices, in any order.
func Prices(shops []func() int) (prices []int) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, shop := range shops {
		asking.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			prices = append(prices, shop())
		})
	}
	asking.Wait()
	return prices
}
