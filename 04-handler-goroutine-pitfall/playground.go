package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"time"
)

const addrUsage = "instead of the demo, serve both handlers at this `host:port`, such as localhost:8080,\nwith a mail server that hangs; it prints what to try, and Ctrl-C shuts it down"

func runPlayground(l *lesson, addr string) {
	if !isAddress(addr) {
		l.usageError("-addr must be host:port, such as localhost:8080, got %q", addr)
	}
	if l.chosen != nil || l.asking || l.traceTo != "" {
		l.usageError("-addr runs a server instead of the demo, so it takes no sections, no -ask and no -trace")
	}
	check(Playground(addr))
}

// isAddress reports whether addr is a host, which may be empty, and a port.
func isAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	return err == nil
}

// Playground serves both handlers at addr, with a mail server that hangs, until
// Ctrl-C. Then it drains the fixed handler and reports.
func Playground(addr string) error {
	mail := hanging()
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
	local := isLocal(ln.Addr())
	if !local {
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
	fmt.Println("Ctrl-C shuts the server down, drains the fixed handler for up to 8 s and reports the rest.")

	ctx, interrupted := signal.NotifyContext(context.Background(), os.Interrupt)
	defer interrupted()
	web := NewServer(playgroundHandler(&Leaky{Mailer{DialTo(mailAddr)}}, fixed, local))
	return serveUntil(ctx, interrupted, ln, web, fixed, os.Stdout)
}

// serveUntil serves until ctx is done. Then it calls stop, drains the fixed handler
// and writes a report to out.
func serveUntil(ctx context.Context, stop func(), ln net.Listener, web *http.Server, fixed *Fixed, out io.Writer) error {
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop() // a second Ctrl-C ends the program immediately

	drain, cancel := context.WithTimeout(context.Background(), 8*time.Second) // Shutdown waits about 6 s for a new connection without a request
	defer cancel()
	err := web.Shutdown(drain)
	undone := fixed.Shutdown(drain)
	fmt.Fprintf(out, "the fixed handler: %d sent, %d failed; abandoned at shutdown: %q\n", fixed.Sent.Load(), fixed.Failed.Load(), undone)
	fmt.Fprintf(out, "the leaky handler: %d goroutines were still sending; they end with this process, unreported\n", StartedBy("(*Leaky).ServeHTTP"))
	return err
}

// isLocal reports whether only this machine can reach the address.
func isLocal(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// playgroundHandler routes to both handlers. Stacks and memory profiles reveal a
// lot, so only a server that no other machine can reach has them.
func playgroundHandler(leaky, fixed http.Handler, local bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/leaky/signups", leaky)
	mux.Handle("/fixed/signups", fixed)
	if local {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	}
	return mux
}

// signUp returns the command that sends a sign-up to url. Windows PowerShell 5.1 removes the double
// quotes from what it passes to a program such as curl, but not from what it sends itself.
func signUp(url, goos string) string {
	const body = `'{"name":"Ada","email":"ada@example.com"}'`
	if goos == "windows" {
		return "Invoke-WebRequest -UseBasicParsing -Method Post " + url + " -Body " + body
	}
	return "curl -i " + url + " -d " + body
}

func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}
