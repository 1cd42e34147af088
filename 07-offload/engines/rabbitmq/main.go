// Command rabbitmq is chapter 07's sign-up on RabbitMQ, a message broker.
//
//	go run ./rabbitmq                                                  the demo, with a broker of its own
//	go run ./rabbitmq web    -amqp amqp://guest:guest@localhost:5672   accepts sign-ups
//	go run ./rabbitmq worker -amqp amqp://guest:guest@localhost:5672   delivers the emails
package main

import (
	"flag"

	"concurrency/07-offload/engines/contract"
	"concurrency/07-offload/engines/signup"
)

func main() {
	var url string
	var defaults bool
	role, f := signup.Role("rabbitmq", "The sign-up on RabbitMQ.", func(set *flag.FlagSet) {
		set.StringVar(&url, "amqp", "", "the broker's `URL`")
		set.BoolVar(&defaults, "unsafe-defaults", false, "unsafe defaults, to measure them: no confirms, nothing durable (RabbitMQ 4.3 refuses such a queue)")
	})
	if role == "" {
		contract.Demo(contract.RabbitMQ, url)
		return
	}
	if url == "" {
		signup.UsageError("rabbitmq %s: needs -amqp URL", role)
	}
	ctx := signup.UntilSignal()
	var err error
	switch role {
	case "web":
		err = signup.Serve(ctx, f.Addr, signup.Handler(Tasks{NewPublisher(url, defaults)}))
	case "worker":
		err = Work(ctx, url, defaults, f)
	}
	signup.Exit("rabbitmq", role, err)
}
