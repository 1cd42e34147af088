package exercise_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/01-goroutines/fixes"
)

// shops returns n shops. Each needs a minute for its answer; shop i has i%5 offers,
// and some are equal: several shops have one name.
func shops(n int) (all []Shop) {
	for i := range n {
		all = append(all, func(string) (offers []Offer) {
			time.Sleep(time.Minute)
			for cents := range i % 5 {
				offers = append(offers, Offer{fmt.Sprint("shop ", i%5), cents / 2})
			}
			return offers
		})
	}
	return all
}

func TestSearchReturnsEveryOfferOnce(t *testing.T) {
	alone(t, "section 1.8: goroutines share the variables that they capture", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, n := range []int{10, 0} {
				var want []string
				for _, shop := range shops(n) {
					for _, offer := range shop("tea") {
						want = append(want, fmt.Sprint(offer))
					}
				}
				var got []string
				for _, offer := range Search("tea", shops(n)) {
					got = append(got, fmt.Sprint(offer))
				}
				slices.Sort(want)
				slices.Sort(got)
				if len(got) != len(want) {
					t.Fatalf("%d shops have %d offers, and Search returned %d", n, len(want), len(got))
				}
				if !slices.Equal(got, want) {
					t.Fatalf("Search returned %d offers, but not those of the shops: got %q, want %q", len(got), got, want)
				}
			}
		})
	})
}

func TestSearchAsksAllShopsAtTheSameTime(t *testing.T) {
	alone(t, "section 1.6: goroutines block concurrently, so together they take as long as the slowest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const n = 400 // more than a limit allows
			began := time.Now()
			Search("tea", shops(n))
			if d := time.Since(began); d != time.Minute {
				t.Errorf("%d shops need a minute each, and Search took %v, want 1m0s", n, d)
			}
			time.Sleep(time.Hour)
		})
	})
}
