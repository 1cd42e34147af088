package contract

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// overtaken enqueues quick tasks while a slow one runs, and counts those that are done
// before it.
func overtaken(r *trial) string {
	const quick = 5
	worker := r.worker(4)
	n := 0
	for try := 0; n < quick && try < 3; try++ { // the slow one takes a second, and the machine may be busy
		n = max(n, countOvertaking(r, quick, worker))
	}
	if n == 0 {
		r.Errorf("none of %d quick tasks was done before the slow one", quick)
	}
	return fmt.Sprintf("%d of %d", n, quick)
}

func countOvertaking(r *trial, quick int, worker *Process) (n int) {
	spans, err := overtake(r.web, worker, r.mail, quick)
	r.must(err)
	for _, s := range spans[1:] {
		if s.done.Before(spans[0].done) {
			n++
		}
	}
	return n
}

// TestClassicGroupDelaysTasksBehindSlowOne has a worker for which row 11 does not hold
// (negative control of 7.11): a commit is a position, so a classic group begins nothing
// before its batch is done.
func TestClassicGroupDelaysTasksBehindSlowOne(t *testing.T) {
	program := build(t, Kafka)
	r := on(t, Kafka, program, private(t, Kafka, program, false))
	if n := countOvertaking(r, 5, r.worker(4, "-classic")); n != 0 {
		t.Errorf("%d of 5 quick tasks were done before the slow one; want 0: a classic group blocks behind it", n)
	}
}

// TestDemoOnKfakeSaysSo hides Java and Maven from the demo: it runs on kfake, and every
// heading says that.
func TestDemoOnKfakeSaysSo(t *testing.T) {
	cmd := exec.Command(build(t, Kafka))
	cmd.Env = []string{"PATH=", "TMPDIR=" + t.TempDir()}
	if runtime.GOOS == "windows" {
		cmd.Env = append(os.Environ(), "PATH=", "JAVA_HOME=", "KAFKA_HOME=")
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	headings := regexp.MustCompile(`(?m)^(Chapter|  \d  ).*`).FindAllString(string(out), -1)
	for _, heading := range headings {
		if !strings.HasSuffix(heading, "(kfake, an imitation)") {
			t.Errorf("a heading does not name kfake: %s", heading)
		}
	}
	if len(headings) != 5 {
		t.Errorf("the demo has %d headings; want 5\n%s", len(headings), out)
	}
}

// TestKafkaSyncsBeforeItAnswers has strace delay each fsync: with the contract's setting
// the answers must be as late. With the default there must be no fsync.
func TestKafkaSyncsBeforeItAnswers(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace, on Linux")
	}
	const delay, n = 200 * time.Millisecond, 5
	for _, defaults := range []bool{false, true} {
		t.Run(map[bool]string{false: "durable", true: "default"}[defaults], func(t *testing.T) {
			server := private(t, Kafka, "", defaults)
			client, err := kgo.NewClient(kgo.SeedBrokers(server.At), kgo.ProducerLinger(0), kgo.DefaultProduceTopic("synced"))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, "synced"); err != nil {
				t.Fatal(err)
			}
			produce := func() time.Duration {
				began := time.Now()
				if err := client.ProduceSync(t.Context(), kgo.StringRecord("x")).FirstErr(); err != nil {
					t.Fatal(err)
				}
				return time.Since(began)
			}
			produce()

			output := filepath.Join(t.TempDir(), "trace")
			cmd := exec.Command(strace, "-f", "-y", "-o", output, "-e", "trace=fsync,fdatasync",
				"-e", fmt.Sprintf("inject=fsync,fdatasync:delay_enter=%d", delay.Microseconds()),
				"-p", fmt.Sprint(server.running[0].Process.Pid))
			messages, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(messages)
			lines.Scan()
			if !strings.Contains(lines.Text(), "attached") {
				cmd.Process.Kill()
				cmd.Wait()
				t.Skip("strace is not permitted here: ", lines.Text())
			}
			go io.Copy(io.Discard, messages)
			fastest := time.Hour
			for range n {
				fastest = min(fastest, produce())
			}
			cmd.Process.Signal(os.Interrupt)
			cmd.Wait()
			text, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			syncs := strings.Count(string(text), "/synced-0/") // of the topic's log
			t.Logf("%d records: %d syncs, the fastest answer after %v", n, syncs, fastest)
			switch {
			case defaults && syncs > 0:
				t.Errorf("%d records made Kafka sync the log %d times; want 0 by default", n, syncs)
			case !defaults && (syncs < n || fastest < delay):
				t.Errorf("%d records made Kafka sync the log %d times, each delayed by %v, and it answered after %v; want a sync before each answer", n, syncs, delay, fastest)
			}
		})
	}
}

// TestDefaultsOfKafka holds what comments and the README say of Kafka 4.4's defaults to
// the broker that runs.
func TestDefaultsOfKafka(t *testing.T) {
	server := private(t, Kafka, "", true)
	client, err := kgo.NewClient(kgo.SeedBrokers(server.At))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request := kmsg.NewPtrDescribeConfigsRequest()
	request.IncludeSynonyms = true
	for kind, name := range map[kmsg.ConfigResourceType]string{kmsg.ConfigResourceTypeBroker: "1", kmsg.ConfigResourceTypeGroupConfig: "any"} {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kind, name
		request.Resources = append(request.Resources, resource)
	}
	response, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	defaults := make(map[string]string)
	for _, resource := range response.Resources {
		for _, config := range resource.Configs {
			if config.Value != nil {
				defaults[config.Name] = *config.Value
			}
			for _, s := range config.ConfigSynonyms {
				if s.Source == kmsg.ConfigSourceDefaultConfig && s.Value != nil {
					defaults[config.Name] = *s.Value
				}
			}
		}
	}
	for name, want := range map[string]string{
		"log.flush.interval.messages":                      "9223372036854775807",
		"min.insync.replicas":                              "1",
		"log.retention.hours":                              "168",
		"group.share.record.lock.duration.ms":              "30000",
		"group.share.min.record.lock.duration.ms":          "15000",
		"group.share.delivery.count.limit":                 "5",
		"group.share.max.delivery.count.limit":             "10",
		"group.share.max.size":                             "200",
		"group.share.heartbeat.interval.ms":                "5000",
		"group.initial.rebalance.delay.ms":                 "3000",
		"offsets.topic.replication.factor":                 "3",
		"share.coordinator.state.topic.replication.factor": "3",
		"share.auto.offset.reset":                          "latest",
		"errors.deadletterqueue.topic.name":                "",
	} {
		if got, ok := defaults[name]; !ok || got != want {
			t.Errorf("the default of %s is %q; the text says %q", name, got, want)
		}
	}
}

// shareGroups starts a Kafka and configures a share group. It returns an admin client
// and a function that returns a new member of the group.
func shareGroups(t *testing.T, configs map[string]string) (admin *kadm.Client, join func() *kgo.Client) {
	server := private(t, Kafka, "", true)
	client, err := kgo.NewClient(kgo.SeedBrokers(server.At), kgo.DefaultProduceTopic("tasks"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, "workers"
	configs["share.auto.offset.reset"] = "earliest"
	for name, value := range configs {
		config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		config.Name, config.Value = name, &value
		resource.Configs = append(resource.Configs, config)
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range response.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			t.Fatal(err)
		}
	}
	return kadm.NewClient(client), func() *kgo.Client {
		member, err := kgo.NewClient(kgo.SeedBrokers(server.At), kgo.ConsumeTopics("tasks"), kgo.ShareGroup("workers"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(member.Close)
		return member
	}
}

// TestRejectedRecordGoesToDeadLetterQueue is for what the README says of Kafka 4.4's own
// dead letter queue.
func TestRejectedRecordGoesToDeadLetterQueue(t *testing.T) {
	admin, join := shareGroups(t, map[string]string{
		"errors.deadletterqueue.topic.name":         "dlq.tasks",
		"errors.deadletterqueue.copy.record.enable": "true",
	})
	create := func(topic string, configs map[string]*string) {
		if _, err := admin.CreateTopic(t.Context(), 1, 1, configs, topic); err != nil {
			t.Fatal(err)
		}
	}
	create("tasks", nil)
	create("dlq.tasks", map[string]*string{"errors.deadletterqueue.group.enable": new("true")})
	client := join()
	for _, value := range []string{"bad", "good"} {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "tasks", Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := 0; n < 2; {
		records := client.PollFetches(ctx).Records()
		if ctx.Err() != nil {
			t.Fatalf("%d of 2 records were delivered within a minute", n)
		}
		for _, r := range records {
			n++
			if string(r.Value) == "bad" {
				r.Ack(kgo.AckReject)
			} else {
				r.Ack(kgo.AckAccept)
			}
		}
	}
	if err := client.FlushAcks(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		ends, err := admin.ListEndOffsets(ctx, "dlq.tasks")
		if err != nil {
			t.Fatal(err)
		}
		if end, _ := ends.Lookup("dlq.tasks", 0); end.Offset == 1 {
			return
		} else if end.Offset > 1 {
			t.Fatalf("the dead letter queue has %d records; want the rejected one", end.Offset)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestPartitionsAreDividedAmongMembers is for the comment that says why the topic has one
// partition: of two, each of two members has one.
func TestPartitionsAreDividedAmongMembers(t *testing.T) {
	admin, join := shareGroups(t, map[string]string{})
	if _, err := admin.CreateTopic(t.Context(), 2, 1, nil, "tasks"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		client := join()
		go client.PollFetches(t.Context())
	}
	for limit := time.Now().Add(time.Minute); ; {
		groups, err := admin.DescribeShareGroups(t.Context(), "workers")
		if err != nil {
			t.Fatal(err)
		}
		var assigned []int
		for _, m := range groups["workers"].Members {
			assigned = append(assigned, len(m.Assignment["tasks"]))
		}
		if slices.Equal(assigned, []int{1, 1}) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("the members have %v partitions; want one each", assigned)
		}
		<-time.After(50 * time.Millisecond)
	}
}
