// Command 04-handler-goroutine-pitfall sends the same sign-ups to a handler that
// starts a bare goroutine for each email, and to the best handler that can be
// built inside a web process.
//
//	go run ./04-handler-goroutine-pitfall            the demo
//	go run ./04-handler-goroutine-pitfall 4.2        one section
//	go run ./04-handler-goroutine-pitfall -all       every section
//	go run ./04-handler-goroutine-pitfall -ask       the demo, with a question before each section
//	go test -race -v ./04-handler-goroutine-pitfall  the tests of its claims
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
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
	addr := flag.String("addr", "", addrUsage)
	l := &lesson{
		folder: "04-handler-goroutine-pitfall",
		title:  "04 · The pitfall: a handler that starts a goroutine and forgets it",
		about:  "Shows what follows when a handler starts a goroutine and forgets it.",
		next:   "go run ./05-worker-pool",
		ask:    quizzes,
		before: func() { fmt.Printf(introduction, senders) },
		sections: []section{
			{"4.1", "Goroutine leak: a call without a deadline can block forever.",
				code{"(l *Leaky) ServeHTTP", "go l.sendWelcome", 1}, leak},
			{"4.2", "Unmonitored failure: errors are lost, and a panic ends the server.",
				code{"(f *Fixed) send", "if v := recover()", 3}, failure},
			{"4.3", "Coupled scaling: background work grows with the traffic, without bound.",
				code{"(f *Fixed) accept", "if f.pending", 3}, scaling},
			{"4.4", "No control: no timeout, no retry, no progress, no graceful shutdown.",
				code{"(f *Fixed) Shutdown", "f.senders.Wait", 1}, control},
			{"4.5", "r.Context() is canceled when the handler returns.",
				code{"(f *Fixed) accept", "f.queue <-", 1}, requestContext},
			{"4.6", "Writing to the ResponseWriter after the handler has returned is a bug.",
				code{"(h *LateWrite) answer", "h.Wait()", 2}, lateWrite},
			{"4.7", "After SIGKILL the accepted emails are gone, with the fixed handler too.",
				code{"NewFixed", "queue:", 1}, killed},
			{"4.8", "A response body that is not closed keeps a connection and two goroutines.",
				code{"Verify", "defer resp.Body.Close", 2}, outgoing},
		},
		further: []section{
			{"4.9", "The goroutine profile names the line where goroutines are blocked.",
				code{"Blocked", "p := pprof.Lookup", 1}, profiles},
		},
	}
	l.parse()
	if isSet("addr") {
		runPlayground(l, *addr)
		return
	}
	l.teach(context.Background())
}

func leak(context.Context) string {
	const requests, timeout = 10, 100 * time.Millisecond
	leaky, fixed := newPair(hanging, timeout)
	leaky.post(requests)
	fixed.post(requests)
	leaky.mail.WaitFor(requests, 0)
	until(func() bool { return fixed.handler.(*Fixed).Failed.Load() == requests })
	until(func() bool { return Inside("(*Fixed).send") == 0 })
	left, none := StartedBy("(*Leaky).ServeHTTP"), Inside("(*Fixed).send")

	fmt.Printf("     %d sign-ups; the mail server accepts connections and sends nothing\n", requests)
	header()
	row("responses", leaky.responses(), fixed.responses())
	row("time limit for an email", painted{text: "none"}, painted{text: short(timeout)})
	row("still sending after the time limit", left, none)
	takeaway("net/smtp blocks until the server sends its greeting, and so do the",
		"goroutines that called it. Each keeps its memory and its connection.")
	leaky.end()
	fixed.end()
	if left == 0 {
		return "a"
	}
	return "c"
}

func failure(context.Context) string {
	leaky, fixed := newPair(refusing, time.Second)
	log.SetOutput(leaky) // or what the leaky handler logs would be missed
	leaky.post(3)
	fixed.post(3)
	until(func() bool { return fixed.handler.(*Fixed).Failed.Load() == 3 })
	until(func() bool { return StartedBy("(*Leaky).ServeHTTP") == 0 })
	log.SetOutput(os.Stderr)
	fmt.Print("     3 sign-ups; the mail server refuses all emails\n")
	header()
	row("responses", leaky.responses(), fixed.responses())
	row("errors logged", leaky.lines(), fixed.lines())

	const blank = `{"name":"  ","email":"blank@example.com"}` // welcome panics on it
	status, logged, panicked := panicInChild("leaky", leaky.mailAddr, blank)
	fixed.postOne(blank)
	until(func() bool { return fixed.lines() == 4 })
	lines, panics := fixed.lines(), fixed.panics()
	fixed.post(1)
	row("a fourth panics, and then the server", fmt.Sprint("ends, status ", status), fmt.Sprint("answers ", fixed.last))
	row("errors logged by then", logged, lines)
	row("of them panics", "—", panics)
	fmt.Printf("     standard error  panic: %s\n", panicked)
	head, rest, _ := strings.Cut(fixed.firstLog(), " to=") // which email comes first varies
	_, why, _ := strings.Cut(rest, " ")
	fmt.Printf("     log of fixed    %s\n                     %s\n", head, why)
	takeaway("A bare goroutine has no caller to return an error to. net/http recovers",
		"only in its own goroutines: recover in yours, log and count its errors.")
	leaky.end()
	fixed.end()
	if status != 0 {
		return "b"
	}
	return "a"
}

func scaling(context.Context) string {
	const requests = 60
	leaky, fixed := newPair(hanging, time.Minute)
	leaky.post(requests)
	fixed.post(requests)
	leaky.mail.WaitFor(requests, 0)
	fixed.mail.WaitFor(senders, 0)
	sending := StartedBy("(*Leaky).ServeHTTP")

	fmt.Printf("     %d sign-ups while the mail server hangs; fixed accepts up to %d emails\n", requests, capacity)
	header()
	row("goroutines sending emails", sending, Inside("(*Fixed).send"))
	row("202 Accepted", leaky.answers[202], fixed.answers[202])
	row("503, Retry-After: 1", leaky.answers[503], fixed.answers[503])
	takeaway("Without a limit the work grows until memory, file descriptors or the mail",
		"server fail. To refuse early, with 503 and Retry-After, is load shedding.")
	leaky.end()
	fixed.end()
	if sending == requests {
		return "a"
	}
	return "c"
}

func control(context.Context) string {
	const requests = 6
	running, _, fixed, undone := stopDuring(requests, false, 100*time.Millisecond)
	fmt.Printf("     %d sign-ups; the web server is shut down while the mail server hangs\n", requests)
	header()
	row("emails in flight when Shutdown returned", running, Inside("(*Fixed).send"))
	row("reported as not sent", "—", len(undone))
	fixed.end()

	_, delivered, fixed, undone := stopDuring(requests, true, time.Minute)
	fmt.Print("     the same, and the mail server recovers a moment later\n")
	row("delivered when Shutdown returned", delivered, len(fixed.mail.Delivered()))
	row("reported as not sent", "—", len(undone))
	takeaway("http.Server.Shutdown waits for requests only. The fixed handler has a",
		"Shutdown of its own: it drains the queue and returns the emails that it",
		"abandoned. Retrying needs a durable queue outside the process.")
	fixed.end()
	if running == requests {
		return "b"
	}
	return "a"
}

func requestContext(context.Context) string {
	done := make(chan error, 1)
	wrongSite := newSite(hanging(), func(m Mailer, _ *site) http.Handler { return &RequestContext{m, func(err error) { done <- err }} })
	wrongSite.post(1)
	err := <-done

	fixed := newSite(hanging(), fixedHandler(time.Minute))
	fixed.post(1)
	fixed.mail.Recover()
	fixed.mail.WaitFor(1, 1)

	const format = "     %-41s  %s\n"
	fmt.Printf(format, wrong("an email with r.Context() (wrong)"), measured(fmt.Sprint(err)))
	fmt.Printf(format, "an email with WithoutCancel and a timeout", measured("delivered, after the response"))
	takeaway("Context values may outlive the request, but its cancellation must not",
		"reach background work. Use context.WithoutCancel, then add a timeout.")
	wrongSite.end()
	fixed.end()
	if errors.Is(err, context.Canceled) {
		return "c"
	}
	return "a"
}

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
	takeaway("net/http reuses the buffers for other requests, so a late write is also a",
		"data race. Over HTTP/2 it panics, which ends the server, as in 4.2.")
	if body == "one moment," {
		return "b"
	}
	return "a"
}

func killed(context.Context) string {
	const requests = 5
	var responses [2]string
	var delivered [2]int
	for i, role := range []string{"leaky", "fixed"} {
		responses[i], delivered[i] = killAfter(role, requests, false)
	}
	fmt.Printf("     %d sign-ups; then the process is killed, and the mail server recovers\n", requests)
	header()
	row("responses", responses[0], responses[1])
	row("emails delivered", delivered[0], delivered[1])
	takeaway("The accepted emails were only in memory. To survive, an email must be",
		"stored outside the process before the 202. Chapter 07 does that.")
	if delivered[1] == 0 {
		return "a"
	}
	return ""
}

func outgoing(context.Context) string {
	const calls, timeout = 10, 100 * time.Millisecond
	open, left := callTenTimes(func(client *http.Client, url string) { VerifyUnclosed(client, url) })
	reused, none := callTenTimes(func(client *http.Client, url string) { Verify(context.Background(), client, url) })
	const format = "     %-29s %13v %12v %18v\n"
	fmt.Print("     10 calls of another service, one at a time\n")
	fmt.Printf(format, "", "connections", "goroutines", "after CloseIdle")
	fmt.Printf(format, wrong("body not closed (wrong)"), number(open), number(left[0]), number(left[1]))
	fmt.Printf(format, "body read to its end, closed", number(reused), number(none[0]), number(none[1]))

	byTimeout, byRequest, still := callSilentService(timeout)
	fmt.Print("\n     the service accepts the call and never answers\n")
	fmt.Printf("     %-26s  %s\n", wrong("without a timeout (wrong)"), measured(fmt.Sprint(plural(still, "call"), " still blocked")))
	fmt.Printf("     %-26s  %s\n", "with a timeout", measured(byTimeout))
	fmt.Printf("     %-26s  %s\n", "with r.Context()", measured(byRequest))
	takeaway("CloseIdleConnections does not close a connection whose body is open. Read",
		"the body to its end and close it, set a timeout, and pass r.Context() on.")
	if left[1] == 2*calls {
		return "c"
	}
	return "a"
}

func profiles(context.Context) string {
	out, _, err := runRole("leaks", "")
	check(err)
	fmt.Print("     10 goroutines are blocked on the network, 10 in a send\n")
	fmt.Printf("     %-15s  %-11s  %-18s %10s\n", "profile", "blocked", "line", "goroutines")
	for line := range strings.Lines(out) {
		var profile, where, at, n string
		fmt.Sscan(line, &profile, &where, &at, &n)
		fmt.Printf("     %-15s  %-11s  %-18s %10s\n", profile, where, at, measured(n))
	}
	if !strings.Contains(out, "goroutineleak") {
		fmt.Println("     goroutineleak    not in this build of Go")
	}
	takeaway("goroutineleak lists only goroutines that nothing can unblock. On the",
		"network, data may still arrive. It needs Go 1.27, or a build by Go 1.26",
		"with GOEXPERIMENT=goroutineleakprofile.")
	if strings.Contains(out, "goroutineleak network leaky.go") {
		return "a"
	}
	return "" // as expected, or this Go does not have the profile
}
