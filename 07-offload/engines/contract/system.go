package contract

import (
	"fmt"
	"strings"
	"time"
)

// A System is one of the six, as the contract sees it.
type System struct {
	Name      string // as people write it
	Folder    string // of its program
	Flag      string // with the address of the server
	NewServer func(dir, program string, defaults bool) (*Server, error)
	Worker    []string // further flags of a worker

	Backoff      time.Duration // at least between the first attempt and the third
	Retried      time.Duration // for those two retries
	Lost         time.Duration // at most until a dead worker's task is with another
	Decides      string        // the setting behind Lost
	NoDelay      string        // why it can't hold a task until its time, with a link; "" if it can
	Default      string        // what its default setting is, if that differs from what the program asks for
	defaultFlags []string      // flags of its program for that
	Apart        bool          // each promise is tried with a server of its own: a dead worker's task waits long
	Attempts     bool          // has the flag -attempts
	dead         func(web *Process) (int, error)
	requeue      func(web *Process) error

	// For the demo, where the server is not installed; and what its headings say then.
	Imitation func(dir, program string, defaults bool) (*Server, error)
	Imitated  string

	Long       time.Duration                  // of a task that is longer than the lease; 0: see NoLong
	NoLong     string                         // why such a task cannot go on while its worker lives; "" if it can
	Fetching   string                         // why a task that is being fetched can be lost when the server is killed; "" if it can't
	TwoCommits string                         // why a row in the application's database and a task don't commit together; "" if they do
	Malformed  string                         // where malformed tasks are tested, if malformed is nil
	malformed  func(at, payload string) error // puts that into the queue, past the web process
}

var (
	Asynq = System{
		Name: "Asynq", Folder: "asynq", Flag: "-redis", NewServer: NewRedis,
		Backoff: 750 * time.Millisecond, Retried: 20 * time.Second,
		Lost: 120 * time.Second, Decides: "a lease of 30 s, and a search for expired ones once a minute; no setting changes either (0.26)",
		Long: 150 * time.Second, malformed: malformedAsynq, TwoCommits: twoCommits,
		Default: "Redis keeps snapshots only", Apart: true, Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	Faktory = System{
		Name: "Faktory", Folder: "faktory", Flag: "-faktory", NewServer: NewFaktory,
		Backoff: 31 * time.Second, Retried: 4 * time.Minute, // attempts⁴ + 15 s and a random part; the server decides
		Lost: 150 * time.Second, Decides: "the job's `ReserveFor`: 60 s here, the minimum (by default 30 min); then it waits as after a failure",
		Long: 90 * time.Second, NoLong: "no: the Go client does not renew a reservation. The worker cancels the task 5 s before `ReserveFor` ends",
		Fetching:  "; a job that is being fetched at that moment can be lost: Faktory 1.9 pops it before it reserves it",
		malformed: malformedFaktory, TwoCommits: twoCommits,
		Default: "its own Redis keeps snapshots only", Apart: true, Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	RabbitMQ = System{
		Name: "RabbitMQ", Folder: "rabbitmq", Flag: "-amqp", NewServer: NewRabbitMQ,
		Backoff: 1500 * time.Millisecond, Retried: 20 * time.Second,
		Lost: 30 * time.Second, Decides: "the end of the connection; if the machine vanishes, two heartbeats of 2 s (by default 10 s)",
		Long: 10 * time.Second, malformed: malformedRabbitMQ, TwoCommits: twoCommits,
		Default: "a queue that is not durable, no confirms", defaultFlags: []string{"-unsafe-defaults"}, Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	Kafka = System{
		Name: "Kafka", Folder: "kafka", Flag: "-brokers", NewServer: NewKafka,
		Long: 20 * time.Second, malformed: malformedKafka, TwoCommits: twoCommits,
		Backoff: 1500 * time.Millisecond, Retried: 30 * time.Second,
		Lost: 60 * time.Second, Decides: "the connection's end; where the machine is gone without a word, the lock of its record: 15 s here, by default 30 s",
		NoDelay:   "a share group delivers a record immediately, and the program has topics for the delays of its backoff only",
		Default:   "Kafka 4.4 syncs nothing by default: a kill loses nothing, a power loss loses what the kernel has not written yet",
		Imitation: NewKfake, Imitated: "kfake, an imitation",
		Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	River = System{
		Name: "River", Folder: "river", Flag: "-postgres", NewServer: NewPostgres,
		Backoff: 750 * time.Millisecond, Retried: 20 * time.Second,
		Lost: 90 * time.Second, Decides: "`RescueStuckJobsAfter`: 15 s here, by default 1 h. The leader among the workers looks every 30 s; a dead leader is replaced within 15 s",
		Long: 30 * time.Second, NoLong: "no: a worker renews nothing. River cancels the task at its `JobTimeout`, 10 s here, by default 1 min",
		malformed: malformedRiver,
		Apart:     true, Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	Chapter07 = System{
		Name: "chapter 07", Folder: "..", Flag: "-broker", NewServer: NewBroker, Worker: []string{"-heartbeat", "1s"},
		Backoff: 0, Retried: 20 * time.Second, // full jitter: a wait may be nothing
		Lost: 30 * time.Second, Decides: "the broker's `-lease`: 3 s here, by default 10 s",
		NoLong: "in the chapter's own tests (7.5)", Malformed: "in the chapter's own tests (7.3)", TwoCommits: twoCommits,
		dead: func(web *Process) (int, error) {
			var jobs []struct{ ID string }
			err := web.call("GET", "/jobs?state=dead", &jobs)
			return len(jobs), err
		},
		requeue: func(web *Process) error {
			var jobs []struct{ ID string }
			if err := web.call("GET", "/jobs?state=dead", &jobs); err != nil {
				return err
			}
			for _, j := range jobs {
				if err := web.call("POST", "/jobs/"+j.ID+"/requeue", nil); err != nil {
					return err
				}
			}
			return nil
		},
	}
)

// String returns a name that a path can have.
func (s System) String() string { return strings.Replace(s.Folder, "..", "chapter07", 1) }

// Systems are all six.
var Systems = []System{Chapter07, Asynq, Faktory, RabbitMQ, Kafka, River}

// twoCommits is why none of the other systems keeps row and task together.
const twoCommits = "two systems, two commits: [use an outbox](#a-row-and-a-task-that-commit-together)"

func deadOf(web *Process) (int, error) {
	var answer struct{ Dead int }
	err := web.call("GET", "/dead", &answer)
	return answer.Dead, err
}

func requeueOf(web *Process) error { return web.call("POST", "/dead/requeue", nil) }

// StartWeb starts the program's web on a free port.
func (s System) StartWeb(program, at string, more ...string) (*Process, error) {
	return Start(program, append([]string{"web", "-addr", "127.0.0.1:0", s.Flag, at}, more...)...)
}

// StartWorker starts one of its workers.
func (s System) StartWorker(program, at string, mail Mailbox, concurrency int, more ...string) (*Process, error) {
	args := append([]string{"worker", s.Flag, at, "-mail", string(mail), "-concurrency", fmt.Sprint(concurrency)}, s.Worker...)
	return Start(program, append(args, more...)...)
}
