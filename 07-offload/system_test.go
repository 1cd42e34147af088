package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A demo is this program as a child process.
type demo struct {
	*exec.Cmd
	stdout io.ReadCloser
	dir    string // for its temporary files
}

// startDemo starts this program with these arguments.
func startDemo(t *testing.T, role string, stdin *os.File, args ...string) demo {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := demo{Cmd: exec.CommandContext(t.Context(), self, args...), dir: t.TempDir()}
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
func (d demo) readUntil(t *testing.T, text string) {
	t.Helper()
	var read []byte
	for b := make([]byte, 1); !bytes.HasSuffix(read, []byte(text)); read = append(read, b...) {
		if _, err := d.stdout.Read(b); err != nil {
			t.Fatalf("the output ends without %q:\n%s", text, read)
		}
	}
}

// leavesNothing waits for the end of the program and looks for its processes and files.
func (d demo) leavesNothing(t *testing.T) {
	t.Helper()
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

// TestLessonThatIsCutOffLeavesNothing stops reading what the demo prints, as a pager
// does that is left (claim 7.5).
func TestLessonThatIsCutOffLeavesNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs SIGPIPE, which Windows does not have: there the demo runs to its end")
	}
	d := startDemo(t, "1", nil)
	d.readUntil(t, "\n7.1")
	d.stdout.Close()
	d.leavesNothing(t)
}

// TestInterruptedDemoLeavesNothing interrupts it, as Ctrl-C does, while it starts,
// runs a section, and waits for an answer.
func TestInterruptedDemoLeavesNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a signal, which a program on Windows cannot send to another one")
	}
	for _, when := range []struct{ printed, args string }{
		{"lose nothing\n", "7.6"},
		{"\n7.1", "7.1"},
		{"\n7.2", "7.2"},
		{"\n7.5", "7.5"},
		{"\n7.8", "7.8"},
		{"Your answer", "-ask 7.6"},
	} {
		t.Run(when.printed+when.args, func(t *testing.T) {
			var stdin *os.File
			if when.printed == "Your answer" {
				terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0) // on which nobody types
				if err != nil {
					t.Skip("needs a pseudoterminal: ", err)
				}
				defer terminal.Close()
				stdin = terminal
			}
			d := startDemo(t, "1", stdin, strings.Fields(when.args)...)
			d.readUntil(t, when.printed)
			d.Process.Signal(os.Interrupt)
			d.leavesNothing(t)
			if stdin != nil && d.ProcessState.ExitCode() != 1 { // all others may have ended before the interrupt
				t.Errorf("after an interrupt the demo ended with %v, want exit status 1", d.ProcessState)
			}
		})
	}
}

// stuck is a demo that cannot be closed.
func stuck() {
	s := new(System)
	s.life.Lock()
	s.closeOnSignal(func() { os.Stdout.WriteString("closing\n") }) // and then it blocks
	os.Stdout.WriteString("ready\n")
	select {}
}

func TestSecondInterruptEndsTheDemoImmediately(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a signal, which a program on Windows cannot send to another one")
	}
	d := startDemo(t, "stuck", nil)
	d.readUntil(t, "ready\n")
	d.Process.Signal(os.Interrupt)
	d.readUntil(t, "closing\n")
	d.Process.Signal(os.Interrupt)
	defer time.AfterFunc(30*time.Second, func() { d.Process.Kill() }).Stop()
	d.Wait()
	if status, ok := d.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
		t.Errorf("the demo ended with %v, want it ended by the second interrupt", d.ProcessState)
	}
}

// TestSectionsRunInAnyOrderAndTwice runs some without the sections before them.
func TestSectionsRunInAnyOrderAndTwice(t *testing.T) {
	d := startDemo(t, "1", nil, "7.10", "7.8", "7.6", "7.4", "7.2", "7.10", "7.4", "7.2", "7.6")
	out, _ := io.ReadAll(d.stdout)
	d.leavesNothing(t)
	if !d.ProcessState.Success() || !bytes.Contains(out, []byte("lost 0, extra emails 0,")) {
		t.Errorf("%v; want status 0, and nothing lost:\n%s", d.ProcessState, out)
	}
}

// TestUnknownArgumentIsAnErrorWithRolesAndSections and starts no process.
func TestUnknownArgumentIsAnErrorWithRolesAndSections(t *testing.T) {
	for _, args := range []string{"7.11", "chapter", "7.1 broker", "-ask brokers"} {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, strings.Fields(args)...)
		cmd.Env = append(os.Environ(), asRole+"=1")
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "\nbroker  Keeps") || !strings.Contains(string(out), "\n7.10  The patterns") {
			t.Errorf("%s: %v; want exit status 2 and the lists of roles and sections:\n%s", args, cmd.ProcessState, out)
		}
	}
}

// TestTotalCountsWhatIsLostAndExtra notes a job that the broker does not know, and
// delivers an email that no job asked for.
func TestTotalCountsWhatIsLostAndExtra(t *testing.T) {
	s := new(System)
	t.Cleanup(s.Close)
	s.Open()
	s.await(t.Context(), s.enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com")}))
	unfinished := s.enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("ada@slow.test")})
	s.note("1-UNKNOWN", Queued)
	if err := s.mail().Deliver("2-UNKNOWN", ""); err != nil {
		t.Fatal(err)
	}
	got := s.total(t.Context())
	if want := (Total{accepted: 3, done: 2, lost: 1, extra: 1}); got != want || got.right() {
		t.Errorf("of %s the total is %+v, want %+v", unfinished, got, want)
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
	cmd.Env = append(os.Environ(), asRole+"=1", "TMPDIR="+missing, "TMP="+missing)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "\n07-offload: ") || strings.Contains(string(out), "goroutine ") {
		t.Errorf("%v; want exit status 1 and the error in one line:\n%s", cmd.ProcessState, out)
	}
}

// TestWrongTotalExitsWithStatus1 ends main's way with a total that is wrong.
func TestWrongTotalExitsWithStatus1(t *testing.T) {
	if os.Getenv("OFFLOAD_WRONG_TOTAL") != "" {
		new(System).finish(context.Background())
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestWrongTotalExitsWithStatus1$")
	cmd.Env = append(os.Environ(), "OFFLOAD_WRONG_TOTAL=1")
	if cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v; want exit status 1", cmd.ProcessState)
	}
}
