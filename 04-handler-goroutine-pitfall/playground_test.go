package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
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
	}
}

// TestAddressFlagStandsAlone: with a section, -ask or -trace it is a usage error, and
// so is an address without a port.
func TestAddressFlagStandsAlone(t *testing.T) {
	for _, c := range [][2]string{
		{"-addr localhost:0 4.1", "takes no sections"},
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

// TestPlaygroundDrainsAndReports: three sign-ups to the fixed handler and one to the
// leaky one, with a mail server that hangs. Then Ctrl-C, while a connection is new: browsers
// open some in advance.
func TestPlaygroundDrainsAndReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mail, pipes := hanging(), listen()
		fixed := NewFixed(Mailer{mail.DialPipe}, 1, 3, 10*time.Second, slog.New(slog.DiscardHandler))
		web := NewServer(playgroundHandler(&Leaky{Mailer{mail.DialPipe}}, fixed, false))
		ctx, interrupt := context.WithCancel(t.Context())
		var stopped atomic.Bool
		var out strings.Builder
		webClosed := make(chan time.Time, 1)
		web.RegisterOnShutdown(func() { webClosed <- time.Now() })
		served := make(chan error, 1)
		go func() { served <- serveUntil(ctx, func() { stopped.Store(true) }, pipes, web, fixed, &out) }()
		client := &http.Client{Transport: &http.Transport{DialContext: pipes.Dial, DisableKeepAlives: true}}
		post := func(path, address string) {
			resp, err := client.Post("http://pipe"+path, "application/json", strings.NewReader(`{"name":"Ada","email":"`+address+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusAccepted {
				t.Errorf("%s: got %s, %s", path, resp.Status, body)
			}
			resp.Body.Close()
		}
		post("/leaky/signups", "leaky@example.com")
		post("/fixed/signups", "a@example.com")
		time.Sleep(7 * time.Second)
		post("/fixed/signups", "b@example.com")
		post("/fixed/signups", "c@example.com")
		if _, err := pipes.Dial(t.Context(), "", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the server has it
		began := time.Now()
		interrupt()
		synctest.Wait()
		if !stopped.Load() || len(served) > 0 {
			t.Errorf("after Ctrl-C a second one ends the program: %t, and the server has ended: %t; want true, false", stopped.Load(), len(served) > 0)
		}
		err := <-served
		if at := (<-webClosed).Sub(began); at != 0 {
			t.Errorf("the web server was shut down after %v, want immediately: until then it accepts emails", at)
		}
		const want = "the fixed handler: 0 sent, 3 failed; abandoned at shutdown: [\"b@example.com\" \"c@example.com\"]\n" +
			"the leaky handler: 1 goroutines were still sending; they end with this process, unreported\n"
		if took := time.Since(began); err != nil || took != 8*time.Second || out.String() != want {
			t.Errorf("got %v after %s, and the report\n%swant, after 8s,\n%s", err, took, &out, want)
		}
		mail.Recover()
	})
}

// startPlayground starts the program with -addr and returns it, what it prints before it
// serves, and the rest of its output.
func startPlayground(t *testing.T, addr string) (child *exec.Cmd, text string, rest io.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child = exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), roleVariable+"=command line=-addr "+addr, "GORACE=atexit_sleep_ms=0")
	child.Stderr = new(strings.Builder)
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	out := bufio.NewReader(stdout)
	for !strings.Contains(text, "Ctrl-C shuts") {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("got %v after the output\n%s", err, text)
		}
		text += line
	}
	return child, text, out
}

// TestPlaygroundServesAtItsAddress, and a server that other machines can reach has no
// profiles, neither in what it prints nor at their address.
func TestPlaygroundServesAtItsAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a second loopback address, and a firewall that does not ask")
	}
	for _, c := range []struct {
		addr, shown string
		status      int // of a profile
		printed     string
	}{
		{"127.0.0.2:0", `http://(127\.0\.0\.2:\d+)/fixed/signups`, http.StatusOK, ""},
		{":0", `http://\S*(:\d+)/fixed/signups`, http.StatusNotFound, "not a loopback address: without /debug/pprof\n"},
	} {
		child, text, _ := startPlayground(t, c.addr)
		shown := regexp.MustCompile(c.shown).FindStringSubmatch(text)
		if shown == nil {
			t.Fatalf("-addr %s: it must print the URL of the fixed handler at this address, got\n%s", c.addr, text)
		}
		if local := c.status == http.StatusOK; strings.Contains(text, "/debug/pprof") != local {
			t.Errorf("-addr %s: it prints where the profiles are: %t, want %t", c.addr, !local, local)
		}
		if strings.HasPrefix(shown[1], ":") {
			shown[1] = "127.0.0.1" + shown[1]
		}
		resp, err := http.Get("http://" + shown[1] + "/debug/pprof/heap?debug=1")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		child.Process.Kill()
		child.Wait()
		if got := fmt.Sprint(child.Stderr); resp.StatusCode != c.status || got != c.printed {
			t.Errorf("-addr %s: got status %d for a profile, and %q on standard error; want %d and %q", c.addr, resp.StatusCode, got, c.status, c.printed)
		}
	}
}

// TestSecondCtrlCEndsThePlayground immediately: the first begins to drain an email, which
// would take 5 s.
func TestSecondCtrlCEndsThePlayground(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can send Ctrl-C to another")
	}
	if signal.Ignored(os.Interrupt) {
		t.Skip("needs SIGINT, which this process ignores since its start, as a shell's background jobs do")
	}
	child, text, _ := startPlayground(t, "127.0.0.1:0")
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/fixed/signups`).FindString(text)
	resp, err := http.Post(url, "application/json", strings.NewReader(ada))
	if err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	ended := make(chan struct{})
	go func() {
		child.Wait()
		close(ended)
	}()
	for running := true; running; {
		child.Process.Signal(os.Interrupt) // the second one, or a later one: the first may not be handled yet
		select {
		case <-ended:
			running = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	if how := child.ProcessState.String(); how != "signal: interrupt" {
		t.Errorf("after many Ctrl-C it ended with %q, want by the second", how)
	}
}

// TestPlaygroundServesUntilCtrlC sends a sign-up to the leaky handler, and looks for its
// goroutine in the page that the program names.
func TestPlaygroundServesUntilCtrlC(t *testing.T) {
	child, text, out := startPlayground(t, "127.0.0.1:0")
	shown := regexp.MustCompile(`^A mail server hangs at (127\.0\.0\.1:\d+)\. .*

  .*(http://127\.0\.0\.1:\d+/leaky/signups).*
  .*(http://127\.0\.0\.1:\d+/fixed/signups).*

(?s:.*)
  (http://127\.0\.0\.1:\d+/debug/pprof/goroutine\?debug=1)

Ctrl-C shuts the server down, drains the fixed handler for up to 8 s and reports the rest.
$`).FindStringSubmatch(text)
	if shown == nil {
		t.Fatalf("it must print where the mail server is and what to try, got\n%s", text)
	}
	resp, err := http.Post(shown[2], "application/json", strings.NewReader(ada))
	if err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	mail, err := net.Dial("tcp", shown[1])
	if err != nil {
		t.Fatal(err)
	}
	defer mail.Close()
	greeted := make(chan string, 1)
	go func() { greeting, _ := bufio.NewReader(mail).ReadString('\n'); greeted <- greeting }()
	for page := ""; !strings.Contains(page, ".(*Leaky).sendWelcome"); page = profileAt(t, shown[4]) {
		select {
		case greeting := <-greeted:
			t.Fatalf("the mail server sends %q, want one that hangs", greeting)
		default:
			runtime.Gosched()
		}
	}
	if runtime.GOOS == "windows" {
		return // no process can send Ctrl-C to another
	}
	child.Process.Signal(os.Interrupt)
	report, err := io.ReadAll(out)
	const want = "the fixed handler: 0 sent, 0 failed; abandoned at shutdown: []\n" +
		"the leaky handler: 1 goroutines were still sending; they end with this process, unreported\n"
	if end := child.Wait(); err != nil || end != nil || string(report) != want {
		t.Errorf("after Ctrl-C it ended with %v and printed %q, %v; want %q", end, report, err, want)
	}
}

// profileAt returns the profile at url.
func profileAt(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	return string(page)
}

// TestAddressInUseEndsTheProgram with status 1 and the reason.
func TestAddressInUseEndsTheProgram(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	out, status, err := runRole("command line", "-addr "+ln.Addr().String())
	if status != 1 || err != nil || !strings.HasPrefix(out, "04-handler-goroutine-pitfall: listen tcp "+ln.Addr().String()) {
		t.Errorf("got exit status %d, %v; want 1 and the error:\n%s", status, err, out)
	}
}

// TestOnlyLoopbackAddressesAreLocal: at the others other machines may reach a server.
func TestOnlyLoopbackAddressesAreLocal(t *testing.T) {
	for ip, want := range map[string]bool{"127.0.0.1": true, "::1": true, "0.0.0.0": false, "::": false, "192.0.2.7": false, "10.0.0.7": false, "169.254.0.7": false, "fe80::7": false} {
		if got := isLocal(&net.TCPAddr{IP: net.ParseIP(ip), Port: 8080}); got != want {
			t.Errorf("%s is local: got %t, want %t", ip, got, want)
		}
	}
	if isLocal(new(net.UnixAddr)) {
		t.Error("an address without an IP is local")
	}
}

// TestServerThatCannotGoOnIsAnError: its listener is closed.
func TestServerThatCannotGoOnIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := listen()
		pipes.Close()
		if err := serveUntil(t.Context(), func() {}, pipes, new(http.Server), nil, io.Discard); err == nil {
			t.Error("got no error from a server that has ended")
		}
	})
}

// TestPlaygroundHasBothHandlers at their paths.
func TestPlaygroundHasBothHandlers(t *testing.T) {
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
	}
	h := playgroundHandler(named("leaky"), named("fixed"), true)
	for _, name := range []string{"leaky", "fixed"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/"+name+"/signups", nil))
		if got := w.Body.String(); got != name {
			t.Errorf("/%s/signups is served by %q", name, got)
		}
	}
}

// TestSignUpCommandSuitsTheShell compares the command that the server of -addr prints.
func TestSignUpCommandSuitsTheShell(t *testing.T) {
	for goos, want := range map[string]string{
		"linux":   `curl -i http://h/x -d '{"name":"Ada","email":"ada@example.com"}'`,
		"windows": `Invoke-WebRequest -UseBasicParsing -Method Post http://h/x -Body '{"name":"Ada","email":"ada@example.com"}'`,
	} {
		if got := signUp("http://h/x", goos); got != want {
			t.Errorf("%s: got %s, want %s", goos, got, want)
		}
	}
}

// TestPlaygroundHidesProfilesFromOtherMachines requests a profile from both kinds of server.
func TestPlaygroundHidesProfilesFromOtherMachines(t *testing.T) {
	for local, want := range map[bool]int{true: http.StatusOK, false: http.StatusNotFound} {
		w := httptest.NewRecorder()
		h := playgroundHandler(http.NotFoundHandler(), http.NotFoundHandler(), local)
		h.ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof/goroutine?debug=1", nil))
		if w.Code != want {
			t.Errorf("loopback: %t: got status %d for a profile, want %d", local, w.Code, want)
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
