package main

import (
	"context"
	"fmt"
	"net/http"
)

// Leaky is wrong, although it looks right: emails are slow, so a goroutine sends
// each one and the client does not wait. But nothing limits the number of these
// goroutines, their errors are lost, nothing ends them, and no code waits for
// them when the server stops.
type Leaky struct{ Mailer Mailer }

// ServeHTTP responds to a valid POST /signups with 202, whatever happens to the email.
func (l *Leaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, ok := readSignup(w, r)
	if !ok {
		return
	}
	go l.sendWelcome(s)
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, "welcome, an email is on its way")
}

// sendWelcome drops the error: a bare goroutine has no caller to return it to.
func (l *Leaky) sendWelcome(s Signup) {
	l.Mailer.Send(context.Background(), s)
}
