// Fails with: no goroutine in broadcast.go is left

package exercise

// Broadcast passes every price on to n subscribers and returns their channels.
// Each subscriber ranges over its channel, as a handler does that streams the
// prices to one client. When prices is closed, every subscriber's loop ends.
func Broadcast(prices <-chan int, n int) []<-chan int {
	send := make([]chan<- int, n)
	receive := make([]<-chan int, n)
	for i := range n {
		c := make(chan int)
		send[i], receive[i] = c, c
	}

	go func() {
		for {
			price := <-prices
			for _, subscriber := range send {
				if price == 0 {
					close(subscriber)
				} else {
					subscriber <- price
				}
			}
			if price == 0 {
				return
			}
		}
	}()
	return receive
}
