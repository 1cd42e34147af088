// Fails with: deadlock: no goroutine can proceed

package exercise

import (
	"sync"
)

// Prices asks all shops at the same time and returns their prices, in any order.
func Prices(shops []func() int) (prices []int) {
	answers := make(chan int, 100)
	var asking sync.WaitGroup
	for _, shop := range shops {
		asking.Go(func() { answers <- shop() })
	}
	asking.Wait()
	close(answers)
	for price := range answers {
		prices = append(prices, price)
	}
	return prices
}
