package main

import (
	"context"
	"net/http"
)

// RequestContext is wrong in another way: it means well and hands the request's
// context to its goroutine. But net/http cancels that context as soon as the
// handler has returned, and the mail with it.
type RequestContext struct {
	Mailer Mailer
	Done   func(error) // is told what came of the mail
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
