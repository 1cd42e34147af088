package signup

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Flags are those that every program has.
type Flags struct {
	Addr        string        // of web
	Attempts    int           // at a task, the first one included
	Mail        Maildir       // of worker
	Concurrency int           // of worker
	Drain       time.Duration // of worker: after a signal, running tasks have this long
}

// Role reads the command line: PROGRAM web|worker [flags]. Without any, role is
// "", and the program runs its demo. define adds the program's own flags.
func Role(program, does string, define func(*flag.FlagSet)) (role string, f Flags) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	set := flag.NewFlagSet(program+" "+role, flag.ExitOnError)
	define(set)
	switch role {
	case "web":
		set.StringVar(&f.Addr, "addr", "localhost:8080", "listen at this `host:port`")
	case "worker":
		set.StringVar((*string)(&f.Mail), "mail", "mail", "deliver into this `directory`")
		set.IntVar(&f.Concurrency, "concurrency", 4, "run up to `n` tasks at the same time")
		set.DurationVar(&f.Drain, "drain", 10*time.Second, "after SIGTERM, running tasks have this `duration` to finish")
	}
	set.IntVar(&f.Attempts, "attempts", 5, "dead-letter a task after `n` attempts; the same for web and worker")
	usage := func() {
		fmt.Fprintf(set.Output(), "%s\n\nUsage: go run ./%s [web|worker] [flags]\n\nWithout a role: the demo, with a server of its own.\n", does, program)
		set.PrintDefaults()
	}
	set.Usage = usage
	args := os.Args[min(len(os.Args), 2):]
	if role != "" && role != "web" && role != "worker" {
		if role[0] == '-' { // flags for the demo
			role, args = "", os.Args[1:]
		} else {
			UsageError("%s: no such role: %q; there are web and worker", program, role)
		}
	}
	set.Parse(args)
	switch {
	case set.NArg() > 0:
		UsageError("%s takes no arguments, got %q", set.Name(), set.Args())
	case f.Attempts < 1 || f.Attempts > 25:
		UsageError("-attempts must be from 1 to 25, got %d", f.Attempts)
	case role == "worker" && (f.Concurrency < 1 || f.Concurrency > 1000):
		UsageError("-concurrency must be from 1 to 1000, got %d", f.Concurrency)
	case role == "worker" && f.Drain < 0:
		UsageError("-drain must not be negative, got %v", f.Drain)
	}
	return role, f
}

// UsageError prints what is wrong with the command line and exits with 2, as the flag package does.
func UsageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(2)
}

// Exit ends the program, with 1 and a reason if there is an error.
func Exit(program, role string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s %s: %v\n", program, role, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// UntilSignal returns a context that is canceled by Ctrl-C or SIGTERM. A second signal ends
// the program immediately.
func UntilSignal() context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

// Ready prints on standard error that the worker takes tasks.
func Ready() { fmt.Fprintln(os.Stderr, "worker: ready") }
