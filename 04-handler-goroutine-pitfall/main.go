// Command 04-handler-goroutine-pitfall sends the same sign-ups to a handler
// that starts a bare goroutine for each, and to one that does it as well as it
// can be done inside a web process.
//
//	go run ./04-handler-goroutine-pitfall            the lesson
//	go test -race -v ./04-handler-goroutine-pitfall  its proofs
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if playRole() { // a child process of this very program: see roles.go
		return
	}
	addr := flag.String("addr", "", "keep both handlers up at this `host:port`, such as localhost:8080, instead of the\nlesson, beside a mail server that hangs; what to try is printed, and Ctrl-C ends it")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: go run ./04-handler-goroutine-pitfall [flags]\n\n"+
			"Shows what comes of a goroutine that a handler starts and forgets.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		usageError("takes no arguments, got %q", flag.Args())
	}
	given := false
	flag.Visit(func(*flag.Flag) { given = true })
	if given {
		if _, _, err := net.SplitHostPort(*addr); err != nil {
			usageError("-addr must be host:port, such as localhost:8080, got %q", *addr)
		}
		check(Playground(*addr))
		return
	}

	fmt.Println("04 · The pitfall: a handler that starts a goroutine and forgets it")
	leak()
	failure()
	scaling()
	control()
	requestContext()
	lateWrite()
	killed()
	fmt.Print("\nProof:  go test -race -v ./04-handler-goroutine-pitfall\nRead:   04-handler-goroutine-pitfall/README.md, and do its exercise\n" +
		"Next:   go run ./05-worker-pool\n" +
		"        (what 4.7 lacks, a background system has: the course's last chapter)\n")
}

// Room for so many mails, and so many sent at once: what fixed is given in this lesson.
const senders, room = 4, 12

// leak lets the mail server hang and counts the goroutines left.
func leak() {
	claim("4.1", "A bare goroutine waits for ever when what it calls hangs.")
	const requests, timeout = 10, 100 * time.Millisecond
	leaky, fixed := newPair(timeout)
	leaky.mail.Hangs, fixed.mail.Hangs = true, true
	leaky.post(requests)
	fixed.post(requests)
	leaky.mail.WaitFor(requests, 0)
	until(func() bool { return fixed.handler.(*Fixed).Failed.Load() == requests })
	until(func() bool { return Inside("(*Fixed).send") == 0 })
	left, none := Inside("(*Leaky).sendWelcome"), Inside("(*Fixed).send")

	fmt.Printf("     %d sign-ups; the mail server takes connections and says nothing\n\n", requests)
	table("", "leaky", "fixed")
	table("the clients were told", leaky.told(), fixed.told())
	table("a mail may take", "for ever", short(timeout))
	table("goroutines sending after all deadlines", fmt.Sprint(left), fmt.Sprint(none))
	read("net/smtp waits until the server speaks, and so do the goroutines that",
		"called it. Each keeps its memory and its connection.")
	leaky.end()
	fixed.end()
}

// failure has mails refused, and one that makes the code panic.
func failure() {
	claim("4.2", "Its failures are seen by nobody; its panic ends the server.")
	leaky, fixed := newPair(time.Second)
	leaky.mail.Refuses, fixed.mail.Refuses = true, true
	log.SetOutput(leaky) // whatever leaky may log
	leaky.post(3)
	fixed.post(3)
	until(func() bool { return fixed.handler.(*Fixed).Failed.Load() == 3 })
	until(func() bool { return Inside("(*Leaky).sendWelcome") == 0 })
	log.SetOutput(os.Stderr)
	fmt.Print("     3 sign-ups; the mail server refuses them all\n\n")
	table("", "leaky", "fixed")
	table("the clients were told", leaky.told(), fixed.told())
	table("errors logged", fmt.Sprint(leaky.lines()), fmt.Sprint(fixed.lines()))

	const blank = `{"name":"  ","email":"blank@example.com"}` // welcome panics on it
	child, err := StartChild("leaky", leaky.mailAddr)
	check(err)
	if resp, err := http.Post(child.URL, "application/json", strings.NewReader(blank)); err == nil {
		resp.Body.Close()
	}
	status, stderr := child.Wait()
	logged, lastWords, _ := strings.Cut(stderr, "panic: ")
	panicked, _, _ := strings.Cut("panic: "+lastWords, "\n")
	fixed.postOne(blank)
	until(func() bool { return fixed.lines() == 4 })
	errors := fixed.lines()
	fixed.post(1)
	table("a fourth panics, and then the server", fmt.Sprintf("ends, status %d", status), fmt.Sprintf("answers %d", fixed.last))
	table("errors logged by then", fmt.Sprint(strings.Count(logged, "\n")), fmt.Sprint(errors))
	fmt.Printf("\n     leaky's last words  %s\n", strings.Replace(panicked, "index out", "index\n                         out", 1))
	head, rest, _ := strings.Cut(fixed.firstLog(), " to=") // to whom: whichever was first
	_, why, _ := strings.Cut(rest, " ")
	fmt.Printf("     fixed's log         %s\n                         %s\n", head, why)
	read("net/http recovers the panic of a handler, but only in the goroutine that",
		"it started itself. An error without anybody to return it to is lost.")
	leaky.end()
	fixed.end()
}

// scaling sends more than there is room for.
func scaling() {
	claim("4.3", "Its goroutines grow with the traffic, without bound.")
	const requests = 60
	leaky, fixed := newPair(time.Minute)
	leaky.mail.Hangs, fixed.mail.Hangs = true, true
	leaky.post(requests)
	fixed.post(requests)
	leaky.mail.WaitFor(requests, 0)
	fixed.mail.WaitFor(senders, 0)

	fmt.Printf("     %d sign-ups while the mail server hangs; fixed has room for %d mails\n\n", requests, room)
	table("", "leaky", "fixed")
	table("goroutines sending mails", fmt.Sprint(Inside("(*Leaky).sendWelcome")), fmt.Sprint(Inside("(*Fixed).send")))
	table("told 202, welcome", fmt.Sprint(leaky.answers[202]), fmt.Sprint(fixed.answers[202]))
	table("told 503, come back in 1 s", fmt.Sprint(leaky.answers[503]), fmt.Sprint(fixed.answers[503]))
	read("What has no bound breaks at a bound that nobody chose: memory, files, or",
		"the mail server's. A 503 with Retry-After is honest, and in time.")
	leaky.end()
	fixed.end()
}

// control stops the web server while mails are under way.
func control() {
	claim("4.4", "Nobody can time it out, retry it, watch it, or wait for it.")
	const requests = 6
	leaky, fixed := newPair(time.Minute)
	leaky.mail.Hangs, fixed.mail.Hangs = true, true
	leaky.post(requests)
	fixed.post(requests)
	leaky.mail.WaitFor(requests, 0)
	check(leaky.web.Shutdown(context.Background()))
	under := Inside("(*Leaky).sendWelcome")
	undone := fixed.shutdown(100 * time.Millisecond)
	fmt.Printf("     %d sign-ups; the web server is shut down while the mail server hangs\n\n", requests)
	table("", "leaky", "fixed")
	table("mails under way when Shutdown returned", fmt.Sprint(under), fmt.Sprint(Inside("(*Fixed).send")))
	table("reported as not sent", "—", fmt.Sprint(len(undone)))
	leaky.end()
	fixed.end()

	leaky, fixed = newPair(time.Minute)
	leaky.mail.Hangs, fixed.mail.Hangs = true, true
	leaky.post(requests)
	fixed.post(requests)
	leaky.mail.WaitFor(requests, 0)
	check(leaky.web.Shutdown(context.Background()))
	delivered := len(leaky.mail.Delivered())
	leaky.end() // its mail server comes back, too late
	time.AfterFunc(50*time.Millisecond, fixed.mail.Recover)
	undone = fixed.shutdown(10 * time.Second)
	fmt.Print("\n     the same, and the mail server comes back a moment later\n\n")
	table("delivered when Shutdown returned", fmt.Sprint(delivered), fmt.Sprint(len(fixed.mail.Delivered())))
	table("reported as not sent", "—", fmt.Sprint(len(undone)))
	read("http.Server.Shutdown knows only the requests. When main returns after",
		"it, leaky's mails are gone. Fixed has a Shutdown of its own, called next:",
		"it drains, and tells what it gave up. To retry takes a queue outside.")
	fixed.mail.Close()
}

// requestContext gives the background work the context of its request.
func requestContext() {
	claim("4.5", "r.Context() ends with the handler, and takes the work along.")
	const timeout = time.Minute
	mail := NewMailServer()
	mail.Hangs = true
	mailAddr, err := mail.Listen()
	check(err)
	done := make(chan error, 1)
	wrong := newSite(&RequestContext{Mailer{DialTo(mailAddr)}, func(err error) { done <- err }}, mail, mailAddr)
	wrong.post(1)
	cancelled := <-done

	_, fixed := newPair(timeout)
	fixed.mail.Hangs = true
	fixed.post(1)
	fixed.mail.WaitFor(1, 0) // the client has its answer, and the mail is still under way
	fixed.mail.Recover()
	fixed.mail.WaitFor(1, 1)

	fmt.Printf("     %-42s  %s\n", "a mail given r.Context()", cancelled)
	fmt.Printf("     %-42s  %s\n", "a mail given WithoutCancel and a timeout", "delivered, after the answer")
	read("The request's values are good for longer than the request. Its",
		"cancellation is not (the client may leave, too): take the first,",
		"leave the second, set a timeout.")
	wrong.end()
	fixed.handler.(*Fixed).Shutdown(context.Background())
	fixed.web.Close()
	fixed.mail.Close()
}

// lateWrite lets a goroutine answer the client when the handler has returned.
func lateWrite() {
	claim("4.6", "Writing to the ResponseWriter after the handler is a bug.")
	work, written := make(chan struct{}), make(chan error, 1)
	web := NewServer(&LateWrite{func() { <-work }, func(err error) { written <- err }})
	url, err := Start(web)
	check(err)
	resp, err := http.Get(url)
	check(err)
	body, err := io.ReadAll(resp.Body)
	check(err)
	resp.Body.Close()
	close(work)
	fmt.Printf("     the handler wrote      one moment,\n")
	fmt.Printf("     the client has         %s", body)
	fmt.Printf("     its goroutine writes   your mail was sent\n")
	fmt.Printf("     and is told            %v\n", <-written)
	read("When the handler returns the answer is over, and net/http declares its",
		"length. Its buffers are used again for other requests, so this is a data",
		"race, too. Over HTTP/2 it is a panic, and ends the server as in 4.2.")
	web.Close()
}

// killed kills web processes that have accepted mails.
func killed() {
	claim("4.7", "No process keeps its promises when it dies: not fixed either.")
	const requests = 5
	var told, delivered [2]string
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
		told[i], delivered[i] = site.told(), fmt.Sprint(len(mail.Delivered()))
	}
	fmt.Printf("     %d sign-ups; then the process is killed, and the mail server is well again\n\n", requests)
	table("", "leaky", "fixed")
	table("the clients were told", told[0], told[1])
	table("mails delivered", delivered[0], delivered[1])
	read("What was accepted stood in memory only. To survive, it must be somewhere",
		"else before the 202: in a background system. That is the last chapter.")
}

func table(what, leaky, fixed string) {
	fmt.Println(strings.TrimRight(fmt.Sprintf("     %-38s %15s %15s", what, leaky, fixed), " "))
}

func claim(id, sentence string) { fmt.Printf("\n%s  %s\n\n", id, sentence) }

func read(how ...string) { fmt.Printf("\n     → %s\n", strings.Join(how, "\n       ")) }

// usageError says what is wrong with the command line and exits with 2, as the flag package does.
func usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "04-handler-goroutine-pitfall: "+format+"\n", args...)
	os.Exit(2)
}

// check ends the program when the machine does not let it do its work.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "04-handler-goroutine-pitfall:", err)
		os.Exit(1)
	}
}

// short writes d with three figures and its unit.
func short(d time.Duration) string {
	value, unit := float64(d), "ns"
	for _, larger := range []string{"µs", "ms", "s"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, larger
	}
	figures := 0
	for limit := 99.95; figures < 2 && value < limit; limit /= 10 {
		figures++
	}
	return fmt.Sprintf("%.*f %s", figures, value, unit)
}
