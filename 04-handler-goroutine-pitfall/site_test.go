package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestEachSiteOfAPairHasItsOwnMailServer.
func TestEachSiteOfAPairHasItsOwnMailServer(t *testing.T) {
	leaky, fixed := newPair(NewMailServer, time.Minute)
	if leaky.mail == fixed.mail || leaky.mailAddr == fixed.mailAddr {
		t.Fatalf("both sites have the mail server at %s, want two", leaky.mailAddr)
	}
	leaky.end()
	fixed.end()
}

// TestEndWaitsForEveryGoroutine: the leaky handler has one that is blocked in its dial,
// and the mail server one for a client that is still connected. On one CPU the
// goroutine has not run yet when end begins to wait for it.
func TestEndWaitsForEveryGoroutine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	dialing, connected := make(chan struct{}), make(chan struct{})
	s := &site{mail: hanging(), web: NewServer(nil), handler: &Leaky{Mailer{func(context.Context) (net.Conn, error) {
		<-dialing
		return nil, errors.New("no connection")
	}}}}
	s.mail.listener = listen()
	s.mail.talks.Go(func() { <-connected })
	accepted(t, s.handler, 1)
	ended := make(chan bool, 1)
	go func() { s.end(); ended <- true }()
	waitsIn := func(function, after string) {
		for Inside(function) == 0 {
			if len(ended) > 0 || Inside(after) > 0 {
				t.Fatalf("end went on, and did not wait in %s for a goroutine that has not ended", function)
			}
			runtime.Gosched()
		}
	}
	waitsIn("until", "(*MailServer).Close")
	close(dialing)
	waitsIn("(*MailServer).Close", "nothing")
	close(connected)
	<-ended
	select {
	case <-s.mail.recovered:
	default:
		t.Error("the mail server still hangs after end")
	}
}

// TestEndStopsTheHandlerAndItsServer, so that their goroutines end.
func TestEndStopsTheHandlerAndItsServer(t *testing.T) {
	s := newSite(NewMailServer(), fixedHandler(time.Minute))
	s.post(1)
	s.end()
	if err := s.handler.(*Fixed).accept(t.Context(), adaSignup); err != ErrStopping {
		t.Errorf("after end the handler accepts an email with %v, want %v", err, ErrStopping)
	}
	closed := listen()
	closed.Close()
	if err := s.web.Serve(closed); err != http.ErrServerClosed {
		t.Errorf("after end the web server can serve: got %v, want %v", err, http.ErrServerClosed)
	}
}

// TestSiteShutsDownWithinItsLimit: first its web server, and then the fixed handler,
// which has an email that it cannot send.
func TestSiteShutsDownWithinItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{mail: hanging()}
		fixed := fixedHandler(time.Hour)(Mailer{s.mail.DialPipe}, s).(*Fixed)
		s.handler, s.web = fixed, NewServer(fixed)
		accepted(t, fixed, 1)
		webClosed := make(chan time.Time, 1)
		s.web.RegisterOnShutdown(func() { webClosed <- time.Now() })
		began := time.Now()
		undone := s.shutdown(time.Minute)
		if at := (<-webClosed).Sub(began); at != 0 {
			t.Errorf("the web server was shut down after %v, want immediately: until then it accepts emails", at)
		}
		if took := time.Since(began); took != time.Minute || fmt.Sprint(undone) != "[ada@example.com]" {
			t.Errorf("shutdown returned %q after %v, want the email after 1m0s", undone, took)
		}
		if err := s.web.Serve(listen()); err != http.ErrServerClosed {
			t.Errorf("after shutdown the web server can serve: %v", err)
		}
		if n := strings.Count(s.log.String(), ErrStopping.Error()); n != 1 {
			t.Errorf("one email was abandoned, but the site's log has %q", &s.log)
		}
		s.mail.Recover()
	})
}

// TestMailServersRecoverAMomentAfterTheShutdownBegins: the fixed handler, which waits for its
// emails, cannot end before that. A mail server that recovered earlier is seen on a machine that
// is not busy.
func TestMailServersRecoverAMomentAfterTheShutdownBegins(t *testing.T) {
	began := time.Now()
	inFlight, _, fixed, undone := stopDuring(3, true, time.Minute)
	if took := time.Since(began); inFlight != 3 || len(undone) != 0 || len(fixed.mail.Delivered()) != 3 || took < 50*time.Millisecond {
		t.Errorf("after %v: the leaky handler had %d emails in flight, the fixed one delivered %q and abandoned %q; want 3, all three, none, and not before 50ms",
			took, inFlight, fixed.mail.Delivered(), undone)
	}
	fixed.end()
}

// slowClient is a transport that, before the first request, begins another one to the same server.
type slowClient struct {
	http.RoundTripper
	begun bool
	conn  chan net.Conn // of the request that has begun
}

func (s *slowClient) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.begun {
		s.begun = true
		conn, err := net.Dial("tcp", r.URL.Host)
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(conn, "POST /signups HTTP/1.1\r\nHost: site\r\nContent-Length: %d\r\n\r\n", len(ada)); err != nil {
			return nil, err
		}
		for !blocksIn("readSignup", blocked...) {
			runtime.Gosched()
		}
		s.conn <- conn
	}
	return s.RoundTripper.RoundTrip(r)
}

// TestBothSitesAreShutDown: the leaky one as well, which waits for a request that has begun.
func TestBothSitesAreShutDown(t *testing.T) {
	defer func(before http.RoundTripper) { http.DefaultTransport = before }(http.DefaultTransport)
	client := &slowClient{RoundTripper: http.DefaultTransport, conn: make(chan net.Conn, 1)}
	http.DefaultTransport = client
	stopped := make(chan int, 1)
	var fixed *site
	go func() {
		var inFlight int
		inFlight, _, fixed, _ = stopDuring(2, true, time.Minute)
		stopped <- inFlight
	}()
	for Inside("(*Server).Shutdown") == 0 && len(stopped) == 0 {
		runtime.Gosched()
	}
	if len(stopped) > 0 {
		t.Fatal("stopDuring returned, and it has not shut down the web server of the leaky handler, which has a request")
	}
	conn := <-client.conn
	defer conn.Close()
	io.WriteString(conn, ada)
	if reply, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(reply, "202") {
		t.Errorf("the request was answered with %q, %v; want 202: Shutdown waits for it", reply, err)
	}
	if n := <-stopped; n != 3 {
		t.Errorf("when Shutdown returned, %d emails were in flight, want 3", n)
	}
	fixed.end()
}

// TestSiteIsAnOutputForALogger that several goroutines use at the same time.
func TestSiteIsAnOutputForALogger(t *testing.T) {
	const goroutines = 4
	s := new(site)
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			slog.New(slog.NewTextHandler(s, nil)).Error("not sent", "to", "ada@example.com")
			s.lines()
			s.firstLog()
		})
	}
	all.Wait()
	if n := s.lines(); n != goroutines {
		t.Errorf("%d lines were logged, but the site has %d", goroutines, n)
	}
	slog.New(slog.NewTextHandler(s, nil)).Error("a later line")
	if got, want := s.firstLog(), `level=ERROR msg="not sent" to=ada@example.com`; got != want {
		t.Errorf("the first line without its time is %q, want %q", got, want)
	}
}

// TestSiteAndMailServerUseTheirLocks: while another goroutine holds it, each operation blocks.
func TestSiteAndMailServerUseTheirLocks(t *testing.T) {
	s, server := new(site), NewMailServer()
	usesLock(t, &s.mu, "(*site).Write", func() { s.Write([]byte("a line\n")) })
	usesLock(t, &s.mu, "(*site).lines", func() { s.lines() })
	usesLock(t, &s.mu, "(*site).firstLog", func() { s.firstLog() })
	usesLock(t, &server.mu, "(*MailServer).Delivered", func() { server.Delivered() })
	usesLock(t, &server.mu, "(*MailServer).WaitFor", func() { server.WaitFor(0, 0) })
}

// TestUntilEndsTheProgramAfterAMinute runs itself in a child process, in fake time.
func TestUntilEndsTheProgramAfterAMinute(t *testing.T) {
	const variable = "UNTIL_IN_A_CHILD"
	if os.Getenv(variable) != "" {
		synctest.Test(t, func(t *testing.T) {
			began, last := time.Now(), 0
			until(func() bool {
				if s := int(time.Since(began).Seconds()); s != last {
					last = s
					fmt.Println(s)
				}
				return false
			})
		})
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), variable+"=yes")
	out, err := child.CombinedOutput()
	const want = "\n59\n60\n04-handler-goroutine-pitfall: waited a minute for something that takes milliseconds\n"
	if child.ProcessState.ExitCode() != 1 || !strings.HasSuffix(string(out), want) {
		t.Errorf("got %v and the output\n%swant status 1, and at the end%s", err, out, want)
	}
}

// TestResponsesOfDifferentStatusAreListed, and those of one status are counted.
func TestResponsesOfDifferentStatusAreListed(t *testing.T) {
	for _, c := range []struct {
		answers map[int]int
		want    string
	}{
		{map[int]int{202: 3}, "3 × 202"},
		{map[int]int{202: 3, 503: 1}, "map[202:3 503:1]"},
		{nil, "map[]"},
	} {
		if got := (&site{answers: c.answers}).responses(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestNumberIsMeasured, so it has the color of what differs in every run.
func TestNumberIsMeasured(t *testing.T) {
	if got, want := number(7), measured("7"); got != want {
		t.Errorf("got the color %q, want %q, that of a measured text", got.color, want.color)
	}
}

// keeper is a transport for http.Post that keeps the bodies and needs a second for each request, in fake time.
type keeper struct {
	bodies   []string
	statuses []int // of the responses, in order
}

func (r *keeper) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	status := r.statuses[len(r.bodies)]
	r.bodies = append(r.bodies, string(body))
	time.Sleep(time.Second)
	return &http.Response{StatusCode: status, Body: http.NoBody}, nil
}

// TestPostSendsSignUpsOneAtATime, each of another guest, and keeps the status of the last response.
func TestPostSendsSignUpsOneAtATime(t *testing.T) {
	defer func(before http.RoundTripper) { http.DefaultTransport = before }(http.DefaultTransport)
	network := &keeper{statuses: []int{202, 202, 503}}
	http.DefaultTransport = network
	synctest.Test(t, func(t *testing.T) {
		s := &site{url: "http://site", answers: make(map[int]int)}
		began := time.Now()
		s.post(3)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("three requests of a second each took %v, want 3s: one at a time", took)
		}
		if s.answers[202] != 2 || s.answers[503] != 1 || s.last != 503 {
			t.Errorf("the responses are 202, 202 and 503: got the numbers %v, and %d as the last one", s.answers, s.last)
		}
	})
	for i, body := range network.bodies {
		if want := fmt.Sprintf(`{"name":"Guest %d","email":"guest%d@example.com"}`, i+1, i+1); body != want {
			t.Errorf("sign-up %d is %s, want %s", i+1, body, want)
		}
	}
}

// logging is a transport that logs each request.
type logging struct{ http.RoundTripper }

func (l logging) RoundTrip(r *http.Request) (*http.Response, error) {
	log.Print("a request")
	return l.RoundTripper.RoundTrip(r)
}

func init() {
	roles["failures while requests are logged"] = func(string) {
		http.DefaultTransport = logging{http.DefaultTransport}
		failure(context.Background())
	}
}

// TestLogOfTheLeakyHandlerIsCounted: section 4.2 says that it logs nothing, so what it would
// log must not go elsewhere. Here each of the six requests is logged.
func TestLogOfTheLeakyHandlerIsCounted(t *testing.T) {
	var out string
	var status int
	var err error
	within(t, "runRole", func() { out, status, err = runRole("failures while requests are logged", "") })
	if want := regexp.MustCompile(`(?m)^     errors logged +6 +3$`); status != 0 || err != nil || !want.MatchString(out) {
		t.Errorf("status %d, %v; want the leaky handler with 6 logged lines, and the fixed one with 3:\n%s", status, err, out)
	}
}
