package signup

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestMain plays the program that ignores its context when a test has started this binary for that.
func TestMain(m *testing.M) {
	if os.Getenv("SIGNUP_SIGNALS") != "" {
		ctx := UntilSignal()
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("canceled")
		<-time.After(time.Hour)
		return
	}
	os.Exit(m.Run())
}

// TestSecondSignalEndsTheProgram: the first one only cancels the context, and the program does not end.
func TestSecondSignalEndsTheProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows a process cannot send SIGTERM to another one")
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "SIGNUP_SIGNALS=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"ready", "canceled"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the child printed %q, want %q", lines.Text(), want)
		}
		child.Process.Signal(syscall.SIGTERM)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for range 3000 { // a minute
		select {
		case <-ended:
			if status := child.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGTERM {
				t.Errorf("%v; want the end by a signal", child.ProcessState)
			}
			return
		case <-time.After(20 * time.Millisecond): // two signals that arrive together count as one
			child.Process.Signal(syscall.SIGTERM)
		}
	}
	t.Error("the program goes on after many signals")
	child.Process.Kill()
	<-ended
}
