package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"concurrency/07-offload/engines/signup"

	faktory "github.com/contribsys/faktory/client"
)

// kind is the name under which web and worker know the task.
const kind = "welcome-mail"

// Tasks is what the web process asks of Faktory.
type Tasks struct {
	pool     *faktory.Pool // a client is one connection, for one goroutine at a time
	attempts int
}

// NewTasks does not connect yet: the server may start later, or restart.
func NewTasks(addr string, attempts int) *Tasks {
	pool, err := faktory.NewPoolWithClientConstructor(64, func() (*faktory.Client, error) {
		client, err := dial(addr)
		if err != nil {
			err = fmt.Errorf("%w: %w", errDown, err)
		}
		return client, err
	})
	if err != nil {
		panic(err) // only for a negative capacity
	}
	return &Tasks{pool, attempts}
}

// errDown is the error of a new connection that the server does not accept.
var errDown = errors.New("no Faktory there")

// dial connects, with a deadline for each answer. The client has none of its own: it
// would block forever on a server that accepts the connection and never answers.
func dial(addr string) (*faktory.Client, error) {
	server := faktory.DefaultServer()
	server.Address = addr
	return server.OpenWithDialer(dialer{})
}

// tcp opens the connections. A test has pipes instead.
var tcp faktory.Dialer = &net.Dialer{Timeout: time.Second}

type dialer struct{}

func (dialer) Dial(network, addr string) (net.Conn, error) {
	conn, err := tcp.Dial(network, addr)
	return limited{conn}, err
}

type limited struct{ net.Conn }

func (c limited) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(signup.Timeout))
	return c.Conn.Read(b)
}

// Enqueue has the task in the server's Redis when it returns nil. Whether it survives a
// crash depends on that Redis: the free server (1.9) has it keep snapshots only, so
// a crash loses what was written since the last one. It needs "appendonly yes" and
// "appendfsync always", for instance in /tmp/redis.conf, which Faktory does not overwrite.
func (q *Tasks) Enqueue(ctx context.Context, t signup.Task) error {
	job := faktory.NewJob(kind, t)
	job.Jid = t.ID
	job.ReserveFor = 60 // seconds until a dead worker's task is retried; by default 1800, at least 60
	retries := q.attempts - 1
	if retries == 0 {
		retries = faktory.RetryPolicyDirectToMorgue // 0 would mean: dropped when it fails
	}
	job.Retry = &retries // by default 25
	if !t.Due.IsZero() {
		job.At = t.Due.UTC().Format(time.RFC3339Nano)
	}
	return q.again(ctx, func(c *faktory.Client) error { return c.Push(job) })
}

// again calls f with another connection until one works, or no new one can be opened:
// connections from before a restart of the server are broken, which shows only when they
// are used. If only the answer was lost the job is pushed twice, but there is one email:
// the task's ID is its name.
func (q *Tasks) again(ctx context.Context, f func(*faktory.Client) error) error {
	for {
		err := q.pool.With(f)
		if err == nil || errors.Is(err, errDown) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// Dead counts the morgue.
func (q *Tasks) Dead(ctx context.Context) (n int, err error) {
	err = q.again(ctx, func(c *faktory.Client) error {
		state, err := c.CurrentState()
		if err == nil {
			n = int(state.Data.Sets["dead"])
		}
		return err
	})
	return n, err
}

// Requeue moves them back to the queue.
func (q *Tasks) Requeue(ctx context.Context) error {
	return q.again(ctx, func(c *faktory.Client) error { return c.Requeue(faktory.Dead, faktory.OfType(kind)) })
}
