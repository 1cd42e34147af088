package contract

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"concurrency/07-offload/engines/kafka/server"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// NewKafka makes an Apache Kafka of a single node that is broker and controller
// (KRaft). It syncs each batch of records to the disk before it answers; careless is
// Kafka's default, which leaves that to the kernel.
func NewKafka(dir, _ string, careless bool) (*Server, error) {
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
	if !careless {
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
		return nil, fmt.Errorf("Kafka cannot format its directory: %w\n%s", err, out)
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

// kafkaReady returns a function that creates a topic and finds the coordinator of groups.
func kafkaReady(at string) func() error {
	return func() error {
		client, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.RetryTimeout(time.Second))
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		admin := kadm.NewClient(client)
		if _, err := admin.CreateTopic(ctx, 1, 1, nil, "ready"); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return err
		}
		return admin.FindGroupCoordinators(ctx, "ready").Error()
	}
}

// NewKfake makes what is used where there is no Apache Kafka: a role of the program.
func NewKfake(dir, program string, careless bool) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	at := fmt.Sprint("127.0.0.1:", port)
	args := []string{program, "kfake", "-port", fmt.Sprint(port), "-data", filepath.Join(dir, "log.d")}
	if careless {
		args = append(args, "-careless")
	}
	return &Server{At: at, dir: dir, commands: []command{{args: args, ready: listens(at)}}}, nil
}
