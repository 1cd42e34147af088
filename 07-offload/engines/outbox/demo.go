package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"concurrency/07-offload/engines/contract"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
)

// demo kills the web process everywhere, for each of the ways.
func demo() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "engines")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE) // SIGPIPE: as in | head
	fmt.Print("Chapter 07's sign-up in two systems: a row in PostgreSQL, a task in Redis\n\n")
	s, err := startServers(dir)
	if err != nil {
		return err
	}
	defer s.stop()
	go func() {
		<-interrupted
		s.stop()
		os.RemoveAll(dir)
		os.Exit(1)
	}()
	fmt.Print("  The web process is killed at each of its messages to the two servers.\n  Then the worker delivers every email.\n\n" +
		"                  kills     both   neither   only the user   only the email\n")
	for _, way := range []string{"row-first", "task-first", "outbox"} {
		r, err := s.kill(context.Background(), program, way)
		if err != nil {
			return err
		}
		fmt.Printf("     %-12s %5d %8d %9d %14d %15d\n", way, r.kills, r.both, r.neither, r.onlyUser, r.onlyEmail)
		if way == "outbox" && r.onlyUser+r.onlyEmail > 0 {
			return errors.New("the outbox did not keep them together")
		}
	}
	fmt.Print("\nTest:  go test -v ./outbox\n")
	return nil
}

// servers are a PostgreSQL and a Redis, each with a proxy in front of it.
type servers struct {
	dir             string
	postgres, redis *contract.Server

	mu        sync.Mutex
	processes []*contract.Process // guarded by mu; web processes and workers
}

func startServers(dir string) (s *servers, err error) {
	s = &servers{dir: dir}
	if s.postgres, err = contract.NewPostgres(dir, "", false); err != nil {
		return nil, err
	}
	if s.redis, err = contract.NewRedis(dir, "", false); err != nil {
		return nil, err
	}
	if err = errors.Join(s.postgres.Start(), s.redis.Start()); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// start starts a process that stop kills.
func (s *servers) start(program string, args ...string) (*contract.Process, error) {
	s.mu.Lock() // first: stop must not miss a process that is starting
	defer s.mu.Unlock()
	p, err := contract.Start(program, args...)
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return p, err
}

// stop kills the processes. Nothing starts after it: a second call blocks until the
// program ends.
func (s *servers) stop() {
	s.mu.Lock()
	for _, p := range s.processes {
		p.Kill()
	}
	s.postgres.Stop()
	s.redis.Stop()
}

// A result counts what the kills left behind, once all emails were delivered.
type result struct{ kills, both, neither, onlyUser, onlyEmail int }

// kill kills web processes of one way at every point of a sign-up.
func (s *servers) kill(ctx context.Context, program, way string) (r result, err error) {
	wire := &contract.Wire{}
	at, err := url.Parse(s.postgres.At)
	if err != nil {
		return r, err
	}
	if at.Host, err = wire.Proxy("PostgreSQL", at.Host); err != nil {
		return r, err
	}
	redis, err := wire.Proxy("Redis", s.redis.At)
	if err != nil {
		return r, err
	}
	domain := way + ".test"
	kills, err := contract.KillEverywhere(wire, domain, func() (*contract.Process, error) {
		return s.start(program, "web", "-addr", "127.0.0.1:0", "-postgres", at.String(), "-redis", redis, "-way", way)
	})
	if err != nil {
		return r, err
	}
	mail := filepath.Join(s.dir, "mail")
	worker, err := s.start(program, "worker", "-postgres", s.postgres.At, "-redis", s.redis.At, "-mail", mail)
	if err != nil {
		return r, err
	}
	defer worker.Stop(20 * time.Second)
	db, err := pgxpool.New(ctx, s.postgres.At)
	if err != nil {
		return r, err
	}
	defer db.Close()
	if err := s.settled(ctx, db); err != nil {
		return r, err
	}
	emails, err := recipients(mail)
	if err != nil {
		return r, err
	}
	for _, kill := range kills {
		var user bool
		if err := db.QueryRow(ctx, `select exists (select from users where email = $1)`, kill.Email).Scan(&user); err != nil {
			return r, err
		}
		email := emails[kill.Email]
		switch {
		case kill.Answered && !(user && email):
			return r, fmt.Errorf("a sign-up was answered with 202: user %t, email %t", user, email)
		case kill.Answered: // not a kill
			continue
		case user && email:
			r.both++
		case user:
			r.onlyUser++
		case email:
			r.onlyEmail++
		default:
			r.neither++
		}
		r.kills++
	}
	return r, nil
}

// settled waits until the outbox and the queue are empty.
func (s *servers) settled(ctx context.Context, db *pgxpool.Pool) error {
	inspector := asynq.NewInspector(asynq.RedisClientOpt{Addr: s.redis.At})
	defer inspector.Close()
	for limit := time.Now().Add(time.Minute); ; {
		var waiting int
		if err := db.QueryRow(ctx, `select count(*) from outbox`).Scan(&waiting); err != nil {
			return err
		}
		queues, err := inspector.Queues()
		if err != nil {
			return err
		}
		if slices.Contains(queues, "default") { // otherwise nothing was enqueued yet
			info, err := inspector.GetQueueInfo("default")
			if err != nil {
				return err
			}
			waiting += info.Pending + info.Active + info.Scheduled + info.Retry
		}
		if waiting == 0 {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%d tasks are still not done after a minute", waiting)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// recipients returns the addresses to which the mailbox has an email.
func recipients(mail string) (map[string]bool, error) {
	files, err := filepath.Glob(filepath.Join(mail, "new", "*"))
	if err != nil {
		return nil, err
	}
	to := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		line, _, _ := strings.Cut(string(text), "\r\n")
		to[strings.TrimPrefix(line, "To: ")] = true
	}
	return to, nil
}
