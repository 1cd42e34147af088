// Command faktory is chapter 07's sign-up on Faktory, a server with workers in any language.
//
//	go run ./faktory                                    the demo, with a server of its own
//	go run ./faktory web    -faktory localhost:7419     accepts sign-ups
//	go run ./faktory worker -faktory localhost:7419     delivers the emails
package main

import (
	"flag"

	"concurrency/07-offload/engines/contract"
	"concurrency/07-offload/engines/signup"
)

func main() {
	var server string
	role, f := signup.Role("faktory", "The sign-up on Faktory.", func(set *flag.FlagSet) {
		set.StringVar(&server, "faktory", "", "the Faktory server at this `host:port`")
	})
	if role == "" {
		contract.Demo(contract.Faktory, server)
		return
	}
	if server == "" {
		signup.UsageError("faktory %s: needs -faktory host:port", role)
	}
	ctx := signup.UntilSignal()
	var err error
	switch role {
	case "web":
		err = signup.Serve(ctx, f.Addr, signup.Handler(NewTasks(server, f.Attempts)))
	case "worker":
		err = Work(ctx, server, f)
	}
	signup.Exit("faktory", role, err)
}
