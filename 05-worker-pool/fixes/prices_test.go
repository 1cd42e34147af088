package exercise_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/05-worker-pool/fixes"
)

// shops returns n shops. Shop i needs a second, and its price is i.
func shops(n int) (all []func() int) {
	for i := range n {
		all = append(all, func() int { time.Sleep(time.Second); return i })
	}
	return all
}

func TestPricesReturnsEveryPrice(t *testing.T) {
	alone(t, "section 2.1: a send on an unbuffered channel blocks until a receiver takes the value. Which goroutine receives, and when?", func(t *testing.T) {
		for _, n := range []int{10, 1, 0, 1000} {
			synctest.Test(t, func(t *testing.T) {
				prices := Prices(shops(n))
				slices.Sort(prices)
				if len(prices) != n {
					t.Fatalf("%d shops answered, and Prices returned %d prices", n, len(prices))
				}
				for i, price := range prices {
					if price != i {
						t.Fatalf("the prices of %d shops are %v, want each once, from 0", n, prices)
					}
				}
				time.Sleep(time.Hour)
				synctest.Wait()
			})
		}
	})
}

func TestPricesAsksAllShopsAtTheSameTime(t *testing.T) {
	alone(t, "section 1.6: goroutines block concurrently, so together they take as long as the slowest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			Prices(shops(10))
			if took := time.Since(began); took != time.Second {
				t.Errorf("10 shops need a second each, and Prices took %v, want 1s", took)
			}
		})
	})
}
