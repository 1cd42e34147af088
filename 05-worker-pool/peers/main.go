// Command peers runs the same seven cases with the pool of chapter 05 and with
// four libraries, and prints what each of them does. Each case runs in a process
// of its own, since some end it and some block forever.
//
//	go run .                            the table, in Markdown
//	go test -run '^$' -bench .          the speed
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// A peer is a library. Each function makes a pool of its own.
type peer struct {
	name string
	// run runs the tasks on one worker and returns the error of the whole.
	run func(ctx context.Context, tasks ...func(context.Context) error) error
	// late submits a task after the pool was closed.
	late func(task func()) error
	// try submits 8 tasks without blocking to a new pool of 8 workers, and returns
	// how many are accepted; nil if the library has no such method.
	try func(task func()) int
}

// A test is a case: it returns what a library does, in a few words.
type test struct {
	name string
	run  func(peer) string
}

var errDisk = errors.New("disk full")

var tests = []test{
	{"`Goexit` in a task; then another task", func(p peer) string {
		ran := false
		err := p.run(context.Background(),
			func(context.Context) error { runtime.Goexit(); return nil },
			func(context.Context) error { ran = true; return nil })
		return fmt.Sprintf("%s; the other task %s", outcome(err), map[bool]string{true: "runs", false: "is dropped"}[ran])
	}},
	{"the last task cancels the context, then succeeds", func(p peer) string {
		ctx, cancel := context.WithCancel(context.Background())
		return outcome(p.run(ctx, func(context.Context) error { cancel(); return nil }))
	}},
	{"the context is canceled, then the task fails with an error of its own", func(p peer) string {
		ctx, cancel := context.WithCancel(context.Background())
		return outcome(p.run(ctx, func(context.Context) error { cancel(); return errDisk }))
	}},
	{"`panic(err)` in a task", func(p peer) string {
		return outcome(p.run(context.Background(), func(context.Context) error { panic(errDisk) }))
	}},
	{"a task is submitted when the context is done", func(p peer) string {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		ran := false
		err := p.run(ctx, func(context.Context) error { ran = true; return nil })
		return fmt.Sprintf("%s; the task %s", outcome(err), map[bool]string{true: "runs", false: "does not run"}[ran])
	}},
	{"a task is submitted after Close (or Wait)", func(p peer) string {
		ran := make(chan bool, 1)
		if err := p.late(func() { ran <- true }); err != nil {
			return "an error"
		}
		<-ran
		return "the task runs"
	}},
	{"8 tasks, without blocking, to 8 idle workers", func(p peer) string {
		if p.try == nil {
			return "no such method"
		}
		free := make(chan struct{})
		defer close(free)
		return fmt.Sprintf("%d accepted", p.try(func() { <-free }))
	}},
}

// outcome says in a few words what an error is.
func outcome(err error) string {
	var parts []string
	if _, ok := errors.AsType[repanicked](err); ok {
		parts = append(parts, "Wait panics")
	}
	if errors.Is(err, errDisk) {
		parts = append(parts, "the task's error")
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		parts = append(parts, "the context's error")
	}
	switch {
	case err == nil:
		return "no error"
	case errors.Is(err, ErrGoexit):
		return "`ErrGoexit`"
	case len(parts) == 0:
		return "another error"
	}
	return strings.Join(parts, ", ")
}

// repanicked is a panic of Wait.
type repanicked struct{ error }

func (r repanicked) Unwrap() error { return r.error }

func main() {
	if len(os.Args) == 3 { // a process for one case
		for _, p := range peers {
			for _, t := range tests {
				if p.name == os.Args[1] && t.name == os.Args[2] {
					fmt.Println(t.run(p))
				}
			}
		}
		return
	}
	fmt.Print(table())
}

// table runs every case with every library.
func table() string {
	cells := make([][]string, len(tests))
	var group sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i, t := range tests {
		cells[i] = make([]string, len(peers))
		for j, p := range peers {
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				cells[i][j] = child(p.name, t.name)
			})
		}
	}
	group.Wait()
	var b strings.Builder
	b.WriteString("| |")
	for _, p := range peers {
		b.WriteString(" " + p.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(peers)+1) + "\n")
	for i, t := range tests {
		fmt.Fprintf(&b, "| %s | %s |\n", t.name, strings.Join(cells[i], " | "))
	}
	return b.String()
}

// child runs a case in a process of its own.
func child(library, name string) string {
	program, err := os.Executable()
	if err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, library, name)
	cmd.Env = append(os.Environ(), "PEERS_CHILD=1")
	var printed strings.Builder // ants logs a panic
	cmd.Stderr = &printed
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil || strings.Contains(printed.String(), "all goroutines are asleep"):
		return "blocks forever"
	case err != nil && strings.Contains(printed.String(), "panic: "):
		return "the program ends"
	case err != nil:
		return err.Error() + ": " + printed.String()
	}
	return strings.TrimSpace(string(out))
}
