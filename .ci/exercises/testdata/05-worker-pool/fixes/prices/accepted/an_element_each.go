// Accepted: each goroutine has an element of the result

package exercise

import "sync"

// Prices asks all shops at the same time and returns their prices, in any order.
func Prices(shops []func() int) []int {
	prices := make([]int, len(shops))
	var asking sync.WaitGroup
	for i, shop := range shops {
		asking.Go(func() { prices[i] = shop() })
	}
	asking.Wait()
	return prices
}
