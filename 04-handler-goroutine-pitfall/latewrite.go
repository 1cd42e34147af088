package main

import (
	"fmt"
	"net/http"
)

// LateWrite is wrong once more: its goroutine answers the client itself, when
// it is ready. By then the handler has returned and the answer is finished; the
// ResponseWriter and its buffers may be in use for somebody else's request. Over
// HTTP/2 the late write even panics, in a goroutine where nobody recovers it.
type LateWrite struct {
	Wait    func()      // until the work is done
	Written func(error) // is told what came of writing
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
