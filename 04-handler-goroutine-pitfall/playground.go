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
	"runtime"
	"time"
)

// Playground serves both handlers at addr, with a mail server that hangs, until
// Ctrl-C; then it drains fixed and reports.
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
	fixed := NewFixed(Mailer{DialTo(mailAddr)}, senders, capacity, 10*time.Second, logger)

	mux := http.NewServeMux()
	mux.Handle("POST /leaky/signups", &Leaky{Mailer{DialTo(mailAddr)}})
	mux.Handle("POST /fixed/signups", fixed)
	// Stacks and memory profiles reveal a lot, so only this machine may read them.
	local := ln.Addr().(*net.TCPAddr).IP.IsLoopback()
	if local {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	} else {
		fmt.Fprintln(os.Stderr, "not a loopback address: without /debug/pprof")
	}

	base := "http://" + ln.Addr().String()
	fmt.Printf("A mail server hangs at %s. Send sign-ups to either handler, several times:\n\n", mailAddr)
	fmt.Printf("  %s\n", signUp(base+"/leaky/signups", runtime.GOOS))
	fmt.Printf("  %s\n\n", signUp(base+"/fixed/signups", runtime.GOOS))
	if local {
		fmt.Print("Watch the leak: reload this page in a browser and find sendWelcome. The number\n")
		fmt.Print("before the @ is the number of goroutines with that stack.\n\n")
		fmt.Printf("  %s/debug/pprof/goroutine?debug=1\n\n", base)
	}
	fmt.Println("Ctrl-C shuts the server down, drains fixed for up to 5 s and reports the rest.")

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
	interrupted() // a second Ctrl-C ends the program immediately

	drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = web.Shutdown(drain)
	undone := fixed.Shutdown(drain)
	fmt.Printf("fixed: %d sent, %d failed; abandoned at shutdown: %q\n", fixed.Sent.Load(), fixed.Failed.Load(), undone)
	fmt.Printf("leaky: %d goroutines were still sending; they end with this process, unreported\n", Inside("(*Leaky).sendWelcome"))
	return err
}

// signUp returns the command that sends a sign-up to url. Windows PowerShell 5.1 takes the double
// quotes out of what it passes to a program such as curl, but not out of what it sends itself.
func signUp(url, goos string) string {
	const body = `'{"name":"Ada","email":"ada@example.com"}'`
	if goos == "windows" {
		return "Invoke-WebRequest -UseBasicParsing -Method Post " + url + " -Body " + body
	}
	return "curl -i " + url + " -d " + body
}
