package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// byHand runs a role until it ends, as a command that a person types.
func byHand(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(append(os.Environ(), asRole+"=by hand", "GORACE=atexit_sleep_ms=0"), env...)
	return cmd
}

// TestTwoAnswersAreFixed: those of 7.3 and 7.10. Every other section measures which
// answer is right.
func TestTwoAnswersAreFixed(t *testing.T) {
	fixed := make(map[string]string)
	for id, q := range quizzes {
		if q.right != "" {
			fixed[id] = q.right
		}
	}
	if want := map[string]string{"7.3": "a", "7.10": "b"}; !maps.Equal(fixed, want) {
		t.Errorf("the fixed answers are %v, want %v", fixed, want)
	}
}

// TestWrongFlagsExitWithStatus2 and with an error that says what is right. Most have a second
// mistake: without the error of the first, the role would run until the time limit of go test.
func TestWrongFlagsExitWithStatus2(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"broker -lease 1ms", "-lease must be from 100ms to 1h, got 1ms"},
		{"all -lease 2h", "-lease must be from 100ms to 1h, got 2h"},
		{"worker -concurrency 0", "-concurrency must be from 1 to 10000, got 0"},
		{"worker -drain -1s", "-drain must not be negative, got -1s"},
		{"all -concurrency 10001", "-concurrency must be from 1 to 10000, got 10001"},
		{"web -addr nowhere:x -broker localhost:8081", "-broker must be a URL such as http://localhost:8081"},
		{"worker -concurrency 0 -broker http:localhost:8081", "-broker must be a URL such as http://localhost:8081"},
		{"worker -concurrency 0 -broker x://localhost", "-broker must be a URL such as http://localhost:8081"},
		{"broker -lease 1ms -token S", "flag provided but not defined: -token"},
		{"worker -concurrency 0 -token S", "flag provided but not defined: -token"},
		{"web -addr nowhere:x -token S", "flag provided but not defined: -token"},
		{"all -lease 1ms -token S", "flag provided but not defined: -token"},
		{"web -addr nowhere:x -broker", "flag needs an argument: -broker"},
		{"web -addr nowhere:x now", `web takes no arguments, got ["now"]`},
		{"web -addr nowhere:x -lease 1s", "flag provided but not defined: -lease"},
	} {
		cmd := byHand(t, nil, strings.Fields(test.args)...)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %v; want exit status 2 and %q:\n%s", test.args, cmd.ProcessState, test.want, out)
		}
	}
	data := write(t, nil) // a file where the directory should be, so that the role ends
	for _, args := range []string{"all -lease 100ms -concurrency 1 -drain 0s -data ", "all -lease 1h -concurrency 10000 -data "} {
		cmd := byHand(t, nil, append(strings.Fields(args), data)...)
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "07-offload all: ") {
			t.Errorf("%s: %v; want flags at their limits accepted, and then status 1 without a directory:\n%s", args, cmd.ProcessState, out)
		}
	}
}

// TestRoleExplainsItselfAndItsFlags with -h, and with status 0.
func TestRoleExplainsItselfAndItsFlags(t *testing.T) {
	for role, flags := range map[string]string{"all": "-addr -concurrency -data -drain -lease -mail", "broker": "-addr -data -lease",
		"web": "-addr -broker", "worker": "-broker -concurrency -drain -mail"} {
		out, err := byHand(t, nil, role, "-h").CombinedOutput()
		var explained []string
		for line := range strings.SplitSeq(string(out), "\n") {
			if words := strings.Fields(line); len(words) > 0 && strings.HasPrefix(line, "  -") {
				explained = append(explained, words[0])
			}
		}
		if got := strings.Join(explained, " "); err != nil || got != flags || !strings.Contains(string(out), roles[role]) {
			t.Errorf("%s -h ended with %v and explains the flags %q, want %q and %q:\n%s", role, err, got, flags, roles[role], out)
		}
	}
}

// TestRoleNeedsNoFlags: the jobs are in .offload then, which is a file here, so that the role ends.
func TestRoleNeedsNoFlags(t *testing.T) {
	dir := t.TempDir()
	mustIn(t)(os.WriteFile(filepath.Join(dir, ".offload"), nil, 0o600))
	for _, role := range []string{"all", "broker"} {
		cmd := byHand(t, nil, role)
		cmd.Dir = dir
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "07-offload "+role+": ") || !strings.Contains(string(out), ".offload") {
			t.Errorf("%s: %v; want status 1 and an error about .offload:\n%s", role, cmd.ProcessState, out)
		}
	}
}

// TestTokenIsNotAmongTheArguments, which every user of the machine can list, nor in the
// logs. It is in the environment.
func TestTokenIsNotAmongTheArguments(t *testing.T) {
	const secret = "a-token-that-is-secret"
	dir := t.TempDir()
	t.Setenv("OFFLOAD_TOKEN", secret)
	start := func(args ...string) *Process {
		p, err := Start(args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
		if strings.Contains(strings.Join(p.cmd.Args, " "), secret) {
			t.Errorf("the arguments of the %s contain the token: %q", args[0], p.cmd.Args)
		}
		return p
	}
	broker := start("broker", "-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "jobs"))
	web := start("web", "-addr", "127.0.0.1:0", "-broker", broker.URL)
	worker := start("worker", "-broker", broker.URL, "-mail", filepath.Join(dir, "mail"))
	if worker.URL != "" {
		t.Errorf("the worker does not listen, and its URL is %q, want none", worker.URL)
	}
	get := func(path, token string) (int, string) {
		request, err := http.NewRequest("GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(text)
	}
	for _, url := range []string{broker.URL, web.URL} {
		if status, _ := get(url+"/overview", "wrong"); status != http.StatusUnauthorized {
			t.Errorf("with a wrong token: status %d, want 401", status)
		}
		if status, text := get(url+"/overview", secret); status != http.StatusOK {
			t.Errorf("with the token: status %d, want 200: %s", status, text)
		}
	}
	s := &System{jobs: NewClient(broker.URL), site: NewClient(web.URL)}
	s.jobs.Token, s.site.Token = secret, secret
	if j := until(t, s.jobs, signUp(t, s.site), hasEnded); j.State != Done {
		t.Errorf("the worker with the token: the job is %s, want done", j.State)
	}
	for _, p := range []*Process{worker, web, broker} {
		if strings.Contains(p.Log(), secret) {
			t.Errorf("the log of the %s contains the token:\n%s", p.args[0], p.Log())
		}
	}
}

// TestRunningWaitsForAWorker: until a worker runs the job, the job is queued.
func TestRunningWaitsForAWorker(t *testing.T) {
	for _, last := range []State{Running, Done} {
		states := []State{Queued, Scheduled, Queued, last, last}
		mux := http.NewServeMux()
		mux.HandleFunc("POST /signups", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			json.NewEncoder(w).Encode(Job{ID: "1"})
		})
		mux.HandleFunc("GET /jobs/1", func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(Job{ID: "1", State: states[0]})
			states = states[1:]
		})
		server := httptest.NewServer(mux)
		client := NewClient(server.URL)
		if j := (&System{jobs: client, site: client}).running(t.Context()); j.State != last {
			t.Errorf("it returns when the job is %s, want %s", j.State, last)
		}
		server.Close()
	}
}

// TestUntilRetriesWhileTheBrokerIsDown: only a job that the broker does not know is lost.
func TestUntilRetriesWhileTheBrokerIsDown(t *testing.T) {
	for _, test := range []struct {
		answers []error // and then the job is done
		want    State
	}{{[]error{ErrUnavailable, nil, ErrUnavailable}, Done}, {[]error{ErrUnavailable, ErrNotFound}, "lost"}} {
		client := NewClient("http://broker")
		client.HTTP.Transport = direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			j, err := Job{ID: "1", State: Done}, error(nil)
			if len(test.answers) > 0 {
				j.State, err, test.answers = Running, test.answers[0], test.answers[1:]
			}
			answer(w, r, http.StatusOK, j, err)
		})}
		if j := (&System{jobs: client}).until(t.Context(), "1", hasEnded); j.ID != "1" || j.State != test.want {
			t.Errorf("got job %q, which is %q, want job 1, which is %q", j.ID, j.State, test.want)
		}
	}
}

// TestDemoNeedsNoToken: its processes are for this machine alone.
func TestDemoNeedsNoToken(t *testing.T) {
	cmd := byHand(t, []string{"OFFLOAD_TOKEN=a-token", "TMPDIR=" + t.TempDir()}, "7.4")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with OFFLOAD_TOKEN set, section 7.4 ended with %v:\n%s", err, out)
	}
}

// TestAllRolesInOneProcess signs up, and stops it.
func TestAllRolesInOneProcess(t *testing.T) {
	dir := t.TempDir()
	p := &Process{args: []string{"all", "-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "jobs"), "-mail", filepath.Join(dir, "mail")}}
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	client := NewClient(p.URL)
	s := &System{jobs: client, site: client} // the web server handles both
	if j := until(t, s.jobs, signUp(t, s.site), hasEnded); j.State != Done {
		t.Errorf("the job is %s, want done", j.State)
	}
	if status := p.Stop(t); status != 0 {
		t.Errorf("stopped, it exited with status %d, want 0\n%s", status, p.Log())
	}
}

// TestAllEndsWhenItsAddressIsTaken: the worker in it does not go on alone.
func TestAllEndsWhenItsAddressIsTaken(t *testing.T) {
	listener, err := Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := t.TempDir()
	cmd := byHand(t, nil, "all", "-addr", listener.Addr().String(), "-data", filepath.Join(dir, "jobs"), "-mail", filepath.Join(dir, "mail"))
	cmd.Stderr = new(bytes.Buffer)
	defer time.AfterFunc(longest(t), func() { cmd.Process.Kill() }).Stop()
	if cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v; want exit status 1:\n%s", cmd.ProcessState, cmd.Stderr)
	}
}

// TestFirstSignalEndsARoleWithStatus0: it drains, and the signal does not kill it.
func TestFirstSignalEndsARoleWithStatus0(t *testing.T) {
	needsInterrupt(t)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		web, err := Start("web", "-addr", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(web.Kill)
		web.cmd.Process.Signal(s)
		if status := web.Wait(t); status != 0 {
			t.Errorf("after %v the web server ended with %v, want exit status 0", s, web.cmd.ProcessState)
		}
	}
}

// TestSecondSignalEndsARoleImmediately (claim 7.5): the first one drains, for 10 s and more.
func TestSecondSignalEndsARoleImmediately(t *testing.T) {
	needsInterrupt(t)
	dir := t.TempDir()
	broker, err := Start("broker", "-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "jobs"), "-lease", "500ms")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Kill)
	s := &System{jobs: NewClient(broker.URL)}
	worker := byHand(t, nil, "worker", "-broker", broker.URL, "-mail", filepath.Join(dir, "mail"))
	stderr, err := worker.StderrPipe()
	if err := errors.Join(err, worker.Start()); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(longest(t), func() { worker.Process.Kill() }).Stop()
	if _, err := s.jobs.Enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("ada@hangs.test")}); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stderr); lines.Scan() && !strings.Contains(lines.Text(), "msg=started"); { // its handler runs then
	}
	go io.Copy(io.Discard, stderr)
	worker.Process.Signal(os.Interrupt)
	ended := make(chan error, 1)
	go func() { ended <- worker.Wait() }()
	for draining := true; draining; { // two interrupts that arrive together count as one
		select {
		case <-ended:
			draining = false
		case <-time.After(50 * time.Millisecond):
			worker.Process.Signal(os.Interrupt)
		}
	}
	if status, ok := worker.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
		t.Errorf("the worker ended with %v, want it ended by the second interrupt", worker.ProcessState)
	}
}

// TestInterruptWhileProcessesStartPrintsOneLine sends it to the whole group, as a terminal does.
func TestInterruptWhileProcessesStartPrintsOneLine(t *testing.T) {
	needsInterrupt(t)
	for _, delay := range []time.Duration{0, 5, 20, 60} {
		var stderr bytes.Buffer
		cmd := byHand(t, []string{"TMPDIR=" + t.TempDir()}, "7.6")
		cmd.Stderr = &stderr
		cmd.SysProcAttr = ownGroup
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		end := time.AfterFunc(longest(t), func() { cmd.Process.Kill() })
		stdout.Read(make([]byte, 1))           // its title: now it starts the processes
		<-time.After(delay * time.Millisecond) // any moment of the start
		interruptGroup(cmd)
		io.Copy(io.Discard, stdout)
		cmd.Wait()
		end.Stop()
		if got := stderr.String(); cmd.ProcessState.ExitCode() == 0 || strings.Contains(got, "os.checkPidfd()") || strings.Contains(got, "morestack on gsignal") {
			continue // it had ended; or the signal hit Go's own short-lived child, which shares memory with its parent and crashes it (1.26)
		}
		// A process that is being started belongs to the group for a moment: it may be interrupted first.
		if got := strings.Trim(stderr.String(), "\n"); cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(got, "07-offload: ") || strings.Contains(got, "\n") {
			t.Errorf("interrupted, the demo ended with %v and printed %q; want status 1 and one line", cmd.ProcessState, got)
		}
	}
}
