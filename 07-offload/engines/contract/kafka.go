package contract

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"concurrency/07-offload/engines/kafka/server"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// NewKafka makes an Apache Kafka of a single node that is broker and controller
// (KRaft). It syncs each batch of records to the disk before it answers; defaults are
// those of Kafka, which leaves that to the kernel.
func NewKafka(dir, _ string, defaults bool) (*Server, error) {
	kafka, err := server.Find()
	if err != nil {
		return nil, &NotInstalledError{"Apache Kafka 4.4", err.Error() +
			"; apt-get install default-jre-headless maven, or brew install kafka, or KAFKA_HOME=DIR"}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	controller, err := freePort()
	if err != nil {
		return nil, err
	}
	at := fmt.Sprint("127.0.0.1:", port)
	config := fmt.Sprintf(kafkaConfig, at, controller, filepath.ToSlash(filepath.Join(dir, "data")))
	if !defaults {
		config += "log.flush.interval.messages=1\n"
	}
	file := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	java := func(args ...string) []string {
		return append([]string{kafka.Java, "-Xmx512m", "-XX:TieredStopAtLevel=1",
			"-XX:-UsePerfData", "-Djava.io.tmpdir=" + dir, // no files elsewhere
			"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", kafka.ClassPath()}, args...)
	}
	id := base64.RawURLEncoding.EncodeToString([]byte(rand.Text())[:16])
	format := java("kafka.tools.StorageTool", "format", "--standalone", "-t", id, "-c", file)
	if out, err := exec.Command(format[0], format[1:]...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format the directory of Kafka: %w\n%s", err, out)
	}
	return &Server{At: at, Is: fmt.Sprintf("Apache Kafka %s, found by %s", kafka.Version, kafka.From), dir: dir,
		commands: []command{{args: java("kafka.Kafka", file), ready: kafkaReady(at)}}}, nil
}

// kafkaConfig is for a single node. By default the topics in which Kafka keeps its
// own state have three replicas, and members of a group wait for each other.
const kafkaConfig = `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://%[1]s,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://%[1]s
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:%[2]d
log.dirs=%[3]s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.share.min.heartbeat.interval.ms=200
group.share.heartbeat.interval.ms=200
group.share.assignment.interval.ms=0
group.share.assignor.offload.enable=false
`

// kafkaReady returns a function that creates a topic, writes to it, and finds the
// coordinator of groups. A JVM is slow at first: the server is ready only when these calls
// are quick. Each call allows them more time, for a busy machine.
func kafkaReady(at string) func() error {
	calls := 0
	return func() error {
		client, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.RetryTimeout(time.Second))
		if err != nil {
			return err
		}
		defer client.Close()
		calls++
		ctx, cancel := context.WithTimeout(context.Background(), 600*time.Millisecond+time.Duration(calls)*100*time.Millisecond)
		defer cancel()
		admin, topic := kadm.NewClient(client), fmt.Sprint("ready.", calls)
		if _, err := admin.CreateTopic(ctx, 1, 1, nil, topic); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return err
		}
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic}).FirstErr(); err != nil {
			return err
		}
		return admin.FindGroupCoordinators(ctx, topic).Error()
	}
}

// NewKfake makes what is used where there is no Apache Kafka: a role of the program.
func NewKfake(dir, program string, defaults bool) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	at := fmt.Sprint("127.0.0.1:", port)
	args := []string{program, "kfake", "-port", fmt.Sprint(port), "-data", filepath.Join(dir, "log.d")}
	if defaults {
		args = append(args, "-unsafe-defaults")
	}
	return &Server{At: at, dir: dir, commands: []command{{args: args, ready: listens(at)}}}, nil
}

// forDemo makes a server for a demo. Where the server is not installed and there is an
// imitation, it makes that; the headings say so with the second result.
func (s System) forDemo(dir, program string) (server *Server, heading string, err error) {
	server, err = s.NewServer(dir, program, false)
	if missing := (*NotInstalledError)(nil); errors.As(err, &missing) && s.Imitation != nil {
		fmt.Fprintln(os.Stderr, missing)
		server, err = s.Imitation(dir, program, false)
		heading = " (" + s.Imitated + ")"
	}
	return server, heading, err
}

// Chart shows a slow task and the quick ones that are enqueued while it runs: with a
// worker of s as it is, and with one that has more flags.
func Chart(s System, more []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "engines")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, heading, err := s.forDemo(dir, program)
	if err != nil {
		return err
	}
	defer server.Stop()
	if err := server.Start(); err != nil {
		return err
	}
	fmt.Printf("%s%s: a task of 1 s, and eight quick ones that are enqueued while it runs.\n", s.Name, heading)
	fmt.Print("The worker has -concurrency 4.    · accepted    █ running\n")
	for i, flags := range [][]string{nil, more} {
		web, err := s.StartWeb(program, server.At)
		if err != nil {
			return err
		}
		defer web.Kill()
		mail := Mailbox(filepath.Join(dir, fmt.Sprint("mail", i)))
		worker, err := s.StartWorker(program, server.At, mail, 4, flags...)
		if err != nil {
			return err
		}
		spans, err := overtake(web, worker, mail, 8)
		worker.Kill()
		if err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		fmt.Printf("\n  %s\n", strings.Join(append([]string{"worker"}, flags...), " "))
		for j, span := range spans {
			name := fmt.Sprint("quick ", j)
			if j == 0 {
				name = "slow"
			}
			after := max(0, span.done.Sub(span.asked)) // two processes: the machine's clock can have been set between
			fmt.Printf("     %-8s %s  done after %s\n", name, span.bar(spans[0].begun), short(after))
		}
	}
	return nil
}

// A span is when a task was accepted, begun and done.
type span struct{ asked, begun, done time.Time }

// overtake enqueues a slow task and, while it runs, n quick ones.
func overtake(web, worker *Process, mail Mailbox, n int) (spans []span, err error) {
	var ids []string
	enqueue := func(email string) error {
		asked := time.Now()
		id, status, err := web.Signup(email, "", "")
		for try := 0; err == nil && status == 503 && try < 5; try++ { // Retry-After: 1
			<-time.After(time.Second)
			asked = time.Now()
			id, status, err = web.Signup(email, "", "")
		}
		if err != nil || status != 202 {
			return fmt.Errorf("a sign-up was answered with %d, %v\n%s", status, err, web.Log())
		}
		ids, spans = append(ids, id), append(spans, span{asked: asked})
		return nil
	}
	// First some that run until all of the worker is ready.
	for range 8 {
		err = cmp.Or(err, enqueue("ada@slow.test"))
	}
	if err != nil {
		return nil, err
	}
	if missing := mail.Wait(ids, time.Minute); len(missing) > 0 {
		return nil, fmt.Errorf("%d tasks were not done\n%s", len(missing), worker.Log())
	}
	ids, spans = nil, nil
	if err := enqueue("ada@slow.test"); err != nil {
		return nil, err
	}
	if _, err := worker.Begun(ids[0], 1, timeout); err != nil {
		return nil, err
	}
	for range n {
		if err := enqueue("ada@example.com"); err != nil {
			return nil, err
		}
		<-time.After(30 * time.Millisecond)
	}
	if missing := mail.Wait(ids, time.Minute); len(missing) > 0 {
		return nil, fmt.Errorf("%d tasks were not done\n%s", len(missing), worker.Log())
	}
	for i, id := range ids {
		spans[i].done, _ = mail.Has(id)
		if spans[i].begun, err = worker.Begun(id, 1, time.Second); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

// bar draws a span: 30 ms a column.
func (s span) bar(zero time.Time) string {
	column := func(t time.Time) int { return max(0, int(t.Sub(zero)/(30*time.Millisecond))) }
	asked, begun, done := column(s.asked), column(s.begun), column(s.done)
	text := strings.Repeat(" ", asked) + strings.Repeat("·", max(0, begun-asked)) + strings.Repeat("█", max(1, done-begun))
	return fmt.Sprintf("%-40s", text)
}
