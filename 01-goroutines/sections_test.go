package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// sections are what each section prints after its excerpt, with ### for what differs
// from run to run, and the answer that its measurement supports. How long a turn of 1.4
// is depends on what else the machine does.
var sections = map[string]struct{ prints, answer string }{
	"1.1": {`
     goroutines    memory each    all memory    time to start all
            100 ###s
     (the next row will take about ###)
          1,000         ### KB        ### MB ###s
`, "b"},
	"1.2": {`
     alive at the same time: 1,000, in ### MB
`, "c"},
	"1.3": {`
     goroutines                               OS threads    time to start one
     1,000, blocked                         ### threads    ###s
     1,000, each locked to a thread        1,0### threads   ###s
`, "a"},
	"1.4": {`
     three goroutines, one CPU (GOMAXPROCS=1); █ has the CPU
     computes  ###█###
     computes  ###█###
     blocks    ························································
               0###s
     while one goroutine is busy, does another one run?
       with preemption                     ###
       GODEBUG=asyncpreemptoff=1 (wrong)   false
`, ""},
	"1.5": {`
     main returns immediately (wrong)   ""             exit status 0
     main waits with wg.Wait            "email sent"   exit status 0
`, "c"},
	"1.7": {`
     recovered in main (wrong)    panic: assignment to entry in nil map
                                  and the program exits with status 2
     recovered in its goroutine   panic: assignment to entry in nil map
                                  as an error, and this program continues
`, "c"},
	"1.8": {`
     three goroutines that capture              result
     i of for i := range 3                      [0 1 2]
     one i for all, read after the loop (wrong) [3 3 3]
     an element of errs each                    3 of 3 errors
     one err for all (wrong)                    1 of 3 errors
`, "a"},
}

// TestSectionsPrintWhatTheyMeasure runs the sections with their questions, but not 1.6,
// which measures CPUs. The program is built without the race detector.
func TestSectionsPrintWhatTheyMeasure(t *testing.T) {
	const arguments = "-ask -n 1000 1.1 1.2 1.3 1.4 1.5 1.7 1.8"
	var out string
	if program := withoutRaceDetector(t); raceDetector() {
		b, err := exec.CommandContext(t.Context(), program, strings.Fields(arguments)...).CombinedOutput()
		if out = string(b); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
	} else {
		out, _ = run(t, arguments)
	}
	for id, want := range sections {
		_, section, _ := strings.Cut(out, "or just Enter): \n\n"+id+"  ")
		_, section, _ = strings.Cut(section, "\n\n") // the excerpt
		prints, section, _ := strings.Cut(section, "     → ")
		if strings.Contains(prints, "refused by this system") {
			t.Logf("section %s prints\n%s", id, prints)
			continue
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(want.prints[1:]), "###", "(?s:.*)")
		if !regexp.MustCompile("^" + pattern + "$").MatchString(prints) {
			t.Errorf("section %s prints\n%swant\n%s", id, prints, want.prints)
		}
		answer := "Answer " // any
		if want.answer != "" {
			answer += want.answer + ": " + quizzes[id].answers[want.answer[0]-'a'] + "."
		}
		if _, section, _ = strings.Cut(section, "\n\n"); !strings.HasPrefix(section, "     "+answer) {
			t.Errorf("section %s supports another answer than %q:\n%s", id, answer, section)
		}
	}
}

// TestCoreSectionsEndWithTheNextChapter runs all sections of it, with no work for 1.6.
func TestCoreSectionsEndWithTheNextChapter(t *testing.T) {
	out, status, err := runRole("core sections", "-n 100")
	sections := regexp.MustCompile(`(?m)^1\.\d`).FindAllString(out, -1)
	if got := strings.Join(sections, " "); status != 0 || err != nil || got != "1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8" {
		t.Errorf("exit status %d, %v; the sections are %s, want 1.1 to 1.8:\n%s", status, err, got, out)
	}
	if !strings.HasSuffix(out, "\nNext:    go run ./02-channels\n") {
		t.Errorf("want the command of the next chapter in the last line of:\n%s", out)
	}
}

func init() {
	roles["core sections"] = func(arguments string) {
		hash = func() {}
		roles["command line"](arguments)
	}
	if os.Getenv("LESSON_TEST_ROLES") == "other" { // in the children of TestAnswerFollowsTheMeasurement
		roles["main returns first"] = roles["main waits"]
		roles["panic"] = func(string) {}
	}
	roles["few threads among others"] = func(string) {
		NewThreadCrowd().Grow(600)
		*crowdSize, roleLimit = fewest, 0
		fmt.Printf("\nanswer %q", fewThreads(context.Background()))
	}
}

// TestAnswerFollowsTheMeasurement has children that behave in another way than the chapter
// says, and a process that has 600 threads already.
func TestAnswerFollowsTheMeasurement(t *testing.T) {
	t.Setenv("LESSON_TEST_ROLES", "other")
	for id, run := range map[string]func(context.Context) string{"1.5": mainReturns, "1.7": unrecoveredPanic} {
		var got string
		out := printed(t, func() { got = run(t.Context()) })
		if got != "a" {
			t.Errorf("section %s supports the answer %q, want \"a\":\n%s", id, got, out)
		}
	}
	out, status, err := runRole("few threads among others", "")
	if status != 0 || err != nil {
		t.Skipf("600 threads in one process: status %d, %v", status, err)
	}
	if !strings.HasSuffix(out, "\nanswer \"b\"") {
		t.Errorf("with 600 threads section 1.3 supports another answer than b:\n%s", out)
	}
}

// TestSectionThatMeasuresNothingSupportsNoAnswer: their children are killed before they have
// started, and a crowd of a hundred does not decide what limits a large one.
func TestSectionThatMeasuresNothingSupportsNoAnswer(t *testing.T) {
	defer func(n int, limit time.Duration) { *crowdSize, roleLimit = n, limit }(*crowdSize, roleLimit)
	requireNone := func(id string, run func(context.Context) string) {
		t.Helper()
		var got string
		if out := printed(t, func() { got = run(t.Context()) }); got != "" {
			t.Errorf("section %s supports the answer %q, want none:\n%s", id, got, out)
		}
	}
	*crowdSize = fewest
	requireNone("1.2", aliveTogether)
	roleLimit = 0
	requireNone("1.2", aliveTogether)
	requireNone("1.5", mainReturns)
	requireNone("1.7", unrecoveredPanic)
}

// TestSpeedIsThatOfTheBestRound runs section 1.6 in fake time, on one CPU. For 1 goroutine
// the five rounds take 5, 4, 3, 2 and 1 seconds a piece; in a sixth one it would take no
// time. For 8 goroutines for each CPU the first round is the best.
func TestSpeedIsThatOfTheBestRound(t *testing.T) {
	onOneCPU(t)
	defer func(before func()) { hash = before }(hash)
	var pieces atomic.Int64
	hash = func() { // 3 rows of 64 pieces in a round
		row := (pieces.Add(1) - 1) / 64
		takes := 5 - row/3
		if row%3 == 2 {
			takes = 1 + row/3
		}
		time.Sleep(time.Duration(takes) * time.Second)
	}
	const want = `     the same work, by                             took      speed
     1 goroutine                                 64.0 s       1.0×
     1 goroutine for each CPU                    64.0 s       1.0×
     8 goroutines for each CPU                   8.00 s       8.0×
     1,000 goroutines that sleep 100 ms each     100 ms    1000.0×
     → GOMAXPROCS is 1, of `
	var answer string
	got := printed(t, func() {
		synctest.Test(t, func(t *testing.T) { answer = concurrencyIsNotParallelism(t.Context()) })
	})
	if !strings.HasPrefix(got, want) || answer != "a" {
		t.Errorf("got the answer %s, and\n%swant a, and\n%s", answer, got, want)
	}
}

// TestCrowdsOfTheSectionsLeave: the bubble ends only when every goroutine in it has ended.
func TestCrowdsOfTheSectionsLeave(t *testing.T) {
	defer func(before int) { *crowdSize = before }(*crowdSize)
	*crowdSize = 1000
	rows := printed(t, func() {
		synctest.Test(t, func(t *testing.T) { memoryPerGoroutine(t.Context()) })
	})
	if n := strings.Count(rows, "\n"); n != 6 {
		t.Errorf("section 1.1 prints %d lines, want 6:\n%s", n, rows)
	}
}

// TestCrowdSizeHasLimits, which the usage error and -h name. Section 1.8 needs no crowd.
func TestCrowdSizeHasLimits(t *testing.T) {
	for n, want := range map[string]int{"99": 2, "100": 0, "10000000": 0, "10000001": 2} {
		out, status := run(t, "-n "+n+" 1.8")
		if said := strings.Contains(out, "-n must be from 100 to 10000000, got "+n); status != want || said != (want == 2) {
			t.Errorf("-n %s: got exit status %d, want %d:\n%s", n, status, want, out)
		}
	}
}
