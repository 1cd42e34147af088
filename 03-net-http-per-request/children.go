package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
)

// roles are what a child process of this program can do: see roles.go.
var roles = map[string]func(string){
	"plain counter": func(string) { countTwice(new(PlainCounter)) },
	"two writers":   func(string) { writeUntilTheEnd(NewWords().AddUnlocked) },
	"assigned map":  func(string) { ws := NewWords(); encodeDuringAdd(ws, ws.Assigned) },
	"copied map":    func(string) { ws := NewWords(); encodeDuringAdd(ws, ws.Copy) },
	"limit by hand": func(string) { writeAfterLimit() },
}

// countTwice has two requests in h at the same time. Their connections stay open,
// so a race report can name both goroutines.
func countTwice(h http.Handler) {
	srv := NewServer(Together(2, h))
	check(Visit(context.Background(), http.DefaultClient, up(srv), 2))
}

// writeUntilTheEnd has two clients send words again and again.
func writeUntilTheEnd(add func(string)) {
	url := up(NewServer(Count(add)))
	text := strings.Repeat("to be or not to be ", 1000)
	send := func() {
		for {
			_, err := Send(context.Background(), http.DefaultClient, http.MethodPost, url, strings.NewReader(text))
			check(err)
		}
	}
	go send()
	send()
}

// encodeDuringAdd encodes counts while another goroutine adds a word. Nothing
// orders the two.
func encodeDuringAdd(ws *Words, counts func() map[string]int) {
	ws.Add("to")
	reported, added := counts(), make(chan struct{})
	go func() { ws.Add("be"); close(added) }()
	json.NewEncoder(io.Discard).Encode(reported)
	<-added
}

// writeAfterLimit has a handler and LimitTimeByHand write to one response. The
// handler polls the number of goroutines: a channel would order the two writes.
func writeAfterLimit() {
	written := make(chan struct{})
	h := LimitTimeByHand(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for runtime.NumGoroutine() > 2 { // main's and this one
			runtime.Gosched()
		}
		io.WriteString(w, "late") // package fmt would use a sync.Pool, which orders
		close(written)
	}), 0)
	go h.ServeHTTP(&response{header: make(http.Header)}, new(http.Request))
	<-written
	fmt.Fprintln(os.Stderr, "the handler wrote after the time limit")
}

// A response is an http.ResponseWriter that keeps the status and the length.
type response struct {
	header         http.Header
	status, length int
}

func (r *response) Header() http.Header    { return r.header }
func (r *response) WriteHeader(status int) { r.status = status }
func (r *response) Write(p []byte) (int, error) {
	r.length += len(p)
	return len(p), nil
}
