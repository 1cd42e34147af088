package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"
)

// roles are what a child process of this program can do: see roles.go and child.go.
var roles = map[string]func(argument string){
	// A web server each. The argument is the address of the mail server.
	"leaky": func(mailAddr string) { serveUntilKilled(&Leaky{Mailer{DialTo(mailAddr)}}) },
	"fixed": func(mailAddr string) {
		quiet := slog.New(slog.DiscardHandler)
		serveUntilKilled(NewFixed(Mailer{DialTo(mailAddr)}, senders, 1000, time.Minute, quiet))
	},
	"leaks":                              func(string) { leakBothWays() },
	"late write while the response ends": func(string) { lateWriteRaces() },
	"late write after the response":      func(string) { lateWriteIsLost() },
	"late write over HTTP/2":             func(string) { lateWritePanics() },
}

func serveUntilKilled(h http.Handler) {
	url, err := Start(NewServer(h))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(url)
	io.Copy(io.Discard, os.Stdin) // returns if the parent ends without killing this process
}

// leakBothWays leaks ten goroutines that send emails and ten that send on a
// channel, and prints what two profiles list of them.
func leakBothWays() {
	const each = 10
	leaky := newSite(hanging(), leakyHandler)
	leaky.post(each)
	leaky.mail.WaitFor(each, 0)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	late := make(chan struct{})
	for range each {
		AskUnbuffered(canceled, func() string { <-late; return "yes" })
	}
	close(late)
	until(func() bool { return strings.Count(allStacks(), "[chan send") == each }) // all have reached their send
	for _, profile := range []string{"goroutine", "goroutineleak"} {
		for _, leak := range [][2]string{{"network", "(*Leaky).sendWelcome"}, {"channel", "AskUnbuffered.func"}} {
			n, line, ok := Blocked(profile, leak[1])
			if ok {
				fmt.Println(profile, leak[0], cmp.Or(line, "-"), n)
			}
		}
	}
}

// lateWriteRaces has the goroutine write to a response that the server uses, too.
// Nothing orders the two.
func lateWriteRaces() {
	for range 5 {
		returned, written := make(chan struct{}), make(chan error, 1)
		h := &LateWrite{func() { <-returned }, func(err error) { written <- err }}
		srv := NewServer(thenClose(returned, h))
		url, err := Start(srv)
		check(err)
		if resp, err := http.Get(url); err == nil {
			io.Copy(io.Discard, resp.Body) // it may be cut off: that is the bug
			resp.Body.Close()
		}
		<-written
		srv.Close()
	}
}

func thenClose(returned chan struct{}, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(returned)
		h.ServeHTTP(w, r)
	})
}

func lateWriteIsLost() {
	work, written := make(chan struct{}), make(chan error, 1)
	srv := NewServer(&LateWrite{func() { <-work }, func(err error) { written <- err }})
	defer srv.Close()
	url, err := Start(srv)
	check(err)
	resp, err := http.Get(url)
	check(err)
	body, err := io.ReadAll(resp.Body)
	check(err)
	resp.Body.Close()
	close(work)
	fmt.Printf("%s%v\n", body, <-written)
}

func lateWritePanics() {
	var http2 http.Protocols
	http2.SetUnencryptedHTTP2(true)
	work := make(chan struct{})
	srv := NewServer(&LateWrite{func() { <-work }, func(error) { os.Exit(0) }})
	srv.Protocols = &http2
	url, err := Start(srv)
	check(err)
	client := &http.Client{Transport: &http.Transport{Protocols: &http2}}
	resp, err := client.Get(url)
	check(err)
	_, err = io.Copy(io.Discard, resp.Body)
	check(err)
	resp.Body.Close()
	for Inside("runHandler") > 0 { // the response is here, but the handler's goroutine may not have ended
		runtime.Gosched()
	}
	close(work)
	select {} // until the panic ends this process
}
