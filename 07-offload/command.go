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
	"slices"
	"strings"
	"syscall"
	"time"
)

// roles are what this program can be, as in go run ./07-offload broker.
var roles = map[string]string{
	"all":    "Web server, broker and worker in one process: for a first look, and a browser.",
	"broker": "Keeps the jobs, on disk.",
	"web":    "Accepts requests and shows what becomes of them.",
	"worker": "Runs the jobs. SIGTERM or Ctrl-C: leases no more, finishes or releases its jobs, and ends.",
}

func runRole(role string, args []string) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err := parse(role, args).run(untilSignaled()); err != nil {
		fmt.Fprintf(os.Stderr, "07-offload %s: %v\n", role, err)
		os.Exit(1)
	}
}

// A config is what the flags and the environment set.
type config struct {
	role, addr, data, mail, brokerURL string
	token                             string // not a flag: any user of the machine can list the arguments of a process
	lease                             time.Duration
	worker                            Worker
}

// parse parses the flags of a role. If they are wrong it exits with status 2.
func parse(role string, args []string) *config {
	c := &config{role: role, brokerURL: "http://localhost:8081", token: os.Getenv("OFFLOAD_TOKEN")}
	c.worker = Worker{Name: fmt.Sprint("worker-", os.Getpid()), Log: slog.Default()}
	f := flag.NewFlagSet(role, flag.ExitOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "Usage: go run ./07-offload %s [flags]\n\n%s\n\n", role, roles[role])
		f.PrintDefaults()
	}
	is := func(roles ...string) bool { return slices.Contains(roles, role) }
	const listen = "listen at this `host:port`; if other machines can reach it, OFFLOAD_TOKEN must be set"
	if is("all", "web") {
		f.StringVar(&c.addr, "addr", "localhost:8080", listen)
	}
	if is("broker") {
		f.StringVar(&c.addr, "addr", "localhost:8081", listen)
	}
	if is("web", "worker") {
		f.StringVar(&c.brokerURL, "broker", c.brokerURL, "the broker's `URL`; its token is in OFFLOAD_TOKEN, too")
	}
	if is("all", "broker") {
		f.StringVar(&c.data, "data", ".offload/jobs", "keep the jobs in this `directory`")
		f.DurationVar(&c.lease, "lease", 10*time.Second, "redeliver a job whose worker sends no heartbeat for this long")
	}
	if is("all", "worker") {
		f.IntVar(&c.worker.Concurrency, "concurrency", 4, "run up to `n` jobs at the same time")
		f.DurationVar(&c.worker.Drain, "drain", 10*time.Second, "at SIGTERM, wait this long for the running jobs")
		f.StringVar(&c.mail, "mail", ".offload/mail", "deliver emails into this `directory`")
	}
	f.Parse(args)
	usageError := (&lesson{folder: "07-offload"}).usageError
	switch u, err := url.Parse(c.brokerURL); {
	case f.NArg() > 0:
		usageError("%s takes no arguments, got %q", role, f.Args())
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		usageError("-broker must be a URL such as http://localhost:8081, got %q", c.brokerURL)
	case is("all", "broker") && (c.lease < 100*time.Millisecond || c.lease > time.Hour):
		usageError("-lease must be from 100ms to 1h, got %v", c.lease)
	case is("all", "worker") && (c.worker.Concurrency < 1 || c.worker.Concurrency > 10_000):
		usageError("-concurrency must be from 1 to 10000, got %d", c.worker.Concurrency)
	case c.worker.Drain < 0:
		usageError("-drain must not be negative, got %v", c.worker.Drain)
	}
	c.worker.Handlers = map[string]Handler{"welcome-mail": Maildir(c.mail).Welcome, "newsletter": Maildir(c.mail).Newsletter}
	return c
}

func (c *config) run(ctx context.Context) error {
	client := NewClient(c.brokerURL)
	client.Token = c.token
	switch c.role {
	case "web":
		return c.listenAndServe(ctx, Web(client, client))
	case "worker":
		c.worker.Jobs = client
		fmt.Fprintf(os.Stderr, "worker: ready, %s\n", c.worker.Name)
		return c.worker.Run(ctx)
	}
	b, err := OpenBroker(c.data, c.lease, slog.Default())
	if err != nil {
		return err
	}
	defer b.Close()
	if c.role == "broker" {
		return c.listenAndServe(ctx, API(b))
	}
	c.worker.Jobs = b
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- c.worker.Run(ctx)
		stop()
	}()
	err = c.listenAndServe(ctx, Web(b, API(b)))
	stop()
	return errors.Join(err, <-ended)
}

// untilSignaled returns a context that the first Ctrl-C or SIGTERM cancels. The
// second one ends the process immediately. A process that system.go started also
// ends when its standard input does: at the latest when its parent process has ended.
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
// flight, up to 8 s. It cancels streams and requests for a lease, which do not end by themselves.
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
	drain, cancel := context.WithTimeout(context.Background(), 8*time.Second) // Shutdown waits about 6 s for a new connection without a request
	defer cancel()
	return srv.Shutdown(drain)
}
