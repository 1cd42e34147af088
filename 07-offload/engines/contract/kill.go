package contract

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Wire is between a web process and its servers, as one proxy for each. It counts
// the messages that pass it in either direction, and can stop the traffic at one of
// them: that is where the process is killed.
type Wire struct {
	mu    sync.Mutex
	armed bool          // guarded by mu
	left  int           // guarded by mu; messages that still pass
	at    string        // guarded by mu; the message that did not pass
	cut   chan struct{} // guarded by mu; closed when a message does not pass
}

// arm lets n further messages pass, and none after them. The channel that it returns
// is closed when the next one arrives.
func (w *Wire) arm(n int) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.left, w.cut = true, n, make(chan struct{})
	return w.cut
}

// release lets all messages pass again.
func (w *Wire) release() (at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	return w.at
}

// pass reports whether a message may pass.
func (w *Wire) pass(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.armed {
		return true
	}
	if w.left--; w.left == -1 {
		w.at = what
		close(w.cut)
	}
	return w.left >= 0
}

// Proxy returns an address that leads to the server at to. It ends with the process.
func (w *Wire) Proxy(name, to string) (addr string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.DialTimeout("tcp", to, 5*time.Second)
				if err != nil {
					return
				}
				defer server.Close()
				var pinged atomic.Bool
				go func() {
					w.copy(client, server, "the answer of "+name, func([]byte) bool { return pinged.Swap(false) })
					client.Close()
				}()
				w.copy(server, client, "a request to "+name, func(message []byte) bool {
					ping := bytes.Contains(message, []byte("-- ping"))
					pinged.Store(ping)
					return ping
				})
			}()
		}
	}()
	return listener.Addr().String(), nil
}

// copy copies message by message: each side sends one in a write of its own, and waits
// for the answer. What does not pass is dropped, and src is read until EOF. A ping is
// not counted: pgx sends one before a request if a connection was idle for a second, so
// on a busy machine there would be more messages in some sign-ups than in others.
func (w *Wire) copy(dst, src net.Conn, what string, ping func(message []byte) bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := src.Read(buffer)
		if n > 0 && (ping(buffer[:n]) || w.pass(what)) {
			if _, err := dst.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// A Kill is one web process that was killed during a sign-up.
type Kill struct {
	At       string // the message that did not pass; "" if the sign-up was answered before
	Answered bool   // with 202
	Email    string // of the sign-up
}

// KillEverywhere kills the web process that start starts at every point of a sign-up:
// the first one before its first message to a server, the next one a message later, and
// so on, until a sign-up is answered with 202. Each process has had one sign-up before, so
// that its connections exist. check looks at what each kill left behind.
func KillEverywhere(wire *Wire, domain string, start func() (*Process, error)) (kills []Kill, err error) {
	const tries = 10
	for n, try := 0, 1; ; {
		kill, err := killAt(wire, n, fmt.Sprintf("point%d.%d@%s", n, try, domain), start)
		switch {
		case err != nil && try < tries: // a busy machine: 503 in place of 202
			try++
		case err != nil:
			return kills, err
		default:
			kills = append(kills, kill)
			if kill.Answered {
				return kills, nil
			}
			n, try = n+1, 1
		}
	}
}

func killAt(wire *Wire, n int, email string, start func() (*Process, error)) (Kill, error) {
	kill := Kill{Email: email}
	web, err := start()
	if err != nil {
		return kill, err
	}
	defer web.Kill()
	_, domain, _ := strings.Cut(email, "@")
	if _, status, err := web.Signup("first@"+domain, "", ""); status != http.StatusAccepted {
		return kill, errors.Join(err, fmt.Errorf("a sign-up was answered with %d\n%s", status, web.Log()))
	}
	// River notifies its workers at most once in 100 ms (FetchCooldown). Without a pause
	// some sign-ups would have two messages less.
	<-time.After(200 * time.Millisecond)
	cut := wire.arm(n)
	defer wire.release()
	answered := make(chan int, 1)
	go func() {
		_, status, _ := web.Signup(kill.Email, "", "") // the error of a connection that broke
		answered <- status
	}()
	select {
	case <-cut:
		web.Kill()
		kill.At = wire.release()
		<-answered
	case status := <-answered:
		web.Kill()
		if kill.Answered = status == http.StatusAccepted; !kill.Answered {
			return kill, fmt.Errorf("a sign-up was answered with %d before it was cut off\n%s", status, web.Log())
		}
	}
	return kill, nil
}
