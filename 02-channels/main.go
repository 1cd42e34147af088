// Command 02-channels shows the rules of channels, locks and contexts at work.
//
//	go run ./02-channels            the core sections
//	go run ./02-channels 2.7        one section
//	go run ./02-channels -all       every section
//	go run ./02-channels -ask       the demo, with a question before each section
//	go test -race -v ./02-channels  the tests of its claims
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/types"
	"slices"
	"strings"
	"time"
)

func main() {
	if playRole() { // a child process of this program: see roles.go
		return
	}
	l := &lesson{
		folder: "02-channels",
		title:  "02 · Channels: pass data on instead of sharing it",
		about:  "Shows the rules of channels, locks and contexts at work.",
		next:   "go run ./03-net-http-per-request",
		ask:    quizzes,
		sections: []section{
			{"2.1", "A send on an unbuffered channel blocks until a receiver takes the value.",
				code{"SendAll", "letter.Text = text", 1}, unbuffered},
			{"2.2", "A send on a buffered channel blocks only while the buffer is full.",
				code{"SendAll", "c <- letter", 1}, buffered},
			{"2.3", "What an operation does depends on the state of the channel.",
				code{"Receive", "case v, ok", 1}, states},
			{"2.4", "Data whose ownership is passed over a channel needs no lock.",
				code{"CountOwned", "totals <- own", 1}, ownership},
			{"2.5", "select blocks until a case is ready; of several it takes one at random.",
				code{"Until", "case <-ctx.Done", 2}, selecting},
			{"2.6", "The compiler checks the direction in a channel's type.",
				code{}, direction},
			{"2.7", "The runtime reports a deadlock only if no goroutine can ever run again.",
				code{"Deadlock", "letters :=", 2}, deadlock},
			{"2.8", "A mutex protects state that stays; a channel passes values on.",
				code{"(t *MutexTally) Add", "defer t.mu.Unlock", 2}, mutexOrChannel},
			{"2.9", "A context carries cancellation and a deadline down a tree of calls.",
				code{"(c *Call) Run", "ctx, cancel =", 2}, contexts},
		},
		further: []section{
			{"2.10", "A goroutine that locks a mutex twice blocks: a mutex has no owner.",
				code{"(a *Account) Withdraw", "a.mu.Lock", 3}, lockTwice},
			{"2.11", "Goroutines that take two locks in different orders can deadlock.",
				code{"Transfer", "first, second", 4}, lockOrdering},
			{"2.12", "go vet finds some mistakes that the compiler accepts.",
				code{}, vetting},
		},
	}
	l.parse()
	l.teach(context.Background())
}

const interval = 40 * time.Millisecond // between two receives

func unbuffered(context.Context) string {
	sends, texts := SendAll(make(chan *Letter), interval, "one", "two", "three", "four")
	fmt.Printf("     no buffer; the receiver takes a letter every %s\n", short(interval))
	drawSends(sends, texts, sends[len(sends)-1].Done)
	takeaway("░ the sender is blocked. Its write to the letter happens before the send,",
		"and so before the receiver's read: the text is there.")
	switch blocked := sends[2].Done - sends[2].Began; {
	case blocked < interval/4:
		return "a"
	case blocked < 2*interval:
		return "b"
	}
	return ""
}

func buffered(context.Context) string {
	sends, texts := SendAll(make(chan *Letter, 3), interval, "one", "two", "three", "four", "five")
	fmt.Printf("     a buffer of 3; the receiver takes a letter every %s\n", short(interval))
	drawSends(sends, texts, max(sends[len(sends)-1].Done, time.Duration(len(sends))*interval)) // to the scale of 2.1
	takeaway("When the buffer is full, the sender is as slow as the receiver, and",
		"cannot fill the memory: backpressure.")
	first := slices.IndexFunc(sends, func(s Sent) bool { return s.Done-s.Began > interval/4 })
	return map[int]string{2: "a", 3: "b", -1: "c"}[first]
}

func states(context.Context) (supported string) {
	const row = "     %-20s  %-10s  %-10s  %s\n"
	fmt.Printf(row, "the channel is", "send", "receive", "close")
	var messages []string
	for _, state := range States {
		var outcomes [3]string
		for i, operation := range Operations {
			outcome, message := Try(operation, state.Make())
			if outcomes[i] = outcome; message != "" && !slices.Contains(messages, message) {
				messages = append(messages, message)
			}
		}
		fmt.Printf(row, state.Name, outcomes[0], outcomes[1], outcomes[2])
		supported = map[string]string{"0, false": "a", "blocks": "b", "panics": "c"}[outcomes[1]]
	}
	fmt.Println("     panics:", strings.Join(messages[:min(2, len(messages))], "; ")+";\n            ", strings.Join(messages[min(2, len(messages)):], "; "))
	letters := filled(3, 3)
	close(letters)
	fmt.Printf("     range over a closed channel with 3 values: %d iterations\n", Drain(letters))
	takeaway("No other goroutine uses these channels. 7 is the value in the buffer.",
		"Close says that no more values will come, so only the sender closes.")
	return supported
}

func ownership(context.Context) string {
	logs := make([][]int, 4)
	for i := range logs {
		logs[i] = slices.Repeat([]int{512}, 1000)
	}
	total := CountOwned(logs...)
	fmt.Print("     A data race: two goroutines access the same memory, one or both write, and\n" +
		"     nothing orders the accesses. A mutex orders them: only one goroutine at a\n" +
		"     time is in the critical section (2.8). Here each goroutine owns its total.\n")
	fmt.Printf("     4 goroutines counted %s requests, %s bytes\n", measured(count(total.Requests)), measured(count(total.Bytes)))
	takeaway("With one total for all, n++ (load, add, store) can lose an update, but so",
		"rarely that a test of the total may pass. The race detector reports it:",
		"go test -race -v -run SharedTotal ./02-channels (it must report a race)")
	return ""
}

func selecting(context.Context) string {
	never := make(chan string)
	quick := After(20*time.Millisecond, "the quick one")
	show("the first of two channels", func() (string, error) { return First(quick, never), nil })
	show("a value or a timeout of 30 ms", func() (string, error) { return Within(30*time.Millisecond, never) })
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(10*time.Millisecond, func() { cancel(errors.New("the client has left")) })
	show("a send or a cancellation", func() (string, error) { return "", SendUntil(ctx, never, "hello") })
	show("a value, or the default", func() (string, error) { v, ok := IfReady(never); return fmt.Sprintf("%q, %t", v, ok), nil })
	const tries = 1000
	taken := TakesWhenDone(Until, tries)
	fmt.Printf("     %s times ctx is done and a value is ready; how often is the value taken?\n", count(tries))
	fmt.Printf("     by a select %36s times\n", measured(fmt.Sprint(taken)))
	fmt.Printf("     by a select after a check of ctx.Err() %9s times\n", measured(fmt.Sprint(TakesWhenDone(UntilChecked, tries))))
	takeaway("One goroutine blocks on several operations, and does not poll. If the",
		"context must win, check ctx.Err() before the select.")
	switch {
	case taken == 0:
		return "b"
	case taken < tries:
		return "a"
	}
	return "c"
}

func direction(context.Context) string {
	fmt.Println("     func worker(jobs <-chan int, results chan<- int) {")
	fmt.Printf("         %-24s%v\n", "results <- <-jobs * 2", cmp.Or(Check(RightDirection), errors.New("compiles")))
	err, ok := errors.AsType[types.Error](Check(WrongDirection))
	message, _, _ := strings.Cut(strings.TrimPrefix(err.Msg, "invalid operation: "), " (")
	fmt.Printf("         %-24s%s\n             %s\n", "<-results", wrong("does not compile (wrong)"), message)
	takeaway("The signature says who may send and who may receive.")
	return map[bool]string{true: "a", false: "c"}[ok]
}

func deadlock(context.Context) string {
	message, _ := runDeadlock("deadlock")
	fmt.Printf("     a small program\n       %s\n", measured(message))
	state, reported, err := RunStuckServer()
	if err != nil {
		fmt.Println("    ", err)
		return ""
	}
	fmt.Printf("     the same in a server that listens\n       main stays in %s; the runtime reports %s\n",
		measured(state), measured(cmp.Or(reported, "nothing")))
	takeaway("A deadlock: goroutines wait for an event that none of them can cause. A",
		"server has a goroutine that waits for the network and could run again, so",
		"the runtime does not report a handler that is stuck: a goroutine leak.")
	return map[bool]string{true: "c", false: "a"}[reported == ""]
}

func mutexOrChannel(context.Context) (supported string) {
	const goroutines, each = 4, 100_000
	const row = "     %-34s %10s %12s %12s\n"
	fmt.Printf(row, "4 goroutines use", "total", "each add", "each read")
	channel := NewChannelTally()
	defer channel.Stop()
	var slowest time.Duration
	for _, way := range []struct {
		letter, name string
		tally        Tally
	}{
		{"a", "an atomic number", new(AtomicTally)},
		{"b", "a number with a Mutex", new(MutexTally)},
		{"b", "a number with an RWMutex", new(RWMutexTally)},
		{"c", "a goroutine that owns the number", channel},
	} {
		add := Concurrently(goroutines, each, way.tally.Add)
		read := Concurrently(goroutines, each, func() { way.tally.Total() })
		if add > slowest {
			slowest, supported = add, way.letter
		}
		fmt.Printf(row, way.name, count(way.tally.Total()), measured(short(add)), measured(short(read)))
	}
	takeaway("At most one goroutine is in the critical section, from Lock to Unlock:",
		"mutual exclusion. State that stays: a mutex, or an atomic for one number.",
		"A value that moves on to another goroutine: a channel.")
	return supported
}

func contexts(ctx context.Context) string {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Millisecond, errors.New("the request's 30 ms are over"))
	defer cancel()
	row := &Call{Name: "row", Timeout: time.Minute}
	request := &Call{Name: "request", Calls: []*Call{
		{Name: "cache", Timeout: 10 * time.Millisecond},
		{Name: "query", Calls: []*Call{row}},
	}}
	request.Run(ctx, time.Now())
	fmt.Printf("     %-34s %8s   %s\n", "call", "done", "cause")
	drawCalls(request, "", "")
	fmt.Print("     10 calls read one price each; goroutines that still run after that\n")
	fmt.Printf("       %-32s %2d\n", "each defers stop()", LeftRunning(10, FirstPrice))
	fmt.Printf("       %-32s %2d\n", wrong("each discards stop (wrong)"), LeftRunning(10, FirstPriceNeverStopped))
	takeaway("Cancellation goes down the tree, never up. A call gets no more time than",
		"its caller has left. A function that derives a context must cancel it.")
	return map[bool]string{true: "b", false: "a"}[row.After < row.Timeout]
}

func lockTwice(context.Context) string {
	const row = "     %s\n       %s\n       %s\n"
	message, states := runDeadlock("read-lock twice")
	fmt.Printf(row, wrong("RLock twice, with a writer between (wrong)"), message, measured(states))
	message, states = runDeadlock("lock twice")
	fmt.Printf(row, wrong("Lock twice (wrong)"), message, measured(states))
	account := &Account{balance: 100}
	fmt.Printf("     Lock once, and call balanceLocked\n       error %v, balance %d\n", account.Withdraw(40), account.Balance())
	takeaway("Lock does not know which goroutine holds the mutex. A method that needs",
		"the lock to be held gets a name such as balanceLocked, and does not lock.",
		"(Search for: reentrant mutex, recursive read locking.)")
	return map[bool]string{true: "c"}[strings.Contains(states, "Mutex.Lock")]
}

func lockOrdering(context.Context) string {
	const each = 10_000
	a, b := &Account{number: 1, balance: each}, &Account{number: 2, balance: each}
	Concurrently(2, each, func() {
		Transfer(a, b, 1)
		Transfer(b, a, 1)
	})
	fmt.Printf("     the lower account number first\n       %s transfers, balances %s and %s\n",
		count(4*each), count(a.Balance()), count(b.Balance()))
	message, states := runDeadlock("unordered locks")
	fmt.Printf("     %s\n       %s\n       %s\n", wrong("the paying account first (wrong)"), message, measured(states))
	takeaway("Each transfer holds one lock and blocks until the other unlocks. Here",
		"each waits for the first lock of the other, so it happens in every run;",
		"otherwise it is rare. With one order for all locks no cycle can form.",
		"(Search for: lock ordering, ABBA deadlock.)")
	return map[bool]string{true: "a"}[strings.Contains(states, "Mutex.Lock")]
}

func vetting(context.Context) string {
	findings, err := Vet()
	if err != nil {
		fmt.Println("    ", err)
		return ""
	}
	for _, file := range []string{"copied_lock", "lost_cancel", "late_add", "unbuffered_signal", "deferred_lock"} {
		fmt.Printf("     %s.go\n", file)
		for _, f := range findings[file+".go"] {
			message, _, _ := strings.Cut(strings.ReplaceAll(f.Message, "command-line-arguments.", ""), ", ")
			fmt.Printf("       %s\n", measured(message))
		}
		if len(findings[file+".go"]) == 0 {
			fmt.Println("       no finding")
		}
	}
	takeaway("go test runs few of vet's checks, none of the first four: run go vet",
		"./... too. It does not find all: defer mu.Lock() locks twice, and",
		"Staticcheck reports it (SA2003). The files are in 02-channels/vetted.")
	return map[bool]string{true: "c"}[len(findings["deferred_lock.go"]) == 0]
}
