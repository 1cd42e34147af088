package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// sections are what each section prints after its excerpt, with a regular expression
// in « » for what differs from run to run, and the answer that its measurement
// supports; "" where a busy machine may delay what decides.
var sections = map[string]struct{ prints, answer string }{
	"3.1": {`
     as net/http runs them                                      answered after
     slow     «[█░·]{48}»  «.*([6-9]\d\d ms|\d s)»
     fast 1   «[█░·]{48}»  «.*»s
     fast 2   «[█░·]{48}»  «.*»s
     the same handlers behind one lock (wrong)                  answered after
     slow     «[█░·]{48}»  «.*([6-9]\d\d ms|\d s)»
     fast 1   «[█░·]{48}»  «.*»s
     fast 2   «[█░·]{48}»  «.*»s
`, ""},
	"3.2": {`
     protocol   connections   4 requests     their goroutines
     HTTP/1.1   1             sequentially   A A A A
     HTTP/1.1   4             concurrently   A B C D
     HTTP/2     1             concurrently   A B C D
     The go statement that started them, found in the handler's own stack:
     HTTP/1.1    net/http/server.go:«\d+»  «.*»
«(?s:.*)»     HTTP/2      net/http/«\S+:\d+» «(?s:.*)»
`, "a"},
	"3.3": {`
     1,000 clients, a handler of 50.0 ms: sequentially that takes 50.0 s
     all were answered within «.*»s
`, ""},
	"3.4": {`
     100 concurrent requests, counted with
     an atomic                                             100
     an int and a mutex                                    100
     n++ step by step: all load, then all store (wrong)      1
`, "a"},
	"3.5": {`
     4 concurrent requests through this chapter's router: goroutines A B C D
     started by  net/http/server.go:«\d+»  «(?s:.*)»
       net/http.(*conn).serve             the server reads the request
       «\S*».(*Router).ServeHTTP«.*» the whole framework
       «\S*».WhoAmI«.*» your handler
`, "b"},
	"3.6": {`
     observes it          «█{10}░*·*»  context canceled
     ignores it (wrong)   ██████████░░░░░░░░░░░░░░░░░░░░░░░░░░  context canceled
`, "c"},
	"3.7": {`
     GET /share?among=0  the client gets  EOF
     GET /share?among=4  the client gets  25
     the server's log  http: panic serving (client)
                       runtime error: integer divide by zero
`, "b"},
	"3.8": {`
     50 clients at the same time, 6 events each
     with Flush       written  «[█·]{24}»
                      read     «[█·]{24}» at most «.*»s later
     without (wrong)  written  «[█·]{24}»
                      read     «[█·]{24}» at most «.*»s later
`, "c"},
	"3.9": {`
     Shutdown        the client gets  first half + second half
     Close (wrong)   the client gets  first half + error: «.+»
`, "a"},
	"3.10": {`
     a handler panics; then   answered   blocked in Lock       GET /health
     5 orders, with defer     5          0                     ok
     without defer (wrong)    0          5                     ok
`, "c"},
	"3.11": {`
     a lock around each write   "to" 4,000 times, as sent
     no lock (wrong)            fatal error: concurrent map writes; status 2
`, "b"},
	"3.12": {`
     LimitTime            «█*░*·*»  503
     ignored (wrong)      «█*░+»  503
     WriteTimeout (wrong) ████████████████████████████████████  EOF
`, "b"},
	"3.13": {`
     100 callers, one key; the first leaves   fetches   answered   another key
     1 look, then fetch (wrong)                   100         99   answered
     2 fetch with the lock held (wrong)             2         99   blocked
     3 fetch with a caller's context (wrong)        1          0   answered
     4 fetch with a context of its own              1         99   answered
`, "a"},
	"3.14": {`
     one subscriber does not read       Publish       a new Subscribe
     drops it                           returns       returns
     sends with the lock held (wrong)   [chan send]   [sync.Mutex.Lock]
`, "c"},
	"3.15": {`
                          Shutdown                   the stream   hijacked
     RegisterOnShutdown   «.*» closed
     without (wrong)      cut off    after  «([3-9]\d\d ms|.* s)»   cut off      still answers
`, "c"},
}

// TestSectionsPrintWhatTheyMeasure runs each section with its question, all of them at
// the same time. The execution trace names the handlers of 3.1.
func TestSectionsPrintWhatTheyMeasure(t *testing.T) {
	traced := filepath.Join(t.TempDir(), "trace.out")
	type output struct{ id, text string }
	ended, start := make(chan output, len(sections)), time.Now()
	var running sync.WaitGroup
	t.Cleanup(running.Wait) // the test's context ends them
	for id := range sections {
		arguments := []string{"-ask", id}
		if id == "3.1" {
			arguments = append(arguments, "-trace", traced)
		}
		program := ""
		if raceDetector() {
			program = withoutRaceDetector(t)
		}
		running.Go(func() { ended <- output{id, runMain(t, program, arguments)} })
	}
	outputs := make(map[string]string)
	for limit := time.Minute; len(outputs) < len(sections); {
		select {
		case out := <-ended:
			outputs[out.id] = out.text
			limit = max(30*time.Second, 10*time.Since(start)) // a busy machine is slow in all of them
		case <-time.After(limit):
			missing := maps.Clone(sections)
			maps.DeleteFunc(missing, func(id string, _ struct{ prints, answer string }) bool { _, ok := outputs[id]; return ok })
			t.Fatalf("after %s these sections have not ended: %v", time.Since(start), slices.Sorted(maps.Keys(missing)))
		}
	}
	locked := "" // of 3.1
	for id, want := range sections {
		out := outputs[id]
		if heading := "03 · net/http: which goroutine runs your handler\n\n" + id + "  " + quizzes[id].question; !strings.HasPrefix(out, heading) {
			t.Errorf("section %s does not start with\n%s:\n%s", id, heading, out)
		}
		_, section, _ := strings.Cut(out, "     Your answer (a, b, c, or just Enter): \n\n"+id+"  ")
		_, section, _ = strings.Cut(section, "\n\n") // the excerpt
		prints, section, _ := strings.Cut(section, "     → ")
		if id == "3.1" {
			_, locked, _ = strings.Cut(prints, "behind one lock")
		}
		pattern := ""
		for text := range strings.SplitSeq(strings.TrimPrefix(want.prints, "\n"), "«") {
			if differs, rest, ok := strings.Cut(text, "»"); ok {
				pattern, text = pattern+differs, rest
			}
			pattern += regexp.QuoteMeta(text)
		}
		if !regexp.MustCompile("^" + pattern + "$").MatchString(prints) {
			t.Errorf("section %s prints\n%swant\n%s", id, prints, want.prints)
		}
		if want.answer == "" {
			continue
		}
		answer := "\n     Answer " + want.answer + ": " + quizzes[id].answers[want.answer[0]-'a'] + ".\n"
		if _, section, _ = strings.Cut(section, "\n\n"); !strings.HasPrefix("\n"+section, answer) {
			t.Errorf("section %s supports another answer than %q:\n%s", id, answer, section)
		}
	}
	slow, fasts, _ := strings.Cut(locked, "fast 1")
	if last, first := lastCell(slow), firstCell(fasts); first < last {
		t.Errorf("behind one lock a fast handler began in column %d, and the slow one ended in column %d:\n%s", first, last, locked)
	}
	trace, err := os.ReadFile(traced)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"as net/http runs them": true, "the same handlers behind one lock (wrong)": true,
		"slow handler": true, "fast handler 1": true, "fast handler 2": true, "fast handler 0": false,
	} {
		if got := bytes.Contains(trace, []byte(name)); got != want {
			t.Errorf("the execution trace has %q: %t, want %t", name, got, want)
		}
	}
}

// TestListHasAllSectionsInOrder, the core ones first: those that run without a number.
func TestListHasAllSectionsInOrder(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(runMain(t, "", []string{"-list"})), "\n")
	if len(lines) != 15 {
		t.Fatalf("got %d sections, want 15:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for i, line := range lines {
		id, _, _ := strings.Cut(line, " ")
		if want := fmt.Sprint("3.", i+1); id != want || strings.HasSuffix(line, " (further)") != (i >= 11) {
			t.Errorf("line %d is %q, want section %s, with (further) from 3.12 on", i+1, line, want)
		}
	}
}

// firstCell and lastCell return the column of the first or last full cell of a drawing.
func firstCell(drawing string) int { return columnOf(drawing, strings.Index(drawing, "█")) }
func lastCell(drawing string) int  { return columnOf(drawing, strings.LastIndex(drawing, "█")) }

func columnOf(drawing string, cell int) int {
	if cell < 0 {
		return -1
	}
	before := drawing[:cell]
	return utf8.RuneCountInString(before[strings.LastIndex(before, "  ")+2:])
}

// runMain runs the chapter's program with arguments: the given build of it or, for "",
// this one. It returns its output.
func runMain(t *testing.T, program string, arguments []string) string {
	child := exec.CommandContext(t.Context(), program, arguments...)
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			t.Error(err)
			return ""
		}
		child = exec.CommandContext(t.Context(), self)
		child.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleVariable+"=command line="+strings.Join(arguments, " "))
	}
	child.WaitDelay = time.Second // a child of its own may keep its output open
	out, err := child.CombinedOutput()
	if err != nil && t.Context().Err() == nil {
		t.Errorf("%v: %v", arguments, err)
	}
	return string(out)
}
