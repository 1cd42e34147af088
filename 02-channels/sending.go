package main

import "time"

// A Letter is what the sender passes to the receiver.
type Letter struct{ Text string }

// A Sent is one send: when the sender began it, and when it was done and the
// sender could go on. Both are measured from the start of SendAll.
type Sent struct{ Began, Done time.Duration }

// SendAll sends a letter for each text on c, as fast as c allows, to a receiver
// that is busy for an interval before each receive. It returns how each send
// went, and the texts that the receiver read.
//
// Without a buffer each send blocks until the receiver takes that very letter.
// With a buffer a send blocks only while the buffer is full, and from then on
// the sender is held to the receiver's pace: backpressure.
func SendAll(c chan *Letter, interval time.Duration, texts ...string) (sends []Sent, read []string) {
	began := time.Now()
	received := make(chan []string)
	go func() {
		var read []string
		for range texts {
			time.Sleep(interval)
			read = append(read, (<-c).Text)
		}
		received <- read
	}()

	for _, text := range texts {
		letter := new(Letter)
		letter.Text = text // happens before the receive
		s := Sent{Began: time.Since(began)}
		c <- letter
		s.Done = time.Since(began)
		sends = append(sends, s)
		// The letter belongs to the receiver now: to write to it here would be a data race.
	}
	return sends, <-received
}
