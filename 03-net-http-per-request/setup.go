package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

// The servers and clients that the sections of main.go need.

func newCrowd() *http.Client { return Crowd((&net.Dialer{}).DialContext) }

// up starts srv and returns its URL.
func up(srv *http.Server) (url string) {
	addr, err := Start(srv)
	check(err)
	return "http://" + addr
}

// visit sends n concurrent requests to a server for h and returns the time until all are answered.
func visit(ctx context.Context, h http.Handler, n int) time.Duration {
	srv := NewServer(h)
	defer srv.Close()
	url, start := up(srv), time.Now()
	check(Visit(ctx, newCrowd(), url, n))
	return time.Since(start)
}

// followAll lets n clients read the stream of h at the same time, and returns the events of each.
func followAll(ctx context.Context, h http.Handler, n int) [][]Event {
	srv := NewServer(h)
	defer srv.Close()
	url, client := up(srv), newCrowd()
	all, errs := make([][]Event, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i], errs[i] = Follow(ctx, client, url) })
	}
	wg.Wait()
	check(errors.Join(errs...))
	return all
}

// stopInTheMiddle calls stop when a client has read the first half of a response, and returns both
// halves as that client reads them. With Shutdown the second half is written after the call; Close
// does not call what RegisterOnShutdown registers, and cuts the response off.
func stopInTheMiddle(stop func(*http.Server) error) (first, second string, complete bool) {
	stopping := make(chan struct{})
	srv := NewServer(TwoHalves(stopping))
	srv.RegisterOnShutdown(func() { close(stopping) })
	resp, err := newCrowd().Get(up(srv))
	check(err)
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	first, err = body.ReadString('\n') // from here on the request is in flight
	check(err)
	stopped := make(chan error, 1)
	go func() { stopped <- stop(srv) }()
	rest, err := io.ReadAll(body)
	check(<-stopped)
	if err != nil {
		rest = fmt.Appendf(rest, "error: %v", err)
	}
	return strings.TrimSpace(first), strings.TrimSpace(string(rest)), err == nil
}

// traced makes each run of h a region of the execution trace (-trace), in the task of ctx.
func traced(ctx context.Context, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "slow handler"
		if i := r.FormValue("i"); i != "0" {
			name = "fast handler " + i
		}
		defer trace.StartRegion(ctx, name).End()
		h.ServeHTTP(w, r)
	})
}

// check ends the program where this machine does not let it do its work.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "03-net-http-per-request:", err)
		os.Exit(1)
	}
}
