package main

import "time"

// A Letter is what the sender hands to the receiver.
type Letter struct{ Text string }

// A Sent is one send: when the sender began it and when it could go on. Both
// are measured from the start of SendAll.
type Sent struct{ Began, Done time.Duration }

// SendAll sends one letter for each text, as fast as c lets it, to a receiver
// that takes one whenever another interval has passed. It returns how each send
// went and the texts as the receiver read them.
//
// With no buffer every send waits until the receiver takes that very letter:
// a hand-over. A buffer lets so many sends pass at once; when it is full, the
// next one waits, and so the sender is held to the receiver's pace.
func SendAll(c chan *Letter, interval time.Duration, texts ...string) (sends []Sent, read []string) {
	began := time.Now()
	received := make(chan []string)
	go func() {
		var read []string
		for range texts {
			time.Sleep(interval) // busy with something else
			read = append(read, (<-c).Text)
		}
		received <- read
	}()

	for _, text := range texts {
		letter := new(Letter)
		letter.Text = text // Written before the send, so the receiver sees it.
		s := Sent{Began: time.Since(began)}
		c <- letter
		s.Done = time.Since(began)
		sends = append(sends, s)
		// From here on the letter is the receiver's: to write into it now would be a data race.
	}
	return sends, <-received
}
