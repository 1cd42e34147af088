package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const introduction = "     leaky.go starts a goroutine for each email. fixed.go has %d goroutines and a\n" +
	"     bounded queue. Both respond with 202 Accepted before the email is sent.\n"

// A site is one of the handlers on a web server, with a mail server of its own.
type site struct {
	handler  http.Handler
	web      *http.Server
	url      string
	mail     *MailServer
	mailAddr string
	answers  map[int]int // number of responses by status
	last     int         // status

	mu  sync.Mutex
	log bytes.Buffer // guarded by mu
}

func newSite(mail *MailServer, newHandler func(Mailer, *site) http.Handler) *site {
	s := &site{mail: mail, answers: make(map[int]int)}
	var err error
	s.mailAddr, err = s.mail.Listen()
	check(err)
	s.handler = newHandler(Mailer{DialTo(s.mailAddr)}, s)
	s.web = NewServer(s.handler)
	s.url, err = Start(s.web)
	check(err)
	return s
}

func newPair(mail func() *MailServer, timeout time.Duration) (leaky, fixed *site) {
	return newSite(mail(), leakyHandler), newSite(mail(), fixedHandler(timeout))
}

func leakyHandler(m Mailer, _ *site) http.Handler { return &Leaky{m} }

func fixedHandler(timeout time.Duration) func(Mailer, *site) http.Handler {
	return func(m Mailer, s *site) http.Handler {
		return NewFixed(m, senders, capacity, timeout, slog.New(slog.NewTextHandler(s, nil)))
	}
}

func hanging() *MailServer {
	m := NewMailServer()
	m.Hangs = true
	return m
}

func refusing() *MailServer {
	m := NewMailServer()
	m.Refuses = "RCPT"
	return m
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

func (s *site) lines() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Count(s.log.Bytes(), []byte("\n"))
}

func (s *site) panics() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Count(s.log.Bytes(), []byte("panic: "))
}

// post sends n sign-ups, one at a time.
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

func (s *site) responses() string {
	if len(s.answers) != 1 {
		return fmt.Sprint(s.answers)
	}
	for status, n := range s.answers {
		return fmt.Sprintf("%d × %d", n, status)
	}
	return ""
}

// shutdown shuts down the web server, and then the fixed handler within d.
func (s *site) shutdown(d time.Duration) (undone []string) {
	check(s.web.Shutdown(context.Background())) // its handlers do not block
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return s.handler.(*Fixed).Shutdown(ctx)
}

// end lets the mail server recover, so that every goroutine can end.
func (s *site) end() {
	s.mail.Recover()
	s.web.Close()
	if f, ok := s.handler.(*Fixed); ok {
		f.Shutdown(context.Background())
	}
	until(func() bool { return StartedBy("(*Leaky).ServeHTTP") == 0 })
	s.mail.Close()
}

// stopDuring stops both sites after n sign-ups. If recovers is true, the mail server of
// the fixed handler recovers meanwhile. inFlight and delivered count emails of the leaky
// handler; undone are emails of the fixed one.
func stopDuring(n int, recovers bool, atMost time.Duration) (inFlight, delivered int, fixed *site, undone []string) {
	leaky, fixed := newPair(hanging, time.Minute)
	leaky.post(n)
	fixed.post(n)
	leaky.mail.WaitFor(n, 0)
	check(leaky.web.Shutdown(context.Background()))
	inFlight, delivered = StartedBy("(*Leaky).ServeHTTP"), len(leaky.mail.Delivered())
	leaky.end() // its mail server recovers, but too late
	if recovers {
		time.AfterFunc(50*time.Millisecond, fixed.mail.Recover)
	}
	undone = fixed.shutdown(atMost)
	return inFlight, delivered, fixed, undone
}

// until polls until something has happened, and ends the program after a minute.
func until(happened func() bool) {
	for began := time.Now(); !happened(); time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			check(errors.New("waited a minute for something that takes milliseconds"))
		}
	}
}

func header() { row("", wrong("leaky (wrong)"), painted{text: "fixed"}) }

func number[N int | int64](n N) painted { return measured(fmt.Sprint(n)) }

func row(what string, leaky, fixed any) {
	color := func(v any) painted {
		if p, ok := v.(painted); ok {
			return p
		}
		return measured(fmt.Sprint(v))
	}
	fmt.Printf("     %-38s %15s %15s\n", what, color(leaky), color(fixed))
}

// check ends the program with an error that is not part of the demo.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "04-handler-goroutine-pitfall:", err)
		os.Exit(1)
	}
}
