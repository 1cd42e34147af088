// Fails with: data race: two goroutines access the same memory concurrently

package exercise

import "sync"

// Prices asks all shops at the same time and returns their prices, in any order.
func Prices(shops []func() int) (prices []int) {
	var asking sync.WaitGroup
	for _, shop := range shops {
		asking.Go(func() { prices = append(prices, shop()) })
	}
	asking.Wait()
	return prices
}
