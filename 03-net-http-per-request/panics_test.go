package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestPanicCostsOneResponse: its client gets no response; a request in progress and
// the next one are answered (claim 3.7).
func TestPanicCostsOneResponse(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	var rt Router
	rt.Handle("GET", "/share", Share)
	rt.Handle("GET", "/slow", func(http.ResponseWriter, *http.Request) { close(began); <-end })
	srv := NewServer(&rt)
	logged := make(Log, 10)
	srv.ErrorLog = log.New(logged, "", 0)
	addr, err := Start(srv)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	url, client := "http://"+addr, newClients()

	other := async(func() error { _, err := Get(t.Context(), client, url+"/slow"); return err })
	within(t, began, "another request is in progress")
	if body, err := Get(t.Context(), client, url+"/share?among=0"); !errors.Is(err, io.EOF) {
		t.Errorf("the client of a handler that panics got %q, %v; want EOF, since the connection is closed", body, err)
	}
	close(end)
	if err := within(t, other, "the other request is answered"); err != nil {
		t.Errorf("the request in progress during the panic: %v", err)
	}
	if body, err := Get(t.Context(), client, url+"/share?among=3"); body != "33\n" {
		t.Errorf("the next request, for 100 tickets among 3, got %q, %v; want 33", body, err)
	}
	entry := ""
	select {
	case entry = <-logged: // it was written before the connection was closed
	default:
	}
	if first, stack, _ := strings.Cut(entry, "\n"); !strings.HasPrefix(first, "http: panic serving ") ||
		!strings.HasSuffix(first, "integer divide by zero") || !strings.Contains(stack, ".Share(") {
		t.Errorf("the server's log has %q; want the panic and its stack", entry)
	}
}

// TestPanicOnHTTP2CostsOneResponse: the connection stays open (claim 3.7).
func TestPanicOnHTTP2CostsOneResponse(t *testing.T) {
	srv := NewServer(http.HandlerFunc(Share))
	srv.ErrorLog = log.New(io.Discard, "", 0)
	addr, err := Start(srv)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	client, conn, err := DialOne(t.Context(), addr, true)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if body, err := Get(t.Context(), client, "http://"+addr+"/share?among=0"); err == nil {
		t.Errorf("the client of a handler that panics got %q, want an error", body)
	}
	if body, err := Get(t.Context(), client, "http://"+addr+"/share?among=4"); body != "25\n" {
		t.Errorf("the next request on the same connection got %q, %v; want 25", body, err)
	}
}

// TestLogKeepsEachEntry until it is received: without a free slot in the buffer, Write
// blocks, and the server's goroutine with it.
func TestLogKeepsEachEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := make(Log, 1)
		written := async(func() error {
			_, err1 := io.WriteString(logged, "first\n")
			_, err2 := io.WriteString(logged, "second\n")
			return errors.Join(err1, err2)
		})
		synctest.Wait()
		if len(written) > 0 {
			t.Fatal("two entries were written to a log with one free slot; want the second Write blocked")
		}
		if first, second := <-logged, <-logged; first != "first\n" || second != "second\n" {
			t.Errorf("got the entries %q, %q; want both, in order", first, second)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}
