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
// argument: go run ./07-offload broker.
type command struct {
	name, addr, does string
	run              func(c *config, ctx context.Context) error
}

var commands = []command{
	{"all", "localhost:8080", "Web server, broker and worker in one process: for a first look, and a browser.", (*config).runAll},
	{"broker", "localhost:8081", "Keeps the jobs, on disk.", (*config).runBroker},
	{"web", "localhost:8080", "Accepts requests and shows what becomes of them.", (*config).runWeb},
	{"worker", "", "Runs the jobs. SIGTERM or Ctrl-C: leases no more, finishes or releases its jobs, and ends.", (*config).runWorker},
}

// runCommand runs the role that the command line begins with, and reports
// whether there is one.
func runCommand() bool {
	i := slices.IndexFunc(commands, func(c command) bool { return len(os.Args) > 1 && c.name == os.Args[1] })
	if i < 0 {
		return false
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err := commands[i].run(commands[i].parse(os.Args[2:]), untilSignaled()); err != nil {
		fmt.Fprintf(os.Stderr, "07-offload %s: %v\n", commands[i].name, err)
		os.Exit(1)
	}
	return true
}

// usageError prints what is wrong with the command line and exits with status 2.
var usageError = (&lesson{folder: "07-offload"}).usageError

// A config is what the flags and the environment set.
type config struct {
	role, addr, mail, root, brokerURL string
	token                             string // not a flag: any user of the machine can list the arguments of a process
	broker                            BrokerConfig
	worker                            Worker
}

// parse parses the flags of the role. If they are wrong it prints why and exits with status 2.
func (r command) parse(args []string) *config {
	c := &config{
		role: r.name, token: os.Getenv("OFFLOAD_TOKEN"), brokerURL: "http://localhost:8081",
		broker: BrokerConfig{Backlog: 1_000_000, Log: slog.Default()},
		worker: Worker{Name: fmt.Sprint("worker-", os.Getpid()), Log: slog.Default()},
	}
	f := flag.NewFlagSet(r.name, flag.ExitOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "Usage: go run ./07-offload %s [flags]\n\n%s\n\n", r.name, r.does)
		f.PrintDefaults()
	}
	is := func(roles ...string) bool { return slices.Contains(roles, r.name) }
	if !is("worker") {
		f.StringVar(&c.addr, "addr", r.addr, "listen at this `host:port`; if other machines can reach it, OFFLOAD_TOKEN must be set")
	}
	if is("web", "worker") {
		f.StringVar(&c.brokerURL, "broker", c.brokerURL, "the broker's `URL`; its token is in OFFLOAD_TOKEN, too")
	}
	if is("all", "broker") {
		f.StringVar(&c.broker.Dir, "data", ".offload/jobs", "keep the jobs in this `directory`")
		f.DurationVar(&c.broker.Lease, "lease", 10*time.Second, "redeliver a job whose worker sends no heartbeat for this long")
	}
	if is("all", "worker") {
		f.IntVar(&c.worker.Concurrency, "concurrency", 4, "run up to `n` jobs at the same time")
		f.DurationVar(&c.worker.Drain, "drain", 10*time.Second, "at SIGTERM, wait this long for the running jobs")
		f.StringVar(&c.mail, "mail", ".offload/mail", "deliver emails, and reports, into this `directory`")
		f.StringVar(&c.root, "root", ".", "make reports on directories below this `directory`")
	}
	f.Parse(args)
	switch u, err := url.Parse(c.brokerURL); {
	case f.NArg() > 0:
		usageError("%s takes no arguments, got %q", r.name, f.Args())
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		usageError("-broker must be a URL such as http://localhost:8081, got %q", c.brokerURL)
	case is("all", "broker") && (c.broker.Lease < 100*time.Millisecond || c.broker.Lease > time.Hour):
		usageError("-lease must be from 100ms to 1h, got %v", c.broker.Lease)
	case is("all", "worker") && (c.worker.Concurrency < 1 || c.worker.Concurrency > 10_000):
		usageError("-concurrency must be from 1 to 10000, got %d", c.worker.Concurrency)
	case c.worker.Drain < 0:
		usageError("-drain must not be negative, got %v", c.worker.Drain)
	}
	c.worker.Mux = Mux{"welcome-mail": Maildir(c.mail).Welcome, "report": Reports{c.root, Maildir(filepath.Join(c.mail, "reports"))}.Report}
	return c
}

func (c *config) runBroker(ctx context.Context) error {
	b, err := OpenBroker(c.broker)
	if err != nil {
		return err
	}
	defer b.Close()
	return c.listenAndServe(ctx, API(b))
}

func (c *config) runWeb(ctx context.Context) error {
	return c.listenAndServe(ctx, Web(NewClient(c.brokerURL, c.token)))
}

func (c *config) runWorker(ctx context.Context) error {
	c.worker.Jobs = NewClient(c.brokerURL, c.token)
	fmt.Fprintf(os.Stderr, "worker: ready, %s\n", c.worker.Name)
	return c.worker.Run(ctx)
}

// runAll has no requests between the roles: they call the broker's methods.
func (c *config) runAll(ctx context.Context) error {
	b, err := OpenBroker(c.broker)
	if err != nil {
		return err
	}
	defer b.Close()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		c.worker.Jobs = b
		ended <- c.worker.Run(ctx)
		stop()
	}()
	err = c.listenAndServe(ctx, Web(b))
	stop()
	return errors.Join(err, <-ended)
}

// untilSignaled returns a context that the first Ctrl-C or SIGTERM cancels. The
// second one ends the process immediately. A process that process.go started also
// ends when its standard input does: at the latest when its starter has ended.
func untilSignaled() context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from now on a signal has its default effect
	if os.Getenv(asRole) != "" {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	return ctx
}

func (c *config) listenAndServe(ctx context.Context, h http.Handler) error {
	listener, err := Listen(c.addr, c.token)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: ready at http://%s\n", c.role, listener.Addr())
	return serve(ctx, listener, NewServer(h, c.token))
}

// serve serves until ctx is done, and then drains: it answers the requests in
// flight, up to 5 s. It cancels streams and requests for a lease, which do not end by themselves.
func serve(ctx context.Context, listener net.Listener, srv *http.Server) error {
	h := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/lease" || strings.HasSuffix(r.URL.Path, "/events") {
			request, cancel := context.WithCancel(r.Context())
			defer context.AfterFunc(ctx, cancel)()
			r = r.WithContext(request)
		}
		h.ServeHTTP(w, r)
	})
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return srv.Shutdown(drain)
}
