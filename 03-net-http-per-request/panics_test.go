package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
)

// TestPanicCostsOneResponse: the client whose handler panics gets no answer; a request that is under
// way meanwhile is answered, and so is the next one (claim 3.7).
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

	other := make(chan error, 1)
	go func() {
		_, err := Get(t.Context(), client, url+"/slow")
		other <- err
	}()
	within(t, began, "another request should be under way")

	if body, err := Get(t.Context(), client, url+"/share?among=0"); !errors.Is(err, io.EOF) {
		t.Errorf("the client of a handler that panics should see its connection end without an answer (EOF), not %q, %v", body, err)
	}
	close(end)
	if err := within(t, other, "the other request should be answered"); err != nil {
		t.Errorf("a panic should cost nobody else their answer: %v", err)
	}
	if body, err := Get(t.Context(), client, url+"/share?among=4"); body != "25\n" {
		t.Errorf("the next request should be served, but got %q, %v", body, err)
	}
	entry := within(t, logged, "the server's log should tell of the panic")
	if first, _, _ := strings.Cut(entry, "\n"); !strings.HasPrefix(first, "http: panic serving ") || !strings.HasSuffix(first, "integer divide by zero") {
		t.Errorf("the server's log should tell of the panic, but begins with %q", first)
	}
}

// TestPanicOnHTTP2CostsOneResponse: there it does not even cost the connection (claim 3.7).
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
		t.Errorf("the client of a handler that panics should get no answer, but got %q", body)
	}
	if body, err := Get(t.Context(), client, "http://"+addr+"/share?among=4"); body != "25\n" {
		t.Errorf("the next request on the same HTTP/2 connection should be served, but got %q, %v", body, err)
	}
}
