package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A site is one of the handlers on a web server of its own, with a mail server of its own.
type site struct {
	handler  http.Handler
	web      *http.Server
	url      string
	mail     *MailServer
	mailAddr string
	answers  map[int]int // how many of each status
	last     int         // status

	mu  sync.Mutex
	log bytes.Buffer // guarded by mu
}

// Write makes the site an output for a logger.
func (s *site) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

// firstLog returns the first line of the log without its time.
func (s *site) firstLog() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	line, _, _ := strings.Cut(s.log.String(), "\n")
	_, line, _ = strings.Cut(line, " ")
	return line
}

func newSite(h http.Handler, mail *MailServer, mailAddr string) *site {
	s := &site{handler: h, mail: mail, mailAddr: mailAddr, web: NewServer(h), answers: make(map[int]int)}
	var err error
	s.url, err = Start(s.web)
	check(err)
	return s
}

// lines returns how many lines were logged.
func (s *site) lines() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Count(s.log.Bytes(), []byte("\n"))
}

// newPair returns leaky and fixed; fixed gives each mail the timeout.
func newPair(timeout time.Duration) (leaky, fixed *site) {
	for _, s := range []**site{&leaky, &fixed} {
		mail := NewMailServer()
		addr, err := mail.Listen()
		check(err)
		*s = newSite(nil, mail, addr)
	}
	leaky.handler = &Leaky{Mailer{DialTo(leaky.mailAddr)}}
	fixed.handler = NewFixed(Mailer{DialTo(fixed.mailAddr)}, senders, room, timeout, slog.New(slog.NewTextHandler(fixed, nil)))
	leaky.web.Handler, fixed.web.Handler = leaky.handler, fixed.handler
	return leaky, fixed
}

// post sends n sign-ups, one after the other.
func (s *site) post(n int) {
	for i := range n {
		s.postOne(fmt.Sprintf(`{"name":"Guest %d","email":"guest%d@example.com"}`, i+1, i+1))
	}
}

func (s *site) postOne(body string) {
	resp, err := http.Post(s.url+"/signups", "application/json", strings.NewReader(body))
	check(err)
	_, err = io.Copy(io.Discard, resp.Body)
	check(err)
	resp.Body.Close()
	s.answers[resp.StatusCode]++
	s.last = resp.StatusCode
}

// told says what the clients were told, if it was the same for all.
func (s *site) told() string {
	if len(s.answers) != 1 {
		return fmt.Sprint(s.answers)
	}
	for status, n := range s.answers {
		return fmt.Sprintf("%d × %d", n, status)
	}
	return ""
}

// shutdown stops the web server and then drains fixed for no longer than d.
func (s *site) shutdown(d time.Duration) (undone []string) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	check(s.web.Shutdown(ctx))
	return s.handler.(*Fixed).Shutdown(ctx)
}

// end lets the mail server recover, so that every goroutine can end, and waits for them.
func (s *site) end() {
	if s.mail.Hangs {
		s.mail.Recover()
	}
	s.web.Close()
	if f, ok := s.handler.(*Fixed); ok {
		f.Shutdown(context.Background())
	}
	until(func() bool { return Inside("(*Leaky).sendWelcome") == 0 })
	s.mail.Close()
}

// until waits for something that will happen soon, and ends the program if it does not.
func until(happened func() bool) {
	for began := time.Now(); !happened(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			check(errors.New("waited 20 s for something that takes moments"))
		}
	}
}
