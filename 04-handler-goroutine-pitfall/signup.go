package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/mail"
	"strings"
)

// A Signup is the JSON body of a POST /signups.
type Signup struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

const largestBody = 4 << 10 // bytes; a sign-up needs a hundred

// readSignup reads the sign-up from a request. If the request is invalid, it
// responds with a 4xx that says why, and returns false.
func readSignup(w http.ResponseWriter, r *http.Request) (s Signup, ok bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "send a sign-up with POST", http.StatusMethodNotAllowed)
		return s, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		http.Error(w, "the sign-up is too large", http.StatusRequestEntityTooLarge)
		return s, false
	}
	if err == nil {
		values := json.NewDecoder(bytes.NewReader(body))
		values.DisallowUnknownFields()
		if err = values.Decode(&s); err == nil && values.Decode(new(any)) != io.EOF {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		http.Error(w, "not a sign-up such as {\"name\":\"Ada\",\"email\":\"ada@example.com\"}: "+err.Error(), http.StatusBadRequest)
		return s, false
	}
	// A line break would let the client add headers of its own to the email.
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
