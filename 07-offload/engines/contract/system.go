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

	Backoff      time.Duration // at least between the first attempt and the third
	Retried      time.Duration // for those two retries
	Lost         time.Duration // at most until a dead worker's task is with another
	Decides      Setting       // behind Lost
	NoDelay      string        // why it can't hold a task until its time, with a link; "" if it can
	Default      string        // what its default setting is, if that differs from what the program asks for
	defaultFlags []string      // flags of its program for that
	Apart        bool          // each promise is tried with a server of its own: a dead worker's task waits long
	Attempts     bool          // has the flag -attempts
	dead         func(web *Process) (int, error)
	requeue      func(web *Process) error

	// For the demo, where the server is not installed; and what its headings add then.
	Imitation func(dir, program string, defaults bool) (*Server, error)
	Imitated  string

	Long       time.Duration                  // of a task that is longer than the lease; 0: see NoLong
	NoLong     string                         // why such a task cannot go on while its worker lives; "" if it can
	Fetching   string                         // why a task that is being fetched can be lost when the server is killed; "" if it can't
	TwoCommits string                         // why a row in the application's database and a task don't commit together; "" if they do
	Malformed  string                         // where malformed tasks are tested, if malformed is nil
	malformed  func(at, payload string) error // puts that into the queue, past the web process
}

// A Setting decides how long a dead worker's task waits.
type Setting struct{ Name, Here, Default string }

func (s Setting) String() string {
	if s.Default == s.Here {
		return fmt.Sprintf("%s: %s", s.Name, s.Here)
	}
	return fmt.Sprintf("%s: %s here, by default %s", s.Name, s.Here, s.Default)
}

var (
	Asynq = System{
		Name: "Asynq", Folder: "asynq", Flag: "-redis", NewServer: NewRedis,
		Backoff: 750 * time.Millisecond, Retried: 20 * time.Second,
		Lost: 120 * time.Second, Decides: Setting{"a lease of 30 s, and once a minute a search for leases that expired 30 s ago", "up to 2 min; Asynq 0.26 has no setting", "up to 2 min; Asynq 0.26 has no setting"},
		Long: 150 * time.Second, malformed: malformedAsynq, TwoCommits: twoCommits,
		Default: "Redis keeps snapshots only", Apart: true, Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	Faktory = System{
		Name: "Faktory", Folder: "faktory", Flag: "-faktory", NewServer: NewFaktory,
		Backoff: 31 * time.Second, Retried: 4 * time.Minute, // attempts⁴ + 15 s and a random part; the server decides
		Lost: 150 * time.Second, Decides: Setting{"the job's `ReserveFor`, at least 60 s; then it waits as after a failure", "60 s", "30 min"},
		Long: 90 * time.Second, NoLong: "no: only Faktory Enterprise renews a reservation. The worker cancels the task 5 s before `ReserveFor` ends",
		Fetching:  "; a job that is being fetched at that moment can be lost: Faktory 1.9 pops it before it reserves it",
		malformed: malformedFaktory, TwoCommits: twoCommits,
		Default: "its own Redis keeps snapshots only", Apart: true, Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	RabbitMQ = System{
		Name: "RabbitMQ", Folder: "rabbitmq", Flag: "-amqp", NewServer: NewRabbitMQ,
		Backoff: 1500 * time.Millisecond, Retried: 20 * time.Second,
		Lost: 30 * time.Second, Decides: Setting{"the end of the connection; if the machine vanishes, two missed heartbeats", "2 s each", "10 s each"},
		Long: 10 * time.Second, malformed: malformedRabbitMQ, TwoCommits: twoCommits,
		Default: "a queue that is not durable, no confirms", defaultFlags: []string{"-unsafe-defaults"}, Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	Kafka = System{
		Name: "Kafka", Folder: "kafka", Flag: "-brokers", NewServer: NewKafka,
		Long: 20 * time.Second, malformed: malformedKafka, TwoCommits: twoCommits,
		Backoff: 1500 * time.Millisecond, Retried: 30 * time.Second,
		Lost: 60 * time.Second, Decides: Setting{"the end of the connection; if the machine vanishes, the lock of its record, `share.record.lock.duration.ms`, at least 15 s", "15 s", "30 s"},
		NoDelay:   "a share group delivers a record immediately, and the program has topics for the delays of its backoff only",
		Default:   "Kafka 4.4 syncs nothing by default: a kill loses nothing, a power loss loses what the kernel has not written yet",
		Imitation: NewKfake, Imitated: "kfake, an imitation",
		Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	River = System{
		Name: "River", Folder: "river", Flag: "-postgres", NewServer: NewPostgres,
		Backoff: 750 * time.Millisecond, Retried: 20 * time.Second,
		Lost: 90 * time.Second, Decides: Setting{"`RescueStuckJobsAfter`; the leader among the workers looks every 30 s, and a dead leader is replaced within 21 s", "15 s", "1 h"},
		Long: 30 * time.Second, NoLong: "no: a worker renews nothing. River cancels the task at its `JobTimeout`, 10 s here, by default 1 min",
		malformed: malformedRiver,
		Apart:     true, Attempts: true, dead: deadOf, requeue: requeueOf,
	}
	Chapter07 = System{
		Name: "chapter 07", Folder: "..", Flag: "-broker", NewServer: NewBroker,
		Backoff: 0, Retried: 20 * time.Second, // full jitter: a wait may be nothing
		Lost: 30 * time.Second, Decides: Setting{"the broker's `-lease`", "3 s", "10 s"},
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
	args := []string{"worker", s.Flag, at, "-mail", string(mail), "-concurrency", fmt.Sprint(concurrency)}
	return Start(program, append(args, more...)...)
}
