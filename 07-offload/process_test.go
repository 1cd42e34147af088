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
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var crashes = flag.Int("crashes", 20, "at how many random moments TestNothingAcceptedIsLostInCrashes kills a process")

// startSystem starts a broker and workers as processes of their own, with a lease of half a second.
func startSystem(t *testing.T, workers int) (broker *Process, all []*Process, mail Maildir) {
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
	broker = start("broker", "-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "jobs"), "-lease", "500ms")
	for range workers {
		all = append(all, start("worker", "-broker", broker.URL, "-mail", string(mail), "-heartbeat", "150ms", "-concurrency", "1", "-drain", "5s"))
	}
	return broker, all, mail
}

// TestNothingAcceptedIsLostInCrashes kills the broker or a worker at random
// moments, under load, and starts it again (claim 7.2). In the end every accepted
// job has had its effect, once. go test -run Crashes ./07-offload -crashes 200
func TestNothingAcceptedIsLostInCrashes(t *testing.T) {
	broker, workers, mail := startSystem(t, 2)
	client := NewClient(broker.URL, "")
	policy := Policy{Attempts: 1000, Deadline: 10 * time.Second}

	stop := make(chan struct{})
	var mu sync.Mutex
	accepted := make(map[string]bool)
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for i := 0; ; i++ {
				n := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: policy, Key: fmt.Sprint(c, "-", i)}
				for { // with the same key, until there is an answer
					j, err := client.Enqueue(context.Background(), n)
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
					sleep(t.Context(), 5*time.Millisecond)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	kinds := make(map[string]int)
	for range *crashes {
		sleep(t.Context(), rand.N(60*time.Millisecond)) // the moment is what is random here
		victim := append(workers, broker)[rand.N(len(workers)+1)]
		kinds[victim.args[0]]++
		victim.Kill()
		if err := victim.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	clients.Wait()

	var missing []string
	for limit := time.Now().Add(30*time.Second + time.Duration(*crashes-20)*time.Second); time.Now().Before(limit); sleep(t.Context(), 20*time.Millisecond) {
		names, err := mail.Delivered()
		if err != nil {
			t.Fatal(err)
		}
		there := make(map[string]bool)
		for _, name := range names {
			there[name] = true
			if !accepted[name] {
				t.Fatalf("the mail %s belongs to no job that was accepted: one was lost, and asked for again", name)
			}
		}
		missing = missing[:0]
		for id := range accepted {
			if !there[id] {
				missing = append(missing, id)
			}
		}
		o, err := client.Overview(context.Background())
		if len(missing) == 0 && err == nil && o.Waiting+o.Scheduled+o.Running+o.Dead == 0 {
			break
		}
	}
	t.Logf("%d accepted, killed: %v", len(accepted), kinds)
	if len(missing) > 0 {
		t.Errorf("%d of %d accepted jobs are lost, %s for one\n%s", len(missing), len(accepted), missing[0], broker.Log())
	}
	if o, err := client.Overview(context.Background()); err != nil || o.Waiting+o.Scheduled+o.Running+o.Dead > 0 {
		t.Errorf("some are stuck: %+v, %v", o, err)
	}
}

// TestSIGTERMDrainsTheWorker stops a worker process in the middle of a job (claim 7.5).
func TestSIGTERMDrainsTheWorker(t *testing.T) {
	broker, workers, _ := startSystem(t, 1) // on Windows, which has no signals, Stop does it in another way
	s := &System{jobs: NewClient(broker.URL, "")}
	j, err := s.jobs.Enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("ada@slow.test")})
	if err != nil {
		t.Fatal(err)
	}
	leased := s.until(t.Context(), j.ID, func(j Job) bool { return j.State == Running })
	s.until(t.Context(), j.ID, func(j Job) bool { return j.Expires.After(leased.Expires) }) // a heartbeat: it has begun
	if status := workers[0].Stop(); status != 0 {
		t.Errorf("told to stop, the worker ended with status %d\n%s", status, workers[0].Log())
	}
	if j, err = s.jobs.Get(t.Context(), j.ID); err != nil || j.State != Done || j.Attempts != 1 {
		t.Errorf("the job under way is %s after %d attempts, %v: want it finished before the worker ended", j.State, j.Attempts, err)
	}
	if status := broker.Stop(); status != 0 {
		t.Errorf("told to stop, the broker ended with status %d\n%s", status, broker.Log())
	}
}

// TestWebSaysSoQuicklyWhenTheBrokerIsAway (claim 7.1): refused, and not answering.
func TestWebSaysSoQuicklyWhenTheBrokerIsAway(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close() // it accepts, by the system's hand, and never answers
	for _, url := range []string{"http://127.0.0.1:1", "http://" + mute.Addr().String()} {
		web := (&Web{NewClient(url, ""), ""}).Handler()
		began := time.Now()
		w := send(web, "POST", "/signups", Signup{"Ada", "ada@example.com"})
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
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
	web := httptest.NewServer((&Web{NewClient(api.URL, ""), ""}).Handler())
	defer web.Close()
	j := enqueue(t, b, NewJob{})
	response, err := http.Get(web.URL + "/jobs/" + j.ID + "/events")
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
	next(`"state":"queued"`)
	leased, err := b.Lease(t.Context(), "w", newToken())
	if err != nil {
		t.Fatal(err)
	}
	next(`"state":"running"`)
	if err := b.Heartbeat(t.Context(), leased.ID, leased.Token, Progress{3, 10}); err != nil {
		t.Fatal(err)
	}
	next(`"progress":{"done":3,"total":10}`)
	if err := b.Finish(t.Context(), leased.ID, leased.Token, Progress{10, 10}); err != nil {
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
	leased, _ := b.Lease(t.Context(), "w", newToken())
	o, _ := b.Look()
	if o.Waiting != 1 || o.Scheduled != 1 || o.Running != 1 || len(o.SomeRunning) != 1 || o.SomeRunning[0].ID != leased.ID || o.SomeRunning[0].Worker != "w" {
		t.Errorf("2 jobs for now, 1 for later, 1 of them leased: %+v", o)
	}
	var vars struct {
		Jobs struct{ Waiting, Running int }
	}
	if w := send(webOn(b, ""), "GET", "/debug/vars", ""); json.Unmarshal(w.Body.Bytes(), &vars) != nil || vars.Jobs.Waiting != 1 || vars.Jobs.Running != 1 {
		t.Errorf("/debug/vars says %.300s", w.Body)
	}
	if o.SomeRunning[0].Token != "" {
		t.Error("the overview shows the token of a lease, with which anybody could end it")
	}
	b.Fail(t.Context(), leased.ID, leased.Token, "451 busy")
	if o, _ := b.Look(); len(o.SomeRetrying)+o.Waiting < 2 {
		t.Errorf("after a failed attempt: %+v", o)
	}
}

// TestOverviewCountsMoreThanItLists has 80 dead letters (claim 7.8).
func TestOverviewCountsMoreThanItLists(t *testing.T) {
	b := open(t, t.TempDir())
	defer b.Close()
	var ids []string
	for range 80 {
		ids = append(ids, enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Attempts: 1}}).ID)
		j, _ := b.Lease(t.Context(), "w", newToken())
		b.Fail(t.Context(), j.ID, j.Token, "451 busy")
	}
	o, _ := b.Look()
	if o.Dead != 80 || len(o.SomeDead) != 50 {
		t.Errorf("80 jobs are dead, and the overview counts %d and lists %d of them", o.Dead, len(o.SomeDead))
	}
	for i, j := range o.SomeDead {
		if j.ID != ids[i] {
			t.Fatalf("the overview does not list the oldest: in place %d is %s, and not %s", i, j.ID, ids[i])
		}
	}
}

// one is a listener that has one connection, in memory.
type one struct {
	net.Listener
	conn net.Conn
}

func (l *one) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l *one) Close() error { return nil }

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

// TestProcessEndsWithWhoStartedIt lets its standard input end, as the death of whoever
// started it does (claim 7.5): it drains, and nothing is left behind.
func TestProcessEndsWithWhoStartedIt(t *testing.T) {
	broker, workers, _ := startSystem(t, 1)
	for _, p := range []*Process{workers[0], broker} {
		p.stdin.Close()
		select {
		case <-p.ended:
			if status := p.cmd.ProcessState.ExitCode(); status != 0 {
				t.Errorf("the %s ended with status %d, want 0, as after SIGTERM\n%s", p.args[0], status, p.Log())
			}
		case <-time.After(10 * time.Second):
			t.Errorf("the starter of the %s has ended, but the %s is still there", p.args[0], p.args[0])
			p.Kill()
		}
	}
}

// TestShutdownEndsStreamsAndAnswersTheRest has both under way when the role is told
// to end (claim 7.5): only what would never end by itself is broken off.
func TestShutdownEndsStreamsAndAnswersTheRest(t *testing.T) {
	listener, err := Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan bool, 2), make(chan bool)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, "web", listener, "", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun <- true
			if r.URL.Path == "/overview/events" {
				<-r.Context().Done()
				close(ended)
				return
			}
			<-ended                                      // so the end has been told to all who are to hear of it
			if sleep(r.Context(), 50*time.Millisecond) { // or is just being told
				w.WriteHeader(http.StatusAccepted)
			}
		}))
	}()
	statuses := make(chan int, 2)
	for _, path := range []string{"/overview/events", "/signups"} {
		go func() {
			a := post(t.Context(), "http://"+listener.Addr().String()+path, Signup{"Ada", "ada@example.com"}, "")
			statuses <- a.status
		}()
	}
	<-begun
	<-begun
	stop()
	if a, b := <-statuses, <-statuses; max(a, b) != http.StatusAccepted {
		t.Errorf("a sign-up was under way when the server was told to end, and the answers are %d and %d: want it answered with 202", a, b)
	}
	if err := <-served; err != nil {
		t.Errorf("the stream did not end: %v", err)
	}
}

// TestNothingRemainsAfterShutdown runs all roles in this process and counts goroutines (claim 7.5).
func TestNothingRemainsAfterShutdown(t *testing.T) {
	before := runtime.NumGoroutine()
	b := open(t, t.TempDir())
	api := httptest.NewServer(API(b))
	client := NewClient(api.URL, "")
	web := httptest.NewServer((&Web{client, ""}).Handler())
	stop := work(t, client, 4, func(context.Context, *Task) error { return nil })
	watcher, cancel := context.WithCancel(t.Context())
	events, err := NewClient(web.URL, "").Events(watcher, "/overview/events")
	if err != nil {
		t.Fatal(err)
	}
	j := enqueue(t, b, NewJob{})
	(&System{jobs: client}).await(t.Context(), j.ID)
	cancel()
	events.Close()
	stop()
	web.Close()
	client.HTTP.CloseIdleConnections()
	api.Close()
	b.Close()
	http.DefaultClient.CloseIdleConnections()
	for limit := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(limit) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines remain:\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
