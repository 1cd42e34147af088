package exercise

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// shops returns n shops. Each needs a second for its answer; shop i has i offers.
func shops(n int) (all []Shop) {
	for i := range n {
		all = append(all, func(string) (offers []Offer) {
			time.Sleep(time.Second)
			for cents := range i {
				offers = append(offers, Offer{fmt.Sprint("shop ", i), cents})
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
			began := time.Now()
			Search("tea", shops(5))
			if d := time.Since(began); d != time.Second {
				t.Errorf("5 shops need a second each, and Search took %v, want 1s", d)
			}
			time.Sleep(time.Hour)
		})
	})
}
