package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"

	"concurrency/07-offload/engines/signup"

	"github.com/twmb/franz-go/pkg/kfake"
)

// deliveryLimit is what declare asks the real Kafka for. kfake has none for each group.
var deliveryLimit = kfake.BrokerConfigs(map[string]string{"group.share.delivery.count.limit": strconv.Itoa(deliveries)})

// fake is a broker for tests and for this story, from the makers of the client: it
// speaks Kafka's protocol, and has one process where Kafka has a cluster. What it
// shows of promises and speed says nothing of the real one.
func fake(args []string) error {
	set := flag.NewFlagSet("kafka kfake", flag.ExitOnError)
	port := set.Int("port", 9092, "listen at this `port` of localhost")
	data := set.String("data", "kfake", "keep the log in this `directory`")
	careless := set.Bool("careless", false, "do not sync: as Kafka by default, which trusts its replicas instead")
	set.Parse(args)
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(*port), kfake.DataDir(*data), deliveryLimit}
	if !*careless {
		options = append(options, kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	fmt.Fprintf(os.Stderr, "kfake: ready at %s\n", cluster.ListenAddrs()[0])
	ctx, stop := signup.UntilTold()
	defer stop()
	<-ctx.Done()
	return nil
}
