package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"time"
)

// unset is the value of -addr when the flag is not on the command line.
const unset = "\x00"

func addressFlag() (addr *string) {
	addr = flag.String("addr", unset, "instead of the demo, run a server at this `host:port`, such as localhost:8080;\nit prints what to try, and Ctrl-C shuts it down")
	flag.Lookup("addr").DefValue = "" // for -h
	return addr
}

func playground(l *lesson, addr string) {
	if !isAddress(addr) {
		l.usageError("-addr must be host:port, such as localhost:8080, got %q", addr)
	}
	if l.chosen != nil || l.asking || l.traceTo != "" {
		l.usageError("-addr runs a server instead of the demo, so it takes no sections, no -ask and no -trace")
	}
	check(Playground(addr))
}

const (
	slowTakes = 10 * time.Second
	drainTime = 15 * time.Second // more than the slowest handler takes
)

// isAddress reports whether addr is a host, which may be empty, and a port.
func isAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	return err == nil
}

// Playground serves the chapter's handlers at addr until Ctrl-C.
func Playground(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	// From here on Ctrl-C does not end the program: it cancels ctx.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Print(invitation(ln.Addr(), runtime.GOOS))
	return serveUntil(ctx, stop, ln)
}

// serveUntil serves until ctx is done. Then it calls stop and waits for the
// requests in flight.
func serveUntil(ctx context.Context, stop func(), ln net.Listener) error {
	srv := NewServer(playgroundRoutes())
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop() // a second Ctrl-C ends the program immediately
	fmt.Printf("\nNo new requests. Waiting up to %s for those in flight; Ctrl-C again ends the program.\n", drainTime)
	if err := Drain(srv, drainTime); err != nil {
		return err
	}
	fmt.Println("All answered.")
	return nil
}

func playgroundRoutes() *Router {
	var rt Router
	rt.Use(announce)
	rt.Handle("GET", "/slow", Work(slowTakes).ServeHTTP)
	rt.Handle("GET", "/fast", Work(0).ServeHTTP)
	locked := OneLock(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/locked/slow" {
			Work(slowTakes).ServeHTTP(w, r)
			return
		}
		Work(0).ServeHTTP(w, r)
	}))
	rt.Handle("GET", "/locked/slow", locked.ServeHTTP)
	rt.Handle("GET", "/locked/fast", locked.ServeHTTP)
	rt.Handle("GET", "/whoami", WhoAmI)
	rt.Handle("GET", "/count", new(AtomicCounter).ServeHTTP)
	rt.Handle("GET", "/share", Share)
	rt.Handle("GET", "/stream", Stream(10, time.Second).ServeHTTP)
	rt.Handle("GET", "/unflushed", Unflushed(10, time.Second).ServeHTTP)
	return &rt
}

// announce logs when a handler begins and ends, and in which goroutine.
func announce(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		me, _ := Self()
		what := fmt.Sprintf("%s %q in goroutine %s", r.Proto, r.URL.RequestURI(), me.Goroutine)
		log.Print("begins  ", what)
		defer func() {
			if r.Context().Err() != nil {
				what += ": its client has disconnected"
			}
			log.Print("ends    ", what)
		}()
		next.ServeHTTP(w, r)
	})
}

func invitation(at net.Addr, goos string) (text string) {
	host := at.String()
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		text = fmt.Sprintf("Careful: %s can be reached from other machines.\n", host)
		if tcp.IP.IsUnspecified() {
			host = fmt.Sprintf("localhost:%d", tcp.Port)
		}
	}
	curl := "curl"
	if goos == "windows" {
		curl = "curl.exe" // in PowerShell 5.1 curl is another command
	}
	return text + fmt.Sprintf(`Serving at http://%[1]s until Ctrl-C. Try, in two other terminals:

A slow request in one terminal, and during it a fast one in the other. The
fast one is answered immediately:

  %[2]s http://%[1]s/slow
  %[2]s http://%[1]s/fast

The same behind one lock (wrong). The fast one waits for the slow one:

  %[2]s http://%[1]s/locked/slow
  %[2]s http://%[1]s/locked/fast

An event a second, in both terminals; and the same without Flush (wrong):

  %[2]s -N http://%[1]s/stream
  %[2]s -N http://%[1]s/unflushed

A panic costs one response, and the server goes on:

  %[2]s "http://%[1]s/share?among=0"
  %[2]s "http://%[1]s/share?among=4"

Which goroutine runs the handler? Two requests on one connection; then HTTP/2:

  %[2]s http://%[1]s/whoami http://%[1]s/whoami
  %[2]s --http2-prior-knowledge http://%[1]s/whoami http://%[1]s/whoami

(Some versions of curl, such as 7.88, fail at the second with "framing layer".
Section 3.2 shows both.)

Stop curl, or this server, with Ctrl-C during /slow, and watch the log here.

`, host, curl)
}
