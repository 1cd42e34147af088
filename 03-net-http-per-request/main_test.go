package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for something that must happen. It is a safety net that
// fails the test; no test passes because of it.
const patience = 10 * time.Second

// childRole is the environment variable that turns this test binary into a child process.
const childRole = "CHAPTER_03_CHILD"

// TestMain plays the wrong versions that must not run in the test process itself.
func TestMain(m *testing.M) {
	switch role := os.Getenv(childRole); role {
	case "":
		os.Exit(m.Run())
	case "plain counter":
		countTwice(new(PlainCounter))
	default:
		panic("no such role: " + role)
	}
}

// runChild runs this test binary in that role and returns all it printed and its exit status.
func runChild(t *testing.T, role string) (output string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), childRole+"="+role,
		"GORACE=halt_on_error=0 exitcode=66 atexit_sleep_ms=0", "GOTRACEBACK=", "GODEBUG=",
		"GOMAXPROCS=1") // one after the other on one processor: the report reads the same each time
	out, err := child.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("the child process did not run: %v\n%s", err, out)
	}
	if ctx.Err() != nil {
		t.Fatalf("the child process did not end within %s:\n%s", patience, out)
	}
	return string(out), child.ProcessState.ExitCode()
}

// raceDetector reports whether this test binary was built with -race.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-race" && s.Value == "true"
	})
}

// serve starts a real server for h and returns its base URL. It ends with the test.
func serve(t *testing.T, h http.Handler) (url string) {
	t.Helper()
	srv := NewServer(h)
	addr, err := Start(srv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return "http://" + addr
}

// newClients returns a client that opens a connection for each request.
func newClients() *http.Client { return Crowd((&net.Dialer{}).DialContext) }

// within fails the test when event does not come.
func within[T any](t *testing.T, event <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-event:
	case <-time.After(patience):
		t.Fatal("waited in vain: ", what)
	}
	return v
}

// Pipes is a network in memory, for tests in fake time. Those run in a synctest bubble, a little
// world whose clock moves on when all of its goroutines wait: it can see that of a channel, but not
// of a socket.
type Pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *Pipes {
	return &Pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial returns the client's end of a new connection.
func (p *Pipes) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr make it a net.Listener.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case server := <-p.conns:
		return server, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *Pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// serveInBubble starts a real server for h on a network in memory. The caller closes it.
func serveInBubble(h http.Handler) (*http.Server, *Pipes) {
	srv, pipes := NewServer(h), newPipes()
	go srv.Serve(pipes)
	return srv, pipes
}
