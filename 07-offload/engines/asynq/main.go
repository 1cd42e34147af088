// Command asynq is chapter 07's sign-up on Asynq, which keeps its tasks in Redis.
//
//	go run ./asynq                                  the demo, with a Redis of its own
//	go run ./asynq web    -redis localhost:6379     accepts sign-ups
//	go run ./asynq worker -redis localhost:6379     delivers the emails
package main

import (
	"flag"

	"concurrency/07-offload/engines/contract"
	"concurrency/07-offload/engines/signup"

	"github.com/hibiken/asynq"
)

func main() {
	var redis string
	role, f := signup.Role("asynq", "The sign-up on Asynq.", func(set *flag.FlagSet) {
		set.StringVar(&redis, "redis", "", "the Redis at this `host:port`")
	})
	if role == "" {
		contract.Demo(contract.Asynq, redis)
		return
	}
	if redis == "" {
		signup.UsageError("asynq %s: needs -redis host:port", role)
	}
	ctx := signup.UntilSignal()
	at := asynq.RedisClientOpt{Addr: redis, ReadTimeout: signup.Timeout} // a read ignores the deadline of its context; by default it may take 3 s
	var err error
	switch role {
	case "web":
		err = signup.Serve(ctx, f.Addr, signup.Handler(NewTasks(at, f.Attempts)))
	case "worker":
		err = Work(ctx, at, f)
	}
	signup.Exit("asynq", role, err)
}
