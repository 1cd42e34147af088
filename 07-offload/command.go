package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A command is a role that this program plays when its name is the first
// argument: go run ./07-offload broker. Each role checks its own flags.
type command struct {
	name, does string
	run        func(f *flag.FlagSet, args []string) error
}

var commands = []command{
	{"all", "Web server, broker and worker in one process: for a first look, and a browser.", runAll},
	{"broker", "Keeps the jobs, on disk.", runBroker},
	{"web", "Accepts requests and shows what becomes of them.", runWeb},
	{"worker", "Runs the jobs. SIGTERM or Ctrl-C: takes no more, finishes or returns its jobs, and ends.", runWorker},
}

// runCommand runs the role that the command line begins with, and reports
// whether there is one. An argument that is neither a role nor one of the
// sections is an error, with the list of both.
func runCommand(sections *lesson) bool {
	for i, arg := range os.Args[1:] {
		if slices.Contains([]string{"-all", "-ask", "-list"}, arg) {
			continue
		}
		if strings.HasPrefix(arg, "-") {
			break // sections.parse checks the rest
		}
		role := slices.IndexFunc(commands, func(c command) bool { return c.name == arg })
		if i == 0 && role >= 0 {
			c := commands[role]
			if err := c.run(c.flags(), os.Args[2:]); err != nil {
				fmt.Fprintf(os.Stderr, "07-offload %s: %v\n", c.name, err)
				os.Exit(1)
			}
			return true
		}
		if !slices.ContainsFunc(sections.sections, func(s section) bool { return s.id == arg }) {
			var list strings.Builder
			for _, c := range commands {
				fmt.Fprintf(&list, "%-7s %s\n", c.name, c.does)
			}
			sections.usageError("%q is neither a role, as the first argument, nor a section.\n\nThe roles:\n\n%s\nThe sections:\n\n%s",
				arg, &list, strings.TrimSuffix(sections.String(), "\n"))
		}
	}
	return false
}

// usageError prints what is wrong with the flags of a role and exits with status 2.
var usageError = (&lesson{folder: "07-offload"}).usageError

// flags returns an empty set of flags that explains the role.
func (c command) flags() *flag.FlagSet {
	f := flag.NewFlagSet(c.name, flag.ExitOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "Usage: go run ./07-offload %s [flags]\n\n%s\n\n", c.name, c.does)
		f.PrintDefaults()
	}
	return f
}

func parse(f *flag.FlagSet, args []string) {
	f.Parse(args)
	if f.NArg() > 0 {
		usageError("%s takes no arguments, got %q", f.Name(), f.Args())
	}
}

func runBroker(f *flag.FlagSet, args []string) error {
	addr := f.String("addr", "localhost:8081", "listen at this `host:port`")
	token := f.String("token", "", "require this token; needed if other machines can reach the address")
	c := brokerFlags(f)
	parse(f, args)
	check(c)
	return serveBroker(*addr, *token, *c)
}

func brokerFlags(f *flag.FlagSet) *BrokerConfig {
	c := &BrokerConfig{Log: newLog()}
	f.StringVar(&c.Dir, "data", ".offload/jobs", "keep the jobs in this `directory`")
	f.IntVar(&c.Backlog, "backlog", 1_000_000, "accept up to `n` jobs, waiting or running")
	f.DurationVar(&c.Lease, "lease", 10*time.Second, "redeliver a job whose worker sends no heartbeat for this long")
	return c
}

func check(c *BrokerConfig) {
	if c.Backlog < 1 {
		usageError("-backlog must be at least 1, got %d", c.Backlog)
	}
	if c.Lease < 100*time.Millisecond || c.Lease > time.Hour {
		usageError("-lease must be from 100ms to 1h, got %v", c.Lease)
	}
}

func serveBroker(addr, token string, c BrokerConfig) error {
	ctx, stop := untilSignaled()
	defer stop()
	b, err := OpenBroker(c)
	if err != nil {
		return err
	}
	defer b.Close()
	listener, err := Listen(addr, token)
	if err != nil {
		return err
	}
	return serve(ctx, "broker", listener, token, API(b))
}

func runWeb(f *flag.FlagSet, args []string) error {
	addr := f.String("addr", "localhost:8080", "listen at this `host:port`")
	token := f.String("token", "", "require this token; needed if other machines can reach the address")
	broker := f.String("broker", "http://localhost:8081", "the broker's `URL`")
	brokerToken := f.String("broker-token", "", "the broker's token")
	root := f.String("root", "", "make reports on directories below this `directory`; without it there are no reports")
	parse(f, args)
	checkURL(*broker)
	ctx, stop := untilSignaled()
	defer stop()
	listener, err := Listen(*addr, *token)
	if err != nil {
		return err
	}
	return serve(ctx, "web", listener, *token, (&Web{NewClient(*broker, *brokerToken), *root}).Handler())
}

func runWorker(f *flag.FlagSet, args []string) error {
	broker := f.String("broker", "http://localhost:8081", "the broker's `URL`")
	brokerToken := f.String("broker-token", "", "the broker's token")
	w, mail, root := workerFlags(f)
	parse(f, args)
	checkURL(*broker)
	checkWorker(w)
	w.Jobs = NewClient(*broker, *brokerToken)
	w.Mux = handlers(*mail, *root)
	ctx, stop := untilSignaled()
	defer stop()
	fmt.Fprintf(os.Stderr, "worker: ready, %s\n", w.Name)
	w.Run(ctx)
	return nil
}

func workerFlags(f *flag.FlagSet) (w *Worker, mail, root *string) {
	w = &Worker{Name: fmt.Sprint("worker-", os.Getpid()), Log: newLog()}
	f.IntVar(&w.Concurrency, "concurrency", 4, "run up to `n` jobs at the same time")
	f.DurationVar(&w.Drain, "drain", 10*time.Second, "at SIGTERM, wait this long for the running jobs")
	f.DurationVar(&w.Beat, "heartbeat", 3*time.Second, "renew the leases this often; a third of the broker's -lease")
	mail = f.String("mail", ".offload/mail", "deliver emails, and reports, into this `directory`")
	root = f.String("root", "", "make reports on directories below this `directory`")
	return w, mail, root
}

func checkWorker(w *Worker) {
	if w.Concurrency < 1 || w.Concurrency > 10_000 {
		usageError("-concurrency must be from 1 to 10000, got %d", w.Concurrency)
	}
	if w.Beat < 10*time.Millisecond || w.Drain < 0 {
		usageError("-heartbeat must be at least 10ms and -drain not negative, got %v and %v", w.Beat, w.Drain)
	}
}

// handlers returns the handlers of a worker.
func handlers(mail, root string) Mux {
	m := Mux{"welcome-mail": Maildir(mail).Welcome}
	if root != "" {
		m["report"] = Reports{root, filepath.Join(mail, "reports")}.Report
	}
	return m
}

func runAll(f *flag.FlagSet, args []string) error {
	addr := f.String("addr", "localhost:8080", "listen at this `host:port`")
	token := f.String("token", "", "require this token; needed if other machines can reach the address")
	c := brokerFlags(f)
	w, mail, root := workerFlags(f)
	parse(f, args)
	check(c)
	checkWorker(w)
	ctx, stop := untilSignaled()
	defer stop()
	b, err := OpenBroker(*c)
	if err != nil {
		return err
	}
	defer b.Close()
	listener, err := Listen(*addr, *token)
	if err != nil {
		return err
	}
	inside, err := Listen("127.0.0.1:0", "")
	if err != nil {
		return err
	}
	srv := NewServer(API(b), "")
	go srv.Serve(inside)
	defer srv.Close()
	client := NewClient("http://"+inside.Addr().String(), "")
	w.Jobs, w.Mux = client, handlers(*mail, *root)
	ended := make(chan struct{})
	go func() {
		w.Run(ctx)
		close(ended)
	}()
	err = serve(ctx, "web", listener, *token, (&Web{client, *root}).Handler())
	stop()
	<-ended
	return err
}

// untilSignaled returns a context that is canceled by Ctrl-C or SIGTERM. A process
// that process.go started observes its standard input instead of Ctrl-C, which a
// terminal sends to all processes: so it ends when its starter ends, not before.
func untilSignaled() (context.Context, context.CancelFunc) {
	if os.Getenv(asRole) == "" {
		return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	}
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // and ignore it
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return ctx, stop
}

// serve serves h until ctx is done, and then drains: it answers the requests in
// flight. When it is ready it prints its address.
func serve(ctx context.Context, role string, listener net.Listener, token string, h http.Handler) error {
	fmt.Fprintf(os.Stderr, "%s: ready at http://%s\n", role, listener.Addr())
	ending, end := context.WithCancel(context.Background())
	defer end()
	srv := NewServer(endWith(ending, h), token)
	srv.RegisterOnShutdown(end)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		return errors.Join(err, srv.Close())
	}
	return nil
}

// endWith cancels the requests that do not end by themselves, streams and requests
// for a job, when ending is done. It does not cancel any other request.
func endWith(ending context.Context, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/lease" || strings.HasSuffix(r.URL.Path, "/events") {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			stop := context.AfterFunc(ending, cancel)
			defer stop()
			r = r.WithContext(ctx)
		}
		h.ServeHTTP(w, r)
	})
}

func checkURL(s string) {
	if u, err := url.Parse(s); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		usageError("-broker must be a URL such as http://localhost:8081, got %q", s)
	}
}

func newLog() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }
