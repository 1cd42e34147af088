package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
)

// pipes is a listener without a network, so that it can be used in fake time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// TestShutdownFailsTheReadinessCheckThenDrainsThenCloses with a request that takes 3 s and
// is in flight when the signal arrives, after 1 s.
func TestShutdownFailsTheReadinessCheckThenDrainsThenCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var happened []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			happened = append(happened, what)
		}
		step := func(name string, err error) func() error {
			return func() error { note(name); return err }
		}
		failed := errors.New("the database was gone")
		s := &Shutdown{Pause: time.Second, Limit: time.Minute, Steps: []func() error{step("pool closed", nil), step("database closed", failed)}}
		engine := gin.New()
		engine.GET("/ready", s.Ready)
		engine.GET("/slow", func(c *gin.Context) {
			time.Sleep(3 * time.Second)
			note("slow request done")
			c.String(http.StatusOK, "done")
		})
		p := newPipes()
		client := &http.Client{Transport: &http.Transport{DialContext: p.dial, DisableKeepAlives: true}}
		get := func(path string) string {
			response, err := client.Get("http://pipe" + path)
			if err != nil {
				return "refused"
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			return strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", string(body), map[bool]string{true: "", false: " cut off"}[err == nil]))
		}
		ctx, signal := context.WithCancel(t.Context())
		defer signal()
		time.AfterFunc(time.Second, signal)
		returned := make(chan error, 1)
		go func() { returned <- s.Serve(ctx, &http.Server{Handler: engine}, p) }()
		slow := make(chan string, 1)
		go func() { slow <- get("/slow") }()
		for _, at := range []struct {
			after time.Duration
			ready string
		}{{500 * time.Millisecond, "200"}, {1500 * time.Millisecond, "503"}, {2500 * time.Millisecond, "refused"}} {
			time.Sleep(time.Until(began.Add(at.after)))
			if got := get("/ready"); got != at.ready {
				t.Errorf("after %v the readiness check is %q, want %q", at.after, got, at.ready)
			}
		}
		if got := <-slow; got != "200 done" {
			t.Errorf("the request in flight got %q, want 200 done", got)
		}
		if err := <-returned; !errors.Is(err, failed) {
			t.Errorf("Serve returned %v, want the error of a step, %v", err, failed)
		}
		if want := []string{"slow request done", "pool closed", "database closed"}; !slices.Equal(happened, want) {
			t.Errorf("it happened in the order %q, want %q", happened, want)
		}
	})
}

// TestShutdownDoesNotWaitBeyondItsLimit for a request, or for a step; the next step runs all the same.
func TestShutdownDoesNotWaitBeyondItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, last := make(chan struct{}), false
		s := &Shutdown{Limit: time.Second, Steps: []func() error{
			func() error { <-stuck; return nil },
			func() error { last = true; return nil },
		}}
		engine := gin.New()
		engine.GET("/", func(*gin.Context) { <-stuck })
		p := newPipes()
		ctx, signal := context.WithCancel(t.Context())
		defer signal()
		began, returned := time.Now(), make(chan error, 1)
		go func() { returned <- s.Serve(ctx, &http.Server{Handler: engine}, p) }()
		conn, err := p.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: pipe\r\n\r\n")
		synctest.Wait() // the handler has begun
		signal()
		select {
		case err = <-returned:
		case <-time.After(time.Hour):
			t.Error("Serve still waits for the request, an hour later")
			close(stuck)
			return
		}
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Error("the connection of the request that is stuck is open")
		}
		if took := time.Since(began); took != 2*time.Second || !last {
			t.Errorf("Serve returned after %v, and the last step has run: %t; want 2s, and true", took, last)
		}
		for _, want := range []string{"requests still run after 1s", "step 1 still runs after 1s"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Serve returned %v, want %q in it", err, want)
			}
		}
		close(stuck)
	})
}

// TestServeDrainsWhenItsListenerFails, while a request is in flight that takes 3 s, and
// without the pause, or the rest of it: no load balancer can connect any more.
func TestServeDrainsWhenItsListenerFails(t *testing.T) {
	t.Run("before the signal", func(t *testing.T) { listenerFails(t, func(signal func()) {}) })
	t.Run("during the pause", func(t *testing.T) { listenerFails(t, func(signal func()) { signal(); time.Sleep(time.Second) }) })
}

func listenerFails(t *testing.T, before func(signal func())) {
	synctest.Test(t, func(t *testing.T) {
		var happened []string // by one goroutine at a time
		s := &Shutdown{Pause: time.Hour, Limit: time.Minute, Steps: []func() error{
			func() error { happened = append(happened, "step"); return nil },
		}}
		engine := gin.New()
		engine.GET("/", func(*gin.Context) { time.Sleep(3 * time.Second); happened = append(happened, "request") })
		p := newPipes()
		ctx, signal := context.WithCancel(t.Context())
		defer signal()
		began, returned := time.Now(), make(chan error, 1)
		go func() { returned <- s.Serve(ctx, &http.Server{Handler: engine}, p) }()
		conn, err := p.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go io.Copy(io.Discard, conn)
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: pipe\r\n\r\n")
		synctest.Wait() // the handler has begun
		before(signal)
		p.Close()
		if err := <-returned; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve returned %v, want the listener's error", err)
		}
		if took := time.Since(began); !slices.Equal(happened, []string{"request", "step"}) || took > 4*time.Second {
			t.Errorf("after %v Serve had done %q, want the request in flight and the step, within 4 s", took, happened)
		}
	})
}
