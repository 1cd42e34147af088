package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"

	"concurrency/07-offload/engines/signup"

	"github.com/twmb/franz-go/pkg/kfake"
)

// deliveryLimit is the one that configure sets for the group: kfake v0.0.0-20260918054303
// has one for all groups only.
var deliveryLimit = kfake.BrokerConfigs(map[string]string{"group.share.delivery.count.limit": strconv.Itoa(deliveries)})

// fake is an imitation of Kafka, by the authors of the client, for tests and for a demo
// without Java: one process that speaks Kafka's protocol. Its promises and its speed say
// nothing about Kafka.
func fake(args []string) error {
	set := flag.NewFlagSet("kafka kfake", flag.ExitOnError)
	port := set.Int("port", 9092, "listen at this `port` of localhost")
	data := set.String("data", "kfake", "keep the log in this `directory`")
	defaults := set.Bool("unsafe-defaults", false, "unsafe defaults, to measure them: no fsync, as Kafka 4.4 by default, which relies on replicas")
	set.Parse(args)
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(*port), kfake.DataDir(*data), deliveryLimit}
	if !*defaults {
		options = append(options, kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	fmt.Fprintf(os.Stderr, "kfake: ready at %s\n", cluster.ListenAddrs()[0])
	<-signup.UntilSignal().Done()
	return nil
}
