// Command 07-offload answers a sign-up in milliseconds and leaves the long work to
// other processes, which may crash at any moment, without losing a job.
//
//	go run ./07-offload            the demo
//	go run ./07-offload 7.5        one section
//	go run ./07-offload -ask       the demo, with a question before each section
//	go run ./07-offload all        web server, broker and worker in one process, for a browser
//	go run ./07-offload broker     one role alone; also web, worker. broker -h explains its flags
//	go test -race -v ./07-offload  the tests of its claims
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	l := &lesson{
		folder: "07-offload",
		title:  "07 · Offload: long work outside the web server",
		about: "Starts a web server, a broker and a worker as processes, and kills some.\n" +
			"With all, broker, web or worker instead of sections: that role; broker -h explains its flags.",
		next:   "go run ./07-offload all, and open http://localhost:8080",
		ask:    quizzes,
		before: demo.Open,
		sections: []section{
			{"7.1", "The answer is quick: 202 in milliseconds, however long the task takes.",
				code{"Web", "return broker.Enqueue", 1}, demo.quickAnswer},
			{"7.2", "No accepted job is lost: it is on disk before the 202.",
				code{"(j *Journal) write", "_, err := j.file.WriteAt(records", 4}, demo.nothingLost},
			{"7.3", "A failed job is retried with exponential backoff, then dead-lettered.",
				code{"(p Policy) Retry", "return rand.N", 1}, demo.retries},
			{"7.4", "A job can be scheduled: at a time, after a delay, at intervals.",
				code{"(j *Job) shown", "if j.State == Queued && j.Due.After(now) {", 2}, demo.schedule},
			{"7.5", "A worker holds a lease; when it dies, its job is redelivered.",
				code{"(q *Queue) Update", "if j.State != Running", 3}, demo.workerDies},
			{"7.6", "Delivery is at least once, so a task must be idempotent.",
				code{"(m Maildir) Welcome", "return m.Deliver(", 1}, demo.effectOnce},
			{"7.7", "Every job has a deadline, and a running job can be canceled.",
				code{"(m Maildir) Welcome", "if !sleep", 3}, demo.deadlines},
			{"7.8", "Jobs can be watched: state, attempts, progress and what waits.",
				code{"(m Maildir) Newsletter", "sent++", 2}, demo.watched},
			{"7.9", "Web servers and workers scale separately.",
				code{"(w *Worker) Run", "j, err := w.Jobs.Lease", 1}, demo.scaleSeparately},
			{"7.10", "The patterns of 05 and 06 belong inside the worker.",
				code{"(m Maildir) Newsletter", "close(next)", 2}, demo.patternsInside},
		},
	}
	if len(os.Args) > 1 && roles[os.Args[1]] != "" {
		runRole(os.Args[1], os.Args[2:])
		return
	}
	l.parse()
	os.Unsetenv("OFFLOAD_TOKEN") // the processes are for this machine alone
	demo.closeOnSignal()
	defer demo.Close()
	l.teach(context.Background())
}

func (s *System) quickAnswer(ctx context.Context) string {
	listener := must1(Listen("127.0.0.1:0", ""))
	inline := NewServer(Inline(func(ctx context.Context, t *Task) error {
		s.do(func() error { return Maildir(s.path("inline")).Welcome(ctx, t) })
		return nil
	}), "")
	go inline.Serve(listener)
	defer inline.Close()
	began := time.Now()
	must1(call[any](ctx, NewClient("http://"+listener.Addr().String()), "POST", "/signups", Signup{"Ada", "ada@slow.test"}))
	slow := time.Since(began)
	const row = "     %-41v %4s after %9s\n"
	fmt.Printf(row, wrong("the handler sends the email (wrong)"), "200", measured(short(slow)))
	id, quick := s.signUp(ctx, "ada@slow.test")
	fmt.Printf(row, "the handler enqueues a job", "202", measured(short(quick)))
	j := s.await(ctx, id)
	fmt.Printf(row, "and a worker has sent the email", j.State, measured(short(j.Ended.Sub(j.Created))))
	takeaway("The mail server of this sign-up takes 1 s. The first client waits for it.",
		"The second client does not: a worker does.")
	if quick < slow/2 {
		return "b"
	}
	return "a"
}

func (s *System) nothingLost(ctx context.Context) string {
	const signUps = 100
	fmt.Printf("     %d sign-ups; when half of them are accepted, the broker is killed\n\n", signUps)
	var ids []string
	run, killed, restarted := rand.Text(), make(chan struct{}), false
	for len(ids) < signUps || !restarted {
		j, err := call[Job](ctx, s.site, "POST", "/signups", Signup{"Ada", "ada@example.com"}, fmt.Sprint(run, len(ids)))
		switch {
		case err == nil:
			if ids = append(ids, j.ID); len(ids) == signUps/2 {
				go func() {
					s.broker.Kill()
					close(killed)
				}()
			}
		case !errors.Is(err, ErrUnavailable):
			must(err)
		case len(ids) >= signUps/2 && !restarted:
			<-killed
			s.do(s.broker.Restart)
			restarted = true
		}
	}
	states := make(map[State]int)
	for _, id := range ids {
		states[s.await(ctx, id).State]++
	}
	fmt.Printf("     accepted with 202            %6v\n", measured(count(len(ids))))
	fmt.Printf("     done in the end              %6v\n", measured(count(states[Done])))
	fmt.Printf("     lost                         %6v\n", measured(count(states["lost"])))
	takeaway("While the broker was down, the web server answered 503 and the client",
		"retried with the same Idempotency-Key. The same key means the same job.")
	if states["lost"] > 0 {
		must(errors.New("a job that was accepted is lost"))
	}
	return "c"
}

func (s *System) retries(ctx context.Context) string {
	var j Job
	var starts []time.Time // of its attempts
	for _, domain := range []string{"flaky.test", "gone.test", "fails.test"} {
		id, _ := s.signUp(ctx, "ada@"+domain)
		starts = nil
		j = s.until(ctx, id, func(j Job) bool {
			for len(starts) < j.Attempts {
				starts = append(starts, time.Now())
			}
			return j.State.Ended()
		})
		fmt.Printf("     ada@%-14s %s after %-10s %9s\n", domain, j.State, plural(j.Attempts, "attempt"), measured(short(j.Ended.Sub(j.Created))))
	}
	limit := j.Policy.Backoff
	for i := 1; i < len(starts); i++ {
		const dot = 50 * time.Millisecond // a column of the chart
		wait := starts[i].Sub(starts[i-1])
		waited := int(min(wait, limit) / dot)
		bar := strings.Repeat("█", waited) + strings.Repeat("░", int(limit/dot)-waited)
		fmt.Printf("       retry %d  %-32v  after %v, limit %s\n", i, measured(bar), measured(short(wait)), short(limit))
		limit = min(2*limit, j.Policy.Cap)
	}
	j = must1(call[Job](ctx, s.jobs, "POST", jobPath(j.ID)+"/requeue", nil))
	fmt.Printf("     requeued by an operator: %d of %s used; then %s again\n",
		j.Attempts, plural(j.Policy.Attempts, "attempt"), s.await(ctx, j.ID).State)
	takeaway("The wait before each retry is random, from 0 to a limit that doubles:",
		"exponential backoff with full jitter. Then the job waits for a worker.",
		"After its last attempt, or a permanent error (gone.test), a job is a dead",
		"letter. It keeps its error, and only an operator can requeue it.")
	return ""
}

func (s *System) schedule(ctx context.Context) string {
	const delay = 500 * time.Millisecond
	n := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Due: time.Now().Add(delay)}
	j := s.await(ctx, must1(s.jobs.Enqueue(ctx, n)).ID)
	fmt.Printf("     in %s      %s %s after it was accepted\n", short(delay), j.State, measured(short(j.Ended.Sub(j.Created))))
	n.Due, n.Policy.Every = time.Now(), time.Hour
	again := s.await(ctx, must1(s.jobs.Enqueue(ctx, n)).ID)
	next := must1(call[[]Job](ctx, s.jobs, "GET", "/jobs?state=scheduled", nil))[0] // all others have ended
	fmt.Printf("     every hour     %s, and the next one is due %s later\n", again.State, next.Due.Sub(again.Due))
	must1(call[Job](ctx, s.jobs, "DELETE", jobPath(next.ID), nil))
	takeaway("The time is on disk with the job, so a restart of the broker does not",
		"change it. If several runs are missed, the job runs once for all of them.")
	return supported("a", j.State == Done && j.Ended.Sub(j.Due) < 250*time.Millisecond)
}

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
		"600 ms after the last one. The broker notices within 60 ms, and retries",
		fmt.Sprintf("the job within %s more. A late report of the first worker is", short(second.Policy.Backoff)),
		"rejected: its token is no longer valid (fencing). A worker that cannot",
		"renew its lease cancels the job.")
	if after < 300*time.Millisecond {
		return "c"
	}
	return "b"
}

func (s *System) effectOnce(ctx context.Context) string {
	twice := func(box string, handler Handler) (emails int) {
		for attempt := range 2 {
			s.do(func() error {
				return handler(ctx, &Task{ID: "job-1", Attempt: attempt + 1, Payload: payload("ada@example.com")})
			})
		}
		return len(must1(os.ReadDir(filepath.Join(box, "new"))))
	}
	right, other := s.path(rand.Text()), s.path(rand.Text())
	const row = "     one job done twice, its email %-34v %s\n"
	byID := twice(right, Maildir(right).Welcome)
	fmt.Printf(row, "named by the job's ID", measured(plural(byID, "email")))
	renamed := twice(other, Maildir(other).Twice)
	fmt.Printf(row, wrong("with a new name each time (wrong)"), measured(plural(renamed, "email")))
	takeaway("No queue can promise exactly once: a worker may crash after the effect",
		"but before it acknowledges. Use the job's ID as the idempotency key.")
	return supported("c", byID == 1 && renamed == 2)
}

func (s *System) deadlines(ctx context.Context) string {
	policy := Policy{Attempts: 1, Deadline: 200 * time.Millisecond}
	slow := must1(s.jobs.Enqueue(ctx, NewJob{Kind: "welcome-mail", Payload: payload("ada@slow.test"), Policy: policy}))
	late := s.await(ctx, slow.ID)
	fmt.Printf("     takes 1 s, may take 200 ms   %s: %s\n", late.State, late.Error)
	var took time.Duration
	for err := ErrState; errors.Is(err, ErrState); { // unless the job was done just before
		id, began := s.running(ctx).ID, time.Now()
		_, err = call[Job](ctx, s.jobs, "DELETE", jobPath(id), nil)
		took = time.Since(began)
	}
	fmt.Printf("     DELETE while it runs         answered after %s\n", measured(short(took)))
	takeaway("The broker rejects the worker's next heartbeat, and the worker cancels",
		"the task's context. A handler that observes cancellation stops.")
	return supported("a", strings.Contains(late.Error, context.DeadlineExceeded.Error()))
}

func (s *System) watched(ctx context.Context) string {
	response := must1(http.Get(s.web.URL + "/jobs/" + s.newsletter(ctx) + "/events"))
	defer response.Body.Close()
	events := bytes.Split(bytes.TrimSpace(must1(io.ReadAll(response.Body))), []byte("\n\n"))
	var j Job
	must(json.Unmarshal(bytes.TrimPrefix(events[len(events)-1], []byte("data: ")), &j))
	o := must1(call[Overview](ctx, s.jobs, "GET", "/overview", nil))
	fmt.Printf("     a newsletter's events end with   %s, %d of %d emails\n", j.State, j.Progress.Done, j.Progress.Total)
	fmt.Printf("     an overview                      %d waiting, %d running, %d scheduled, %d dead\n", o.Waiting, o.Running, o.Scheduled, o.Dead)
	takeaway("GET /jobs/{id}/events streams the state of a job. GET /overview counts",
		"waiting, running and dead jobs. The page: go run ./07-offload all")
	return supported("c", len(events) > 1)
}

func (s *System) scaleSeparately(ctx context.Context) string {
	burst := func(workers string) time.Duration {
		began, slowest := time.Now(), time.Duration(0)
		var ids []string
		for range 12 {
			id, answered := s.signUp(ctx, "ada@slow.test")
			ids, slowest = append(ids, id), max(slowest, answered)
		}
		for _, id := range ids {
			s.await(ctx, id)
		}
		took := time.Since(began)
		fmt.Printf("     12 emails of 1 s, %-18s %9s   answered within %9s\n", workers, measured(short(took)), measured(short(slowest)))
		return took
	}
	one := burst("1 worker process")
	second := s.startWorker()
	two := burst("2 worker processes")
	second.Kill()
	takeaway("Each worker process runs 4 jobs at the same time: it needs three rounds",
		"for 12 jobs, and two processes need two. The web server waits for none of",
		"them. Add workers when the age of the oldest waiting job grows.")
	return supported("b", two > 1750*time.Millisecond && two < one*9/10)
}

func (s *System) patternsInside(ctx context.Context) string {
	j := s.await(ctx, s.newsletter(ctx))
	emails, err := filepath.Glob(s.path("mail/new/" + j.ID + "-*"))
	must(err)
	fmt.Printf("     a newsletter  %s, %s\n", j.State, plural(len(emails), "email"))
	fmt.Println("     sent by       addresses ───> a pool of 8 senders")
	takeaway("A job may use all of chapters 05 and 06. Its context cancels all stages",
		"when the job is canceled, its deadline passes, or its worker must stop.")
	return ""
}
