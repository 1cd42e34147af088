// The same in every exercise: it runs a check in a process of its own, and says
// what happened there in the course's words. The checks are in the other file.
package exercise

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const asChild = "EXERCISE_CHECK"

func TestMain(m *testing.M) {
	flag.Parse()
	open := crc32.ChecksumIEEE([]byte(strings.ReplaceAll(source, "\r\n", "\n"))) == untouched
	if open {
		fmt.Printf("open: %s is as it came, and README.md says what to do\n", file)
		flag.Set("test.run", "^$") // go test shows nothing of what passes, but it says "[no tests to run]"
	}
	flag.Set("test.parallel", "16") // a wrong answer may wait, and all of it at the same time
	status := m.Run()
	if status == 0 && !open && !raceDetector() && os.Getenv(asChild) == "" {
		fmt.Println("nothing wrong is found, but this can't see memory that two goroutines share: the check\n" + noDetector)
		status = 1 // or go test would say "ok", and nothing of this
	}
	os.Exit(status)
}

const noDetector = "needs the race detector: go test -race (on Linux and Windows with a C compiler, e.g. apt-get install gcc)"

// raceDetector reports whether this binary was built with it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// alone runs a check in a process of its own, where a race, a panic or a deadlock
// can end nothing else. look says where in the chapter to look if it fails.
func alone(t *testing.T, look string, check func(t *testing.T)) {
	t.Helper()
	if os.Getenv(asChild) != "" {
		check(t)
		return
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=20s")
	cmd.Env = append(os.Environ(), asChild+"=1", "GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0",
		fmt.Sprint("GOMAXPROCS=", runtime.GOMAXPROCS(0))) // or go test -cpu would mean nothing
	out, err := cmd.CombinedOutput()
	if err == nil {
		return
	}
	if where, ok := race(string(out)); ok {
		if strings.Contains(string(out), "runtime.closechan()") {
			t.Errorf("one goroutine closes a channel on which another one sends%s\n"+
				"→ look at 2.3 in chapter 02's program: only who sends can know that no more will come", where)
			return
		}
		if !raced.Swap(true) {
			t.Errorf("two goroutines used the same memory at the same time, and one of them wrote it%s\n"+
				"→ nothing else is sure while that is so: give each its own, a lock, or a channel, and wait before you read", where)
		} else {
			t.Error("here too: the same memory at the same time")
		}
		return
	}
	if own := inItsWords(string(out)); own != "" {
		if !strings.Contains(own, "→ ") { // it knows better
			own += "\n→ look at " + look
		}
		t.Error(own)
		return
	}
	why, elsewhere := inWords(string(out))
	if _, again := told.LoadOrStore(why, true); again {
		t.Error("here too: " + why)
		return
	}
	t.Errorf("%s\n→ look at %s", why, cmp.Or(elsewhere, look))
}

var (
	raced atomic.Bool // and said so
	told  sync.Map    // what else ended a check
)

// race returns the lines of the exercise that a report of the race detector names.
func race(out string) (where string, ok bool) {
	_, report, ok := strings.Cut(out, "WARNING: DATA RACE")
	report, _, _ = strings.Cut(report, "Goroutine ") // from there on: who started them
	var lines []string
	for _, at := range racing.FindAllStringSubmatch(report, -1) {
		if strings.HasPrefix(at[1], file+":") && !slices.Contains(lines, at[1]) {
			lines = append(lines, at[1])
		}
	}
	return in(lines), ok
}

func in(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return ", in " + strings.Join(lines, ", ")
}

var (
	racing  = regexp.MustCompile(`(?m)^\s+.*[/\\](\w+\.go:\d+)`)
	said    = regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: (.*(?:\n {8}.*)*)`)
	panicky = regexp.MustCompile(`(?m)^\t*(?:panic|fatal error): (.*)`) // a panic in a deferred function stands after the first, further in
	stack   = regexp.MustCompile(`(?m)^goroutine \d+ .*\[([^],]*)[^]]*\]:\n((?:.+\n)+)`)
)

// inItsWords returns what a check has said before it failed, if it has.
func inItsWords(out string) string {
	var own []string
	for _, m := range said.FindAllStringSubmatch(out, -1) {
		own = append(own, strings.ReplaceAll(m[1], "\n        ", "\n"))
	}
	return strings.Join(own, "\n")
}

// inWords makes a sentence of how a check's process ended, and says where to look.
func inWords(out string) (why, look string) {
	waits, goesRound := at(out, waiting), at(out, ready)
	unseen := strings.Contains(out, "stack unavailable") // it goes round on another thread, and so fast that nobody can look at it
	var m []string
	for _, m = range panicky.FindAllStringSubmatch(out, -1) { // the last one: what ended it all
	}
	switch {
	case strings.Contains(out, "main bubble goroutine has exited"):
		if waits != "" {
			look = "these lines: whom does each of them wait for, and what tells it to stop? (2.5 in chapter 02's program)"
		}
		return "it has returned, and has left goroutines behind that wait" + waits, look
	case strings.Contains(out, "test timed out") && (goesRound != "" || unseen):
		return "it never ends: a goroutine goes round and round" + goesRound,
			"these lines: it looks again and again, where it should wait for a channel or a WaitGroup"
	case strings.Contains(out, "test timed out") && strings.Contains(waits, "Mutex.") && strings.Contains(out, "[sleep (durable)"):
		return "one goroutine keeps a lock while it waits, and the others wait for the lock: one after the other" + waits,
			"these lines: wait first, and lock only for the moment in which you write"
	case strings.Contains(out, "test timed out") && strings.Contains(waits, "(sleep)"):
		return "it is not done after 20 s: a goroutine sleeps" + waits, "these lines: must they wait, or only say for how long?"
	case strings.Contains(out, "deadlock:"), strings.Contains(out, "test timed out"):
		if waits != "" {
			look = "these lines: whom does each of them wait for? (2.1 in chapter 02's program)"
		}
		return "it never ends: a goroutine waits for something that nobody will ever do" + waits, look
	case m != nil:
		if strings.Contains(m[1], "closed channel") {
			look = "2.3 in chapter 02's program: only who sends can know that no more will come"
		}
		// That it was "recovered" was the test's doing.
		return "the whole program ended: " + strings.TrimSuffix(m[1], " [recovered, repanicked]") +
			at(out, running), look
	}
	return out, ""
}

// What a goroutine of a dump does.
func running(state string) bool { return state == "running" }
func ready(state string) bool   { return running(state) || state == "runnable" }
func waiting(state string) bool { return !ready(state) }

// at returns where in the exercise the goroutines are that do so.
func at(out string, does func(state string) bool) string {
	var lines []string
	for _, m := range stack.FindAllStringSubmatch(out, -1) {
		calls, _, _ := strings.Cut(m[2], "created by ")
		for _, place := range racing.FindAllStringSubmatch(calls, -1) { // innermost first
			if !strings.HasPrefix(place[1], file+":") {
				continue
			}
			line := place[1]
			if waiting(m[1]) {
				line += " (" + strings.TrimSuffix(m[1], " (durable)") + ")"
			}
			if does(m[1]) && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
			break
		}
	}
	slices.Sort(lines)
	return in(lines)
}
