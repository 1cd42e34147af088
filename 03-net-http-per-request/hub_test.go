package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowSubscriberIsDroppedAndTheOthersGetAll: Publish does not block; the slow
// subscriber gets what is in its buffer, then its channel is closed (claim 3.14).
func TestSlowSubscriberIsDroppedAndTheOthersGetAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(2)
		var fast [5]<-chan string
		for i := range fast {
			events, stop := h.Subscribe()
			defer stop()
			fast[i] = events
		}
		slow, _ := h.Subscribe()
		start := time.Now()
		var want []string
		for i := range 10 {
			want = append(want, fmt.Sprint(i))
			h.Publish(want[i])
			for _, events := range fast {
				if got := <-events; got != want[i] {
					t.Errorf("a fast subscriber got %q, want %q", got, want[i])
				}
			}
		}
		var got []string
		for event := range slow {
			got = append(got, event)
		}
		if !slices.Equal(got, want[:2]) {
			t.Errorf("the slow subscriber got %v and was dropped, want %v: what its buffer holds", got, want[:2])
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("a slow subscriber delayed the publisher and the others by %s, want no delay", took)
		}
	})
}

// TestSubscribersComeAndGoDuringABroadcast without a data race (claim 3.14).
func TestSubscribersComeAndGoDuringABroadcast(t *testing.T) {
	h := NewHub(1)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				h.Publish("event")
			}
		})
		all.Go(func() {
			for range 50 {
				events, unsubscribe := h.Subscribe()
				select {
				case <-events:
				default:
				}
				unsubscribe()
				unsubscribe() // the second time has no effect
			}
		})
	}
	all.Wait()
	if n := len(h.subscribers); n != 0 {
		t.Errorf("all subscribers have left, and the hub has %d", n)
	}
}

// TestPublishSendsWithTheLockHeld: only the lock orders the send and the close of a channel, so
// the race detector reports a send after Unlock.
func TestPublishSendsWithTheLockHeld(t *testing.T) {
	h := NewHub(1)
	events, unsubscribe := h.Subscribe()
	published := async(func() error { h.Publish("event"); return nil })
	for len(events) == 0 {
		runtime.Gosched()
	}
	unsubscribe()
	<-published
	if event := <-events; event != "event" {
		t.Errorf("got %q, want the event", event)
	}
}

// TestBroadcastPublishesToThreeSubscribers n events; two of them read each one.
func TestBroadcastPublishesToThreeSubscribers(t *testing.T) {
	h := NewHub(4)
	var subscribers []int
	publisher, newcomer := broadcast(h, "(*Hub).Publish", func(event string) {
		subscribers = append(subscribers, len(h.subscribers))
		h.Publish(event)
	}, 4)
	if want := []int{3, 3, 3, 3}; !slices.Equal(subscribers, want) || publisher != "returns" || newcomer != "returns" {
		t.Errorf("for each of 4 events got %v subscribers, want %v; publisher and new subscriber %s, %s", subscribers, want, publisher, newcomer)
	}
}

// TestUnsubscribeClosesTheChannel: what is in its buffer stays, and no event follows. The
// events are those from Subscribe on.
func TestUnsubscribeClosesTheChannel(t *testing.T) {
	h := NewHub(2)
	h.Publish("before there was a subscriber")
	events, unsubscribe := h.Subscribe()
	h.Publish("before")
	unsubscribe()
	h.Publish("after")
	var got []string
	for range 2 {
		select {
		case event, open := <-events:
			got = append(got, fmt.Sprintf("%q, %t", event, open))
		default:
			got = append(got, "blocks")
		}
	}
	if want := []string{`"before", true`, `"", false`}; !slices.Equal(got, want) {
		t.Errorf("two receives after unsubscribe: got %q, want %q", got, want)
	}
}

// TestHubIsClosedDuringABroadcast without a data race.
func TestHubIsClosedDuringABroadcast(t *testing.T) {
	h := NewHub(1)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { h.Publish("event") })
		all.Go(func() { h.Subscribe() })
		all.Go(h.Close)
	}
	all.Wait()
	if h.subscribers != nil {
		t.Errorf("the hub is closed, and has %d subscribers", len(h.subscribers))
	}
}

// TestClosedHubHasNoSubscribers: Close ends the loops of the subscribers, and those
// who come later get a closed channel (claim 3.14).
func TestClosedHubHasNoSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(1)
		events, unsubscribe := h.Subscribe()
		h.Close()
		h.Close()
		h.Publish("late")
		unsubscribe()
		later, _ := h.Subscribe()
		for _, c := range []<-chan string{events, later} {
			select {
			case event, ok := <-c:
				if ok {
					t.Errorf("got %q after Close, want a closed channel", event)
				}
			default:
				t.Error("the channel is open after Close; its subscriber blocks forever")
			}
		}
	})
}

// TestHubStreamsToItsClients: each event arrives when it is published; a handler
// returns when its client leaves, or the hub is closed (claim 3.14).
func TestHubStreamsToItsClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(4)
		srv, pipes := serveInBubble(h)
		defer srv.Close()
		clients := make([]*bufio.Reader, 2)
		for i := range clients {
			resp, err := Crowd(pipes.Dial).Get("http://pipe") // returns when the header is sent
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if contentType := resp.Header.Get("Content-Type"); contentType != "text/event-stream" {
				t.Errorf("got the content type %q", contentType)
			}
			clients[i] = bufio.NewReader(resp.Body)
			if i == 0 {
				defer func() {
					resp.Body.Close()
					synctest.Wait()
				}()
			}
		}
		time.Sleep(time.Hour) // nothing to write: no deadline passes
		h.Publish("news\n\ndata: forged\r\rdata: forged\r\nend")
		for i, client := range clients {
			got := ""
			for !strings.HasSuffix(got, "\n\n") {
				line, err := client.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				got += line
			}
			if want := "data: news\ndata: \ndata: data: forged\ndata: \ndata: data: forged\ndata: end\n\n"; got != want {
				t.Errorf("client %d got %q; want one event, %q", i, got, want)
			}
		}
		leaver, err := Crowd(pipes.Dial).Get("http://pipe")
		if err != nil {
			t.Fatal(err)
		}
		leaver.Body.Close()
		synctest.Wait()
		h.mu.Lock()
		if n := len(h.subscribers); n != 2 {
			t.Errorf("two clients are left, and the hub has %d subscribers", n)
		}
		h.mu.Unlock()
		time.Sleep(time.Hour)
		h.Close()
		for i, client := range clients {
			if line, err := client.ReadString('\n'); line != "" || err == nil || err.Error() != "EOF" {
				t.Errorf("client %d got %q, %v after Close; want a complete response", i, line, err)
			}
		}
	})
}

// TestHubStreamsOverHTTP2: a stream lives for hours without an event, and its end is
// complete (claim 3.14).
func TestHubStreamsOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(4)
		srv, pipes := serveInBubble(h)
		defer srv.Close()
		transport := &http.Transport{Protocols: new(http.Protocols), DialContext: pipes.Dial}
		transport.Protocols.SetUnencryptedHTTP2(true)
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("http://pipe")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for range 2 {
			time.Sleep(time.Hour)
			h.Publish("news")
		}
		time.AfterFunc(time.Hour, h.Close)
		text, err := io.ReadAll(resp.Body)
		if want := "data: news\n\ndata: news\n\n"; resp.ProtoMajor != 2 || string(text) != want || err != nil {
			t.Errorf("over %s got %q, %v; want HTTP/2 and %q", resp.Proto, text, err, want)
		}
	})
}

// TestClientThatDoesNotReadDoesNotDelayShutdown: the end of its response has 2 s, too (claim 3.14).
func TestClientThatDoesNotReadDoesNotDelayShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(4)
		srv, pipes := serveInBubble(h)
		srv.RegisterOnShutdown(h.Close)
		defer srv.Close()
		conn, err := pipes.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: pipe\r\n\r\n")
		if n, err := conn.Read(make([]byte, 4096)); err != nil {
			t.Fatal(n, err)
		}
		synctest.Wait()
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := srv.Shutdown(ctx); err != nil || time.Since(began) > 3*time.Second {
			t.Errorf("Shutdown returned %v after %v, want nil within 3 s", err, time.Since(began))
		}
	})
}

// TestClientThatDoesNotReadIsDropped: its handler returns 2 s after an event that cannot be
// written, so Shutdown need not wait for it (claim 3.14).
func TestClientThatDoesNotReadIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, returned := NewHub(4), make(chan time.Time, 1)
		srv, pipes := serveInBubble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			returned <- time.Now()
		}))
		defer srv.Close()
		conn, err := pipes.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: pipe\r\n\r\n")
		header := make([]byte, 4096)
		if n, err := conn.Read(header); err != nil {
			t.Fatal(n, err)
		}
		synctest.Wait()
		time.Sleep(time.Hour)
		began := time.Now()
		h.Publish("news")
		select {
		case at := <-returned:
			if took := at.Sub(began); took != 2*time.Second {
				t.Errorf("its handler returned %v after the event, want 2s", took)
			}
		case <-time.After(time.Hour):
			t.Error("an hour after the event its handler still blocks")
		}
	})
}

// TestEveryReadySubscriberGetsAnEventThatOthersMiss: 20 subscribers are slow and 20 are not, in
// the random order of a map (claim 3.14).
func TestEveryReadySubscriberGetsAnEventThatOthersMiss(t *testing.T) {
	h := NewHub(1)
	var ready []<-chan string
	for range 20 {
		events, _ := h.Subscribe()
		ready = append(ready, events)
		h.Subscribe()
	}
	h.Publish("first")
	for _, events := range ready {
		<-events
	}
	h.Publish("second")
	for i, events := range ready {
		select {
		case event := <-events:
			if event != "second" {
				t.Errorf("subscriber %d got %q, want the second event", i, event)
			}
		default:
			t.Errorf("subscriber %d is ready and got no event", i)
		}
	}
	if n := len(h.subscribers); n != 20 {
		t.Errorf("20 subscribers were slow; %d of 40 are left, want 20", n)
	}
	alone := NewHub(0)
	alone.Subscribe()
	if alone.Publish("first"); len(alone.subscribers) != 0 {
		t.Error("the only subscriber is not ready, and is not dropped")
	}
}

// TestSendWithTheLockHeldBlocksEverySubscribe: the publisher blocks in the send, and
// the new subscriber in Lock (negative control of 3.14).
func TestSendWithTheLockHeldBlocksEverySubscribe(t *testing.T) {
	h := NewHub(4)
	publisher, newcomer := broadcast(h, "(*Hub).PublishLocked", h.PublishLocked, 6)
	t.Logf("the publisher %s, a new subscriber %s", publisher, newcomer)
	if publisher != "[chan send]" || newcomer != "[sync.Mutex.Lock]" {
		t.Errorf("got publisher %s and new subscriber %s; want [chan send] and [sync.Mutex.Lock]", publisher, newcomer)
	}
}
