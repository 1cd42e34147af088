package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/mail"
	"strings"
)

// A Signup is what somebody sends who wants to join: POST /signups with this as JSON.
type Signup struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

const largestBody = 4 << 10 // bytes; a sign-up needs a hundred

// readSignup reads the sign-up from a request. If the request is no good it
// answers with a 4xx that says why, and returns false.
func readSignup(w http.ResponseWriter, r *http.Request) (s Signup, ok bool) {
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, largestBody))
	body.DisallowUnknownFields()
	err := body.Decode(&s)
	if err == nil && body.Decode(new(any)) != io.EOF {
		err = errors.New("more than one JSON value")
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		http.Error(w, "the sign-up is too large", http.StatusRequestEntityTooLarge)
		return s, false
	}
	if err != nil {
		http.Error(w, "not a sign-up such as {\"name\":\"Ada\",\"email\":\"ada@example.com\"}: "+err.Error(), http.StatusBadRequest)
		return s, false
	}
	// A line break in a mail's header would let the client write headers of its own.
	if s.Name == "" || strings.ContainsAny(s.Name, "\r\n") {
		http.Error(w, "name must be one line and not empty", http.StatusUnprocessableEntity)
		return s, false
	}
	if address, err := mail.ParseAddress(s.Email); err != nil || address.Address != s.Email {
		http.Error(w, "email must be an address such as ada@example.com", http.StatusUnprocessableEntity)
		return s, false
	}
	return s, true
}
