// Command 04-handler-goroutine-pitfall sends the same sign-ups to a handler that
// starts a bare goroutine for each, and to the best that can be done inside a
// web process.
//
//	go run ./04-handler-goroutine-pitfall            the lesson
//	go run ./04-handler-goroutine-pitfall 4.2        one section
//	go run ./04-handler-goroutine-pitfall -ask       the lesson, with a question before each section
//	go test -race -v ./04-handler-goroutine-pitfall  the tests of its claims
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// The limits of the fixed handler: emails being sent, and emails accepted and
// not yet done.
const senders, capacity = 4, 12

func main() {
	if playRole() { // a child process of this program: see roles.go
		return
	}
	addr := flag.String("addr", "", "instead of the lesson, serve both handlers at this `host:port`, such as localhost:8080,\nwith a mail server that hangs; it prints what to try, and Ctrl-C shuts it down")
	l := &lesson{
		folder: "04-handler-goroutine-pitfall",
		title:  "04 · The pitfall: a handler that starts a goroutine and forgets it",
		about:  "Shows what follows when a handler starts a goroutine and forgets it.",
		next:   "go run ./05-worker-pool",
		ask:    quizzes,
		before: func() {
			fmt.Printf("     leaky.go starts a goroutine for each email. fixed.go has %d goroutines and a\n"+
				"     bounded queue. Both respond with 202 Accepted before the email is sent.\n", senders)
		},
		sections: []section{
			{"4.1", "Goroutine leak: a call without a deadline can block forever.",
				code{"(l *Leaky) ServeHTTP", "go l.sendWelcome", 3}, leak},
			{"4.2", "Unmonitored failure: errors are lost, and a panic ends the server.",
				code{"(f *Fixed) send", "if v := recover()", 3}, failure},
			{"4.3", "Coupled scaling: background work grows with the traffic, without bound.",
				code{"(f *Fixed) accept", "default:", 2}, scaling},
			{"4.4", "No control: no timeout, no retry, no progress, no graceful shutdown.",
				code{"(f *Fixed) Shutdown", "stopWatching :=", 3}, control},
			{"4.5", "r.Context() is canceled when the handler returns.",
				code{"(f *Fixed) accept", "// The request's context", 3}, requestContext},
			{"4.6", "Writing to the ResponseWriter after the handler has returned is a bug.",
				code{"(h *LateWrite) answer", "h.Wait()", 2}, lateWrite},
			{"4.7", "After SIGKILL the accepted emails are gone, with the fixed handler too.",
				code{"NewFixed", "queue:", 1}, killed},
		},
	}
	l.parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "addr" })
	if given {
		if _, _, err := net.SplitHostPort(*addr); err != nil {
			l.usageError("-addr must be host:port, such as localhost:8080, got %q", *addr)
		}
		if l.chosen != nil || l.asking || l.traceTo != "" {
			l.usageError("-addr runs a server instead of the lesson, so it takes no sections, no -ask and no -trace")
		}
		check(Playground(*addr))
		return
	}
	l.teach(context.Background())
}

// leak lets the mail server hang and counts the goroutines that remain.
func leak(context.Context) string {
	const requests, timeout = 10, 100 * time.Millisecond
	leaky, fixed := newPair(timeout)
	leaky.mail.Hangs, fixed.mail.Hangs = true, true
	leaky.post(requests)
	fixed.post(requests)
	leaky.mail.WaitFor(requests, 0)
	until(func() bool { return fixed.handler.(*Fixed).Failed.Load() == requests })
	until(func() bool { return Inside("(*Fixed).send") == 0 })
	left, none := Inside("(*Leaky).sendWelcome"), Inside("(*Fixed).send")

	fmt.Printf("     %d sign-ups; the mail server accepts connections and sends nothing\n\n", requests)
	header()
	row("responses", leaky.responses(), fixed.responses())
	row("time limit for an email", painted{text: "none"}, painted{text: short(timeout)})
	row("goroutines sending after all deadlines", left, none)
	takeaway("net/smtp blocks until the server sends its greeting, and so do the",
		"goroutines that called it. Each keeps its memory and its connection.")
	leaky.end()
	fixed.end()
	if left == 0 {
		return "a"
	}
	return "c"
}

// failure lets the mail server refuse emails, and then a sign-up panics.
func failure(context.Context) string {
	leaky, fixed := newPair(time.Second)
	leaky.mail.Refuses, fixed.mail.Refuses = "RCPT", "RCPT"
	log.SetOutput(leaky) // whatever the leaky handler may log
	leaky.post(3)
	fixed.post(3)
	until(func() bool { return fixed.handler.(*Fixed).Failed.Load() == 3 })
	until(func() bool { return Inside("(*Leaky).sendWelcome") == 0 })
	log.SetOutput(os.Stderr)
	fmt.Print("     3 sign-ups; the mail server refuses all emails\n\n")
	header()
	row("responses", leaky.responses(), fixed.responses())
	row("errors logged", leaky.lines(), fixed.lines())

	const blank = `{"name":"  ","email":"blank@example.com"}` // welcome panics on it
	child, err := StartChild("leaky", leaky.mailAddr)
	check(err)
	if resp, err := http.Post(child.URL, "application/json", strings.NewReader(blank)); err == nil {
		resp.Body.Close()
	}
	status, stderr := child.Wait()
	logged, panicked, _ := strings.Cut(stderr, "panic: ")
	panicked, _, _ = strings.Cut(panicked, "\n")
	fixed.postOne(blank)
	until(func() bool { return fixed.lines() == 4 })
	lines := fixed.lines()
	fixed.post(1)
	row("a fourth panics, and then the server", fmt.Sprint("ends, status ", status), fmt.Sprint("answers ", fixed.last))
	row("errors logged by then", strings.Count(logged, "\n"), lines)
	fmt.Printf("\n     leaky's stderr  panic: %s\n", panicked)
	head, rest, _ := strings.Cut(fixed.firstLog(), " to=") // which email comes first varies
	_, why, _ := strings.Cut(rest, " ")
	fmt.Printf("     fixed's log     %s\n                     %s\n", head, why)
	takeaway("net/http recovers a panic only in the goroutine that it started for the",
		"handler. A bare goroutine has no caller to return an error to, so its",
		"errors are lost. Recover in it, and log and count what fails, as above.")
	leaky.end()
	fixed.end()
	if status != 0 {
		return "b"
	}
	return "a"
}

// scaling sends more sign-ups than the fixed handler accepts.
func scaling(context.Context) string {
	const requests = 60
	leaky, fixed := newPair(time.Minute)
	leaky.mail.Hangs, fixed.mail.Hangs = true, true
	leaky.post(requests)
	fixed.post(requests)
	leaky.mail.WaitFor(requests, 0)
	fixed.mail.WaitFor(senders, 0)
	sending := Inside("(*Leaky).sendWelcome")

	fmt.Printf("     %d sign-ups while the mail server hangs; fixed accepts up to %d emails\n\n", requests, capacity)
	header()
	row("goroutines sending emails", sending, Inside("(*Fixed).send"))
	row("202 Accepted", leaky.answers[202], fixed.answers[202])
	row("503, Retry-After: 1", leaky.answers[503], fixed.answers[503])
	takeaway("Without a limit the work grows until something breaks: memory, file",
		"descriptors, or the mail server. A 503 with Retry-After is load shedding:",
		"the client learns in time that it must come back later.")
	leaky.end()
	fixed.end()
	if sending == requests {
		return "a"
	}
	return "c"
}

// control stops the web server while emails are in flight.
func control(context.Context) string {
	const requests = 6
	stop := func(recovers bool, atMost time.Duration) (running, delivered int, fixed *site, undone []string) {
		leaky, fixed := newPair(time.Minute)
		leaky.mail.Hangs, fixed.mail.Hangs = true, true
		leaky.post(requests)
		fixed.post(requests)
		leaky.mail.WaitFor(requests, 0)
		check(leaky.web.Shutdown(context.Background()))
		running, delivered = Inside("(*Leaky).sendWelcome"), len(leaky.mail.Delivered())
		leaky.end() // its mail server recovers, but too late
		if recovers {
			time.AfterFunc(50*time.Millisecond, fixed.mail.Recover)
		}
		undone = fixed.shutdown(atMost)
		return running, delivered, fixed, undone
	}
	running, _, fixed, undone := stop(false, 100*time.Millisecond)
	fmt.Printf("     %d sign-ups; the web server is shut down while the mail server hangs\n\n", requests)
	header()
	row("emails in flight when Shutdown returned", running, Inside("(*Fixed).send"))
	row("reported as not sent", "—", len(undone))
	fixed.end()

	_, delivered, fixed, undone := stop(true, 10*time.Second)
	fmt.Print("\n     the same, and the mail server recovers a moment later\n\n")
	row("delivered when Shutdown returned", delivered, len(fixed.mail.Delivered()))
	row("reported as not sent", "—", len(undone))
	takeaway("http.Server.Shutdown waits for requests only. When main returns after it,",
		"leaky's emails are lost. Fixed has a Shutdown of its own, called next: it",
		"drains the queue and returns the emails it abandoned. Retrying needs a",
		"durable queue outside the process.")
	fixed.mail.Close()
	if running == requests {
		return "b"
	}
	return "a"
}

// requestContext gives background work the context of its request.
func requestContext(context.Context) string {
	done := make(chan error, 1)
	wrongSite := newSite(func(m Mailer, _ *site) http.Handler { return &RequestContext{m, func(err error) { done <- err }} })
	wrongSite.mail.Hangs = true
	wrongSite.post(1)
	err := <-done

	fixed := newSite(fixedHandler(time.Minute))
	fixed.mail.Hangs = true
	fixed.post(1)
	fixed.mail.WaitFor(1, 0) // the client has its response, and the email is still being sent
	fixed.mail.Recover()
	fixed.mail.WaitFor(1, 1)

	const format = "     %-41s  %s\n"
	fmt.Printf(format, wrong("an email with r.Context() (wrong)"), measured(fmt.Sprint(err)))
	fmt.Printf(format, "an email with WithoutCancel and a timeout", measured("delivered, after the response"))
	takeaway("A request's values may outlive the request, but its cancellation must not",
		"reach background work (it also comes when the client disconnects). Use",
		"context.WithoutCancel, then add a timeout.")
	wrongSite.end()
	fixed.handler.(*Fixed).Shutdown(context.Background())
	fixed.web.Close()
	fixed.mail.Close()
	if errors.Is(err, context.Canceled) {
		return "c"
	}
	return "a"
}

// lateWrite lets a goroutine write to the client when the handler has returned.
func lateWrite(context.Context) string {
	out, _, err := runRole("late write after the response", "")
	check(err)
	body, written, _ := strings.Cut(strings.TrimSpace(out), "\n")
	over2, status, err := runRole("late write over HTTP/2", "")
	check(err)
	over2, _, _ = strings.Cut(over2[max(0, strings.Index(over2, "panic: ")):], "\n") // with -race a report comes first
	const format = "     %-20s  %s\n"
	fmt.Printf(format, "the handler writes", "one moment,")
	fmt.Printf(format, "its goroutine writes", "your email was sent")
	fmt.Printf(format, "the client gets", measured(body))
	fmt.Printf(format, "the goroutine gets", measured(written))
	fmt.Printf(format, "over HTTP/2", measured(fmt.Sprint(over2, ", status ", status)))
	takeaway("When the handler returns, the response is complete, and net/http has sent",
		"its length. net/http uses the buffers again for other requests, so a late",
		"write is a data race, too. Over HTTP/2 it panics, which ends the server,",
		"as in 4.2.")
	if body == "one moment," {
		return "b"
	}
	return "a"
}

// killed kills web processes that have accepted emails.
func killed(context.Context) string {
	const requests = 5
	var responses, delivered [2]string
	for i, role := range []string{"leaky", "fixed"} {
		mail := NewMailServer()
		mail.Hangs = true
		addr, err := mail.Listen()
		check(err)
		child, err := StartChild(role, addr)
		check(err)
		site := &site{url: child.URL, answers: make(map[int]int)}
		site.post(requests)
		child.Kill()
		mail.Recover()
		mail.Close()
		responses[i], delivered[i] = site.responses(), fmt.Sprint(len(mail.Delivered()))
	}
	fmt.Printf("     %d sign-ups; then the process is killed, and the mail server recovers\n\n", requests)
	header()
	row("responses", responses[0], responses[1])
	row("emails delivered", delivered[0], delivered[1])
	takeaway("The accepted emails were in memory only. To survive, an email must be",
		"stored outside the process before the 202. Chapter 07 does that.")
	if delivered[1] == "0" {
		return "a"
	}
	return ""
}
