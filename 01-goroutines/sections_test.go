package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
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

// TestSectionsPrintWhatTheyMeasure runs the sections with their questions, but not 1.3,
// which needs a thousand threads, and not 1.6, which measures CPUs. The
// program is built without the race detector.
func TestSectionsPrintWhatTheyMeasure(t *testing.T) {
	const arguments = "-ask -n 1000 1.1 1.2 1.4 1.5 1.7 1.8"
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
		pattern := strings.ReplaceAll(regexp.QuoteMeta(want.prints[1:]), "###", "(?s:.*)")
		if !regexp.MustCompile("^" + pattern + "$").MatchString(prints) {
			t.Errorf("section %s prints\n%swant\n%s", id, prints, want.prints)
		}
		if want.answer == "" {
			continue
		}
		answer := "Answer " + want.answer + ": " + quizzes[id].answers[want.answer[0]-'a'] + "."
		if _, section, _ = strings.Cut(section, "\n\n"); !strings.HasPrefix(section, "     "+answer) {
			t.Errorf("section %s supports another answer than %q:\n%s", id, answer, section)
		}
	}
}
