package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The role "command line" lets a child process run main with the arguments in its argument.
func init() {
	roles["command line"] = func(arguments string) {
		os.Unsetenv(roleVariable)
		os.Args = append(os.Args[:1], strings.Fields(arguments)...)
		flag.CommandLine.Init(os.Args[0], flag.ExitOnError)
		main()
		os.Exit(0) // the variable is unset, so TestMain must not go on
	}
}

// TestAddressFlagStandsAlone: with a section, -ask or -trace it is a usage error, and
// so is an address without a port.
func TestAddressFlagStandsAlone(t *testing.T) {
	for _, c := range [][2]string{
		{"-addr localhost:0 3.1", "takes no sections"},
		{"-addr localhost:0 -ask", "no -ask"},
		{"-addr localhost:0 -trace trace.out", "no -trace"},
		{"-addr localhost", "must be host:port"},
		{"-addr=", "must be host:port"},
	} {
		if out, status, err := runRole("command line", c[0]); status != 2 || err != nil || !strings.Contains(out, c[1]) {
			t.Errorf("%s: got exit status %d, %v; want 2 and %q:\n%s", c[0], status, err, c[1], out)
		}
	}
}

// TestCtrlCLetsTheRequestsInFlightEnd in fake time. The log says when each handler
// begins and ends, in which goroutine, and whether its client has left.
func TestCtrlCLetsTheRequestsInFlightEnd(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		var stopped atomic.Bool
		pipes := newPipes()
		ctx, interrupt := context.WithCancel(t.Context())
		served := async(func() error { return serveUntil(ctx, func() { stopped.Store(true) }, pipes) })
		get := func(ctx context.Context, path string) <-chan error {
			return async(func() error { _, err := Get(ctx, Crowd(pipes.Dial), "http://pipe"+path); return err })
		}
		visitor, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		<-get(visitor, "/slow?leaves")
		synctest.Wait() // until its handler has ended, too
		slow := get(t.Context(), "/slow?stays")
		synctest.Wait()
		if len(served) > 0 || stopped.Load() {
			t.Errorf("before Ctrl-C: ended %t, Ctrl-C ends the program %t; want false, false", len(served) > 0, stopped.Load())
		}
		interrupt()
		synctest.Wait()
		if len(served) > 0 || !stopped.Load() {
			t.Errorf("after Ctrl-C, during a request: ended %t, a second Ctrl-C ends the program %t; want false, true", len(served) > 0, stopped.Load())
		}
		if err := <-slow; err != nil {
			t.Errorf("the slowest request was in flight at Ctrl-C, and got %v; want an answer", err)
		}
		if err := <-served; err != nil {
			t.Errorf("got %v, want no error", err)
		}
	})
	want := regexp.MustCompile(`^\S+ \S+ begins  HTTP/1.1 "/slow\?leaves" in goroutine (\d+)
\S+ \S+ ends    HTTP/1.1 "/slow\?leaves" in goroutine \d+: its client has disconnected
\S+ \S+ begins  HTTP/1.1 "/slow\?stays" in goroutine \d+
\S+ \S+ ends    HTTP/1.1 "/slow\?stays" in goroutine \d+
$`)
	if !want.MatchString(logged.String()) {
		t.Errorf("got the log\n%swant\n%s", &logged, want)
	}
}

// TestRequestsThatDoNotEndAreAnErrorAfterCtrlC in fake time: a client does not read its
// response, so the handler's write blocks.
func TestRequestsThatDoNotEndAreAnErrorAfterCtrlC(t *testing.T) {
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipes()
		ctx, interrupt := context.WithCancel(t.Context())
		served := async(func() error { return serveUntil(ctx, func() {}, pipes) })
		conn, err := pipes.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /fast HTTP/1.1\r\nHost: here\r\n\r\n")
		synctest.Wait()
		start := time.Now()
		interrupt()
		if err, took := <-served, time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != drainTime {
			t.Errorf("a request is still in flight after Ctrl-C: got %v after %s, want the deadline's error after %s", err, took, drainTime)
		}
	})
}

// startPlayground starts the program with -addr. It returns the process, the first line and
// the rest of what it prints, and its errors, which are complete after Wait.
func startPlayground(t *testing.T, addr string) (child *exec.Cmd, first string, out *bufio.Reader, errs *bytes.Buffer) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child = exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), roleVariable+"=command line=-addr "+addr, "GORACE=atexit_sleep_ms=0")
	errs = new(bytes.Buffer)
	child.Stderr = errs
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill() })
	out = bufio.NewReader(stdout)
	first, _ = out.ReadString('\n')
	return child, first, out, errs
}

// servingAt returns the URL in the first line that the program prints.
func servingAt(t *testing.T, first string) (url string) {
	named := regexp.MustCompile(`^Serving at (http://127\.0\.0\.1:\d+) until Ctrl-C\.`).FindStringSubmatch(first)
	if named == nil {
		t.Fatalf("its first line is %q, want the address at which it serves", first)
	}
	return named[1]
}

// TestPlaygroundServesUntilCtrlC sends a request to the address that the program names.
func TestPlaygroundServesUntilCtrlC(t *testing.T) {
	child, first, out, _ := startPlayground(t, "127.0.0.1:0")
	if body, err := Get(t.Context(), newClients(), servingAt(t, first)+"/count"); body != "1\n" || err != nil {
		t.Errorf("got %q, %v; want 1", body, err)
	}
	if runtime.GOOS == "windows" {
		return // no process can send Ctrl-C to another
	}
	child.Process.Signal(os.Interrupt)
	rest, err := io.ReadAll(out)
	const end = "\nNo new requests. Waiting up to 15s for those in flight; Ctrl-C again ends the program.\nAll answered.\n"
	if ended := child.Wait(); ended != nil || err != nil || !strings.HasSuffix(string(rest), end) {
		t.Errorf("after Ctrl-C it ended with %v and printed, %v:\n%s\nwant at the end\n%s", ended, err, rest, end)
	}
}

// TestSecondCtrlCEndsTheProgram while a stream of ten seconds is in flight.
func TestSecondCtrlCEndsTheProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can send Ctrl-C to another")
	}
	if signal.Ignored(os.Interrupt) {
		t.Skip("needs SIGINT, which this process ignores since its start, as a shell's background jobs do")
	}
	child, first, out, _ := startPlayground(t, "127.0.0.1:0")
	resp, err := newClients().Get(servingAt(t, first) + "/stream") // returns when the handler has begun
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	child.Process.Signal(os.Interrupt)
	for line := ""; !strings.HasPrefix(line, "No new requests."); {
		if line, err = out.ReadString('\n'); err != nil {
			t.Fatalf("got %v, want the text about the first Ctrl-C", err)
		}
	}
	child.Process.Signal(os.Interrupt)
	rest, _ := io.ReadAll(out)
	if ended := child.Wait(); ended == nil || len(rest) > 0 {
		t.Errorf("after the second Ctrl-C it ended with %v and printed %q; want it ended by the signal", ended, rest)
	}
}

// TestAddressInUseEndsTheProgram with status 1 and the reason.
func TestAddressInUseEndsTheProgram(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	child, first, _, errs := startPlayground(t, ln.Addr().String())
	if first != "" {
		t.Fatalf("it prints %q; want nothing but an error", first)
	}
	child.Wait()
	if status := child.ProcessState.ExitCode(); status != 1 || !strings.HasPrefix(errs.String(), "03-net-http-per-request: listen tcp "+ln.Addr().String()) {
		t.Errorf("got exit status %d, want 1 and the error:\n%s", status, errs)
	}
}

// TestHelpShowsNoDefaultAddress, but the flag.
func TestHelpShowsNoDefaultAddress(t *testing.T) {
	out, _, err := runRole("command line", "-h")
	_, addr, _ := strings.Cut(out, "-addr host:port")
	if addr, _, ok := strings.Cut(addr, "\n  -all"); !ok || err != nil || strings.Contains(addr, "default") || strings.Contains(addr, unset) {
		t.Errorf("got %v, want -addr without a default:\n%s", err, out)
	}
}

// TestPanicIsTheEndOfAHandler in the log, too, which names the handler's goroutine.
func TestPanicIsTheEndOfAHandler(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	me, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { recover() }() // as net/http does
		announce(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })).ServeHTTP(nil, httptest.NewRequest("GET", "/share?among=0", nil))
	}()
	for _, want := range []string{"begins  ", "ends    "} {
		if want += "HTTP/1.1 \"/share?among=0\" in goroutine " + me.Goroutine + "\n"; !strings.Contains(logged.String(), want) {
			t.Errorf("a handler panicked, and the log does not have %q:\n%s", want, &logged)
		}
	}
}

// TestServerThatCannotGoOnIsAnError: its listener is closed.
func TestServerThatCannotGoOnIsAnError(t *testing.T) {
	pipes := newPipes()
	pipes.Close()
	if err := serveUntil(t.Context(), func() {}, pipes); err == nil {
		t.Error("got no error from a server that has ended")
	}
}

// TestPlaygroundHasTheChaptersHandlers in fake time, so that the time of an answer
// tells them apart.
func TestPlaygroundHasTheChaptersHandlers(t *testing.T) {
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := serveInBubble(playgroundRoutes())
		defer srv.Close()
		for _, c := range []struct {
			path, says string
			first, all time.Duration
		}{
			{"/slow", "done after 10s", 10 * time.Second, 10 * time.Second},
			{"/fast", "done after 0s", 0, 0},
			{"/locked/slow", "done after 10s", 10 * time.Second, 10 * time.Second},
			{"/locked/fast", "done after 0s", 0, 0},
			{"/whoami", "net/http.(*Server).Serve", 0, 0},
			{"/count", "1\n", 0, 0},
			{"/count", "2\n", 0, 0},
			{"/share?among=4", "25\n", 0, 0},
			{"/stream", "data: ", 0, 10 * time.Second},
			{"/unflushed", "data: ", 10 * time.Second, 10 * time.Second},
		} {
			start := time.Now()
			resp, err := Crowd(pipes.Dial).Get("http://pipe" + c.path)
			if err != nil {
				t.Fatal(err)
			}
			first := time.Since(start) // when the header is here
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if all := time.Since(start); err != nil || !strings.Contains(string(body), c.says) || first != c.first || all != c.all {
				t.Errorf("%s: got %q, %v, from %s to %s; want %q from %s to %s", c.path, body, err, first, all, c.says, c.first, c.all)
			}
		}
	})
}

// TestLockedPathsShareOneLock on a real server: a slow request is in progress, and a
// fast one blocks in Lock until the slow one's client leaves.
func TestLockedPathsShareOneLock(t *testing.T) {
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	url := serve(t, playgroundRoutes())
	visitor, leave := context.WithCancel(t.Context())
	defer leave()
	slow := async(func() error { _, err := Get(visitor, newClients(), url+"/locked/slow"); return err })
	for Blocked("(*Router).ServeHTTP")["select"] == 0 {
		runtime.Gosched()
	}
	fast := async(func() error { _, err := Get(t.Context(), newClients(), url+"/locked/fast"); return err })
	for len(fast) == 0 && len(slow) == 0 && Blocked("(*Router).ServeHTTP")["sync.Mutex.Lock"] == 0 {
		runtime.Gosched()
	}
	if len(fast) > 0 || len(slow) > 0 {
		t.Error("the fast request did not block in Lock while the slow one was in progress")
	}
	leave()
	<-slow
	if err := within(t, fast, "the fast request is answered when the slow one has ended"); err != nil {
		t.Error(err)
	}
}

// TestInvitationWarnsOfOtherMachines, and names an address that a client can use.
func TestInvitationWarnsOfOtherMachines(t *testing.T) {
	for _, c := range []struct {
		ip     net.IP
		host   string
		warned bool
	}{
		{net.IPv4(127, 0, 0, 1), "127.0.0.1", false},
		{net.IPv4zero, "localhost", true},
		{net.IPv6zero, "localhost", true},
		{net.IPv4(192, 0, 2, 7), "192.0.2.7", true},
	} {
		text := invitation(&net.TCPAddr{IP: c.ip, Port: 8080}, "linux")
		if warned := strings.Contains(text, "can be reached from other machines"); warned != c.warned || !strings.Contains(text, fmt.Sprintf("curl http://%s:8080/slow\n", c.host)) {
			t.Errorf("%s: warned %t, want %t, and the host %s:\n%s", c.ip, warned, c.warned, c.host, text)
		}
	}
}

// TestInvitationNamesCurlAsTheShellDoes looks at the commands that the server of -addr prints.
func TestInvitationNamesCurlAsTheShellDoes(t *testing.T) {
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for goos, want := range map[string]string{"linux": "  curl http", "windows": "  curl.exe http"} {
		text := invitation(at, goos)
		if n := strings.Count(text, "\n  curl"); n != strings.Count(text, "\n"+strings.TrimSuffix(want, " http")+" ") || !strings.Contains(text, want+"://127.0.0.1:8080/slow\n") {
			t.Errorf("%s: every command should start with %q:\n%s", goos, strings.TrimSuffix(want, " http"), text)
		}
	}
}

// TestAddressNeedsAPort has addresses that a server can listen at, and others.
func TestAddressNeedsAPort(t *testing.T) {
	for _, addr := range []string{"localhost:8080", ":0", "[::1]:65535", "localhost:http"} {
		if !isAddress(addr) {
			t.Errorf("%q is refused", addr)
		}
	}
	for _, addr := range []string{"", "localhost", "8080", "localhost:65536", "localhost:-1", "localhost:99999999", "::1:80"} {
		if isAddress(addr) {
			t.Errorf("%q is accepted", addr)
		}
	}
}
