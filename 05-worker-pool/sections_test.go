package main

import (
	"context"
	"regexp"
	"runtime/trace"
	"strings"
	"testing"
	"testing/synctest"
)

// sections are what the sections print, in fake time: ### is what differs from run
// to run. The answer is the one that the measurement supports.
var sections = []struct {
	id             string
	run            func(context.Context) string
	prints, answer string
}{
	{"5.1", fixedNumber, `
     6 images to scale, 4 workers
      1  ###
      2  ###
      3  ###
      4  ###
         0                                                        0 s
     images in progress, at most      pool                           4
                                      a goroutine each (wrong)       6
`, "b"},
	{"5.2", onceEach, `
     the tasks, as given        [1 2 3 4 5 6 7 8]
     AsDone's results           [8 7 6 5 4 3 2 1]
     how often each has run     [1 1 1 1 1 1 1 1]
     Map's results              [1 2 3 4 5 6 7 8]
`, "a"},
	{"5.3", backpressure, `
     4 workers busy; a queue with 8 slots; 20 tasks arrive
     TrySubmit              8 accepted, 12 refused, all in 0 s
     Submit                 blocked for 20.0 ms, until a slot was free
     unbounded (wrong)      all accepted; the backlog fills the memory:
                               100 messages of 4 KB  ###
                             1,000 messages of 4 KB  ###
                            10,000 messages of 4 KB       ### MB
`, "d"},
	{"5.4", stopOrCollect, `
     1 worker, 8 tasks; task 3 fails, task 6 panics, task 7 calls Goexit
                                  tasks begun    Close returns
     stop at the first                      3    task 3: mailbox full
     collect all (KeepGoing)                8    task 3: mailbox full
                                                 task 6: panic: no such user
                                                 task 7: runtime.Goexit called
     the caller cancels in task 2           2    the client has left
     the caller cancels in task 8           8    nil
     workers left when all tasks are done
       pool                             0
       never closed (wrong)             4
`, "b"},
	{"5.6", poolInPool, `
     2 workers, a queue with 2 slots; a site of 31 pages, up to 2 links on each
       a task submits its links (wrong)   ### pages, then blocked for 100 ms
       the caller submits them            31 pages
     database/sql, SetMaxOpenConns(1)
       query inside a row loop (wrong)    blocked for 100 ms
       all rows, then the queries         customer 1, customer 2, customer 3
       query outside the open tx (wrong)  blocked for 100 ms
       query in the transaction           customer 2
`, "c"},
	{"5.7", limits, `
     1,000 tasks, a semaphore with 4 slots; goroutines at the same time
       acquired before go                       4
       acquired in the goroutine (wrong)    1,000
     20 tasks: peak, throughput             tasks of 5 ms    tasks of 95 ms
     4 slots: a concurrency limit                4, 800/s           4, 42/s
     100 per second: a rate limit                1, 103/s          10, 70/s
`, "b"},
}

// TestSectionsPrintWhatTheyMeasure runs all sections but 5.5, which measures CPUs.
func TestSectionsPrintWhatTheyMeasure(t *testing.T) {
	defer func(n int) { *imageCount = n }(*imageCount)
	*imageCount = 6
	for _, s := range sections {
		run := func(t *testing.T) {
			answer := ""
			text := printed(t, func() { answer = s.run(t.Context()) })
			text, _, _ = strings.Cut(text, "     → ")
			pattern := strings.ReplaceAll(regexp.QuoteMeta(s.prints[1:]), "###", "(?s:.+)")
			if !regexp.MustCompile("^" + pattern + "$").MatchString(text) {
				t.Errorf("section %s prints\n%swant\n%s", s.id, text, s.prints)
			}
			if answer != s.answer {
				t.Errorf("section %s supports the answer %q, want %q", s.id, answer, s.answer)
			}
		}
		if s.id == "5.4" {
			run(t) // it leaks goroutines, which a bubble forbids
		} else {
			synctest.Test(t, run)
		}
	}
}

// TestNoAnswerIsFixed: each section measures which answer is right.
func TestNoAnswerIsFixed(t *testing.T) {
	for id, q := range quizzes {
		if q.right != "" {
			t.Errorf("the right answer of %s is fixed, %s, want one that is measured", id, q.right)
		}
	}
}

// TestFlagsSetTheNumbersOfTheSections has five workers, and no more images than
// workers: then 5.1 supports no answer.
func TestFlagsSetTheNumbersOfTheSections(t *testing.T) {
	defer func(workers, images int) { *poolSize, *imageCount = workers, images }(*poolSize, *imageCount)
	*poolSize, *imageCount = 5, 5
	for _, s := range []struct {
		id     string
		run    func(context.Context) string
		prints []string
		answer string
	}{
		{"5.1", fixedNumber, []string{"     5 images to scale, 5 workers\n", " pool                           5\n", " a goroutine each (wrong)       5\n"}, ""},
		{"5.3", backpressure, []string{"     5 workers busy; ", " 8 accepted, 12 refused, "}, "d"},
		{"5.4", stopOrCollect, []string{"       never closed (wrong)             5\n"}, "b"},
	} {
		answer, text := "", ""
		run := func(t *testing.T) { text = printed(t, func() { answer = s.run(t.Context()) }) }
		if s.id == "5.4" {
			run(t) // it leaks goroutines, which a bubble forbids
		} else {
			synctest.Test(t, run)
		}
		for _, want := range s.prints {
			if !strings.Contains(text, want) {
				t.Errorf("-workers 5 -tasks 5: section %s prints no %q\n%s", s.id, want, text)
			}
		}
		if answer != s.answer {
			t.Errorf("-workers 5 -tasks 5: section %s supports the answer %q, want %q", s.id, answer, s.answer)
		}
	}
	*imageCount = 1
	if answer := ""; !strings.Contains(printed(t, func() { answer = fixedNumber(t.Context()) }), "     1 image to scale, 5 workers\n") || answer != "" {
		t.Errorf("one image supports the answer %q", answer)
	}
}

// TestImagesAreRegionsOfTheTrace writes an execution trace of 5.1 and looks for the names,
// which have their length before them.
func TestImagesAreRegionsOfTheTrace(t *testing.T) {
	var text strings.Builder
	if err := trace.Start(&text); err != nil {
		t.Skipf("there is a trace already: %v", err)
	}
	defer func(n int) { *imageCount = n }(*imageCount)
	*imageCount = 1
	printed(t, func() { fixedNumber(t.Context()) })
	trace.Stop()
	for _, want := range []string{"\x04pool", "\x16goroutine each (wrong)"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the trace has no region %q", want[1:])
		}
	}
}
