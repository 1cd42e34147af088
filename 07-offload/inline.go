package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
)

// Inline is the WRONG way to have long work done: in the handler. The client
// waits for all of it, and when the mail server is slow, so is the web.
func Inline(send Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var s Signup
		if !decode(w, r, &s) {
			return
		}
		if err := s.Check(); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		payload, err := json.Marshal(s)
		if err == nil {
			err = send(r.Context(), &Task{ID: rand.Text(), Attempt: 1, Payload: payload})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusOK)
	}
}
