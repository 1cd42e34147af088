package main

import (
	"fmt"
	"net/http"
	"strconv"
)

// Share answers how many of 100 sweets each of ?among= children gets. Among nobody it panics:
// the programmer forgot that 0 is a number too. net/http recovers the panic in the goroutine
// that called the handler, logs it, and breaks off this one answer.
//
// That net covers the handler's own goroutine only. A goroutine started by a handler has no net:
// its panic ends the whole server (claim 4.2).
func Share(w http.ResponseWriter, r *http.Request) {
	among, err := strconv.Atoi(r.URL.Query().Get("among"))
	if err != nil {
		http.Error(w, "among must be a whole number, as in ?among=4", http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, 100/among)
}

// Log receives a server's error log, entry by entry. The server writes from the goroutine that
// panicked, so a plain buffer, read elsewhere, would be one more data race: entries are handed
// over on a channel. Make it with room for those that nobody reads.
type Log chan string

func (l Log) Write(entry []byte) (int, error) {
	l <- string(entry)
	return len(entry), nil
}
