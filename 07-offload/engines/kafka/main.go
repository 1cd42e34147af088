// Command kafka is chapter 07's sign-up on Kafka, a log that many can read.
//
//	go run ./kafka                                   the story, with a broker of its own: kfake, not the real one
//	go run ./kafka web    -brokers localhost:9092    takes sign-ups
//	go run ./kafka worker -brokers localhost:9092    delivers the mails
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
	var brokers string
	role, f := signup.Role("kafka", "The sign-up on Kafka.", func(set *flag.FlagSet) {
		set.StringVar(&brokers, "brokers", "", "the brokers, as `host:port,host:port`")
	})
	if role == "" {
		contract.Tell(contract.Kafka, brokers)
		return
	}
	if brokers == "" {
		signup.Wrong("kafka %s: needs -brokers host:port", role)
	}
	ctx, stop := signup.UntilTold()
	defer stop()
	seeds := strings.Split(brokers, ",")
	var err error
	switch role {
	case "web":
		var tasks *Tasks
		if tasks, err = NewTasks(seeds); err == nil {
			err = signup.Serve(ctx, f.Addr, signup.Handler(tasks))
		}
	case "worker":
		err = Work(ctx, seeds, f)
	}
	signup.Exit("kafka", role, err)
}
