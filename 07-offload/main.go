// Command 07-offload answers a sign-up at once and has its long work done
// elsewhere, by processes that may crash at any moment, without losing a job.
//
//	go run ./07-offload            the lesson
//	go run ./07-offload all        web, broker and worker in one process, for a browser
//	go run ./07-offload broker     one role alone; so web, worker. -h explains each
//	go test -race -v ./07-offload  its proofs
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
	"strings"
	"syscall"
	"time"
)

func main() {
	roles := map[string]func(args []string) error{"all": runAll, "broker": runBroker, "web": runWeb, "worker": runWorker}
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		if err := roles[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "07-offload "+os.Args[1]+":", err)
			os.Exit(1)
		}
		return
	}
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: go run ./07-offload [all|broker|web|worker [flags]]\n\n"+
			"Without arguments: the lesson, with processes of its own, in about 15 s.\n"+
			"With a role: that part of the system. ROLE -h explains its flags.\n")
	}
	flag.Parse()
	if flag.NArg() > 0 {
		usageError("no such role: %q; there are all, broker, web and worker", flag.Arg(0))
	}
	story()
}

// usageError says what is wrong with the command line and exits with 2, as the flag package does.
func usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "07-offload: "+format+"\n", args...)
	os.Exit(2)
}

// flagsOf returns the flags of a role, to be added to.
func flagsOf(role, does string) *flag.FlagSet {
	f := flag.NewFlagSet(role, flag.ExitOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "Usage: go run ./07-offload %s [flags]\n\n%s\n\n", role, does)
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

func runBroker(args []string) error {
	f := flagsOf("broker", "Keeps the jobs, on disk.")
	addr := f.String("addr", "localhost:8081", "listen at this `host:port`")
	token := f.String("token", "", "what a client must know; needed where others can reach the address")
	c := brokerFlags(f)
	parse(f, args)
	check(c)
	return serveBroker(*addr, *token, *c)
}

func brokerFlags(f *flag.FlagSet) *BrokerConfig {
	c := &BrokerConfig{Log: newLog()}
	f.StringVar(&c.Dir, "data", ".offload/jobs", "keep the jobs in this `directory`")
	f.IntVar(&c.Backlog, "backlog", 1_000_000, "refuse more `jobs` than this, waiting or running")
	f.DurationVar(&c.Lease, "lease", 10*time.Second, "give a worker up that is not heard of for so long")
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
	ctx, stop := untilTold()
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

func runWeb(args []string) error {
	f := flagsOf("web", "Takes requests and shows what becomes of them.")
	addr := f.String("addr", "localhost:8080", "listen at this `host:port`")
	token := f.String("token", "", "what a client must know; needed where others can reach the address")
	broker := f.String("broker", "http://localhost:8081", "the broker's `URL`")
	brokerToken := f.String("broker-token", "", "the broker's token")
	root := f.String("root", "", "make reports on directories below this `directory`; without it there are none")
	parse(f, args)
	checkURL(*broker)
	ctx, stop := untilTold()
	defer stop()
	listener, err := Listen(*addr, *token)
	if err != nil {
		return err
	}
	return serve(ctx, "web", listener, *token, (&Web{NewClient(*broker, *brokerToken), *root}).Handler())
}

func runWorker(args []string) error {
	f := flagsOf("worker", "Does the jobs. SIGTERM or Ctrl-C: takes no more, finishes or hands back, and ends.")
	broker := f.String("broker", "http://localhost:8081", "the broker's `URL`")
	brokerToken := f.String("broker-token", "", "the broker's token")
	w, mail, root := workerFlags(f)
	parse(f, args)
	checkURL(*broker)
	checkWorker(w)
	w.Jobs = NewClient(*broker, *brokerToken)
	w.Mux = handlers(*mail, *root)
	ctx, stop := untilTold()
	defer stop()
	fmt.Fprintf(os.Stderr, "worker: ready, %s\n", w.Name)
	w.Run(ctx)
	return nil
}

func workerFlags(f *flag.FlagSet) (w *Worker, mail, root *string) {
	w = &Worker{Name: fmt.Sprint("worker-", os.Getpid()), Log: newLog()}
	f.IntVar(&w.Concurrency, "concurrency", 4, "do so many `jobs` at once")
	f.DurationVar(&w.Drain, "drain", 10*time.Second, "when told to end, wait so long for the jobs under way")
	f.DurationVar(&w.Beat, "heartbeat", 3*time.Second, "tell the broker this often that the worker lives; a third of its -lease")
	mail = f.String("mail", ".offload/mail", "deliver mails, and reports, into this `directory`")
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

// handlers returns what the worker can do.
func handlers(mail, root string) Mux {
	m := Mux{"welcome-mail": Maildir(mail).Welcome}
	if root != "" {
		m["report"] = Reports{root, filepath.Join(mail, "reports")}.Report
	}
	return m
}

func runAll(args []string) error {
	f := flagsOf("all", "Web, broker and worker in one process: for a first look, and a browser.")
	addr := f.String("addr", "localhost:8080", "listen at this `host:port`")
	token := f.String("token", "", "what a client must know; needed where others can reach the address")
	c := brokerFlags(f)
	w, mail, root := workerFlags(f)
	parse(f, args)
	check(c)
	checkWorker(w)
	ctx, stop := untilTold()
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

// untilTold returns a context that ends with Ctrl-C or SIGTERM; and in a process that
// process.go has started also with its standard input, so that it outlives nobody.
func untilTold() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if os.Getenv(asRole) != "" {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	return ctx, stop
}

// serve serves h until ctx ends, and then drains: it answers what is under way. When it is ready it says so, and where.
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

// endWith ends the context of requests that never end by themselves, streams and
// questions for a job, when ending does. All others are left alone.
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
