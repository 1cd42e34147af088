package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
)

// Inline is the WRONG way to do long work: in the handler. The client waits for
// all of it. When the mail server is slow, the web server is, too.
func Inline(send Handler) http.Handler {
	mux := http.NewServeMux()
	handle(mux, "POST /signups", http.StatusOK, func(r *http.Request, s Signup) (any, error) {
		payload, _ := json.Marshal(s)
		return s, send(r.Context(), &Task{ID: rand.Text(), Attempt: 1, Payload: payload})
	})
	return mux
}
