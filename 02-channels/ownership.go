package main

// A Total is the number of requests in a log, and of the bytes of their responses.
type Total struct{ Requests, Bytes int }

// Add counts one response.
func (t *Total) Add(bytes int) {
	t.Requests++
	t.Bytes += bytes
}

// CountOwned counts each log in a goroutine of its own. Each goroutine owns a
// Total and passes it on when it is complete, so that at any time only one
// goroutine can access it: no lock is needed.
func CountOwned(logs ...[]int) (all Total) {
	totals := make(chan *Total)
	for _, log := range logs {
		go func() {
			own := new(Total)
			for _, bytes := range log {
				own.Add(bytes)
			}
			totals <- own // the receiver owns it from here on
		}()
	}
	for range logs {
		t := <-totals
		all.Requests += t.Requests
		all.Bytes += t.Bytes
	}
	return all
}
