// Command river is chapter 07's sign-up on River, which keeps its jobs in PostgreSQL.
//
//	go run ./river                                                            the demo, with a PostgreSQL of its own
//	go run ./river web    -postgres postgres://user@localhost:5432/database   accepts sign-ups
//	go run ./river worker -postgres postgres://user@localhost:5432/database   delivers the emails
package main

import (
	"flag"

	"concurrency/07-offload/engines/contract"
	"concurrency/07-offload/engines/signup"
)

func main() {
	var url string
	role, f := signup.Role("river", "The sign-up on River.", func(set *flag.FlagSet) {
		set.StringVar(&url, "postgres", "", "the database's `URL`; the password can be in PGPASSWORD or ~/.pgpass")
	})
	if role == "" {
		contract.Demo(contract.River, url)
		return
	}
	if url == "" {
		signup.UsageError("river %s: needs -postgres URL", role)
	}
	ctx := signup.UntilSignal()
	pool, err := open(url)
	if err == nil {
		switch role {
		case "web":
			var tasks *Tasks
			if tasks, err = NewTasks(pool, f.Attempts); err == nil {
				err = signup.Serve(ctx, f.Addr, signup.Handler(tasks))
			}
		case "worker":
			err = Work(ctx, pool, f)
		}
		pool.Close()
	}
	signup.Exit("river", role, err)
}
