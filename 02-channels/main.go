// Command 02-channels shows every rule of channels happening.
//
//	go run ./02-channels            the lesson
//	go test -race -v ./02-channels  its proofs
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"go/types"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if playRole() { // a child process of this very program: see roles.go
		return
	}
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: go run ./02-channels\n\n"+
			"Shows what channels do, by doing it. It takes no flags.\n")
	}
	flag.Parse()
	if flag.NArg() > 0 {
		usageError("takes no arguments, got %q", flag.Args())
	}

	fmt.Println("02 · Channels: hand things over instead of sharing them")
	handOver()
	buffer()
	states()
	noLockNeeded()
	whicheverComes()
	direction()
	deadlock()
	mutexOrChannel()
	fmt.Print("\nProof:  go test -race -v ./02-channels\nRead:   02-channels/README.md, and do its exercise\nNext:   go run ./03-net-http-per-request\n")
}

const interval = 40 * time.Millisecond // how long the receiver is busy before each receive

// handOver sends without a buffer.
func handOver() {
	claim("2.1", "An unbuffered send is a hand-over: it waits for the receiver.")
	drawSends(make(chan *Letter))
	read("░ the sender waits. Each send ends when the receiver takes what is sent.",
		"The text is what the receiver found in it: all that the sender had",
		"written before the send is there after it.")
}

// buffer sends with room for three.
func buffer() {
	claim("2.2", "A buffered send waits only when the buffer is full: backpressure.")
	drawSends(make(chan *Letter, 3))
	read("Three find room and pass. After that the sender is as slow as the",
		"receiver: it can't run ahead, and memory can't fill up.")
}

// drawSends sends six letters through c and draws how long each send waited.
func drawSends(c chan *Letter) {
	sends, texts := SendAll(c, interval, "one", "two", "three", "four", "five", "six")
	end := max(sends[len(sends)-1].Done, time.Duration(len(sends))*interval) // the same scale, with room or without
	fmt.Printf("     room for %d; the receiver takes one every %s\n\n", cap(c), short(interval))
	for i, s := range sends {
		fmt.Printf("     send %d  %s  waited %7s   text %q\n", i+1, lane(s.Began, s.Done, end, 28), short(s.Done-s.Began), texts[i])
	}
	fmt.Printf("             0%27s\n", short(end))
}

// lane draws the time until end in width cells, filled from one instant to another if there is one cell between them.
func lane(from, to, end time.Duration, width int) string {
	first, last := int(from*time.Duration(width)/end), int(to*time.Duration(width)/end)
	return strings.Repeat("·", first) + strings.Repeat("░", last-first) + strings.Repeat("·", width-last)
}

// states tries every operation in every state.
func states() {
	claim("2.3", "Nil, open, full or closed decides what an operation does.")
	fmt.Printf("     %-20s%-17s%-17s%s\n", "the channel is", "send", "receive", "close")
	var messages []string
	for _, state := range States {
		var cells [3]string
		for i, operation := range []func(chan int) string{Send, Receive, Close} {
			var message string
			cells[i], message = Try(operation, state.Make())
			if message != "" && !slices.Contains(messages, message) {
				messages = append(messages, message)
			}
		}
		fmt.Printf("     %-20s%-17s%-17s%s\n", state.Name, cells[0], cells[1], cells[2])
	}
	fmt.Println("\n     the panics say:    ", strings.Join(messages, "\n                         "))
	letters := filled(3, 3)
	close(letters)
	fmt.Println("     range over a closed channel with 3 inside: goes round", Drain(letters), "times, and ends")
	read("Each cell was tried just now. The 7 was put in before; true and false are",
		"the ok of v, ok := <-c. On a nil channel to wait means for ever.",
		"Close says \"no more will come\": only the sender can know, so it closes.")
}

// noLockNeeded counts with one owner at a time.
func noLockNeeded() {
	claim("2.4", "Data handed over on a channel needs no lock.")
	logs := make([][]int, 4)
	for i := range logs {
		logs[i] = slices.Repeat([]int{512}, 1000)
	}
	total := CountHanded(logs...)
	fmt.Printf("     4 logs of 1,000 answers, a goroutine each, counted without a lock\n")
	fmt.Printf("     requests %s   bytes %s\n", count(total.Requests), count(total.Bytes))
	read("Every goroutine counts in a total of its own and hands that over. The",
		"wrong way, one total for all, may give the same sum and is a data race:",
		"go test -race -v -run Unlocked ./02-channels   (a report is a pass here)")
}

// whicheverComes waits for several things at once.
func whicheverComes() {
	claim("2.5", "select waits for several things, and takes what comes first.")
	show := func(what string, wait func() string) {
		began := time.Now()
		came := wait()
		fmt.Printf("     %-30s %-26s after %s\n", what, came, short(time.Since(began)))
	}
	or := func(v string, err error) string {
		if err != nil {
			return err.Error()
		}
		return v
	}
	never := make(chan string)
	show("the first of two", func() string { return First(After(20*time.Millisecond, "the quick one"), never) })
	show("an answer or 30 ms", func() string { return or(Within(30*time.Millisecond, never)) })
	show("an answer or a cancellation", func() string {
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(10*time.Millisecond, func() { cancel(errors.New("the client has gone")) })
		return or(Until(ctx, never))
	})
	show("an answer if it is there", func() string {
		if v, ok := IfThere(never); ok {
			return v
		}
		return "nothing, so go on"
	})
	read("One select, one goroutine, and no polling. One channel in each line never",
		"sends anything: who waited for that alone would wait for ever.")
}

// direction shows what the compiler makes of a receive from a send-only channel.
func direction() {
	claim("2.6", "The compiler checks the direction in a channel's type.")
	fmt.Println("     func worker(jobs <-chan int, results chan<- int)")
	for _, program := range []struct{ does, source string }{
		{"results <- <-jobs * 2", RightDirection},
		{"<-results", WrongDirection},
	} {
		says, why := "compiles", ""
		if err, ok := errors.AsType[types.Error](Check(program.source)); ok {
			const line = "\n             "
			says, why = "does not compile:", line+strings.NewReplacer(": ", ":"+line, " (", line+"(").Replace(err.Msg)
		}
		fmt.Printf("         %-24s %s%s\n", program.does, says, why)
	}
	read("The arrow shows which way values go. Who may send and who may receive",
		"then stands in the signature, and a mistake never gets to run.")
}

// deadlock lets a child process wait for itself.
func deadlock() {
	claim("2.7", "When every goroutine waits, the runtime says so and ends it all.")
	const patience = 3 * time.Second
	self, err := os.Executable()
	if err != nil {
		fmt.Println("     could not find this program to start it again:", err)
		return
	}
	out, status, err := runRole(self, "everyone waits", patience)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Printf("     nothing in %v (race detector: %t; with it the runtime does not look)\n", patience, raceDetector())
	case err != nil:
		fmt.Println("     could not start a child process:", err)
	default:
		first, _, _ := strings.Cut(out, "\n")
		fmt.Printf("     %s\n     exit status %d\n", first, status)
	}
	read("It helps only if all of them wait. In a server one goroutine is always",
		"waiting for the network, so a stuck handler is not reported: chapter 04.")
}

// mutexOrChannel counts to the same number in three ways.
func mutexOrChannel() {
	claim("2.8", "A mutex guards state, a channel hands it over.")
	const goroutines, each = 4, 250_000
	fmt.Printf("     %-32s %10s %14s\n", "4 goroutines add to", "total", "for each add")
	for _, way := range []struct {
		name  string
		tally Tally
	}{
		{"an atomic number", new(AtomicTally)},
		{"a number with a mutex", new(MutexTally)},
		{"a goroutine that owns the number", NewOwnedTally()},
	} {
		began := time.Now()
		total := Count(way.tally, goroutines, each)
		fmt.Printf("     %-32s %10s %14s\n", way.name, count(total), short(time.Since(began)/(goroutines*each)))
	}
	read("All are right. State that many touch in passing: a mutex, or an atomic",
		"if it is one number. Something that goes from one to the next: a channel.")
}

func claim(id, sentence string) { fmt.Printf("\n%s  %s\n\n", id, sentence) }

func read(how ...string) { fmt.Printf("\n     → %s\n", strings.Join(how, "\n       ")) }

// usageError says what is wrong with the command line and exits with 2, as the flag package does.
func usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "02-channels: "+format+"\n", args...)
	os.Exit(2)
}

// count writes n with a comma after each group of thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes d with three figures and its unit.
func short(d time.Duration) string {
	if d == 0 {
		return "0 s" // less than a tick of the clock: Windows has some of half a millisecond and more
	}
	value, unit := float64(d), "ns"
	for _, larger := range []string{"µs", "ms", "s"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, larger
	}
	figures := 0
	for limit := 99.95; figures < 2 && value < limit; limit /= 10 {
		figures++
	}
	return fmt.Sprintf("%.*f %s", figures, value, unit)
}

// raceDetector reports whether this program was built with -race.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
