package contract

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"concurrency/07-offload/engines/signup"
)

var all = flag.Bool("all", false, "fail if a server is not installed, instead of saying so")

// promises are the rows of the table, and what is tried for each. A function
// returns what the cell says.
var promises = []struct {
	Sentence string
	try      func(*trial) string
}{
	1:  {"The answer does not wait for the work: median of sign-ups whose email takes 1 s", quickAnswer},
	2:  {"`-concurrency 4`: 4 tasks at the same time, never more", concurrency},
	3:  {"Fails twice, succeeds at the third attempt, not before its backoff", retries},
	4:  {"Always fails: dead-lettered, then requeued by an operator", deadLetters},
	5:  {"Worker killed during a task: another worker does it", killedWorker},
	6:  {"SIGTERM: finished or returned to the queue, exit status 0", drained},
	7:  {"Server down: 503, nothing lost, recovers by itself", serverAway},
	8:  {"Server killed under load: every task that got a 202 is done", serverKilled},
	9:  {"Not before its time", delayed},
	10: {"The same task twice: one email", twice},
	11: {"A slow task delays no other: quick ones done while it runs", overtaken},
	12: {"SIGTERM while 100 tasks fail at the same time, 25 times: exit status 0 each time", failingDrained},
	13: {"A malformed task: dead-lettered immediately, without a retry", malformed},
	14: {"The attempt of the worker killed in row 5", nil}, // killedWorker knows
	15: {"A task longer than the lease, two workers alive: it runs once", longTask},
	16: {"Web process killed between the user's row and the task (7.12): both or neither", together},
}

// withDefaults is the row below the eighth: the same with the system's default setting.
const withDefaults = "The same with the default setting"

// A trial is one system, with its server, its web process, and a mailbox.
type trial struct {
	*testing.T
	System
	program string
	server  *Server
	web     *Process
	mail    Mailbox
	flags   []string                   // of web and worker
	also    func(row int, cell string) // sets the cell of another row
}

// must ends the test if there is an error.
func (r *trial) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// on makes a trial of a server that is there.
func on(t *testing.T, s System, program string, server *Server, flags ...string) *trial {
	r := &trial{T: t, System: s, program: program, server: server, mail: Mailbox(filepath.Join(t.TempDir(), "mail")), flags: flags}
	p, err := s.StartWeb(program, server.At, flags...)
	r.must(err)
	t.Cleanup(p.Kill)
	r.web = p
	return r
}

// worker starts one. It is gone when the test ends.
func (r *trial) worker(concurrency int, more ...string) *Process {
	r.Helper()
	p, err := r.StartWorker(r.program, r.server.At, r.mail, concurrency, append(more, r.flags...)...)
	r.must(err)
	r.Cleanup(func() { p.Stop(15 * time.Second) }) // not killed: the tasks it holds would disturb the next one
	return p
}

// signup sends one that must be accepted.
func (r *trial) signup(email string) (id string) {
	r.Helper()
	id, status := r.ask(email, rand.Text(), "")
	if status != http.StatusAccepted {
		r.Fatalf("a sign-up was answered with %d\n%s", status, r.web.Log())
	}
	return id
}

// ask sends a sign-up, and after a 503 the same one again, as Retry-After says: on a busy
// machine a system may not answer within the timeout of the web process. The key makes
// it one task.
func (r *trial) ask(email, key, in string) (id string, status int) {
	r.Helper()
	for limit := time.Now().Add(time.Minute); ; <-time.After(time.Second) {
		id, status, err := r.web.Signup(email, key, in)
		r.must(err)
		if status != http.StatusServiceUnavailable || time.Now().After(limit) {
			return id, status
		}
	}
}

// delivered waits for the emails.
func (r *trial) delivered(timeout time.Duration, ids ...string) {
	r.Helper()
	if missing := r.mail.Wait(ids, timeout); len(missing) > 0 {
		r.Fatalf("%d of %d emails did not arrive within %v, such as %s", len(missing), len(ids), timeout, missing[0])
	}
}

// deadLettered waits until there are want dead letters; the last one is task.
func (r *trial) deadLettered(task string, want int, timeout time.Duration) {
	r.Helper()
	for limit := time.Now().Add(timeout); ; <-time.After(50 * time.Millisecond) {
		n, err := r.dead(r.web)
		r.must(err)
		if n == want {
			return
		}
		if time.Now().After(limit) {
			r.Fatalf("%s is not dead-lettered after %v: %d dead letters, want %d", task, timeout, n, want)
		}
	}
}

func quickAnswer(r *trial) string {
	var took []time.Duration
	var ids []string
	for range 12 {
		began := time.Now()
		ids = append(ids, r.signup("ada@slow.test"))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	median := took[len(took)/2]
	if median > 50*time.Millisecond {
		r.Errorf("a sign-up is answered after %v (median of %d)", median, len(took))
	}
	r.worker(4)
	r.delivered(time.Minute, ids...)
	return short(median)
}

// concurrency reads when the emails were written: each task ran for the second before,
// so tasks whose seconds overlap ran at the same time.
func concurrency(r *trial) string {
	var ids []string
	for range 12 {
		ids = append(ids, r.signup("ada@slow.test"))
	}
	r.worker(4)
	r.delivered(time.Minute, ids...)
	var ends []time.Time
	for _, id := range ids {
		end, _ := r.mail.Has(id)
		ends = append(ends, end)
	}
	most := 0
	for _, instant := range ends { // a little before each end
		n := 0
		for _, end := range ends {
			if after := end.Sub(instant); after >= 0 && after < 950*time.Millisecond {
				n++
			}
		}
		most = max(most, n)
	}
	if most != 4 {
		r.Errorf("%d tasks ran at the same time, want 4, the worker's concurrency", most)
	}
	return fmt.Sprint(most, " at the same time")
}

func retries(r *trial) string {
	w := r.worker(1)
	id := r.signup("ada@flaky.test")
	first, err := w.Begun(id, 1, 30*time.Second)
	r.must(err)
	third, err := w.Begun(id, 3, r.Retried)
	r.must(err)
	r.delivered(10*time.Second, id)
	after := third.Sub(first)
	if after < r.Backoff-5*time.Millisecond { // the log has milliseconds
		r.Errorf("the third attempt began %v after the first, want at least %v", after, r.Backoff)
	}
	return "after " + short(after)
}

// deadLetters puts a file in the place of the mailbox, so that no email can be delivered.
func deadLetters(r *trial) string {
	if r.Attempts {
		r.restartWeb("-attempts", "2")
		r.worker(2, "-attempts", "2")
	} else {
		r.worker(2)
	}
	r.must(os.RemoveAll(string(r.mail)))
	r.must(os.WriteFile(string(r.mail), nil, 0o600))
	before, err := r.dead(r.web)
	r.must(err)
	id := r.signup("ada@example.com")
	r.deadLettered("a task that always fails", before+1, r.Retried)
	r.must(os.Remove(string(r.mail)))
	r.must(r.requeue(r.web))
	r.delivered(r.Retried, id)
	return "yes"
}

func killedWorker(r *trial) string {
	w := r.worker(1)
	id := r.signup("ada@slow.test")
	_, err := w.Begun(id, 1, 30*time.Second)
	r.must(err)
	w.Kill()
	killed := time.Now()
	if _, ok := r.mail.Has(id); ok {
		r.Fatal("the email is there, but its worker was killed during the task")
	}
	next := r.worker(1)
	m, err := next.Says(regexp.MustCompile(`msg=(?:begun|started) job=`+id+` (?:.* )?attempt=(\d+)`), r.Lost)
	r.must(err)
	after := time.Since(killed)
	r.delivered(10*time.Second, id)
	counts := "counts"
	if m[1] == "1" {
		counts = "does not count"
	}
	r.also(14, counts)
	return "after " + short(after)
}

var begun = regexp.MustCompile("msg=(?:begun|started)")

func drained(r *trial) string {
	if runtime.GOOS == "windows" {
		return "not on Windows: no SIGTERM"
	}
	w := r.worker(1, "-drain", "5s")
	ids := []string{r.signup("ada@slow.test"), r.signup("ada@slow.test")}
	_, err := w.Says(begun, 30*time.Second)
	r.must(err)
	status, took := w.Stop(10 * time.Second)
	if status != 0 {
		r.Errorf("after SIGTERM the worker ended with status %d after %v\n%s", status, took, w.Log())
	}
	r.worker(1)
	r.delivered(r.Lost, ids...)
	return short(took)
}

func serverAway(r *trial) string {
	r.worker(2)
	var ids []string
	for range 5 {
		ids = append(ids, r.signup("ada@slow.test"))
	}
	r.server.Stop()
	var slowest time.Duration
	for range 3 {
		began := time.Now()
		_, status, err := r.web.Signup("ada@example.com", "", "")
		took := time.Since(began)
		slowest = max(slowest, took)
		if status != http.StatusServiceUnavailable || took > 2*signup.Timeout {
			r.Errorf("with no server a sign-up was answered with %d after %v (%v), want 503 within %v", status, took, err, signup.Timeout)
		}
	}
	r.must(r.server.Start())
	back := time.Now()
	for {
		id, status, err := r.web.Signup("ada@example.com", "", "")
		if err == nil && status == http.StatusAccepted {
			ids = append(ids, id)
			break
		}
		if time.Since(back) > 30*time.Second {
			r.Fatalf("the server is available again, but a sign-up is answered with %d, %v\n%s", status, err, r.web.Log())
		}
	}
	r.delivered(r.Lost+30*time.Second, ids...)
	return "503 after " + short(slowest)
}

func serverKilled(r *trial) string {
	accepted, missing := underLoad(r)
	may := 0
	if r.Fetching != "" {
		may = 4 // underLoad's worker has four slots
	}
	if len(missing) > may {
		r.Errorf("%d of %d accepted tasks are lost, want at most %d", len(missing), accepted, may)
	}
	return fmt.Sprintf("%d of %d%s", accepted-len(missing), accepted, r.Fetching)
}

// underLoad kills the server while eight clients sign up, and starts it again. It
// returns how many were accepted, and which emails never arrived.
func underLoad(r *trial) (accepted int, missing []string) {
	r.worker(4)
	var mu sync.Mutex
	var ids []string
	stop := make(chan struct{})
	half := make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				id, status, err := r.web.Signup("ada@example.com", "", "")
				if err == nil && status == http.StatusAccepted {
					mu.Lock()
					ids = append(ids, id)
					if len(ids) == 200 {
						close(half)
					}
					mu.Unlock()
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	select {
	case <-half:
	case <-time.After(time.Minute):
		r.Error("200 sign-ups were not accepted within a minute")
	}
	r.server.Kill()
	err := r.server.Start()
	if err == nil { // and it is used again
		mu.Lock()
		before := len(ids)
		mu.Unlock()
		for limit := time.Now().Add(30 * time.Second); ; {
			mu.Lock()
			n := len(ids)
			mu.Unlock()
			if n > before+50 || time.Now().After(limit) {
				break
			}
			<-time.After(10 * time.Millisecond)
		}
	}
	close(stop)
	clients.Wait()
	r.must(err)
	return len(ids), r.mail.Wait(ids, r.Lost+30*time.Second)
}

func delayed(r *trial) string {
	w := r.worker(1)
	asked := time.Now()
	id, status := r.ask("ada@example.com", rand.Text(), "2s")
	if r.NoDelay != "" {
		if status != http.StatusNotImplemented {
			r.Errorf("a system without delays answers with %d", status)
		}
		return "no: " + r.NoDelay
	}
	begun, err := w.Begun(id, 1, 20*time.Second)
	r.must(err)
	if after := begun.Sub(asked); after < 2*time.Second-5*time.Millisecond {
		r.Errorf("a task that was to wait 2 s was begun after %v", after)
	}
	r.delivered(10*time.Second, id)
	return short(max(0, begun.Sub(asked)-2*time.Second)) + " late"
}

func twice(r *trial) string {
	before := r.mail.Count()
	key := fmt.Sprint("form ", time.Now().UnixNano())
	first, status := r.ask("ada@example.com", key, "")
	again, status2 := r.ask("ada@example.com", key, "")
	if status != 202 || status2 != 202 || first != again {
		r.Errorf("the same key was answered with %d and %d, %s and %s", status, status2, first, again)
	}
	r.worker(1)
	last := r.signup("grace@example.com")
	r.delivered(20*time.Second, first, last)
	for range 20 { // it would come now, if it came twice
		if n := r.mail.Count(); n != before+2 {
			r.Fatalf("two tasks, one of them sent twice, made %d emails", n-before)
		}
		<-time.After(50 * time.Millisecond)
	}
	return "one email"
}

// failingDrained stops a worker while a hundred tasks fail at the same time: each of
// them needs the server for its retry, and so does the worker to stop consuming. The
// signal arrives at a different moment each time.
func failingDrained(r *trial) string {
	if runtime.GOOS == "windows" {
		return "not on Windows: no SIGTERM"
	}
	if r.Attempts {
		r.restartWeb("-attempts", "2")
	}
	var slowest time.Duration
	const rounds = 25
	for round := range rounds {
		var clients sync.WaitGroup
		for range 10 {
			clients.Go(func() {
				for accepted, limit := 0, time.Now().Add(time.Minute); accepted < 10; {
					_, status, err := r.web.Signup("ada@fails.test", "", "")
					if status == http.StatusAccepted {
						accepted++
					} else if time.Now().After(limit) { // a 503 of a busy machine is no failure here
						r.Errorf("%d of 10 sign-ups were accepted in a minute; the last one was answered with %d, %v", accepted, status, err)
						return
					}
				}
			})
		}
		clients.Wait()
		args := []string{"-drain", "5s"}
		if r.Attempts {
			args = append(args, "-attempts", "2")
		}
		w := r.worker(100, args...)
		r.must(w.SaysTimes(begun, 1+4*round, time.Minute))
		status, took := w.Stop(30 * time.Second)
		if status != 0 {
			r.Fatalf("round %d of %d: the worker got SIGTERM while tasks failed, and ended with status %d after %v (-1: it was killed)\n%s", round+1, rounds, status, took, w.Log())
		}
		slowest = max(slowest, took)
	}
	return "yes, within " + short(slowest)
}

// restartWeb starts the web process again, with other flags.
func (r *trial) restartWeb(flags ...string) {
	r.Helper()
	r.web.Kill()
	web, err := r.StartWeb(r.program, r.server.At, flags...)
	r.must(err)
	r.Cleanup(web.Kill)
	r.web = web
}

// malformed puts something into the queue that is no task. With 25 attempts the retries
// would take minutes.
func malformed(r *trial) string {
	if r.malformed == nil {
		return r.Malformed
	}
	r.restartWeb("-attempts", "25")
	r.worker(2, "-attempts", "25")
	for _, payload := range []string{`{"id":"../../escape","name":"Ada","email":"ada@example.com"}`, `"no task"`, `no JSON`} {
		before, err := r.dead(r.web)
		r.must(err)
		if err := r.malformed(r.server.At, payload); errors.Is(err, errors.ErrUnsupported) {
			continue // the system takes nothing but JSON
		} else if err != nil {
			r.Fatal(err)
		}
		r.deadLettered("the malformed task "+payload, before+1, 30*time.Second)
	}
	return "yes"
}

// longTask has two workers, and a task that takes longer than the lease of the one that
// begins it.
func longTask(r *trial) string {
	if r.Long == 0 {
		return r.NoLong
	}
	if r.Attempts {
		r.restartWeb("-attempts", "1")
	}
	flags := []string{"-attempts", "1"}
	if !r.Attempts {
		flags = nil
	}
	workers := []*Process{r.worker(1, flags...), r.worker(1, flags...)}
	before, err := r.dead(r.web)
	r.must(err)
	id := r.signup("ada@" + r.Long.String() + ".slow.test")
	begun := func() (n int) {
		for _, w := range workers {
			n += strings.Count(w.Log(), "msg=begun job="+id)
		}
		return n
	}
	for limit := time.Now().Add(r.Long + time.Minute); ; {
		_, over := r.mail.Has(id)
		if r.NoLong != "" { // it is canceled, and has no further attempt
			n, err := r.dead(r.web)
			r.must(err)
			over = n > before
		}
		if over {
			break
		}
		if time.Now().After(limit) {
			r.Fatalf("a task of %v is neither done nor dead-lettered after %v more", r.Long, time.Minute)
		}
		<-time.After(100 * time.Millisecond)
	}
	if n := begun(); n != 1 {
		r.Errorf("a task of %v was begun %d times, and its worker was alive; want once", r.Long, n)
	}
	if r.NoLong != "" {
		return r.NoLong
	}
	return "yes, " + short(r.Long)
}

// TestMain has all systems tried at the same time: most of it is waiting.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == webAlone { // a child of the benchmark
		signup.Exit("contract", webAlone, signup.Serve(context.Background(), "127.0.0.1:0", signup.Handler(nowhereSystem{})))
	}
	flag.Parse()
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

// TestContract tries every promise on every system that is installed (claim 7.11),
// prints the table, and holds the README to it.
func TestContract(t *testing.T) {
	cells := make(map[string][]string) // by system
	t.Run("all", func(t *testing.T) {
		for _, s := range Systems {
			t.Run(s.String(), func(t *testing.T) {
				program := build(t, s)
				server := private(t, s, program, false)
				row := make([]string, len(promises)+1)
				cells[s.Folder] = row
				try := func(t *testing.T, i int, server *Server) {
					row[i] = "broken"
					r := on(t, s, program, server)
					r.also = func(i int, cell string) { row[i] = cell }
					row[i] = promises[i].try(r)
				}
				// What is measured in milliseconds is measured while nothing else happens.
				t.Run("1", func(t *testing.T) { try(t, 1, server) })
				t.Parallel()
				for i := 2; i < len(promises); i++ {
					if promises[i].try == nil {
						continue
					}
					t.Run(fmt.Sprint(i), func(t *testing.T) {
						switch {
						case s.Apart:
							t.Parallel()
							try(t, i, private(t, s, program, false))
						case i == 12: // leaves thousands of tasks that fail
							try(t, i, private(t, s, program, false))
						default:
							try(t, i, server)
						}
					})
				}
				if s.Default == "" {
					row[len(promises)] = "—"
				} else {
					t.Run("default", func(t *testing.T) {
						if s.Apart {
							t.Parallel()
						}
						r := on(t, s, program, private(t, s, program, true), s.defaultFlags...)
						r.Lost = max(r.Lost-30*time.Second, 10*time.Second) // after the restart; what has not arrived then is lost
						accepted, missing := underLoad(r)
						row[len(promises)] = fmt.Sprintf("lost %d of %d: %s", len(missing), accepted, s.Default)
					})
				}
			})
		}
	})
	table := tableOf(cells)
	t.Logf("the contract:\n%s", table)
	holdReadme(t, "contract", table)
	holdReadme(t, "row 5", settings(cells))
}

// private starts a server for a system, or skips the test if that is not installed.
func private(t testing.TB, s System, program string, defaults bool) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "engines") // short: the path of a socket may have 100 characters
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	server, err := s.NewServer(dir, program, defaults)
	if missing := (*NotInstalledError)(nil); errors.As(err, &missing) && !*all {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	return server
}

// What a cell says of which the README can't be held to anything.
const (
	notInstalled = "not installed"
	notTried     = "not tried" // -run has left it out
)

// settings makes the table of what decides row 5.
func settings(cells map[string][]string) string {
	var b strings.Builder
	b.WriteString("| system | what decides | here | by default | measured |\n|---|---|---|---|---|\n")
	for _, s := range Systems {
		measured := notInstalled
		if c := cells[s.Folder]; c != nil {
			measured = cmp.Or(c[5], notTried)
		}
		byDefault := s.Decides.Default
		if byDefault == s.Decides.Here {
			byDefault = "the same"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", s.Name, s.Decides.Name, s.Decides.Here, byDefault, measured)
	}
	return b.String()
}

// tableOf makes the table: systems across, promises down.
func tableOf(cells map[string][]string) string {
	var b strings.Builder
	b.WriteString("| | promise |")
	for _, s := range Systems {
		fmt.Fprintf(&b, " %s |", s.Name)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(Systems)) + "\n")
	row := func(number, sentence string, i int) {
		fmt.Fprintf(&b, "| %s | %s |", number, sentence)
		for _, s := range Systems {
			cell := notInstalled
			if c := cells[s.Folder]; c != nil {
				cell = cmp.Or(c[i], notTried)
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	for i, p := range promises {
		if p.Sentence == "" {
			continue
		}
		row(fmt.Sprint(i), p.Sentence, i)
		if i == 8 {
			row("", withDefaults, len(promises))
		}
	}
	return b.String()
}
