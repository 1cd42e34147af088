package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A lesson has the processes it shows, and all the jobs that were accepted.
type lesson struct {
	dir    string
	broker *Process
	web    *Process
	worker *Process
	jobs   *Client         // the broker, directly
	told   context.Context // ends when the lesson is to end, by Ctrl-C or since its reader has left

	mu       sync.Mutex
	accepted []string // guarded by mu; IDs
}

// story is the lesson: it starts the whole system as processes of its own, and
// lets happen what happens in a year of operation.
func story() {
	dir, err := os.MkdirTemp("", "offload")
	must(err)
	// With a handler, these signals no longer end the program on the spot: it tidies up.
	told, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	l := &lesson{dir: dir, told: told}
	ok := false
	defer func() {
		for _, p := range []*Process{l.worker, l.web, l.broker} {
			if p != nil {
				p.Kill()
			}
		}
		os.RemoveAll(dir)
		if !ok {
			os.Exit(1)
		}
	}()

	fmt.Println("07 · Offload: answer now, work elsewhere, lose nothing")
	l.broker = must1(Start("broker", "-addr", "127.0.0.1:0", "-data", l.path("jobs"), "-lease", "600ms"))
	l.web = must1(Start("web", "-addr", "127.0.0.1:0", "-broker", l.broker.URL, "-root", l.path("files")))
	l.worker = l.startWorker()
	l.jobs = NewClient(l.broker.URL, "")
	fmt.Print("\n     web ──jobs──> broker ──leases──> worker      each a process of its own\n" +
		"     (a lease: a job is one worker's, for as long as that shows signs of life)\n")

	l.quickAnswer()
	l.nothingLost()
	l.retries()
	l.schedule()
	l.workerDies()
	l.effectOnce()
	l.deadlines()
	l.watched()
	l.scalesApart()
	l.patternsInside()
	ok = l.sum()
	fmt.Print("\nProof:  go test -race -v ./07-offload\nRead:   07-offload/README.md, and do its exercise\nNext:   go run ./07-offload all, and open http://localhost:8080\n")
}

func (l *lesson) path(name string) string { return filepath.Join(l.dir, name) }
func (l *lesson) mail() Maildir           { return Maildir(l.path("mail")) }

func (l *lesson) startWorker() *Process {
	return must1(Start("worker", "-broker", l.broker.URL, "-concurrency", "4", "-heartbeat", "200ms",
		"-mail", l.path("mail"), "-root", l.path("files"), "-drain", "5s"))
}

// quickAnswer sends the same sign-up to a handler that does the work, and to one that has it done.
func (l *lesson) quickAnswer() {
	claim("7.1", "The answer is quick, whatever the task takes.")
	listener := must1(Listen("127.0.0.1:0", ""))
	inline := NewServer(Inline(Maildir(l.path("inline")).Welcome), "")
	go inline.Serve(listener)
	defer inline.Close()
	_, waited := post("http://"+listener.Addr().String(), Signup{"Ada", "ada@slow.test"}, "")
	fmt.Printf("     the mail is sent in the handler (wrong)   200 after %9s\n", short(waited))
	id, quick := l.signUp("ada@slow.test")
	fmt.Printf("     the job is written down                   202 after %9s\n", short(quick))
	j := l.await(id)
	fmt.Printf("     and it is %s                            after %9s\n", j.State, short(j.Ended.Sub(j.Created)))
	read("The mail server of this sign-up takes 1 s. In the handler, that is the",
		"client's wait; behind the broker it is nobody's.")
}

// nothingLost kills the broker while sign-ups come in.
func (l *lesson) nothingLost() {
	claim("7.2", "Nothing accepted is lost: a job is on disk before the 202.")
	const clients, each = 4, 25
	accepted := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	half := make(chan bool, clients)
	ids := make([]string, 0, clients*each)
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				if i == each/2 {
					half <- true
				}
				key := fmt.Sprint("client ", c, " sign-up ", i)
				for { // as a client should: the same key until it has an answer
					id, status := l.trySignUp("ada@example.com", key)
					mu.Lock()
					if status == http.StatusAccepted {
						accepted++
						ids = append(ids, id)
						mu.Unlock()
						break
					}
					mu.Unlock()
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	<-half
	l.broker.Kill()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	must(l.broker.Restart())
	back := time.Since(began)
	wg.Wait()
	done, missing := 0, 0
	for _, id := range ids {
		switch l.await(id).State {
		case Done:
			done++
		case lost:
			missing++
		}
	}
	jobs := 0
	for _, j := range must1(l.jobs.List(context.Background(), "", 10_000)) {
		if strings.Contains(j.Key, "client ") {
			jobs++
		}
	}
	fmt.Printf("     %d clients send %d sign-ups each; half-way the broker is killed\n\n", clients, each)
	fmt.Printf("     accepted with 202            %6d\n", accepted)
	fmt.Printf("     done in the end              %6d\n", done)
	fmt.Printf("     lost                         %6d\n", missing)
	fmt.Printf("     more jobs than sign-ups      %6d\n", max(0, jobs-accepted))
	fmt.Printf("     started again in             %9s\n", short(back))
	read("While it was away the web said 503, and the clients asked again with the",
		"same Idempotency-Key: the same key is the same job, so none came twice.")
}

// retries has one mail fail twice and another one always.
func (l *lesson) retries() {
	claim("7.3", "What fails is tried again, ever less often, and then set aside.")
	var id string
	for _, row := range []struct{ what, email string }{{"fails twice", "ada@flaky.test"}, {"fails always", "ada@fails.test"}} {
		id, _ = l.signUp(row.email)
		j, lane := l.attempts(id)
		fmt.Printf("     %-14s  %s\n", row.what, lane)
		fmt.Printf("                     %s after %d attempts in %s\n", j.State, j.Attempts, short(j.Ended.Sub(j.Created)))
	}
	j := must1(l.jobs.Get(context.Background(), id))
	fmt.Printf("     its last words  %s\n", j.Error)
	j = must1(l.jobs.Requeue(context.Background(), id))
	fmt.Printf("     requeued by a person: %d of %d attempts made; in the end again %s\n", j.Attempts, j.Policy.Attempts, l.await(id).State)
	read("█ an attempt, · 60 ms. Before each retry it waits, by chance: somewhere",
		fmt.Sprintf("between nothing and a limit that begins with %s and doubles. A dead", short(j.Policy.Backoff)),
		"letter keeps its last error, and waits for a person.")
}

// attempts watches a job until it has ended, and draws when it was tried.
func (l *lesson) attempts(id string) (Job, string) {
	const column = 60 * time.Millisecond
	var lane []rune
	seen := 0
	j := l.until(id, func(j Job) bool {
		for seen < j.Attempts {
			for at := min(int(time.Since(j.Created)/column), 50); len(lane) < at; {
				lane = append(lane, '·')
			}
			lane = append(lane, '█')
			seen++
		}
		return j.State.Ended()
	})
	return j, string(lane)
}

// schedule has jobs wait for their time.
func (l *lesson) schedule() {
	claim("7.4", "A job can wait for its time, and come again at fixed intervals.")
	later := must1(l.jobs.Enqueue(context.Background(), NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Due: time.Now().Add(500 * time.Millisecond)}))
	l.note(later.ID)
	policy := Kinds["welcome-mail"]
	policy.Every = 200 * time.Millisecond
	again := must1(l.jobs.Enqueue(context.Background(), NewJob{Kind: "welcome-mail", Payload: payload("weekly@example.com"), Policy: policy}))
	l.note(again.ID)
	j := l.await(later.ID)
	fmt.Printf("     in 500 ms                %s, %s after it was accepted\n", j.State, short(j.Ended.Sub(j.Created)))
	times := 0
	for until := time.Now().Add(10 * time.Second); times < 3 && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		times = len(l.weekly(Done))
	}
	fmt.Printf("     every 200 ms             has come at least %d times, and is cancelled now\n", min(times, 3))
	for len(l.weekly(Cancelled)) == 0 { // the one that comes next, unless it is just being done
		for _, id := range append(l.weekly(Scheduled), l.weekly(Queued)...) {
			l.jobs.Cancel(context.Background(), id)
		}
	}
	read("Its time is on the disk with it, so a restart of the broker changes",
		"nothing. What was missed meanwhile comes once, not many times over.")
}

// weekly returns the jobs of 7.4's second kind that are in that state.
func (l *lesson) weekly(state State) (ids []string) {
	for _, j := range must1(l.jobs.List(context.Background(), state, 10_000)) {
		if bytes.Contains(j.Payload, []byte("weekly@")) {
			ids = append(ids, j.ID)
		}
	}
	return ids
}

// workerDies kills a worker in the middle of a job.
func (l *lesson) workerDies() {
	claim("7.5", "A worker's death costs an attempt, not the job.")
	id, _ := l.signUp("ada@slow.test")
	first := l.until(id, func(j Job) bool { return j.State == Running })
	killed := time.Now()
	l.worker.Kill()
	l.worker = l.startWorker()
	second := l.until(id, func(j Job) bool { return j.Attempts == 2 || j.State.Ended() })
	fmt.Printf("     attempt %d, killed in the middle of it\n", first.Attempts)
	fmt.Printf("     attempt %d by another worker             %9s after the kill\n", second.Attempts, short(time.Since(killed)))
	fmt.Printf("     in the end                              %s\n", l.await(id).State)
	read("For each of its jobs a worker tells the broker, every 200 ms, that it is",
		"alive. Here a lease ends after 600 ms without that, and the retry waits",
		fmt.Sprintf("up to %s more. A late answer of the dead one is refused, by the token", short(second.Policy.Backoff)),
		"of its lease: the job has gone to another.")
}

// effectOnce does a job twice, as it happens when a worker dies between the delivery and its report.
func (l *lesson) effectOnce() {
	claim("7.6", "A task may come twice: so it must have its effect only once.")
	for _, row := range []struct {
		name    string
		handler func(Maildir) Handler
	}{
		{"named by the job's id", func(m Maildir) Handler { return m.Welcome }},
		{"named anew each time (wrong)", func(m Maildir) Handler { return m.Twice }},
	} {
		box := Maildir(l.path("box " + row.name))
		for attempt := range 2 {
			must(row.handler(box)(context.Background(), &Task{ID: "job-1", Attempt: attempt + 1, Payload: payload("ada@example.com")}))
		}
		fmt.Printf("     one job done twice, its mail %-30s  %d in its box\n", row.name, len(must1(box.Delivered())))
	}
	read("No queue can promise \"exactly once\": the worker may die between doing and",
		"saying so. The job's id is the key by which the task can tell.")
}

// deadlines has one job take too long, and cancels another one.
func (l *lesson) deadlines() {
	claim("7.7", "Every attempt has a deadline, and a running job can be cancelled.")
	ctx := context.Background()
	late := must1(l.jobs.Enqueue(ctx, NewJob{Kind: "welcome-mail", Payload: payload("ada@slow.test"), Policy: Policy{Attempts: 1, Deadline: 200 * time.Millisecond}}))
	l.note(late.ID)
	j := l.await(late.ID)
	fmt.Printf("     takes 1 s, may take 200 ms   %s: %s\n", j.State, j.Error)
	id, _ := l.signUp("ada@slow.test")
	l.until(id, func(j Job) bool { return j.State == Running })
	began := time.Now()
	j = must1(l.jobs.Cancel(ctx, id))
	fmt.Printf("     DELETE while it runs         noted as %s after %s\n", j.State, short(time.Since(began)))
	read("The worker hears of it with its next heartbeat, which is refused, and",
		"cancels the task's context. A handler that listens stops.")
}

// watched follows a job's events.
func (l *lesson) watched() {
	claim("7.8", "It can be watched: state, attempts, progress, and what waits.")
	for i := range 200 {
		dir := filepath.Join(l.path("files"), fmt.Sprint("d", i%10))
		must(os.MkdirAll(dir, 0o700))
		must(os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), bytes.Repeat([]byte{byte(i % 150)}, 1<<20), 0o600))
	}
	response, _ := post(l.web.URL+"/reports", ReportRequest{"."}, "")
	var j Job
	must(json.Unmarshal(response.body, &j))
	l.note(j.ID)
	events := must1(NewClient(l.web.URL, "").Events(context.Background(), "/jobs/"+j.ID+"/events"))
	defer events.Close()
	seen := ""
	for chunk := make([]byte, 64<<10); ; {
		n, err := events.Read(chunk)
		for line := range strings.Lines(string(chunk[:n])) {
			if data, ok := strings.CutPrefix(line, "data: "); ok && json.Unmarshal([]byte(data), &j) == nil {
				seen = string(j.State)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		must(err)
	}
	o := must1(l.jobs.Overview(context.Background()))
	fmt.Printf("     a report's events end with   %s, %d of %d files\n", seen, j.Progress.Done, j.Progress.Total)
	fmt.Printf("     at a glance                  %d waiting, %d running, %d scheduled, %d dead\n", o.Waiting, o.Running, o.Scheduled, o.Dead)
	read("GET /jobs/{id}/events streams what has changed, /overview/events that of",
		"all jobs. The page that shows it: go run ./07-offload all")
}

// scalesApart saturates the worker, and then adds another one.
func (l *lesson) scalesApart() {
	claim("7.9", "Web and work scale apart.")
	l.latency() // until all connections are there
	fmt.Printf("     a sign-up is answered after          %9s   (median of 20)\n", short(l.latency()))
	run := func(meanwhile func()) time.Duration {
		began := time.Now()
		var ids []string
		for range 12 {
			id, _ := l.signUp("ada@slow.test")
			ids = append(ids, id)
		}
		meanwhile()
		for _, id := range ids {
			l.await(id)
		}
		return time.Since(began)
	}
	one := run(func() { fmt.Printf("     while all workers are busy           %9s\n", short(l.latency())) })
	fmt.Printf("     12 mails of 1 s, 1 worker process    %9s\n", short(one))
	second := l.startWorker()
	fmt.Printf("                      2 worker processes  %9s\n", short(run(func() {})))
	second.Stop()
	read("Each worker process does 4 at once: 12 take three rounds, and with two of",
		"them two. The web neither knows nor waits, and is no slower. Add workers",
		"when the oldest waiting job gets old.")
}

// latency returns the median time of 20 sign-ups.
func (l *lesson) latency() time.Duration {
	var all []time.Duration
	for range 20 {
		_, took := l.signUp("ada@example.com")
		all = append(all, took)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// patternsInside shows what the report was made with.
func (l *lesson) patternsInside() {
	claim("7.10", "Pools and pipelines belong inside the worker.")
	reports, err := filepath.Glob(filepath.Join(l.path("mail"), "reports", "*.txt"))
	must(err)
	for _, r := range reports {
		text := must1(os.ReadFile(r))
		fmt.Printf("     the report says  %s", text)
	}
	fmt.Println("     made by          walk ───> hash, one worker for each processor ───> add up")
	read("A job may use all of chapters 05 and 06. Its context ends all stages when",
		"it is cancelled, has had its time, or its worker must stop.")
}

// sum drains the worker, and compares what was accepted with what became of it.
func (l *lesson) sum() bool {
	fmt.Print("\nThe sum\n\n")
	status := l.worker.Stop()
	count := make(map[State]int)
	known := make(map[string]State)
	missing := make(map[string]bool) // mails of jobs that are done
	for _, j := range must1(l.jobs.List(context.Background(), "", 10_000)) {
		count[j.State]++
		known[j.ID] = j.State
		if j.State == Done && j.Kind == "welcome-mail" {
			missing[j.ID] = true
		}
	}
	tooMany := 0
	for _, id := range must1(l.mail().Delivered()) {
		if !missing[id] && known[id] != Cancelled { // that one may have been too late to stop
			tooMany++
		}
		delete(missing, id)
	}
	accepted, gone := len(known), len(missing) // known are also those that came by themselves, in 7.4
	for _, id := range l.accepted {
		if _, ok := known[id]; !ok {
			accepted++
			gone++
		}
	}
	gone += len(known) - count[Done] - count[Dead] - count[Cancelled]
	fmt.Printf("     accepted %d = done %d + dead %d + cancelled %d\n", accepted, count[Done], count[Dead], count[Cancelled])
	fmt.Printf("     lost %d, mails too many %d, worker drained with exit status %d\n", gone, tooMany, status)
	if gone != 0 || tooMany != 0 || status != 0 {
		fmt.Println("     That should be 0, 0 and 0: something is wrong.")
		return false
	}
	return true
}

func payload(email string) json.RawMessage { return must1(json.Marshal(Signup{"Ada", email})) }

// signUp signs somebody up, and returns the job and the time to the answer.
func (l *lesson) signUp(email string) (id string, took time.Duration) {
	began := time.Now()
	id, status := l.trySignUp(email, "")
	if status != http.StatusAccepted {
		must(fmt.Errorf("a sign-up was answered with %d", status))
	}
	return id, time.Since(began)
}

func (l *lesson) trySignUp(email, key string) (id string, status int) {
	response, _ := post(l.web.URL+"/signups", Signup{"Ada", email}, key)
	if response.status != http.StatusAccepted {
		return "", response.status
	}
	var j Job
	must(json.Unmarshal(response.body, &j))
	l.note(j.ID)
	return j.ID, response.status
}

func (l *lesson) note(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = append(l.accepted, id)
}

// await waits until a job has ended.
func (l *lesson) await(id string) Job {
	return l.until(id, func(j Job) bool { return j.State.Ended() })
}

// lost is what the lesson calls a job that was accepted, and that nobody knows any more.
const lost State = "lost"

// until waits until a job is as wanted, or lost.
func (l *lesson) until(id string, wanted func(Job) bool) Job {
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if l.told != nil && l.told.Err() != nil {
			panic(context.Cause(l.told)) // so that the processes are ended
		}
		j, err := l.jobs.Get(context.Background(), id)
		switch {
		case errors.Is(err, ErrNotFound):
			return Job{ID: id, State: lost}
		case err == nil && wanted(j):
			return j
		case err != nil && !errors.Is(err, ErrUnavailable):
			must(err)
		}
	}
	must(fmt.Errorf("job %s does not get on", id))
	return Job{}
}

type answered struct {
	status int
	body   []byte
}

// post sends v as JSON. A server that does not answer counts as status 0.
func post(url string, v any, key string) (a answered, took time.Duration) {
	began := time.Now()
	request := must1(http.NewRequest(http.MethodPost, url, bytes.NewReader(must1(json.Marshal(v)))))
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{}, time.Since(began)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answered{}, time.Since(began)
	}
	return answered{response.StatusCode, body}, time.Since(began)
}

func claim(id, sentence string) { fmt.Printf("\n%s  %s\n\n", id, sentence) }

func read(how ...string) { fmt.Printf("\n     → %s\n", strings.Join(how, "\n       ")) }

// must ends the lesson when the machine does not let it do its work.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "07-offload:", err)
		panic(err) // so that the processes are ended, too
	}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
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
