package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The topics. A share group has no delay and no backoff: a released record is
// redelivered immediately. So each delay of the backoff is a topic (retry.go):
//
//	web ─▶ signups ─▶ worker ─ failed ─▶ signups.retry.1s ─ 1 s later ─▶ signups
//	                     └─ last attempt ─▶ signups.dead ─ an operator ─▶ signups
const (
	topic = "signups"
	dead  = "signups.dead"
	group = "workers"
)

// delays are the backoff: how long a task waits after its first, second, ...
// attempt. The last one is used for all further attempts.
var delays = []time.Duration{500 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second}

func retryTopic(delay time.Duration) string { return fmt.Sprint(topic, ".retry.", delay) }

const (
	lock       = 15 * time.Second // the lease of a record; by default 30 s, and Kafka 4.4 takes no less than 15 s
	deliveries = 10               // of a record, then Kafka drops it; by default 5, and Kafka 4.4 takes no more than 10
)

// declare creates the topics that do not exist yet.
//
// One partition is enough: in a share group all members read the same partition.
// More of them would be divided among the members, and then a record waits for the
// member that has its partition.
func declare(ctx context.Context, client *kgo.Client) error {
	admin := kadm.NewClient(client) // not closed: that would close the client
	tasks := []string{topic}
	for _, d := range delays {
		tasks = append(tasks, retryTopic(d))
	}
	// By default Kafka 4.4 deletes a segment of the log 7 days after its last record was
	// written, done or not. Dead letters are kept until they are requeued.
	kept, err := admin.CreateTopics(ctx, 1, -1, map[string]*string{"retention.ms": new("-1")}, dead)
	if err != nil {
		return err
	}
	created, err := admin.CreateTopics(ctx, 1, -1, nil, tasks...)
	if err != nil {
		return err
	}
	maps.Copy(created, kept)
	for _, t := range created {
		if t.Err != nil && !errors.Is(t.Err, kerr.TopicAlreadyExists) {
			return t.Err
		}
	}
	return nil
}

// configure sets up the share group, before its first member joins.
func configure(ctx context.Context, client *kgo.Client) error {
	return setGroup(ctx, client, map[string]string{
		"share.auto.offset.reset":       "earliest", // by default a new group skips what is in the topic already
		"share.record.lock.duration.ms": fmt.Sprint(lock.Milliseconds()),
		"share.delivery.count.limit":    fmt.Sprint(deliveries),
	})
}

func setGroup(ctx context.Context, client *kgo.Client, configs map[string]string) error {
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	for name, value := range configs {
		config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		config.Name, config.Value = name, &value
		resource.Configs = append(resource.Configs, config)
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, r := range response.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return fmt.Errorf("share group %s: %w", group, err)
		}
	}
	return nil
}

const attempts = "attempts" // the header that counts those made before

// again returns a copy of a record for another topic.
func again(r *kgo.Record, to string, attempt int) *kgo.Record {
	return &kgo.Record{Topic: to, Key: r.Key, Value: r.Value,
		Headers: []kgo.RecordHeader{{Key: attempts, Value: []byte(strconv.Itoa(attempt))}}}
}

// tried returns how many attempts there were before this record was written.
func tried(r *kgo.Record) int {
	for _, h := range r.Headers {
		if h.Key == attempts {
			n, _ := strconv.Atoi(string(h.Value)) // written by again
			return n
		}
	}
	return 0
}
