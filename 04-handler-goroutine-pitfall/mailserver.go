package main

import (
	"context"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
)

// A MailServer is the mail server of the demo. It understands as much SMTP as
// net/smtp needs, and it can hang or refuse emails.
type MailServer struct {
	// Hangs makes the server accept connections but send nothing until Recover is
	// called. Then it serves the clients that are still connected.
	Hangs bool
	// Refuses is the command that it refuses: MAIL, RCPT, DATA, or "." after the
	// email. It refuses nothing if Refuses is "".
	Refuses string
	// NoReplyToQuit makes it send nothing after QUIT until Recover is called.
	NoReplyToQuit bool

	recover   sync.Once
	recovered chan struct{} // closed by Recover
	listener  net.Listener  // nil without Listen
	talks     sync.WaitGroup

	mu        sync.Mutex
	changed   sync.Cond // with mu: clients or delivered has changed
	clients   int       // guarded by mu: how many have connected so far
	delivered []string  // guarded by mu: addresses, in order
}

// NewMailServer returns a healthy mail server.
func NewMailServer() *MailServer {
	s := &MailServer{recovered: make(chan struct{})}
	s.changed.L = &s.mu
	return s
}

// Recover ends the silence of a mail server that hangs.
func (s *MailServer) Recover() { s.recover.Do(func() { close(s.recovered) }) }

// Delivered returns the addresses of the emails that it accepted, in order.
func (s *MailServer) Delivered() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.delivered)
}

// WaitFor blocks until at least the given numbers of clients have connected and of
// emails have been delivered, in total.
func (s *MailServer) WaitFor(clients, delivered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.clients < clients || len(s.delivered) < delivered {
		s.changed.Wait()
	}
}

// Listen serves on a free port of the loopback interface until Close, and returns its address.
func (s *MailServer) Listen() (addr string, err error) {
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.talks.Go(s.accept)
	return s.listener.Addr().String(), nil
}

func (s *MailServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.talks.Go(func() { s.Serve(conn) })
	}
}

// Close closes the listener and waits until all connections have ended.
func (s *MailServer) Close() {
	s.listener.Close()
	s.talks.Wait()
}

// DialTo returns a dial function for the mail server at addr.
func DialTo(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
}

// DialPipe is a dial function for this server. It needs no network, so that a
// test can use it in fake time.
func (s *MailServer) DialPipe(context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	s.talks.Go(func() { s.Serve(there) })
	return here, nil
}

// Serve serves one client.
func (s *MailServer) Serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	s.clients++
	s.changed.Broadcast()
	s.mu.Unlock()
	if s.Hangs {
		<-s.recovered
	}
	s.talk(textproto.NewConn(conn))
}

func (s *MailServer) talk(client *textproto.Conn) {
	client.PrintfLine("220 mail server of the demo")
	var to string
	for {
		line, err := client.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		if verb == s.Refuses && verb != "" {
			client.PrintfLine("550 no such mailbox")
			continue
		}
		switch verb {
		case "EHLO", "MAIL":
			client.PrintfLine("250 ok")
		case "RCPT":
			_, to, _ = strings.Cut(strings.TrimSuffix(rest, ">"), "<")
			client.PrintfLine("250 ok")
		case "DATA":
			client.PrintfLine("354 send it")
			if _, err := client.ReadDotBytes(); err != nil {
				return
			}
			if s.Refuses == "." {
				client.PrintfLine("550 no such mailbox")
				continue
			}
			s.mu.Lock()
			s.delivered = append(s.delivered, to)
			s.changed.Broadcast()
			s.mu.Unlock()
			client.PrintfLine("250 accepted")
		case "QUIT":
			if s.NoReplyToQuit {
				<-s.recovered
			}
			client.PrintfLine("221 bye")
			return
		default:
			client.PrintfLine("502 unknown command")
		}
	}
}
