package main

import (
	"context"
	"net"
	"time"

	"concurrency/07-offload/engines/signup"

	faktory "github.com/contribsys/faktory/client"
)

// kind is the name under which web and worker know the task.
const kind = "welcome-mail"

// Tasks is what web asks of Faktory.
type Tasks struct {
	pool     *faktory.Pool // a client is one connection, and not for several goroutines
	attempts int
}

// NewTasks does not connect yet: the server may come later, or go and come back.
func NewTasks(addr string, attempts int) *Tasks {
	pool, err := faktory.NewPoolWithClientConstructor(64, func() (*faktory.Client, error) { return dial(addr) })
	if err != nil {
		panic(err) // only for a negative capacity
	}
	return &Tasks{pool, attempts}
}

// dial connects, with a limit for each answer. The client has none of its own: it
// would wait for ever for a server that hangs, or is something else.
func dial(addr string) (*faktory.Client, error) {
	server := faktory.DefaultServer()
	server.Address = addr
	return server.OpenWithDialer(impatient{net.Dialer{Timeout: time.Second}})
}

type impatient struct{ net.Dialer }

func (d impatient) Dial(network, addr string) (net.Conn, error) {
	conn, err := d.Dialer.Dial(network, addr)
	return limited{conn}, err
}

type limited struct{ net.Conn }

func (c limited) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(time.Second))
	return c.Conn.Read(b)
}

// Enqueue has the task in the server's Redis when it returns nil. Whether it is
// safe there is up to that Redis: the free server has it keep snapshots only, so
// a crash loses what came since the last one. It must be told "appendonly yes" and
// "appendfsync always", for instance in /tmp/redis.conf, which Faktory leaves as it finds it.
func (q *Tasks) Enqueue(ctx context.Context, t signup.Task) error {
	job := faktory.NewJob(kind, t)
	job.Jid = t.ID
	job.ReserveFor = 60 // seconds until a dead worker's task goes to another; by default 1800, and not less than 60
	retries := q.attempts - 1
	if retries == 0 {
		retries = faktory.RetryPolicyDirectToMorgue // 0 would mean: forget it when it fails
	}
	job.Retry = &retries // by default 25
	if !t.Due.IsZero() {
		job.At = t.Due.UTC().Format(time.RFC3339Nano)
	}
	return q.again(ctx, func(c *faktory.Client) error { return c.Push(job) })
}

// again calls f with one connection after another: those from before a restart of
// the server are dead, and are known to be so only when they are used. If only the
// answer was lost the job is pushed twice, and its mail is still one: it has its name.
func (q *Tasks) again(ctx context.Context, f func(*faktory.Client) error) error {
	for {
		err := q.pool.With(f)
		if err == nil || ctx.Err() != nil {
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

// Requeue has them run again.
func (q *Tasks) Requeue(ctx context.Context) error {
	return q.again(ctx, func(c *faktory.Client) error { return c.Requeue(faktory.Dead, faktory.OfType(kind)) })
}
