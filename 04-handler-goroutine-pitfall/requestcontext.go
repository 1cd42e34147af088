package main

import (
	"context"
	"net/http"
)

// RequestContext is wrong: it passes the request's context to a goroutine that
// outlives the request. net/http cancels that context when the handler returns,
// and so cancels the email.
type RequestContext struct {
	Mailer Mailer
	Done   func(error) // receives the result of sending the email
}

func (h *RequestContext) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, ok := readSignup(w, r)
	if !ok {
		return
	}
	go h.sendWelcome(r.Context(), s)
	w.WriteHeader(http.StatusAccepted)
}

func (h *RequestContext) sendWelcome(ctx context.Context, s Signup) {
	h.Done(h.Mailer.Send(ctx, s))
}
