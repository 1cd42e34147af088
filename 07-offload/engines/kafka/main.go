// Command kafka is chapter 07's sign-up on Kafka, a log with many readers.
//
//	go run ./kafka                                   the demo, with a broker of its own
//	go run ./kafka chart                             a slow task in a share group and in a classic group
//	go run ./kafka web    -brokers localhost:9092    takes sign-ups
//	go run ./kafka worker -brokers localhost:9092    delivers the emails
package main

import (
	"flag"
	"os"
	"strings"

	"concurrency/07-offload/engines/contract"
	"concurrency/07-offload/engines/signup"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "kfake" {
		signup.Exit("kafka", "kfake", fake(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "chart" {
		signup.Exit("kafka", "chart", contract.Chart(contract.Kafka, []string{"-classic"}))
	}
	var brokers string
	var classic bool
	role, f := signup.Role("kafka", "The sign-up on Kafka.", func(set *flag.FlagSet) {
		set.StringVar(&brokers, "brokers", "", "the brokers, as `host:port,host:port`")
		set.BoolVar(&classic, "classic", false, "of worker: a classic consumer group instead of a share group")
	})
	if role == "" {
		contract.Demo(contract.Kafka, brokers)
		return
	}
	switch {
	case classic && role != "worker":
		signup.UsageError("kafka %s: -classic is a flag of worker", role)
	case role == "worker" && f.Concurrency > 100:
		signup.UsageError("kafka worker: -concurrency must be from 1 to 100, got %d: each task needs a member, and a share group has 200 at most", f.Concurrency)
	case brokers == "":
		signup.UsageError("kafka %s: needs -brokers host:port", role)
	}
	ctx := signup.UntilSignal()
	seeds := strings.Split(brokers, ",")
	var err error
	switch role {
	case "web":
		var tasks *Tasks
		if tasks, err = NewTasks(seeds); err == nil {
			err = signup.Serve(ctx, f.Addr, signup.Handler(tasks))
		}
	case "worker":
		consume := shareGroup
		if classic {
			consume = classicGroup
		}
		err = Work(ctx, seeds, f, consume)
	}
	signup.Exit("kafka", role, err)
}
