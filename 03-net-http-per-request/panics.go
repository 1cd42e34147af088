package main

import (
	"fmt"
	"net/http"
	"strconv"
)

// Share answers how many of 100 tickets each of ?among= people gets. For 0 people
// it panics. net/http recovers a panic in the goroutine that called the handler, logs
// it with its stack (not behind LimitTime), and closes the connection. It does not recover
// a panic in a goroutine that the handler started: that one ends the server (claim 4.2).
func Share(w http.ResponseWriter, r *http.Request) {
	among, err := strconv.Atoi(r.URL.Query().Get("among"))
	if err != nil {
		http.Error(w, "among must be a whole number, as in ?among=4", http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, 100/among)
}

// Log receives the entries of a server's error log. The server writes them in its
// own goroutines, so they are passed on over a channel. Its buffer must hold the
// entries that are never received.
type Log chan string

func (l Log) Write(entry []byte) (int, error) {
	l <- string(entry)
	return len(entry), nil
}
