package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestRolesServeUntilTheInputEnds plays the two roles that are web servers, each in a goroutine of
// this process: a child process that does something else than here would have to be waited for.
// The role prints its URL, sends an email to the mail server that is its argument, and returns
// when the standard input is at its end.
func TestRolesServeUntilTheInputEnds(t *testing.T) {
	for _, role := range []string{"leaky", "fixed"} {
		server := NewMailServer()
		addr, err := server.Listen()
		if err != nil {
			t.Fatal(err)
		}
		idle := goroutinesIn("NewFixed.func1", "chan receive")
		url, end := play(t, role, addr)
		resp, err := http.Post(url, "application/json", strings.NewReader(ada))
		if err != nil || resp.StatusCode != http.StatusAccepted {
			t.Fatalf("%s: got %v, %v; want 202", role, resp, err)
		}
		resp.Body.Close()
		for sent := false; !sent; runtime.Gosched() {
			done := role == "leaky" && StartedBy("(*Leaky).ServeHTTP") == 0 ||
				role == "fixed" && goroutinesIn("NewFixed.func1", "chan receive") == idle+senders
			if sent = server.connected() > 0; done && !sent {
				t.Fatalf("%s: it has sent the email, and not to the mail server that is its argument", role)
			}
		}
		end()
		http.DefaultClient.CloseIdleConnections()
		server.Close()
	}
}

// play plays the role and returns the URL that it prints. Function end ends its input.
func play(t *testing.T, role, argument string) (url string, end func()) {
	t.Helper()
	in, input, err1 := os.Pipe()
	output, out, err2 := os.Pipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	stdin, stdout := os.Stdin, os.Stdout
	restore := func() { os.Stdin, os.Stdout = stdin, stdout }
	t.Cleanup(restore)
	os.Stdin, os.Stdout = in, out
	returned, printed := make(chan bool, 1), make(chan string, 1)
	go func() { roles[role](argument); returned <- true }()
	go func() { var url string; fmt.Fscan(output, &url); printed <- url }()
	end = func() {
		input.Close()
		for len(returned) == 0 {
			if blocksIn("serveUntilKilled", "chan ", "select", "sleep") {
				t.Fatalf("%s: the standard input is at its end, and the role does not return", role)
			}
			runtime.Gosched()
		}
		<-returned
		restore()
		in.Close()
		output.Close()
	}
	for len(printed) == 0 && len(returned) == 0 && !blocksIn("serveUntilKilled", "IO wait", "chan ", "select", "sleep") {
		runtime.Gosched()
	}
	if len(returned) > 0 {
		t.Fatalf("%s: the role returned, and its standard input is not at its end", role)
	}
	out.Close() // what it has printed can still be read
	if url = <-printed; !strings.HasPrefix(url, "http://") {
		t.Fatalf("%s: it printed %q, want its URL", role, url)
	}
	return url, end
}
