package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// sections are what each section prints after its excerpt, with ### for what differs
// from run to run, and the answer that its measurement supports.
var sections = map[string]struct{ prints, answer string }{
	"4.1": {`
     10 sign-ups; the mail server accepts connections and sends nothing
                                              leaky (wrong)           fixed
     responses                                     10 × 202        10 × 202
     time limit for an email                           none          100 ms
     still sending after the time limit                  10               0
`, "c"},
	"4.2": {`
     3 sign-ups; the mail server refuses all emails
                                              leaky (wrong)           fixed
     responses                                      3 × 202         3 × 202
     errors logged                                        0               3
     a fourth panics, and then the server    ends, status 2     answers 202
     errors logged by then                                0               4
     of them panics                                       —               1
     standard error  panic: runtime error: index out of range [0] with length 0
     log of fixed    level=ERROR msg="welcome email not sent"
                     error="550 \"no such mailbox\""
`, "b"},
	"4.3": {`
     60 sign-ups while the mail server hangs; fixed accepts up to 12 emails
                                              leaky (wrong)           fixed
     goroutines sending emails                           60               4
     202 Accepted                                        60              12
     503, Retry-After: 1                                  0              48
`, "a"},
	"4.4": {`
     6 sign-ups; the web server is shut down while the mail server hangs
                                              leaky (wrong)           fixed
     emails in flight when Shutdown returned               6               0
     reported as not sent                                 —               6
     the same, and the mail server recovers a moment later
     delivered when Shutdown returned                     0               6
     reported as not sent                                 —               0
`, "b"},
	"4.5": {`
     an email with r.Context() (wrong)          context canceled
     an email with WithoutCancel and a timeout  delivered, after the response
`, "c"},
	"4.6": {`
     the handler writes    one moment,
     its goroutine writes  your email was sent
     the client gets       one moment,
     the goroutine gets    http: wrote more than the declared Content-Length
     over HTTP/2           panic: Write called after Handler finished, status 2
`, "b"},
	"4.7": {`
     5 sign-ups; then the process is killed, and the mail server recovers
                                              leaky (wrong)           fixed
     responses                                      5 × 202         5 × 202
     emails delivered                                     0               0
`, "a"},
	"4.8": {`
     10 calls of another service, one at a time
                                     connections   goroutines    after CloseIdle
     body not closed (wrong)                  10           20                 20
     body read to its end, closed              1            2                  0

     the service accepts the call and never answers
     without a timeout (wrong)   1 call still blocked
     with a timeout              after ###s: context deadline exceeded
     with r.Context()            when the client disconnects: context canceled
`, "c"},
	"4.9": {`
     10 goroutines are blocked on the network, 10 in a send
     profile          blocked      line               goroutines
     goroutine        network      leaky.go:### 10
     goroutine        channel      abandoned.go:### 10
###`, "b"}, // more lines if this Go has the goroutineleak profile
}

// TestSectionsPrintWhatTheyMeasure runs all sections with their questions.
func TestSectionsPrintWhatTheyMeasure(t *testing.T) {
	out := runMain(t, "-ask", "-all")
	if want := "04 · The pitfall: a handler that starts a goroutine and forgets it\n     leaky.go starts a goroutine for each email. fixed.go has 4 goroutines and a\n"; !strings.HasPrefix(out, want) {
		t.Errorf("the output does not start with\n%s:\n%s", want, out)
	}
	main := &lesson{ask: quizzes}
	for id, want := range sections {
		_, section, _ := strings.Cut(out, "     Your answer (a, b, c, or just Enter): \n\n"+id+"  ")
		_, section, _ = strings.Cut(section, "\n\n") // the excerpt
		prints, section, _ := strings.Cut(section, "     → ")
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimPrefix(want.prints, "\n")), "###", "(?s:.*)")
		if !regexp.MustCompile("^" + pattern + "$").MatchString(prints) {
			t.Errorf("section %s prints\n%swant\n%s", id, prints, want.prints)
		}
		answer := "\n     Answer " + want.answer + ": " + main.ask[id].answers[want.answer[0]-'a'] + ".\n"
		if _, section, _ = strings.Cut(section, "\n\n"); !strings.HasPrefix("\n"+section, answer) {
			t.Errorf("section %s supports another answer than %q:\n%s", id, answer, section)
		}
	}
}

// runMain runs the chapter's program, built without the race detector, with arguments.
func runMain(t *testing.T, arguments ...string) string {
	t.Helper()
	if !raceDetector() {
		out, status, err := runRole("command line", strings.Join(arguments, " "))
		if status != 0 || err != nil {
			t.Fatalf("exit status %d, %v:\n%s", status, err, out)
		}
		return out
	}
	out, err := exec.CommandContext(t.Context(), withoutRaceDetector(t), arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return string(out)
}
