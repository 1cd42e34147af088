// Command 07-offload answers a sign-up in milliseconds and leaves the long work to
// other processes, which may crash at any moment, without losing a job.
//
//	go run ./07-offload            the lesson
//	go run ./07-offload 7.5        one section
//	go run ./07-offload -ask       the lesson, with a question before each section
//	go run ./07-offload all        web server, broker and worker in one process, for a browser
//	go run ./07-offload broker     one role alone; also web, worker. broker -h explains its flags
//	go test -race -v ./07-offload  the tests of its claims
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	s := new(System)
	l := &lesson{
		folder: "07-offload",
		title:  "07 · Offload: answer now, work elsewhere, lose nothing",
		about: "Starts a web server, a broker and a worker as processes, and kills some.\n" +
			"With all, broker, web or worker instead of sections: that role; broker -h explains its flags.",
		next:   "go run ./07-offload all, and open http://localhost:8080",
		ask:    quizzes,
		before: s.Open,
		after:  func() { s.complete = s.printTotal(ctx) },
		sections: []section{
			{"7.1", "The answer is quick: 202 in milliseconds, however long the task takes.",
				code{"(web *Web) enqueue", "if err == nil {", 4}, s.quickAnswer},
			{"7.2", "No accepted job is lost: it is on disk before the 202.",
				code{"(b *Broker) Enqueue", "wait := b.save", 3}, s.nothingLost},
			{"7.3", "A failed job is retried with exponential backoff, then dead-lettered.",
				code{"(p Policy) Retry", "return rand.N", 1}, s.retries},
			{"7.4", "A job can be scheduled: at a time, after a delay, at intervals.",
				code{"(q *Queue) place", "heap.Push(&q.later", 1}, s.schedule},
			{"7.5", "A worker holds a lease; when it dies, its job is redelivered.",
				code{"(q *Queue) leased", "if j.State != Running", 3}, s.workerDies},
			{"7.6", "Delivery is at least once, so a task must be idempotent.",
				code{"(m Maildir) Welcome", "return m.Deliver(", 1}, s.effectOnce},
			{"7.7", "Every job has a deadline, and a running job can be canceled.",
				code{"(m Maildir) Welcome", "if !sleep", 3}, s.deadlines},
			{"7.8", "It can be watched: state, attempts, progress and what waits.",
				code{"(r Reports) Report", "files++", 3}, s.watched},
			{"7.9", "Web servers and workers scale separately.",
				code{"(w *Worker) Run", "j, err := w.Jobs.Lease", 1}, s.scaleSeparately},
			{"7.10", "The patterns of 05 and 06 belong inside the worker.",
				code{"(r Reports) Report", "workers.Wait()", 2}, s.patternsInside},
		},
	}
	if runCommand(l) { // see command.go
		return
	}
	l.parse()
	s.closeOnSignal(cancel)
	defer s.finish(ctx)
	l.teach(ctx)
}

// quickAnswer sends the same sign-up to a handler that does the work itself, and
// to one that enqueues a job.
func (s *System) quickAnswer(ctx context.Context) string {
	const row = "     %-41v %4s after %9s\n"
	inline, url := s.serveInline(ctx)
	defer inline.Close()
	slow := post(ctx, url, Signup{"Ada", "ada@slow.test"}, "")
	if slow.status != 200 {
		must(fmt.Errorf("a sign-up was answered with %d", slow.status))
	}
	fmt.Printf(row, wrong("the handler sends the email (wrong)"), fmt.Sprint(slow.status), measured(short(slow.took)))
	id, quick := s.signUp(ctx, "ada@slow.test")
	fmt.Printf(row, "the handler enqueues a job", "202", measured(short(quick)))
	j := s.await(ctx, id)
	fmt.Printf(row, "and a worker has sent the email", j.State, measured(short(j.Ended.Sub(j.Created))))
	takeaway("The mail server of this sign-up takes 1 s. The first client waits for it.",
		"The second client does not: a worker does.")
	if quick < slow.took/2 {
		return "b"
	}
	return "a"
}

// nothingLost kills the broker while clients sign up.
func (s *System) nothingLost(ctx context.Context) string {
	const clients, each = 4, 25
	c := s.crash(ctx, clients, each)
	done, missing, jobs := 0, 0, 0
	for _, id := range c.accepted {
		switch s.await(ctx, id).State {
		case Done:
			done++
		case lost:
			missing++
		}
	}
	for _, j := range s.list(ctx, "") {
		if strings.Contains(j.Key, c.key) {
			jobs++
		}
	}
	const row = "     %-28s %6v\n"
	fmt.Printf("     %d clients send %d sign-ups each; halfway the broker is killed\n\n", clients, each)
	fmt.Printf(row, "accepted with 202", measured(count(len(c.accepted))))
	fmt.Printf(row, "done in the end", measured(count(done)))
	fmt.Printf(row, "lost", measured(count(missing)))
	fmt.Printf(row, "more jobs than sign-ups", measured(count(max(0, jobs-len(c.accepted)))))
	fmt.Printf("     restarted in                 %9s\n", measured(short(c.restart)))
	takeaway("While the broker was down, the web server answered 503 and the clients",
		"retried with the same Idempotency-Key. The same key is the same job.")
	if missing > 0 {
		return "a"
	}
	return "c"
}

// retries signs up with an address whose email fails twice, and with one whose email always fails.
func (s *System) retries(ctx context.Context) string {
	var id string
	for _, row := range []struct{ what, email string }{{"fails twice", "ada@flaky.test"}, {"always fails", "ada@fails.test"}} {
		id, _ = s.signUp(ctx, row.email)
		j, lane := s.lane(ctx, id)
		fmt.Printf("     %-14s  %s\n", row.what, measured(lane))
		fmt.Printf("                     %s after %s in %s\n", j.State, plural(j.Attempts, "attempt"), measured(short(j.Ended.Sub(j.Created))))
	}
	j := must1(s.jobs.Get(ctx, id))
	fmt.Printf("     its last error  %s\n", j.Error)
	j = must1(s.jobs.Requeue(ctx, id))
	fmt.Printf("     an operator requeues it: %d of %s used; in the end %s again\n",
		j.Attempts, plural(j.Policy.Attempts, "attempt"), s.await(ctx, id).State)
	takeaway("█ an attempt, · 60 ms. The wait before each retry is random, from 0 to a",
		fmt.Sprintf("limit that starts at %s and doubles: exponential backoff with full", short(j.Policy.Backoff)),
		"jitter. After its last attempt a job is a dead letter. It keeps its error",
		"and runs again only when an operator requeues it.")
	return ""
}

// schedule enqueues a job for later, and one that recurs.
func (s *System) schedule(ctx context.Context) string {
	const delay, every, wanted = 500 * time.Millisecond, 200 * time.Millisecond, 3
	later := s.enqueue(ctx, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Due: time.Now().Add(delay)})
	policy := Kinds["welcome-mail"]
	policy.Every = every
	address := rand.Text() + "@example.com" // so that a second run has its own series
	s.enqueue(ctx, NewJob{Kind: "welcome-mail", Payload: payload(address), Policy: policy})
	j := s.await(ctx, later)
	fmt.Printf("     in %s                %s %s after it was accepted\n", short(delay), j.State, measured(short(j.Ended.Sub(j.Created))))
	for len(s.series(ctx, address, Done)) < wanted {
		sleep(ctx, 20*time.Millisecond)
	}
	s.cancelSeries(ctx, address)
	fmt.Printf("     every %s             done at least %d times, then canceled\n", short(every), wanted)
	takeaway("The time is on disk with the job, so a restart of the broker does not",
		"change it. Several missed runs are made up by one.")
	if j.State == Done && j.Ended.Sub(j.Due) < 250*time.Millisecond {
		return "a"
	}
	return ""
}

// workerDies kills a worker while it runs a job.
func (s *System) workerDies(ctx context.Context) string {
	var first, second Job
	var killed time.Time
	for second.Attempts < 2 { // unless the job was done just before the kill
		first = s.running(ctx)
		killed = time.Now()
		s.worker.Kill()
		s.worker = s.startWorker()
		second = s.until(ctx, first.ID, func(j Job) bool { return j.Attempts > 1 || j.State.Ended() })
	}
	after := time.Since(killed)
	fmt.Printf("     attempt %d, whose worker is killed\n", first.Attempts)
	fmt.Printf("     attempt %d, by another worker            %s after the kill\n", second.Attempts, measured(short(after)))
	fmt.Printf("     in the end                              %s\n", s.await(ctx, first.ID).State)
	takeaway("A worker renews its leases with a heartbeat every 200 ms. A lease expires",
		fmt.Sprintf("600 ms after the last one; then the job is retried, within %s. If", short(second.Policy.Backoff)),
		"the first worker still reports a result, the broker rejects it: the token",
		"of its lease is no longer valid (fencing).")
	if after < 300*time.Millisecond {
		return "c"
	}
	return "b"
}

// effectOnce does a job twice, as when a worker dies between the delivery and its report.
func (s *System) effectOnce(ctx context.Context) string {
	var emails []int
	for _, row := range []struct {
		name    any
		handler func(Maildir) Handler
	}{
		{"named by the job's ID", func(m Maildir) Handler { return m.Welcome }},
		{wrong("with a new name each time (wrong)"), func(m Maildir) Handler { return m.Twice }},
	} {
		s.do(func() {
			box := Maildir(must1(os.MkdirTemp(s.dir, "box")))
			for attempt := range 2 {
				must(row.handler(box)(ctx, &Task{ID: "job-1", Attempt: attempt + 1, Payload: payload("ada@example.com")}))
			}
			emails = append(emails, len(must1(box.Delivered())))
		})
		fmt.Printf("     one job done twice, its email %-34v %s\n", row.name, measured(plural(emails[len(emails)-1], "email")))
	}
	takeaway("No queue can promise exactly once: a worker may crash after the side",
		"effect but before it acknowledges. Use the job's ID as idempotency key.")
	if emails[0] == 1 && emails[1] == 2 {
		return "c"
	}
	return ""
}

// deadlines runs a job for longer than it may take, and cancels another one.
func (s *System) deadlines(ctx context.Context) string {
	policy := Policy{Attempts: 1, Deadline: 200 * time.Millisecond}
	late := s.await(ctx, s.enqueue(ctx, NewJob{Kind: "welcome-mail", Payload: payload("ada@slow.test"), Policy: policy}))
	fmt.Printf("     takes 1 s, may take 200 ms   %s: %s\n", late.State, late.Error)
	fmt.Printf("     DELETE while it runs         canceled after %s\n", measured(short(s.cancelRunning(ctx))))
	takeaway("The broker rejects the worker's next heartbeat, and the worker cancels",
		"the task's context. A handler that observes cancellation stops.")
	if strings.Contains(late.Error, context.DeadlineExceeded.Error()) {
		return "a"
	}
	return ""
}

// watched makes a report and reads its events.
func (s *System) watched(ctx context.Context) string {
	j := s.report(ctx)
	events := must1(NewClient(s.web.URL, "").Events(ctx, "/jobs/"+j.ID+"/events"))
	defer events.Close()
	received := 0
	text := must1(io.ReadAll(events))
	for line := range strings.Lines(string(text)) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			must(json.Unmarshal([]byte(data), &j))
			received++
		}
	}
	s.note(j.ID, j.State)
	o := must1(s.jobs.Overview(ctx))
	fmt.Printf("     a report's events end with   %s, %d of %d files\n", j.State, j.Progress.Done, j.Progress.Total)
	fmt.Printf("     an overview                  %d waiting, %d running, %d scheduled, %d dead\n", o.Waiting, o.Running, o.Scheduled, o.Dead)
	takeaway("GET /jobs/{id}/events streams the changes of a job, /overview/events",
		"those of all jobs. The page that shows them: go run ./07-offload all")
	if received > 1 {
		return "c"
	}
	return ""
}

// scaleSeparately gives the worker more than it can run, and then adds another worker.
func (s *System) scaleSeparately(ctx context.Context) string {
	const row = "     %-36s %9s%s\n"
	idle, ids := s.latency(ctx)
	s.awaitAll(ctx, ids)
	fmt.Printf(row, "a sign-up is answered after", measured(short(idle)), "   (median of 20)")
	one, busy := s.saturate(ctx)
	fmt.Printf(row, "while all workers are busy", measured(short(busy)), "")
	fmt.Printf(row, "12 emails of 1 s, 1 worker process", measured(short(one)), "")
	second := s.startWorker()
	two, _ := s.saturate(ctx)
	fmt.Printf(row, "                  2 worker processes", measured(short(two)), "")
	second.Stop()
	takeaway("Each worker process runs 4 jobs at the same time: it needs three rounds",
		"for 12 jobs, and two processes need two. The web server waits for none of",
		"them. Add workers when the age of the oldest waiting job grows.")
	switch {
	case two < 1750*time.Millisecond:
		return "c"
	case two < 2500*time.Millisecond:
		return "b"
	case two > one*9/10:
		return "a"
	}
	return ""
}

// patternsInside makes a report and shows how.
func (s *System) patternsInside(ctx context.Context) string {
	j := s.await(ctx, s.report(ctx).ID)
	text := must1(os.ReadFile(filepath.Join(string(s.mail()), "reports", j.ID+".txt")))
	fmt.Printf("     the report says  %s", text)
	fmt.Println("     made by          walk ───> hash, one worker for each CPU ───> add up")
	takeaway("A job may use all of chapters 05 and 06. Its context cancels all stages",
		"when the job is canceled, its deadline passes, or its worker must stop.")
	return ""
}
