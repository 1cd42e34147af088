package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// ErrSoldOut is the error of a sale when no ticket is left.
var ErrSoldOut = errors.New("sold out")

// Tickets are the tickets that a shop has left. Handlers share them.
type Tickets struct {
	mu   sync.Mutex
	left map[string]*int // by event; guarded by mu
}

// NewTickets returns n tickets for one event.
func NewTickets(event string, n int) *Tickets {
	return &Tickets{left: map[string]*int{event: &n}}
}

// Sell sells one ticket and returns how many are left, or ErrSoldOut. For an
// unknown event it panics: left has a nil pointer for it. The deferred Unlock
// runs on every way out of the function, also when it panics.
func (t *Tickets) Sell(event string) (left int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.left[event]
	if *n == 0 {
		return 0, ErrSoldOut
	}
	*n--
	return *n, nil
}

// SellForgetting is wrong: two ways out do not unlock, the early return and the
// panic. net/http recovers the panic, the server goes on, and every later call
// blocks in Lock.
func (t *Tickets) SellForgetting(event string) (left int, err error) {
	t.mu.Lock()
	n := t.left[event]
	if *n == 0 {
		return 0, ErrSoldOut
	}
	*n--
	left = *n
	t.mu.Unlock()
	return left, nil
}

// Shop is a handler that sells a ticket for each POST /tickets/{event}, or
// answers 409 if there is none left. GET /health answers 200.
func Shop(sell func(event string) (left int, err error)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /tickets/{event}", func(w http.ResponseWriter, r *http.Request) {
		left, err := sell(r.PathValue("event"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		fmt.Fprintln(w, left, "left")
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}
