package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"time"
)

// Playground serves both handlers at addr, with a mail server that hangs, until
// Ctrl-C; it then drains and reports.
func Playground(addr string) error {
	mail := NewMailServer()
	mail.Hangs = true
	mailAddr, err := mail.Listen()
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	fixed := NewFixed(Mailer{DialTo(mailAddr)}, senders, room, 10*time.Second, logger)

	mux := http.NewServeMux()
	mux.Handle("POST /leaky/signups", &Leaky{Mailer{DialTo(mailAddr)}})
	mux.Handle("POST /fixed/signups", fixed)
	// Who can read stacks and memory profiles learns a lot: for this machine alone.
	local := ln.Addr().(*net.TCPAddr).IP.IsLoopback()
	if local {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	} else {
		fmt.Fprintln(os.Stderr, "not a loopback address: without /debug/pprof")
	}

	base := "http://" + ln.Addr().String()
	fmt.Printf("A mail server hangs at %s. Send sign-ups to either handler, often:\n\n", mailAddr)
	fmt.Printf("  curl -i %s/leaky/signups -d '%s'\n", base, `{"name":"Ada","email":"ada@example.com"}`)
	fmt.Printf("  curl -i %s/fixed/signups -d '%s'\n\n", base, `{"name":"Ada","email":"ada@example.com"}`)
	if local {
		fmt.Print("Watch the leak: the number before the @ is how many goroutines stand there.\n\n")
		fmt.Printf("  curl -s '%s/debug/pprof/goroutine?debug=1' | grep -B20 sendWelcome\n\n", base)
	}
	fmt.Println("Ctrl-C stops the server, drains fixed for 5 s and says what is left.")

	ctx, interrupted := signal.NotifyContext(context.Background(), os.Interrupt)
	defer interrupted()
	web := NewServer(mux)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	interrupted() // a second Ctrl-C ends it at once

	drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = web.Shutdown(drain)
	undone := fixed.Shutdown(drain)
	fmt.Printf("fixed: %d sent, %d failed or given up, of these at the end %q\n", fixed.Sent.Load(), fixed.Failed.Load(), undone)
	fmt.Printf("leaky: %d goroutines were still sending; they end with this process, and nobody is told\n", Inside("(*Leaky).sendWelcome"))
	return err
}
