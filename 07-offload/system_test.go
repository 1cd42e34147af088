package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A program is this one as a child process.
type program struct {
	*exec.Cmd
	stdout io.ReadCloser
	dir    string // for its temporary files
}

// startDemo starts this program with these arguments.
func startDemo(t *testing.T, role string, stdin *os.File, args ...string) program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := program{Cmd: exec.CommandContext(t.Context(), self, args...), dir: t.TempDir()}
	d.Env = append(os.Environ(), asRole+"="+role, "GORACE=atexit_sleep_ms=0", "TMPDIR="+d.dir, "TMP="+d.dir)
	if stdin != nil {
		d.Stdin = stdin
	}
	if d.stdout, err = d.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// readUntil reads the output up to this text.
func (d program) readUntil(t *testing.T, text string) {
	t.Helper()
	var read []byte
	for b := make([]byte, 1); !bytes.HasSuffix(read, []byte(text)); read = append(read, b...) {
		if _, err := d.stdout.Read(b); err != nil {
			t.Fatalf("the output ends without %q:\n%s", text, read)
		}
	}
}

// leavesNothing waits for the end of the program and looks for its processes and files.
func (d program) leavesNothing(t *testing.T) {
	t.Helper()
	defer time.AfterFunc(longest(t), func() { d.Process.Kill() }).Stop()
	d.Wait()
	if left, err := os.ReadDir(d.dir); err != nil || len(left) > 0 {
		t.Errorf("the demo has left behind %v, %v", left, err)
	}
	environments, _ := filepath.Glob("/proc/[0-9]*/environ") // on Linux
	for _, name := range environments {
		if text, _ := os.ReadFile(name); bytes.Contains(text, []byte("TMPDIR="+d.dir)) {
			t.Errorf("the demo has left behind a process: %s", name)
		}
	}
}

// TestDemoThatIsCutOffLeavesNothing stops reading what the demo prints, as a pager
// does when its user quits (claim 7.5).
func TestDemoThatIsCutOffLeavesNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	if runtime.GOOS == "windows" {
		t.Skip("needs SIGPIPE, which Windows does not have: there the demo continues")
	}
	d := startDemo(t, "1", nil)
	d.readUntil(t, "\n7.1")
	d.stdout.Close()
	d.leavesNothing(t)
}

// TestInterruptedDemoLeavesNothing interrupts it, as Ctrl-C does and the end of its
// terminal, while it starts, runs a section, and waits for an answer.
func TestInterruptedDemoLeavesNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	needsInterrupt(t)
	for _, when := range []struct {
		printed, args string
		signal        os.Signal
	}{
		{"web server\n", "7.6", os.Interrupt},
		{"\n7.1", "7.1", syscall.SIGTERM},
		{"\n7.2", "7.2", os.Interrupt},
		{"\n7.5", "7.5", syscall.SIGHUP},
		{"\n7.8", "7.8", os.Interrupt},
		{"Your answer", "-ask 7.6", os.Interrupt},
	} {
		t.Run(when.printed+when.args, func(t *testing.T) {
			var stdin *os.File
			if when.printed == "Your answer" {
				terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0) // at which there is no user
				if err != nil {
					t.Skip("needs a pseudoterminal: ", err)
				}
				defer terminal.Close()
				stdin = terminal
			}
			d := startDemo(t, "1", stdin, strings.Fields(when.args)...)
			d.readUntil(t, when.printed)
			d.Process.Signal(when.signal)
			d.leavesNothing(t)
			if stdin != nil && d.ProcessState.ExitCode() != 1 { // all others may have ended before the interrupt
				t.Errorf("after an interrupt the demo ended with %v, want exit status 1", d.ProcessState)
			}
		})
	}
}

// TestClosedSystemStartsNothing and writes nothing: do blocks until the program ends.
func TestClosedSystemStartsNothing(t *testing.T) {
	s := new(System)
	s.do(func() error {
		if s.life.TryLock() {
			s.life.Unlock()
			t.Error("a system can be closed while it starts a process")
		}
		return nil
	})
	s.Close()
	if s.life.TryLock() {
		t.Error("a closed system still starts processes")
	}
	for method, call := range map[string]func(){
		".(*System).do(":    func() { s.do(func() error { t.Error("do has called its function"); return nil }) },
		".(*System).Close(": s.Close,
	} {
		returned := make(chan struct{})
		go func() { // forever
			defer close(returned)
			call()
		}()
		for blocked := false; !blocked; runtime.Gosched() {
			stacks := make([]byte, 1<<20)
			for stack := range bytes.SplitSeq(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
				blocked = blocked || bytes.Contains(stack, []byte(method)) && bytes.Contains(stack, []byte("[sync.Mutex.Lock"))
			}
			select {
			case <-returned:
				t.Errorf("the system is closed, but %s...) has returned", method)
				blocked = true
			default:
			}
		}
	}
}

// TestCloseKillsTheProcessesAndRemovesTheFolder: when it returns, both have happened.
func TestCloseKillsTheProcessesAndRemovesTheFolder(t *testing.T) {
	s := &System{dir: t.TempDir(), broker: &Process{URL: "http://127.0.0.1:1"}} // at which there is none
	workers := []*Process{s.startWorker(), s.startWorker()}
	mustIn(t)(os.WriteFile(s.path("file"), nil, 0o600))
	s.Close()
	for i, p := range workers {
		select {
		case <-p.ended:
			if p.cmd.ProcessState.Success() {
				t.Errorf("process %d ended with %v, want it killed", i+1, p.cmd.ProcessState)
			}
		default:
			t.Errorf("the system is closed, but its process %d has not ended", i+1)
			p.Kill()
		}
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the system is closed, but its folder remains: %v", err)
	}
}

// stuck is a demo that cannot be closed.
func stuck() {
	s := new(System)
	s.life.Lock()
	s.closeOnSignal()
	os.Stdout.WriteString("ready\n")
	select {}
}

func TestSecondInterruptEndsTheDemoImmediately(t *testing.T) {
	needsInterrupt(t)
	d := startDemo(t, "stuck", nil)
	d.readUntil(t, "ready\n")
	defer time.AfterFunc(longest(t), func() { d.Process.Kill() }).Stop()
	ended := make(chan error, 1)
	go func() { ended <- d.Wait() }()
	for running := true; running; { // two interrupts that arrive together count as one
		d.Process.Signal(os.Interrupt)
		select {
		case <-ended:
			running = false
		case <-time.After(50 * time.Millisecond):
		}
	}
	if status, ok := d.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
		t.Errorf("the demo ended with %v, want it ended by the second interrupt", d.ProcessState)
	}
}

// TestSectionsRunInAnyOrderAndTwice runs some without the sections before them.
func TestSectionsRunInAnyOrderAndTwice(t *testing.T) {
	t.Parallel() // it mostly waits
	d := startDemo(t, "1", nil, "-ask", "7.10", "7.8", "7.6", "7.4", "7.2", "7.10", "7.4", "7.2", "7.6", "7.8")
	out, _ := io.ReadAll(d.stdout)
	d.leavesNothing(t)
	if !d.ProcessState.Success() {
		t.Errorf("%v, want status 0", d.ProcessState)
	}
	for _, line := range []string{`lost +0`, `named by the job's ID +1 email`, `\(wrong\) +2 emails`} {
		if n := len(regexp.MustCompile(line+"\n").FindAll(out, -1)); n != 2 {
			t.Errorf("each section ran twice, but %d lines end with %q:\n%s", n, line, out)
		}
	}
	var answers strings.Builder // that the sections support, and - for none, as on a machine that is busy in 7.4 or very fast in 7.8
	for _, line := range regexp.MustCompile(`\n     (?:Answer ([a-d]): |This run does not)`).FindAllSubmatch(out, -1) {
		answers.WriteString(cmp.Or(string(line[1]), "-"))
	}
	if want := "^b[c-]c[a-]cb[a-]cc[c-]$"; !regexp.MustCompile(want).MatchString(answers.String()) {
		t.Errorf("the sections support the answers %q, want %q:\n%s", answers.String(), want, out)
	}
}

// TestUnknownArgumentIsAnErrorWithTheSections and starts no process.
func TestUnknownArgumentIsAnErrorWithTheSections(t *testing.T) {
	for _, args := range []string{"7.11", "7.", "chapter", "brokers"} {
		cmd := byHand(t, nil, args)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "\n7.10  The patterns") {
			t.Errorf("%s: %v; want exit status 2 and the list of sections:\n%s", args, cmd.ProcessState, out)
		}
	}
}

// TestSectionRepeatsWhatCameTooLate: the first job is done just before its worker is killed
// (7.5), and the first cancellation comes just after the end of its job (7.7).
func TestSectionRepeatsWhatCameTooLate(t *testing.T) {
	signUps, canceled := 0, 0
	looks := make(map[string]int) // how often each job was read
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signups", func(w http.ResponseWriter, r *http.Request) {
		signUps++
		answer(w, r, http.StatusAccepted, Job{ID: fmt.Sprint(signUps)}, nil)
	})
	mux.HandleFunc("POST /jobs", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, http.StatusOK, []enqueued{{Job: &Job{ID: "late"}}}, nil)
	})
	mux.HandleFunc("GET /jobs/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		looks[id]++
		j := Job{ID: id, State: Running, Attempts: 1}
		switch {
		case id == "late":
			j.State, j.Error = Dead, context.DeadlineExceeded.Error()
		case id == "1" && looks[id] > 1, id == "2" && looks[id] > 2:
			j.State = Done
		}
		if id == "2" && looks[id] > 1 {
			j.Attempts = 2
		}
		answer(w, r, http.StatusOK, j, nil)
	})
	mux.HandleFunc("DELETE /jobs/{id}", func(w http.ResponseWriter, r *http.Request) {
		if canceled++; canceled == 1 {
			answer(w, r, 0, nil, ErrState)
			return
		}
		answer(w, r, http.StatusOK, Job{ID: r.PathValue("id"), State: Canceled}, nil)
	})
	client := NewClient("http://web")
	client.HTTP.Transport = direct{mux}
	s := &System{dir: t.TempDir(), broker: &Process{URL: "http://127.0.0.1:1"}, jobs: client, site: client}
	defer s.Close()
	s.worker = s.startWorker()
	if s.workerDies(t.Context()); signUps != 2 {
		t.Errorf("7.5: the first job was done before the kill, and the section has signed up %d times, want 2", signUps)
	}
	if letter := s.deadlines(t.Context()); canceled != 2 || letter != "a" {
		t.Errorf("7.7: the first job was done before it was canceled; the section has canceled %d jobs and supports answer %q, want 2 and a", canceled, letter)
	}
}

// TestQuickAnswerComparesTheClients of 7.1: the second one need not wait for the email.
func TestQuickAnswerComparesTheClients(t *testing.T) {
	t.Parallel() // it mostly waits
	client := NewClient("http://web")
	client.HTTP.Transport = direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, http.StatusOK, Job{ID: "1", State: Done}, nil)
	})}
	s := &System{dir: t.TempDir(), jobs: client, site: client}
	if letter := s.quickAnswer(t.Context()); letter != "b" {
		t.Errorf("one client waits for a second and the other one does not; the section supports answer %q, want b", letter)
	}
}

// TestLostJobEndsTheDemoWithStatus1: the broker does not know one that was accepted.
func TestLostJobEndsTheDemoWithStatus1(t *testing.T) {
	if os.Getenv("OFFLOAD_LOST") != "" {
		demo.Open()
		demo.site = NewClient("http://web")
		requests := 0
		demo.site.HTTP.Transport = direct{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var err error
			if requests++; requests == 60 { // after the kill
				err = ErrUnavailable
			}
			answer(w, r, http.StatusAccepted, Job{ID: "1-UNKNOWN"}, err)
		})}
		demo.nothingLost(t.Context())
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestLostJobEndsTheDemoWithStatus1$")
	cmd.Env = append(os.Environ(), "OFFLOAD_LOST=1", "GORACE=atexit_sleep_ms=0")
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "07-offload: a job that was accepted is lost") {
		t.Errorf("%v; want exit status 1 and the reason:\n%s", cmd.ProcessState, out)
	}
}

// TestErrorOfAClosedDemoIsNotPrinted: it is a consequence of the end, and must blocks.
func TestErrorOfAClosedDemoIsNotPrinted(t *testing.T) {
	if os.Getenv("OFFLOAD_CLOSED") != "" {
		demo.life.Lock() // as Close does
		go must(errFailed)
		for stacks := make([]byte, 1<<20); !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte(".(*System).Close(")); {
			runtime.Gosched()
		}
		os.Exit(0)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "OFFLOAD_CLOSED=1", "GORACE=atexit_sleep_ms=0")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the demo is closed, and an error ends it with %v and the output %q, want neither", err, out)
	}
}

// TestDemoThatIsNotCompleteExitsWithStatus1 has a failure of this machine: there is
// no folder for its files.
func TestDemoThatIsNotCompleteExitsWithStatus1(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	cmd := exec.CommandContext(t.Context(), self, "7.6")
	cmd.Env = append(os.Environ(), asRole+"=1", "GORACE=atexit_sleep_ms=0", "TMPDIR="+missing, "TMP="+missing)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "\n07-offload: ") || strings.Contains(string(out), "goroutine ") {
		t.Errorf("%v; want exit status 1 and the error in one line:\n%s", cmd.ProcessState, out)
	}
}
