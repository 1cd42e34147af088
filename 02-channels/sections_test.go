package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sections are what the sections print, in fake time: ### is what differs from run
// to run. The answer is the one that the measurement supports.
var sections = []struct {
	id             string
	run            func(context.Context) string
	prints, answer string
}{
	{"2.1", unbuffered, `
     no buffer; the receiver takes a letter every 40.0 ms
     send 1  ░░░░░░░·····················  blocked 40.0 ms  text "one"
     send 2  ·······░░░░░░░··············  blocked 40.0 ms  text "two"
     send 3  ··············░░░░░░░·······  blocked 40.0 ms  text "three"
     send 4  ·····················░░░░░░░  blocked 40.0 ms  text "four"
             0                     160 ms
`, "b"},
	{"2.2", buffered, `
     a buffer of 3; the receiver takes a letter every 40.0 ms
     send 1  ····························  blocked     0 s  text "one"
     send 2  ····························  blocked     0 s  text "two"
     send 3  ····························  blocked     0 s  text "three"
     send 4  ░░░░░·······················  blocked 40.0 ms  text "four"
     send 5  ·····░░░░░░·················  blocked 40.0 ms  text "five"
             0                     200 ms
`, "b"},
	{"2.3", states, `
     the channel is        send        receive     close
     nil                   blocks      blocks      panics
     unbuffered            blocks      blocks      proceeds
     buffered, empty       proceeds    blocks      proceeds
     buffered, one value   proceeds    7, true     proceeds
     buffered, full        blocks      7, true     proceeds
     closed, one value     panics      7, true     panics
     closed, empty         panics      0, false    panics
     panics: close of nil channel; send on closed channel;
             close of closed channel
     range over a closed channel with 3 values: 3 iterations
`, "a"},
	{"2.4", ownership, `
###
     4 goroutines counted 4,000 requests, 2,048,000 bytes
`, ""},
	{"2.5", selecting, `
     the first of two channels          the quick one          after 20.0 ms
     a value or a timeout of 30 ms      timeout                after 30.0 ms
     a send or a cancellation           the client has left    after 10.0 ms
     a value, or the default            "", false              after 0 s
     1,000 times ctx is done and a value is ready; how often is the value taken?
     by a select ### times
     by a select after a check of ctx.Err()         0 times
`, "a"},
	{"2.6", direction, `
     func worker(jobs <-chan int, results chan<- int) {
         results <- <-jobs * 2   compiles
         <-results               does not compile (wrong)
             cannot receive from send-only channel chan<- int results
`, "a"},
	{"2.8", mutexOrChannel, `
     4 goroutines use                        total     each add    each read
     an atomic number                      400,000          0 s          0 s
     a number with a Mutex                 400,000          0 s          0 s
     a number with an RWMutex              400,000          0 s          0 s
     a goroutine that owns the number      400,000          0 s          0 s
`, ""},
	{"2.9", contexts, `
     call                                   done   cause
     request                             30.0 ms   the request's 30 ms are over
     ├─ cache, asks for 10.0 ms          10.0 ms   context deadline exceeded
     └─ query                            30.0 ms   the request's 30 ms are over
        └─ row, asks for 60.0 s          30.0 ms   the request's 30 ms are over
     10 calls read one price each; goroutines that still run after that
       each defers stop()                0
       each discards stop (wrong)       10
`, "b"},
}

// sectionsWithChildren are those that start other programs, in real time.
var sectionsWithChildren = []struct {
	id             string
	run            func(context.Context) string
	prints, answer string
}{
	{"2.7", deadlock, `
     a small program
       fatal error: all goroutines are asleep - deadlock!
     the same in a server that listens
       main stays in goroutine 1 [chan receive]; the runtime reports nothing
`, "c"},
	{"2.10", lockTwice, `
     RLock twice, with a writer between (wrong)
       fatal error: all goroutines are asleep - deadlock!
       [sync.RWMutex.RLock] [sync.RWMutex.Lock]
     Lock twice (wrong)
       fatal error: all goroutines are asleep - deadlock!
       [sync.Mutex.Lock]
     Lock once, and call balanceLocked
       error <nil>, balance 60
`, "c"},
	{"2.11", lockOrdering, `
     the lower account number first
       40,000 transfers, balances 10,000 and 10,000
     the paying account first (wrong)
       fatal error: all goroutines are asleep - deadlock!
       [sync.WaitGroup.Wait] [sync.Mutex.Lock] [sync.Mutex.Lock]
`, "a"},
	{"2.12", vetting, `
     copied_lock.go
       wrongHits passes lock by value:###hits contains sync.Mutex
     lost_cancel.go
       the cancel function returned by context.WithTimeout should be called
     late_add.go
       WaitGroup.Add called from inside new goroutine
     unbuffered_signal.go
       misuse of unbuffered os.Signal channel as argument to signal.Notify
     deferred_lock.go
       no finding
`, "c"},
}

// TestSectionsPrintWhatTheyMeasure runs all sections but 2.8, which measures CPUs. With
// the race detector the runtime reports no deadlock, so the sections that show one
// are not tested then.
func TestSectionsPrintWhatTheyMeasure(t *testing.T) {
	for _, s := range sections {
		synctest.Test(t, func(t *testing.T) { requireSection(t, s.id, s.run, s.prints, s.answer) })
	}
	for _, s := range sectionsWithChildren {
		if !raceDetector() {
			withoutRaceDetector(t) // skips the test if there is no go command
			requireSection(t, s.id, s.run, s.prints, s.answer)
		} else if s.id == "2.10" || s.id == "2.11" {
			text := printed(t, func() { s.run(t.Context()) })
			if !strings.Contains(text, "not reported by a program that is built with -race") {
				t.Errorf("section %s does not say why there is no report:\n%s", s.id, text)
			}
		}
	}
}

func requireSection(t *testing.T, id string, run func(context.Context) string, prints, answer string) {
	t.Helper()
	var got string
	text := printed(t, func() { got = run(t.Context()) })
	text, _, _ = strings.Cut(text, "     → ")
	pattern := strings.ReplaceAll(regexp.QuoteMeta(prints[1:]), "###", "(?s:.+)")
	if !regexp.MustCompile("^" + pattern + "$").MatchString(text) {
		t.Errorf("section %s prints\n%swant\n%s", id, text, prints)
	}
	if got != answer {
		t.Errorf("section %s supports the answer %q, want %q", id, got, answer)
	}
	measures := answer != "" || id == "2.8"
	if q := quizzes[id]; len(q.answers) == 0 || measures != (q.right == "") {
		t.Errorf("the quiz of section %s has %d answers, and %q counts as right; want that only where the section measures none", id, len(q.answers), q.right)
	}
}

// TestMostExpensiveWayIsTheOneMeasured runs section 2.8 in real time. The CPUs decide which
// way it is.
func TestMostExpensiveWayIsTheOneMeasured(t *testing.T) {
	if raceDetector() {
		t.Skip("measures CPUs, and not the race detector")
	}
	var got string
	text := printed(t, func() { got = mutexOrChannel(t.Context()) })
	var most time.Duration
	var want string // more than one letter if ways took the same time, as printed
	rows := regexp.MustCompile(` 400,000 +(\S+) (\S+) `).FindAllStringSubmatch(text, -1)
	if len(rows) != 4 {
		t.Fatalf("section 2.8 prints\n%swant 4 ways", text)
	}
	for i, row := range rows {
		add, err := time.ParseDuration(row[1] + row[2])
		if err != nil {
			t.Fatal(err)
		}
		if add > most {
			most, want = add, ""
		}
		if add == most {
			want += string("abbc"[i])
		}
	}
	if got == "" || !strings.Contains(want, got) {
		t.Errorf("section 2.8 supports the answer %q, want %s:\n%s", got, want, text)
	}
}

// TestAnswerFollowsTheMeasurement runs section 2.3 with the nil channel as the last state.
func TestAnswerFollowsTheMeasurement(t *testing.T) {
	defer func(before []State) { States = before }(States)
	States = States[:1]
	var got string
	if out := printed(t, func() { got = states(t.Context()) }); got != "b" {
		t.Errorf("section 2.3 supports the answer %q, want \"b\": the receive blocks:\n%s", got, out)
	}
}

// TestSectionThatMeasuresNothingSupportsNoAnswer: there is no go command, and children are
// killed before they have started.
func TestSectionThatMeasuresNothingSupportsNoAnswer(t *testing.T) {
	t.Setenv("PATH", "")
	defer func(before time.Duration) { roleLimit = before }(roleLimit)
	roleLimit = 0
	for _, s := range sectionsWithChildren {
		var got string
		if out := printed(t, func() { got = s.run(t.Context()) }); got != "" {
			t.Errorf("section %s supports the answer %q, want none:\n%s", s.id, got, out)
		}
	}
}

// The role "command line" lets a child process run main with the arguments in its argument.
func init() {
	roles["command line"] = func(arguments string) {
		os.Unsetenv(roleVariable)
		os.Args = append(os.Args[:1], strings.Fields(arguments)...)
		flag.CommandLine.Init(os.Args[0], flag.ExitOnError)
		main()
	}
}

// TestEverySectionHasItsNumber lists the sections and runs one of the core sections and a
// further one.
func TestEverySectionHasItsNumber(t *testing.T) {
	out, status, err := runRole("command line", "-list")
	var ids []string
	for line := range strings.Lines(out) {
		id, _, _ := strings.Cut(line, " ")
		if strings.HasSuffix(line, " (further)\n") {
			id += "*"
		}
		ids = append(ids, id)
	}
	const want = "2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 2.10* 2.11* 2.12*"
	if got := strings.Join(ids, " "); got != want || status != 0 || err != nil {
		t.Errorf("-list has the sections %s, exit status %d, %v; want %s (* is a further one)", got, status, err, want)
	}
	out, status, err = runRole("command line", "2.6 2.12")
	for _, title := range []string{"\n2.6  The compiler checks", "\n2.12  go vet finds"} {
		if !strings.Contains(out, title) || status != 0 || err != nil {
			t.Errorf("exit status %d, %v; want %q in:\n%s", status, err, title, out)
		}
	}
}

// printed returns what f prints.
func printed(t *testing.T, f func()) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdout")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func(stdout *os.File, c bool) { os.Stdout, colored = stdout, c }(os.Stdout, colored)
		os.Stdout, colored = file, false
		f()
	}()
	file.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
