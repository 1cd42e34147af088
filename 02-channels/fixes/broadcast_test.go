package exercise_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/02-channels/fixes"
)

// broadcast lets three subscribers range over the prices. The second one is slow.
// It returns what each received, and whether its loop had ended after an hour.
func broadcast(t *testing.T, prices ...int) (received [3][]int, ended [3]bool) {
	in := make(chan int)
	subscribers := Broadcast(in, len(received))
	if len(subscribers) != len(received) {
		t.Fatalf("Broadcast returned %d channels, want %d", len(subscribers), len(received))
	}
	var loops sync.WaitGroup
	over := make(chan struct{})
	for i, c := range subscribers {
		loops.Go(func() {
			for {
				select {
				case price, ok := <-c:
					if !ok {
						ended[i] = true
						return
					}
					received[i] = append(received[i], price)
				case <-over:
					return
				}
				if i == 1 {
					time.Sleep(time.Minute)
				}
			}
		})
	}
	for _, price := range prices {
		in <- price
	}
	close(in)
	time.Sleep(time.Hour)
	close(over)
	loops.Wait()
	return received, ended
}

func TestBroadcastEndsWhenPricesAreClosed(t *testing.T) {
	alone(t, "section 2.3: what a receive from a closed channel does, and who closes a channel", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, prices := range [][]int{{100, 101, 102}, {}} {
				_, ended := broadcast(t, prices...)
				for i, ok := range ended {
					if !ok {
						t.Fatalf("prices is closed after %d prices, and the loop of subscriber %d of %d still blocks: its channel is not closed",
							len(prices), i+1, len(ended))
					}
				}
			}
		})
	})
}

func TestBroadcastPassesEveryPriceOnInOrder(t *testing.T) {
	alone(t, "section 2.1: a send blocks until the subscriber receives, so no price is lost and none overtakes another", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			prices := []int{100, 0, 102, -3, 104} // 0 is what a closed channel delivers
			received, _ := broadcast(t, prices...)
			for i := range received {
				if !slices.Equal(received[i], prices) {
					t.Fatalf("subscriber %d of %d received %v, want %v", i+1, len(received), received[i], prices)
				}
			}
		})
	})
}
