package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

const calls = 10

// inBubble runs f in fake time with a service and a client that needs no network.
func inBubble(t *testing.T, service *Service, f func(t *testing.T, client *http.Client)) {
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := service.Server(), listen()
		go srv.Serve(pipes)
		transport := NewLeftovers(&http.Transport{DialContext: pipes.Dial})
		f(t, &http.Client{Transport: transport})
		srv.Close()
		transport.Close()
	})
}

// goroutinesInBubble counts the goroutines of a bubble that serve the connections of HTTP clients.
func goroutinesInBubble() (n int) {
	for stack := range strings.SplitSeq(allStacks(), "\n\n") {
		head, _, _ := strings.Cut(stack, "\n")
		if strings.Contains(head, "synctest bubble") && (strings.Contains(stack, "(*persistConn).readLoop(") || strings.Contains(stack, "(*persistConn).writeLoop(")) {
			n++
		}
	}
	return n
}

// TestUnclosedBodyKeepsItsConnection calls a service ten times and looks a day
// later (negative control of 4.8).
func TestUnclosedBodyKeepsItsConnection(t *testing.T) {
	var service Service
	inBubble(t, &service, func(t *testing.T, client *http.Client) {
		for range calls {
			if known, err := VerifyUnclosed(client, "http://service/"); !known || err != nil {
				t.Fatal(known, err)
			}
		}
		time.Sleep(24 * time.Hour)
		client.CloseIdleConnections() // they are not idle
		synctest.Wait()
		if conns, left := service.Connections.Load(), goroutinesInBubble(); conns != calls || left != 2*calls {
			t.Errorf("%d calls that do not close the body opened %d connections, and %d goroutines are left after a day; want %d and %d",
				calls, conns, left, calls, 2*calls)
		}
		if n := len(client.Transport.(*Leftovers).Open()); n != calls {
			t.Errorf("%d bodies are open, want %d", n, calls)
		}
	})
}

// TestClosedBodyFreesItsConnection makes the same calls with the body read and
// closed (claim 4.8).
func TestClosedBodyFreesItsConnection(t *testing.T) {
	var service Service
	inBubble(t, &service, func(t *testing.T, client *http.Client) {
		for range calls {
			if known, err := Verify(t.Context(), client, "http://service/"); !known || err != nil {
				t.Fatal(known, err)
			}
		}
		if conns := service.Connections.Load(); conns != 1 {
			t.Errorf("%d calls, one at a time, opened %d connections, want 1", calls, conns)
		}
		if n := len(client.Transport.(*Leftovers).Open()); n != 0 {
			t.Errorf("%d bodies are open after all calls, want none", n)
		}
		client.CloseIdleConnections()
		synctest.Wait()
		if left := goroutinesInBubble(); left != 0 {
			t.Errorf("%d goroutines are left after all calls, want none", left)
		}
		if conns := service.Connections.Load(); conns != 1 {
			t.Errorf("when the connection is closed the service counts %d, want 1: those there have been", conns)
		}
	})
}

// TestLeftoversCloseEverything: an open body, and a connection that is idle.
func TestLeftoversCloseEverything(t *testing.T) {
	for _, call := range []func(client *http.Client){
		func(client *http.Client) { VerifyUnclosed(client, "http://service/") },
		func(client *http.Client) { Verify(context.Background(), client, "http://service/") },
	} {
		inBubble(t, new(Service), func(t *testing.T, client *http.Client) {
			call(client)
			call(client)
			client.Transport.(*Leftovers).Close()
			synctest.Wait()
			if left := goroutinesInBubble(); left != 0 {
				t.Errorf("%d goroutines serve a connection after Close, want none", left)
			}
		})
	}
}

// TestLeftoversUseTheirLock: while another goroutine holds it, each operation blocks.
func TestLeftoversUseTheirLock(t *testing.T) {
	service := new(Service)
	srv := service.Server()
	url, err := Start(srv)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	transport := new(http.Transport)
	l := NewLeftovers(transport)
	if l.Transport != transport {
		t.Error("it sends requests with another transport than the given one")
	}
	defer l.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	var resp *http.Response
	for _, c := range []struct {
		function string
		use      func()
	}{
		{"(*Leftovers).RoundTrip", func() { resp, err = l.RoundTrip(request) }},
		{"(*Leftovers).Open", func() { l.Open() }},
		{"(*body).Close", func() { resp.Body.Close() }},
	} {
		if usesLock(t, &l.mu, c.function, c.use); err != nil {
			t.Fatal(err)
		}
	}
}

// usesLock holds the lock and requires that use blocks in Lock, in a call of the function.
func usesLock(t *testing.T, mu *sync.Mutex, function string, use func()) {
	t.Helper()
	done := make(chan struct{})
	mu.Lock()
	go func() { use(); close(done) }()
	for blocked, returned := false, false; !blocked && !returned; runtime.Gosched() {
		for stack := range strings.SplitSeq(allStacks(), "\n\n") {
			head, calls, _ := strings.Cut(stack, "\n")
			blocked = blocked || strings.Contains(head, "[sync.Mutex.Lock") && strings.Contains(calls, "."+function+"(")
		}
		select {
		case <-done:
			returned = true
			t.Errorf("%s returned while another goroutine held the lock, want it to block", function)
		default:
		}
	}
	mu.Unlock()
	<-done
}

// TestCallWithoutATimeoutBlocksForever calls a service that never answers, and
// looks a day later (negative control of 4.8).
func TestCallWithoutATimeoutBlocksForever(t *testing.T) {
	if http.DefaultClient.Timeout != 0 {
		t.Errorf("http.DefaultClient has a timeout: %v", http.DefaultClient.Timeout)
	}
	inBubble(t, &Service{Hangs: true}, func(t *testing.T, client *http.Client) {
		returned := make(chan error, 1)
		go func() {
			_, err := VerifyUnclosed(client, "http://service/")
			returned <- err
		}()
		select {
		case err := <-returned:
			t.Errorf("the call must block forever, but it returned %v", err)
		case <-time.After(24 * time.Hour):
		}
	})
}

// TestCallEndsWithItsRequestOrItsTimeout calls a service that never answers: the
// first of the two deadlines ends the call (claim 4.8).
func TestCallEndsWithItsRequestOrItsTimeout(t *testing.T) {
	for _, c := range []struct {
		disconnects, timeout, want time.Duration
		err                        error
	}{
		{time.Second, time.Minute, time.Second, context.Canceled},
		{time.Hour, time.Minute, time.Minute, context.DeadlineExceeded},
	} {
		inBubble(t, &Service{Hangs: true}, func(t *testing.T, client *http.Client) {
			client.Timeout = c.timeout
			request, cancel := context.WithCancel(t.Context())
			time.AfterFunc(c.disconnects, cancel)
			began := time.Now()
			_, err := Verify(request, client, "http://service/")
			if took := time.Since(began); took != c.want || !errors.Is(err, c.err) {
				t.Errorf("the client disconnects after %v, the timeout is %v: the call returned %v after %v, want %q after %v", c.disconnects, c.timeout, err, took, c.err, c.want)
			}
			cancel()
		})
	}
}

// TestVerifyReportsWhatTheServiceAnswers: that it does not know the address, that it fails,
// or an error in the middle of the body.
func TestVerifyReportsWhatTheServiceAnswers(t *testing.T) {
	cut := errors.New("the connection was cut")
	for _, c := range []struct {
		status int
		err    error
	}{{http.StatusOK, nil}, {http.StatusNotFound, nil}, {http.StatusServiceUnavailable, nil}, {http.StatusOK, cut}} {
		client := &http.Client{Transport: answers(func() *http.Response {
			body := io.Reader(strings.NewReader("{}"))
			if c.err != nil {
				body = iotest.ErrReader(c.err)
			}
			return &http.Response{StatusCode: c.status, Body: io.NopCloser(body)}
		})}
		known, err := Verify(t.Context(), client, "http://service/")
		want, fails := c.status == http.StatusOK, c.err != nil || c.status == http.StatusServiceUnavailable
		if known != want || (err != nil) != fails || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("the service answers %d, and its body ends with %v: Verify returns %t, %v, want %t, and an error: %t", c.status, c.err, known, err, want, fails)
		}
		if known, err := VerifyUnclosed(client, "http://service/"); known != (c.status == http.StatusOK) || err != nil {
			t.Errorf("the service answers %d: VerifyUnclosed returns %t, %v", c.status, known, err)
		}
	}
}

// TestSilentServiceIsCalledWithTwoLimits, and once without one. The transport counts the calls,
// and fails one that nothing could end.
func TestSilentServiceIsCalledWithTwoLimits(t *testing.T) {
	defer func(before http.RoundTripper) { http.DefaultTransport = before }(http.DefaultTransport)
	network := &limited{RoundTripper: new(http.Transport)}
	http.DefaultTransport = network
	_, byRequest, blocked := callSilentService(100 * time.Millisecond)
	if byRequest != "when the client disconnects: context canceled" || blocked != 1 {
		t.Errorf("got %q and %d blocked; want the request's cancellation and 1", byRequest, blocked)
	}
	if n := network.unlimited.Load(); n != 1 {
		t.Errorf("%d calls had no limit, want 1", n)
	}
}

// limited is a transport that sends one request without a limit.
type limited struct {
	http.RoundTripper
	unlimited atomic.Int64
}

func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Done() == nil && l.unlimited.Add(1) > 1 {
		return nil, errors.New("nothing would end this call")
	}
	return l.RoundTripper.RoundTrip(r)
}

// answers is a transport without a network.
type answers func() *http.Response

func (a answers) RoundTrip(*http.Request) (*http.Response, error) { return a(), nil }

// TestTenCallsHaveATransportOfTheirOwn: connections of other clients must not be counted.
func TestTenCallsHaveATransportOfTheirOwn(t *testing.T) {
	transports := make(map[*http.Transport]int)
	for range 2 {
		callTenTimes(func(client *http.Client, url string) {
			transports[client.Transport.(*Leftovers).Transport]++
			Verify(t.Context(), client, url)
		})
	}
	if n := transports[http.DefaultTransport.(*http.Transport)]; len(transports) != 2 || n != 0 {
		t.Errorf("twice ten calls were made with %d transports, and %d of them with http.DefaultTransport, want 2 and none", len(transports), n)
	}
}

// TestTenCallsBeginWithoutIdleConnections of http.DefaultClient, which would be counted.
func TestTenCallsBeginWithoutIdleConnections(t *testing.T) {
	srv := new(Service).Server()
	other, err := Start(srv)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if _, err := Verify(t.Context(), http.DefaultClient, other); err != nil {
		t.Fatal(err)
	}
	made := 0
	callTenTimes(func(client *http.Client, url string) {
		if made++; made == 1 && connectionGoroutines() != 0 {
			t.Errorf("%d goroutines serve connections before the first call, want none", connectionGoroutines())
			http.DefaultClient.CloseIdleConnections()
		}
		Verify(t.Context(), client, url)
	})
	if made != 10 {
		t.Errorf("%d calls were made, want 10", made)
	}
}
