package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// connected returns how many clients have connected so far.
func (s *MailServer) connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients
}

// sendTo sends an email to the address and returns the error.
func sendTo(s *MailServer, address string) error {
	return Mailer{s.DialPipe}.Send(context.Background(), Signup{Name: "Ada", Email: address})
}

// TestCloseWaitsForTheConnections of clients that are still connected, over the
// listener or a pipe, in either order.
func TestCloseWaitsForTheConnections(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			server, pipes := NewMailServer(), listen()
			server.listener = pipes
			server.talks.Go(server.accept)
			clients := make([]net.Conn, 2)
			clients[0], _ = pipes.Dial(t.Context(), "", "")
			clients[1], _ = server.DialPipe(t.Context())
			closed := make(chan bool, 1)
			go func() { server.Close(); closed <- true }()
			for left, i := range order {
				synctest.Wait()
				if len(closed) > 0 {
					t.Errorf("Close returned, but %d clients are still connected", len(clients)-left)
				}
				clients[i].Close()
			}
			<-closed
		})
	}
}

// TestMailServerListsItsEmailsInOrder, and none that it refused, or of which it has
// received only a part.
func TestMailServerListsItsEmailsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		want := []string{"b@example.com", "a@example.com"}
		for _, address := range want {
			if err := sendTo(server, address); err != nil {
				t.Error(err)
			}
		}
		conn, _ := server.DialPipe(t.Context())
		go io.Copy(io.Discard, conn)
		fmt.Fprint(conn, "RCPT TO:<half@example.com>\r\nDATA\r\nonly the first line\r\n")
		conn.Close()
		synctest.Wait()
		got := server.Delivered()
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		got[0] = "changed"
		if again := server.Delivered(); !slices.Equal(again, want) {
			t.Errorf("after a change of the result got %q, want %q", again, want)
		}
	})
}

// TestWaitForNeedsClientsAndEmails: it returns when both numbers are reached.
func TestWaitForNeedsClientsAndEmails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		returned := make(chan string, 3)
		for _, want := range [][2]int{{2, 0}, {2, 1}, {4, 1}} {
			go func() {
				server.WaitFor(want[0], want[1])
				returned <- fmt.Sprint("WaitFor", want)
			}()
		}
		connect := func() {
			conn, _ := server.DialPipe(t.Context())
			conn.Close()
		}
		for i, want := range []string{"", "WaitFor[2 0]", "WaitFor[2 1]", "WaitFor[4 1]"} {
			if i == 2 { // the third client sends an email
				sendTo(server, "ada@example.com")
			} else {
				connect()
			}
			synctest.Wait()
			var got strings.Builder
			for len(returned) > 0 {
				got.WriteString(<-returned)
			}
			if got.String() != want {
				t.Errorf("%d clients, %q delivered: got %q to return, want %q", i+1, server.Delivered(), got.String(), want)
			}
		}
	})
}

// TestMailServerRefusesOneCommand: the one in Refuses.
func TestMailServerRefusesOneCommand(t *testing.T) {
	for _, refused := range []string{"MAIL", "RCPT", "DATA", "."} {
		server := NewMailServer()
		server.Refuses = refused
		conn, _ := server.DialPipe(t.Context())
		client := textproto.NewConn(conn)
		if _, _, err := client.ReadResponse(220); err != nil {
			t.Fatal(err)
		}
		for _, command := range [][2]string{{"EHLO", "EHLO localhost"}, {"MAIL", "MAIL FROM:<a@example.com>"}, {"RCPT", "RCPT TO:<b@example.com>"}, {"DATA", "DATA"}, {".", "."}} {
			if err := client.PrintfLine("%s", command[1]); err != nil {
				t.Fatal(err)
			}
			code, text, err := client.ReadResponse(0)
			if refuses := code == 550; err != nil || refuses != (command[0] == refused) {
				t.Errorf("it should refuse %s; to %q it answered %d %s, %v", refused, command[1], code, text, err)
			}
			if command[0] == refused {
				break
			}
		}
		client.Close()
	}
}

// TestHealthyMailServerRefusesNothing: it does not know an empty command, and that is no refusal.
func TestHealthyMailServerRefusesNothing(t *testing.T) {
	conn, _ := NewMailServer().DialPipe(t.Context())
	client := textproto.NewConn(conn)
	defer client.Close()
	if _, _, err := client.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"", "HELP"} {
		if err := client.PrintfLine("%s", command); err != nil {
			t.Fatal(err)
		}
		if code, text, _ := client.ReadResponse(0); code != 502 {
			t.Errorf("to %q it answered %d %s, want 502: it does not know the command", command, code, text)
		}
	}
}

// TestMailServerHangsUntilItRecovers: it accepts a connection and sends nothing. When
// it recovers it serves the clients that are still there.
func TestMailServerHangsUntilItRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		time.AfterFunc(time.Hour, func() { server.Recover(); server.Recover() }) // the second time has no effect
		began := time.Now()
		conn, _ := server.DialPipe(t.Context())
		if synctest.Wait(); server.connected() != 1 {
			t.Errorf("one client has connected, but the mail server that hangs counts %d", server.connected())
		}
		read := make(chan struct{})
		go func() {
			defer close(read)
			defer conn.Close()
			if conn.Read(make([]byte, 1)); time.Since(began) != time.Hour {
				t.Errorf("the mail server sent something after %v, want 1h0m0s, when it recovers", time.Since(began))
			}
		}()
		if err := sendTo(server, "ada@example.com"); err != nil || time.Since(began) != time.Hour || len(server.Delivered()) != 1 {
			t.Errorf("Send returned %v after %v, want nil after 1h0m0s, when the mail server recovers", err, time.Since(began))
		}
		<-read
	})
}

// TestMailServerClosesTheConnectionAfterQUIT, once it has replied; without a reply to
// QUIT that is when it recovers.
func TestMailServerClosesTheConnectionAfterQUIT(t *testing.T) {
	for _, silence := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			server, began := NewMailServer(), time.Now()
			server.NoReplyToQuit = silence > 0
			time.AfterFunc(silence, server.Recover)
			conn, _ := server.DialPipe(t.Context())
			go io.WriteString(conn, "QUIT\r\n")
			replies := bufio.NewReader(conn)
			replies.ReadString('\n') // the greeting
			reply, _ := replies.ReadString('\n')
			replied := time.Since(began)
			if rest, err := io.ReadAll(replies); err != nil || len(rest) > 0 || reply != "221 bye\r\n" || replied != silence || time.Since(began) != silence {
				t.Errorf("got %q after %v, and then %q, %v after %v; want the reply to QUIT, and then the end, after %v",
					reply, replied, rest, err, time.Since(began), silence)
			}
		})
	}
}

// TestMailServerServesAClientUntilItDisconnects: one client sends two emails, and
// commands that the server does not know.
func TestMailServerServesAClientUntilItDisconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		conn, _ := server.DialPipe(t.Context())
		go func() {
			for _, address := range []string{"a@example.com", "b@example.com"} {
				fmt.Fprintf(conn, "HELP\r\nMAIL FROM:<club@example.com>\r\nRCPT TO:<%s>\r\nDATA\r\nhello\r\n.\r\n", address)
			}
			io.WriteString(conn, "QUIT\r\n")
		}()
		io.Copy(io.Discard, conn)
		if got, want := server.Delivered(), []string{"a@example.com", "b@example.com"}; !slices.Equal(got, want) {
			t.Errorf("one client sent two emails, got %q, want %q", got, want)
		}
	})
}

// TestDialToConnectsEachTime, unless the context is done.
func TestDialToConnectsEachTime(t *testing.T) {
	server := NewMailServer()
	addr, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	dial := DialTo(addr)
	for n := range 2 {
		conn, err := dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "220 ") {
			t.Errorf("connection %d: got %q, %v; want a greeting", n+1, line, err)
		}
		conn.Close()
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dial(canceled); err == nil {
		t.Error("the context is done, and the dial function connects")
	}
	server.Close()
	if n := server.connected(); n != 2 {
		t.Errorf("%d connections were made, want 2", n)
	}
}

// TestMailServerListensOnOneLoopbackAddress, and not on the others of this machine.
func TestMailServerListensOnOneLoopbackAddress(t *testing.T) {
	server := NewMailServer()
	addr, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	onlyThere(t, addr)
}
