package main

import (
	"fmt"
	"net/http"
)

// LateWrite is wrong: its goroutine writes to the client when its work is done.
// By then the handler has returned, the response is complete, and net/http may
// use the buffers for another request. Over HTTP/2 the write panics, in a
// goroutine that does not recover.
type LateWrite struct {
	Wait    func()      // returns when the work is done
	Written func(error) // receives the result of the write
}

func (h *LateWrite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	go h.answer(w)
	fmt.Fprintln(w, "one moment,")
}

func (h *LateWrite) answer(w http.ResponseWriter) {
	h.Wait()
	_, err := fmt.Fprintln(w, "your email was sent")
	h.Written(err)
}
