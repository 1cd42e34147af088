package main

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestBlockingTasksGainFromEveryWorker has 64 tasks block for a second each, in
// fake time (claim 5.5): twice the workers, half the time, up to 64 workers.
func TestBlockingTasksGainFromEveryWorker(t *testing.T) {
	requireCurve(t, 64, func() { time.Sleep(time.Second) })
}

// TestCPUBoundTasksGainUpToTheCPUs has 64 tasks use one of 4 CPUs for a second
// each, in fake time (claim 5.5): the throughput grows with the workers up to the
// number of CPUs, and not beyond. The CPUs are simulated: they are 4 slots of a channel.
func TestCPUBoundTasksGainUpToTheCPUs(t *testing.T) {
	requireCurve(t, 4, nil)
}

// requireCurve measures 1 to 64 workers. With use == nil a task holds one of the CPUs.
func requireCurve(t *testing.T, limit int, use func()) {
	for workers := 1; workers <= 64; workers *= 2 {
		synctest.Test(t, func(t *testing.T) {
			cpus := make(chan struct{}, limit)
			each, err := TimePerTask(t.Context(), workers, 64, func(context.Context, struct{}) (struct{}, error) {
				if use != nil {
					use()
					return struct{}{}, nil
				}
				cpus <- struct{}{}
				time.Sleep(time.Second) // the CPU computes
				<-cpus
				return struct{}{}, nil
			})
			if want := time.Second / time.Duration(min(workers, limit)); err != nil || each != want {
				t.Errorf("%d workers took %v for each task of 1 s (%v), want %v", workers, each, err, want)
			}
		})
	}
}

// TestCPUBoundTasksDoNotRunInParallelOnOneCPU gives eight workers one CPU and
// counts how often it switches between their tasks (claim 5.5). If two tasks ran
// in parallel, it would be at nearly every step.
func TestCPUBoundTasksDoNotRunInParallelOnOneCPU(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	const workers, steps = 8, 200_000
	var last, switches atomic.Int64
	together := meeting(workers)
	tasks := []int{1, 2, 3, 4, 5, 6, 7, 8}
	if _, err := Map(t.Context(), workers, tasks, func(_ context.Context, me int) (int, error) {
		together()
		for range steps {
			if last.Swap(int64(me)) != int64(me) {
				switches.Add(1)
			}
		}
		return 0, nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d steps, %d switches", workers*steps, switches.Load())
	if workers*steps/switches.Load() < 100 {
		t.Errorf("in %d steps, one CPU switched tasks %d times: the tasks ran in parallel, so more workers than CPUs would gain", workers*steps, switches.Load())
	}
}

// TestSlowServerReusesItsConnections has 32 workers make a call each, ten times,
// and counts the connections (claim 5.5). The server answers when all 32 calls
// have arrived, so each has a connection. With the default of 2 idle connections for
// each server, most calls of the next round would need a new one.
func TestSlowServerReusesItsConnections(t *testing.T) {
	const workers, rounds = 32, 10
	server, err := StartSlowServer(0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if another, err := StartSlowServer(0); err != nil {
		t.Errorf("a second server finds no free port: %v", err)
	} else {
		another.Close()
	}
	if u, err := url.Parse(server.url); err != nil || !net.ParseIP(u.Hostname()).IsLoopback() {
		t.Errorf("the server has the URL %s, want an address of this computer alone", server.url)
	}
	var dialed atomic.Int64
	server.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	answer := server.server.Handler
	for range rounds {
		all := meeting(workers)
		server.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			all()
			answer.ServeHTTP(w, r)
		})
		if _, err := TimePerTask(t.Context(), workers, workers, func(ctx context.Context, _ struct{}) (struct{}, error) {
			return struct{}{}, server.Call(ctx)
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := dialed.Load(); n >= 2*workers { // on a busy machine the client closes a few, for which it waits only 50 ms
		t.Errorf("%d rounds of %d calls made %d connections, want %d", rounds, workers, n, workers)
	}
}

// TestSlowServerAnswersAfterItsTime makes a call over a real connection. Half of the time
// is enough: some clocks tick every 15.6 ms.
func TestSlowServerAnswersAfterItsTime(t *testing.T) {
	const wait = 50 * time.Millisecond
	server, err := StartSlowServer(wait)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	began := time.Now()
	if err := server.Call(t.Context()); err != nil || time.Since(began) < wait/2 {
		t.Errorf("the server answers after %v, but a call took %v, %v", wait, time.Since(began), err)
	}
}

// TestSlowServerAnswersAllCallsAfterItsTime has 32 calls at the same time, in fake time: no
// call waits for another one.
func TestSlowServerAnswersAllCallsAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, began := newSlowServer(20*time.Millisecond), time.Now()
		var calls sync.WaitGroup
		for range 32 {
			calls.Go(func() {
				w := httptest.NewRecorder()
				s.server.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
				if took := time.Since(began); took != 20*time.Millisecond || w.Code != http.StatusOK || w.Body.Len() == 0 {
					t.Errorf("the server answered %d %q after %v, want 200 after 20ms", w.Code, w.Body, took)
				}
			})
		}
		calls.Wait()
	})
}

// TestCallReportsAnErrorOfTheServer has the server answer 503, break off a response,
// and not answer before the context of the call is canceled; and then closes it. A
// failed call must not be measured as a quick one.
func TestCallReportsAnErrorOfTheServer(t *testing.T) {
	server, err := StartSlowServer(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Call(t.Context()); err != nil {
		t.Error(err)
	}
	server.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	if err := server.Call(t.Context()); err == nil || err.Error() != "the server answered 503 Service Unavailable" {
		t.Errorf("the server answered 503, and Call returned %v", err)
	}
	server.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
	})
	if err := server.Call(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the server has broken off its response, and Call returned %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	server.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second): // only if the call does not observe its context
		}
	})
	if err := server.Call(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the context was canceled during the call, and Call returned %v", err)
	}
	server.Close()
	if err := server.Call(t.Context()); err == nil {
		t.Error("the server is closed, and Call returned nil")
	}
}

// TestSlowClientLosesItsConnection has clients that stop at one step of a call, in
// fake time (claim 5.5): each would hold a connection and its goroutine forever.
func TestSlowClientLosesItsConnection(t *testing.T) {
	const call = "GET / HTTP/1.1\r\nHost: pipe\r\n"
	for _, client := range []struct {
		does, sends string
		reads       bool
		limit       time.Duration
	}{
		{"sends nothing", "", true, 5 * time.Second},
		{"sends half a header", call, true, 5 * time.Second},
		{"sends half a body", call + "Content-Length: 2\r\n\r\na", true, 10 * time.Second},
		{"reads no response", call + "\r\n", false, 12 * time.Second},
		{"makes no second call", call + "\r\n", true, 2*time.Second + time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSlowServer(2 * time.Second)
			closed := make(chan time.Duration, 1)
			began := time.Now()
			s.server.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					closed <- time.Since(began)
				}
			}
			here, there := net.Pipe() // in memory: a bubble does not see that a socket blocks
			listener := &oneConn{conn: there, closed: make(chan struct{})}
			go s.server.Serve(listener)
			go io.WriteString(here, client.sends)
			if client.reads {
				go io.Copy(io.Discard, here)
			}
			select {
			case after := <-closed:
				if after < client.limit || after > client.limit+time.Second { // Go 1.27 first waits 0.5 s for the client to close
					t.Errorf("the client %s: its connection was closed after %v, want %v", client.does, after, client.limit)
				}
			case <-time.After(time.Hour):
				t.Errorf("the client %s, and has its connection after an hour", client.does)
			}
			here.Close()
			s.Close()
		})
	}
}

// TestCloseEndsTheConnectionsOfASlowServer during a call.
func TestCloseEndsTheConnectionsOfASlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowServer(time.Second)
		here, there := net.Pipe()
		defer here.Close()
		go s.server.Serve(&oneConn{conn: there, closed: make(chan struct{})})
		io.WriteString(here, "GET / HTTP/1.1\r\nHost: pipe\r\n\r\n")
		synctest.Wait() // the call is in progress
		began := time.Now()
		s.Close()
		if n, err := here.Read(make([]byte, 1)); err == nil || time.Since(began) != 0 {
			t.Errorf("the server is closed, and after %v the client has read %d bytes (%v), want its connection closed immediately", time.Since(began), n, err)
		}
		time.Sleep(time.Minute)
	})
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return new(net.UnixAddr) }

// TestScalePixelIsTheAverageOfThoseThatItCovers scales an image of 4 × 4 pixels to
// 2 × 2 (claim 5.5).
func TestScalePixelIsTheAverageOfThoseThatItCovers(t *testing.T) {
	photo := image.NewGray(image.Rect(0, 0, 4, 4))
	for i := range photo.Pix {
		photo.Pix[i] = uint8(10 * i)
	}
	if got, want := Scale(photo, 2).Pix, []uint8{25, 45, 105, 125}; !bytes.Equal(got, want) {
		t.Errorf("the pixels %v are scaled to %v, want the averages %v", photo.Pix, got, want)
	}
	uneven := image.NewGray(image.Rect(0, 0, 5, 5))
	for i := range uneven.Pix {
		uneven.Pix[i] = uint8(10 * i)
	}
	if got, want := Scale(uneven, 2).Pix, []uint8{30, 55, 155, 180}; !bytes.Equal(got, want) {
		t.Errorf("5 × 5 pixels are scaled to %v, want the averages of 2 × 2, 2 × 3, 3 × 2 and 3 × 3, %v", got, want)
	}
	if got, want := Scale(uneven, 3).Pix, []uint8{0, 15, 35, 75, 90, 110, 175, 190, 210}; !bytes.Equal(got, want) {
		t.Errorf("5 × 5 pixels are scaled to %v, want the averages of those in columns and rows 1, 2 and 3, 4 and 5, %v", got, want)
	}
	for what, got := range map[string]image.Rectangle{"Photo(64)": Photo(64).Rect, "Scale(photo, 64)": Scale(Photo(100), 64).Rect} {
		if want := image.Rect(0, 0, 64, 64); got != want {
			t.Errorf("%s has the bounds %v, want %v", what, got, want)
		}
	}
	if got := Photo(64).GrayAt(32, 32); got != (color.Gray{Y: 255}) {
		t.Errorf("the middle of the photo is %v, want white", got)
	}
	if got := Photo(200).GrayAt(116, 100); got.Y > 1 {
		t.Errorf("in the first dark ring of the photo is %v, want black", got)
	}
}
