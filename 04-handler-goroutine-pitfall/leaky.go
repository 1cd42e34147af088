package main

import (
	"context"
	"fmt"
	"net/http"
)

// Leaky is the wrong way, and looks so right: the mail takes long, so a
// goroutine sends it and the client need not wait. What it has given away:
// nobody knows how many of these goroutines there are, nobody hears of their
// errors, nothing ends them, and nobody waits for them when the server stops.
type Leaky struct{ Mailer Mailer }

// ServeHTTP answers a POST /signups with 202, whatever will become of the mail.
func (l *Leaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, ok := readSignup(w, r)
	if !ok {
		return
	}
	go l.sendWelcome(s)
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, "welcome, an email is on its way")
}

// sendWelcome has nobody to return its error to.
func (l *Leaky) sendWelcome(s Signup) {
	l.Mailer.Send(context.Background(), s)
}
