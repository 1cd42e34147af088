package main

import (
	"context"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
)

// A MailServer stands for the one out there, which is not always well. It
// speaks as much SMTP as net/smtp needs.
type MailServer struct {
	// Hangs: it accepts connections and does not say a word until Recover.
	Hangs bool
	// Refuses: it knows no mailbox at all.
	Refuses bool

	recovered chan struct{}  // closed by Recover
	listener  net.Listener   // nil if it has none
	talks     sync.WaitGroup // one for each connection

	mu        sync.Mutex
	changed   sync.Cond // with mu: clients or delivered has changed
	clients   int       // guarded by mu: how many have ever connected
	delivered []string  // guarded by mu: addresses, in order
}

// NewMailServer returns a mail server that is well.
func NewMailServer() *MailServer {
	s := &MailServer{recovered: make(chan struct{})}
	s.changed.L = &s.mu
	return s
}

// Recover lets a mail server that hangs go on with all who still wait.
func (s *MailServer) Recover() { close(s.recovered) }

// Delivered returns the addresses of the mails that it took, in order.
func (s *MailServer) Delivered() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.delivered)
}

// WaitFor returns when so many clients have connected and so many mails were taken, in all.
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
	s.talks.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return // closed
			}
			s.talks.Go(func() { s.Serve(conn) })
		}
	})
	return s.listener.Addr().String(), nil
}

// Close takes no more connections and returns when all there were have ended.
func (s *MailServer) Close() {
	s.listener.Close()
	s.talks.Wait()
}

// DialTo returns a dial function for a mail server that listens at addr.
func DialTo(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
}

// DialPipe is a dial function for this server that needs no network: a test in
// fake time can use it.
func (s *MailServer) DialPipe(context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	s.talks.Go(func() { s.Serve(there) })
	return here, nil
}

// Serve talks with one client until it has gone.
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
	client.PrintfLine("220 mail server of the lesson")
	var to string
	for {
		line, err := client.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "EHLO", "MAIL":
			client.PrintfLine("250 fine")
		case "RCPT":
			if s.Refuses {
				client.PrintfLine("550 no such mailbox")
				continue
			}
			_, to, _ = strings.Cut(strings.TrimSuffix(rest, ">"), "<")
			client.PrintfLine("250 fine")
		case "DATA":
			client.PrintfLine("354 go on")
			if _, err := client.ReadDotBytes(); err != nil {
				return
			}
			s.mu.Lock()
			s.delivered = append(s.delivered, to)
			s.changed.Broadcast()
			s.mu.Unlock()
			client.PrintfLine("250 taken")
		case "QUIT":
			client.PrintfLine("221 bye")
			return
		default:
			client.PrintfLine("502 unknown")
		}
	}
}
