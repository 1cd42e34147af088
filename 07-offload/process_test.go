package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var crashes = flag.Int("crashes", 20, "at how many random moments TestNothingAcceptedIsLostInCrashes kills a process")

// startSystem starts a broker and workers as processes of their own.
func startSystem(t *testing.T, workers int, lease string) (broker *Process, all []*Process, mail Maildir) {
	t.Helper()
	dir := t.TempDir()
	start := func(args ...string) *Process {
		p, err := Start(args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
		return p
	}
	mail = Maildir(filepath.Join(dir, "mail"))
	broker = start("broker", "-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "jobs"), "-lease", lease)
	for range workers {
		all = append(all, start("worker", "-broker", broker.URL, "-mail", string(mail), "-concurrency", "1"))
	}
	return broker, all, mail
}

// Stop stops it gracefully and returns its exit status. It ends its standard input:
// SIGTERM, which has the same effect, does not exist on Windows.
func (p *Process) Stop(t *testing.T) (status int) {
	p.stdin.Close()
	return p.Wait(t)
}

// Wait waits until it has ended, and returns its exit status: -1 if it had to be killed.
func (p *Process) Wait(t *testing.T) (status int) {
	defer time.AfterFunc(longest(t), func() { p.cmd.Process.Kill() }).Stop()
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// TestNothingAcceptedIsLostInCrashes kills the broker or a worker at random moments,
// under load, and restarts it (claim 7.2). In between the broker's disk is full, or it
// has no file descriptors left. The payloads are large, so that the broker often
// compacts its journal, and some kills come then. In the end every accepted job has had
// its effect. go test -run Crashes ./07-offload -crashes 100
func TestNothingAcceptedIsLostInCrashes(t *testing.T) {
	t.Setenv("OFFLOAD_TROUBLE", "1")
	broker, workers, mail := startSystem(t, 2, "500ms")
	url := broker.URL
	client := NewClient(url)
	policy := Policy{Attempts: 100, Deadline: 10 * time.Second, Backoff: time.Millisecond, Cap: 20 * time.Millisecond}

	stop := make(chan struct{})
	var mu sync.Mutex
	accepted := make(map[string]bool) // guarded by mu
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for i := 0; ; i++ {
				content, _ := json.Marshal(map[string]string{"name": "Ada", "email": "ada@example.com", "large": strings.Repeat("Ada ", 3500)})
				n := NewJob{Kind: "welcome-mail", Payload: content, Policy: policy, Key: fmt.Sprint(c, "-", i)}
				for { // with the same key, until it is accepted
					ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
					j, err := client.Enqueue(ctx, n)
					cancel()
					if err == nil {
						mu.Lock()
						accepted[j.ID] = true
						mu.Unlock()
						break
					}
					if !errors.Is(err, ErrUnavailable) {
						t.Errorf("a job was refused: %v", err)
						return
					}
					if !sleep(t.Context(), 5*time.Millisecond) {
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	events := make(map[string]int)
	compacting := func() bool { // besides its journal and its lock the broker has a file
		files, err := filepath.Glob(filepath.Join(filepath.Dir(string(mail)), "jobs", "*"))
		return err == nil && len(files) > 2
	}
	for i := range *crashes {
		sleep(t.Context(), rand.N(60*time.Millisecond)) // the moment is what is random here
		victim := append(workers, broker)[rand.N(len(workers)+1)]
		if i%4 == 0 && len(troubles) > 0 {
			trouble := troubles[rand.N(len(troubles))]
			events[trouble.name]++
			broker.cmd.Process.Signal(trouble.begin)
			sleep(t.Context(), rand.N(60*time.Millisecond))
			if i%8 == 0 { // otherwise the next kill of the broker ends it
				broker.cmd.Process.Signal(trouble.end)
				victim = broker
				for limit := time.Now().Add(1500 * time.Millisecond); !compacting() && time.Now().Before(limit); {
					runtime.Gosched() // after a trouble it rewrites its journal
				}
			}
		}
		victim.Kill()
		if events["killed "+victim.args[0]]++; victim == broker && compacting() {
			events["killed during a compaction"]++
		}
		if err := victim.Restart(); err != nil {
			t.Fatal(err)
		}
		if broker.URL != url { // its clients would try the old address forever
			t.Fatalf("the broker was restarted at %s, want %s", broker.URL, url)
		}
	}
	broker.Kill() // it may be in trouble
	if err := broker.Restart(); err != nil {
		t.Fatal(err)
	}
	close(stop)
	clients.Wait()

	var missing []string
	for limit := time.Now().Add(30*time.Second + time.Duration(*crashes-20)*time.Second); time.Now().Before(limit); sleep(t.Context(), 20*time.Millisecond) {
		there := make(map[string]bool)
		for _, name := range mail.Delivered() {
			there[name] = true
			if !accepted[name] {
				t.Fatalf("the email %s belongs to no job that was accepted: a job was lost, and requested again", name)
			}
		}
		missing = missing[:0]
		for id := range accepted {
			if !there[id] {
				missing = append(missing, id)
			}
		}
		o, err := call[Overview](context.Background(), client, "GET", "/overview", nil)
		if len(missing) == 0 && err == nil && o.Waiting+o.Scheduled+o.Running+o.Dead == 0 {
			break
		}
	}
	t.Logf("%d accepted; %v", len(accepted), events)
	if len(missing) > 0 {
		t.Errorf("%d of %d accepted jobs are lost, for example %s\n%s", len(missing), len(accepted), missing[0], broker.Log())
	}
	if o, err := call[Overview](context.Background(), client, "GET", "/overview", nil); err != nil || o.Waiting+o.Scheduled+o.Running+o.Dead > 0 {
		t.Errorf("some jobs have not ended as done: %+v, %v", o, err)
	}
}

// TestWorkerPausedForLongerThanItsLeaseChangesNothing stops a worker process in the
// middle of a job, as a debugger or a suspended virtual machine does (claim 7.5). Another
// worker runs the job. When the first one continues it has no lease.
func TestWorkerPausedForLongerThanItsLeaseChangesNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	if runtime.GOOS == "windows" {
		t.Skip("needs SIGSTOP, which Windows does not have")
	}
	broker, workers, mail := startSystem(t, 2, "2s")
	s := &System{jobs: NewClient(broker.URL)}
	var first, done Job
	var paused *Process
	for jobs := 1; first.ID == "" || done.Worker == first.Worker; jobs++ { // again if the job was done just before
		j, err := s.jobs.Enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("ada@slow.test")})
		if err != nil {
			t.Fatal(err)
		}
		first = until(t, s.jobs, j.ID, func(j Job) bool { return j.State == Running || j.State.Ended() })
		for _, w := range workers {
			if strings.HasSuffix(first.Worker, fmt.Sprint("-", w.cmd.Process.Pid)) {
				paused = w
			}
		}
		until(t, s.jobs, j.ID, func(j Job) bool {
			return strings.Contains(paused.Log(), "msg=started job="+j.ID) || j.State.Ended()
		})
		pause(paused)
		done = until(t, s.jobs, j.ID, hasEnded)
		resume(paused)
		if emails := mail.Delivered(); len(emails) != jobs {
			t.Errorf("%d emails of %d jobs", len(emails), jobs)
		}
	}
	ended := regexp.MustCompile(`(msg=canceled job=` + done.ID + `|msg=reported job=` + done.ID + `.* rejected=")`)
	for limit := time.Now().Add(longest(t)); !ended.MatchString(paused.Log()); {
		if !sleep(t.Context(), 10*time.Millisecond) || time.Now().After(limit) {
			t.Fatalf("the paused worker neither canceled its job nor was its report rejected:\n%s", paused.Log())
		}
	}
	if now, err := s.jobs.Get(t.Context(), done.ID); now.State != Done || now.Worker != done.Worker {
		t.Errorf("after the paused worker's report the job is %+v, %v; want it done by %s", now, err, done.Worker)
	}
}

// TestSIGTERMDrainsTheWorker stops a worker process in the middle of a job (claim 7.5).
func TestSIGTERMDrainsTheWorker(t *testing.T) {
	t.Parallel() // it mostly waits
	if runtime.GOOS == "windows" {
		t.Skip("needs SIGTERM, which Windows does not have")
	}
	broker, workers, _ := startSystem(t, 1, "5s")
	s := &System{jobs: NewClient(broker.URL)}
	j, err := s.jobs.Enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("ada@slow.test")})
	if err != nil {
		t.Fatal(err)
	}
	until(t, s.jobs, j.ID, func(j Job) bool { return strings.Contains(workers[0].Log(), "msg=started job="+j.ID) })
	workers[0].cmd.Process.Signal(syscall.SIGTERM)
	if status := workers[0].Wait(t); status != 0 {
		t.Errorf("after SIGTERM the worker ended with status %d\n%s", status, workers[0].Log())
	}
	if j, err = s.jobs.Get(t.Context(), j.ID); err != nil || j.State != Done || j.Attempts != 1 {
		t.Errorf("the running job is %s after %d attempts, %v: want it finished before the worker ended", j.State, j.Attempts, err)
	}
	broker.cmd.Process.Signal(os.Interrupt) // which has the same effect
	if status := broker.Wait(t); status != 0 {
		t.Errorf("after a Ctrl-C the broker ended with status %d\n%s", status, broker.Log())
	}
}

// TestWorkerProcessWhoseSlotsAreAllStuckExitsWithStatus1, so that what has started it can restart it (claim 7.5).
func TestWorkerProcessWhoseSlotsAreAllStuckExitsWithStatus1(t *testing.T) {
	broker, workers, _ := startSystem(t, 1, "500ms")
	n := email("ada@hangs.test", 1, 10*time.Millisecond)
	if _, err := NewClient(broker.URL).Enqueue(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	select {
	case <-workers[0].ended:
		if status := workers[0].cmd.ProcessState.ExitCode(); status != 1 || !strings.Contains(workers[0].Log(), "07-offload worker: all 1 slots are occupied: "+errStuck.Error()) {
			t.Errorf("the worker ended with status %d, want 1 and the reason\n%s", status, workers[0].Log())
		}
	case <-time.After(longest(t)):
		t.Errorf("its only slot is occupied, but the worker is still running\n%s", workers[0].Log())
	}
}

// TestWebAnswers503QuicklyWhenTheBrokerIsDown (claim 7.1): it refuses connections, or does not answer.
func TestWebAnswers503QuicklyWhenTheBrokerIsDown(t *testing.T) {
	t.Parallel() // it mostly waits
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close() // the system accepts its connections, but nothing answers
	for _, url := range []string{"http://127.0.0.1:1", "http://" + mute.Addr().String()} {
		web := webOf(NewClient(url))
		began := time.Now()
		w := send(web, "POST", "/signups", Signup{"Ada", "ada@example.com"})
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Body.String() != "the broker is not available\n" {
			t.Errorf("with no broker at %s a sign-up was answered with %d %s", url, w.Code, w.Body)
		}
		t.Log(time.Since(began))
	}
}

// TestEventsShowEachStateOfAJob reads them as a browser does, from a real server (claim 7.8).
func TestEventsShowEachStateOfAJob(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	api := httptest.NewServer(API(b))
	defer api.Close()
	web := httptest.NewServer(webOf(NewClient(api.URL)))
	defer web.Close()
	j := enqueue(t, b, NewJob{})
	response, err := (&http.Client{Timeout: longest(t)}).Get(web.URL + "/jobs/" + j.ID + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the events ended without %q", want)
	}
	if h := response.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("the stream has the header %v, want an event stream that is not cached", h)
	}
	next(`"state":"queued"`)
	leased, err := b.Lease(t.Context(), "w", allKinds)
	if err != nil {
		t.Fatal(err)
	}
	next(`"state":"running"`)
	if err := b.Update(t.Context(), leased.ID, Update{Token: leased.Token, Event: Heartbeat, Progress: Progress{3, 10}}); err != nil {
		t.Fatal(err)
	}
	next(`"progress":{"done":3,"total":10}`)
	if err := b.Update(t.Context(), leased.ID, Update{Token: leased.Token, Event: Finished, Progress: Progress{10, 10}}); err != nil {
		t.Fatal(err)
	}
	next(`"state":"done"`)
	if rest, err := io.ReadAll(response.Body); err != nil || strings.Contains(string(rest), "data:") {
		t.Errorf("after the job's end the stream went on: %q, %v", rest, err)
	}
}

// TestOverviewShowsWhatWaits (claim 7.8).
func TestOverviewShowsWhatWaits(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	enqueue(t, b, NewJob{})
	enqueue(t, b, NewJob{})
	enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Due: time.Now().Add(time.Hour)})
	leased, _ := b.Lease(t.Context(), "w", allKinds)
	o, _ := look(b)
	want := Overview{Waiting: 1, Scheduled: 1, Running: 1, Oldest: o.Oldest}
	if o != want {
		t.Errorf("2 jobs for now, 1 for later, 1 of them leased: %+v", o)
	}
	var over Overview // HTTP
	if w := send(webOn(b), "GET", "/overview", ""); json.Unmarshal(w.Body.Bytes(), &over) != nil || over.Waiting != 1 || over.Running != 1 {
		t.Errorf("/overview says %.300s", w.Body)
	}
	b.Update(t.Context(), leased.ID, Update{Token: leased.Token, Event: Failed, Error: "451 busy"})
	if o, _ := look(b); o.Running != 0 || o.Scheduled+o.Waiting != 3 {
		t.Errorf("after a failed attempt: %+v", o)
	}
}

// one is a listener that has one connection, in memory.
type one struct {
	net.Listener
	conn net.Conn
	open chan struct{} // if not nil, Accept blocks until Close, after the connection
}

func (l *one) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	if l.open != nil {
		<-l.open
	}
	return nil, net.ErrClosed
}

func (l *one) Close() error {
	if l.open != nil {
		close(l.open)
	}
	return nil
}

// TestSlowHeaderIsCutOff sends a header slowly, a byte at a time (claim 7.1): the
// server closes the connection after 5 s.
func TestSlowHeaderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		go NewServer(http.NotFoundHandler(), "").Serve(&one{conn: server})
		go io.Copy(io.Discard, client) // the server answers before it closes the connection
		began := time.Now()
		for _, b := range []byte("GET / HTTP/1.1\r\nX-Slow: " + strings.Repeat("x", 100)) {
			if _, err := client.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(300 * time.Millisecond)
		}
		if took := time.Since(began); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("the server closed the connection of a slow client after %v, want 5 s", took)
		}
	})
}

// TestProcessEndsWithItsParent closes its standard input, as the death of its parent
// does (claim 7.5): it drains, and nothing is left behind.
func TestProcessEndsWithItsParent(t *testing.T) {
	broker, workers, _ := startSystem(t, 1, "5s")
	for _, p := range []*Process{workers[0], broker} {
		if ready := p.args[0] + ": ready"; !strings.Contains(p.Log(), ready) {
			t.Errorf("the %s has started, and its log is without %q:\n%s", p.args[0], ready, p.Log())
		}
		p.stdin.Close()
		select {
		case <-p.ended:
			if status := p.cmd.ProcessState.ExitCode(); status != 0 {
				t.Errorf("the %s ended with status %d, want 0, as after SIGTERM\n%s", p.args[0], status, p.Log())
			}
		case <-time.After(longest(t)):
			t.Errorf("the parent of the %s has ended, but the %s is still running", p.args[0], p.args[0])
			p.Kill()
		}
	}
}

// TestStartReturnsTheErrorOfARoleThatEnds before it is ready, and does not retry: its directory is a file.
func TestStartReturnsTheErrorOfARoleThatEnds(t *testing.T) {
	p, err := Start("broker", "-addr", "127.0.0.1:0", "-data", write(t, nil))
	if err == nil {
		p.Kill()
	}
	if err == nil || !strings.Contains(err.Error(), "broker ended before it was ready: ") || !strings.Contains(err.Error(), "07-offload broker: ") {
		t.Errorf("a broker without a directory: got %v, want an error with the reason", err)
	}
	if n := strings.Count(p.Log(), "07-offload broker: "); n != 1 {
		t.Errorf("a broker without a directory has ended %d times, want 1", n)
	}
}

// TestRestartRetriesWhileItsPortIsTaken by another program, which the system may give it in between.
func TestRestartRetriesWhileItsPortIsTaken(t *testing.T) {
	broker, _, _ := startSystem(t, 0, "5s")
	url := broker.URL
	broker.Kill()
	other, err := net.Listen("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Skip("needs the port of a process that has just ended: ", err)
	}
	time.AfterFunc(300*time.Millisecond, func() { other.Close() })
	if err := broker.Restart(); err != nil || broker.URL != url {
		t.Errorf("restarted at %s with %v, want %s", broker.URL, err, url)
	}
}

// TestShutdownEndsStreamsAndAnswersTheRest has both in flight when the role must
// end (claim 7.5): it cancels only what does not end by itself.
func TestShutdownEndsStreamsAndAnswersTheRest(t *testing.T) {
	listener, err := Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan bool, 3), make(chan bool, 2)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, listener, NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun <- true
			if r.URL.Path != "/signups" {
				<-r.Context().Done()
				ended <- true
				return
			}
			<-ended // so these are canceled
			<-ended
			if sleep(r.Context(), 50*time.Millisecond) { // and if this request is, too, then now
				w.WriteHeader(http.StatusAccepted)
			}
		}), ""))
	}()
	statuses := make(chan int, 3)
	for _, path := range []string{"/jobs/1/events", "/lease", "/signups"} {
		go func() {
			status := 0
			response, err := http.Post("http://"+listener.Addr().String()+path, "application/json", strings.NewReader("{}"))
			if err == nil {
				status = response.StatusCode
				response.Body.Close()
			}
			statuses <- status
		}()
	}
	for range 3 {
		<-begun
	}
	stop()
	if err := <-served; err != nil {
		t.Fatalf("the streams did not end: %v", err)
	}
	if a, b, c := <-statuses, <-statuses, <-statuses; max(a, b, c) != http.StatusAccepted {
		t.Errorf("a sign-up was in flight at the shutdown, and the answers are %d, %d and %d: want it answered with 202", a, b, c)
	}
}

// TestShutdownWaits8SecondsForARequest that does not end (claim 7.5). A connection that has sent
// nothing, as browsers open them in advance, is closed earlier, and is not an error.
func TestShutdownWaits8SecondsForARequest(t *testing.T) {
	for _, request := range []string{"", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			ctx, stop := context.WithCancel(t.Context())
			hangs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { time.Sleep(time.Hour) })
			served := make(chan error, 1)
			go func() { served <- serve(ctx, &one{conn: server, open: make(chan struct{})}, NewServer(hangs, "")) }()
			var want error
			if request != "" {
				want = context.DeadlineExceeded
				io.WriteString(client, request)
			}
			synctest.Wait()
			began := time.Now()
			stop()
			if err := <-served; err != want || want != nil && time.Since(began) != 8*time.Second {
				t.Errorf("a client has sent %q; stopped, the server ended with %v after %v, want %v, and 8s for a request", request, err, time.Since(began), want)
			}
			time.Sleep(time.Hour) // a bubble ends only when all its goroutines have ended
		})
	}
}

// TestNothingRemainsAfterShutdown runs all roles in this process and counts goroutines (claim 7.5).
func TestNothingRemainsAfterShutdown(t *testing.T) {
	before := runtime.NumGoroutine()
	b := open(t, t.TempDir())
	api := httptest.NewServer(API(b))
	client := NewClient(api.URL)
	web := httptest.NewServer(webOf(client))
	stop := work(t, client, 4, func(context.Context, *Task) error { return nil })
	watcher, cancel := context.WithCancel(t.Context())
	later := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Due: time.Now().Add(time.Hour)})
	request, err := http.NewRequestWithContext(watcher, "GET", web.URL+"/jobs/"+later.ID+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	events, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	j := enqueue(t, b, NewJob{})
	until(t, client, j.ID, hasEnded)
	cancel()
	events.Body.Close()
	stop()
	web.Close()
	client.HTTP.CloseIdleConnections()
	api.Close()
	b.Close()
	http.DefaultClient.CloseIdleConnections()
	for limit := time.Now().Add(longest(t)); runtime.NumGoroutine() > before; sleep(t.Context(), time.Millisecond) {
		if time.Now().After(limit) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines remain:\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestKillReturnsWhenTheProcessHasEnded in each of two goroutines, and when it is called again.
func TestKillReturnsWhenTheProcessHasEnded(t *testing.T) {
	broker, _, _ := startSystem(t, 0, "5s")
	kill := func() {
		broker.Kill()
		select {
		case <-broker.ended:
		default:
			t.Error("Kill has returned, but the process has not ended")
		}
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(kill)
	}
	both.Wait()
	kill()
}
