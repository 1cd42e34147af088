package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// lesson.go is the same in every chapter; these are its tests.

// The role "command line" lets a child process run main with the arguments in its argument.
func init() {
	roles["command line"] = func(arguments string) {
		os.Unsetenv(roleVariable)
		os.Args = append(os.Args[:1], strings.Fields(arguments)...)
		flag.CommandLine.Init(os.Args[0], flag.ExitOnError)
		main()
	}
	roles["parse"] = func(arguments string) { // and prints the sections chosen
		l := &lesson{sections: []section{{id: "9.1"}}, further: []section{{id: "9.2"}}}
		os.Args = append(os.Args[:1], strings.Fields(arguments)...)
		l.parse()
		for _, s := range l.chosen {
			fmt.Print(" ", s.id)
		}
	}
	roles["colored"] = func(string) { fmt.Fprint(os.Stderr, colored) }
}

// run runs the chapter's program and returns its output and exit status.
func run(t *testing.T, arguments string) (output string, status int) {
	t.Helper()
	out, status, err := runRole("command line", arguments)
	if err != nil {
		t.Fatal(err)
	}
	return out, status
}

func TestSectionRunsByItsNumber(t *testing.T) {
	out, status := run(t, "1.5 -n 1000 1.2")
	if status != 0 || strings.Count(out, "\n1.") != 2 || strings.Index(out, "\n1.5  ") > strings.Index(out, "\n1.2  ") {
		t.Errorf("exit status %d; want sections 1.5 and 1.2, in this order:\n%s", status, out)
	}
	if strings.Contains(out, "\nNext: ") {
		t.Errorf("what comes next is for the whole demo, not for single sections:\n%s", out)
	}
	if !strings.Contains(out, "at the same time: 1,000,") {
		t.Errorf("a flag after a section has no effect:\n%s", out)
	}
}

func TestUnknownSectionIsAnErrorWithTheList(t *testing.T) {
	for _, arguments := range []string{"1.9", "1.5 chapter", "-list 1.0"} {
		if out, status := run(t, arguments); status != 2 || !strings.Contains(out, "there is no section") || !strings.Contains(out, "\n1.8   Goroutines share") {
			t.Errorf("%s: exit status %d, want 2 and the list:\n%s", arguments, status, out)
		}
	}
}

func TestBadFlagIsAnError(t *testing.T) {
	for arguments, message := range map[string]string{
		"-n 99":                  "-n must be from 100 to 10000000, got 99\n",
		"-n 10000001":            "-n must be from 100 to 10000000, got 10000001\n",
		"-n many":                "invalid value",
		"-nosuchflag":            "flag provided but not defined",
		"-trace /no/such/folder": "-trace: open ",
	} {
		if out, status := run(t, arguments); status != 2 || !strings.Contains(out, message) {
			t.Errorf("%s: exit status %d, want 2 and %q:\n%s", arguments, status, message, out)
		}
	}
}

// TestOnlyTheListGoesToStandardOutput has command lines that run no section.
func TestOnlyTheListGoesToStandardOutput(t *testing.T) {
	for _, arguments := range []string{"-list", "-h", "-n 99", "1.9"} {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), roleVariable+"=command line="+arguments, "GORACE=atexit_sleep_ms=0")
		var errors bytes.Buffer
		child.Stderr = &errors
		if out, _ := child.Output(); (arguments == "-list") != (len(out) > 0) || (len(out) > 0) == (errors.Len() > 0) {
			t.Errorf("%s: standard output has\n%sand standard error\n%s", arguments, out, &errors)
		}
	}
}

func TestListNamesEverySectionInOneLine(t *testing.T) {
	out, status := run(t, "-list")
	if status != 0 || strings.Count(out, "\n") != 8 || !strings.HasPrefix(out, "1.1   A goroutine costs") {
		t.Errorf("exit status %d; want a line for each of 8 sections:\n%s", status, out)
	}
	l := &lesson{sections: []section{{id: "9.1", claim: "Core."}}, further: []section{{id: "9.10", claim: "More."}}}
	if got, want := l.String(), "9.1   Core.\n9.10  More. (further)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTraceFileIsATrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace.out")
	if out, status := run(t, "1.5 -trace "+file); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, out)
	}
	data, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(data, []byte("go 1.")) || !bytes.Contains(data, []byte("1.5")) {
		t.Errorf("%v; want a trace with a task named 1.5, got %d bytes", err, len(data))
	}
}

// TestAskReadsNothingWithoutATerminal has two answers in a pipe. Nothing reads them, so an
// empty pipe could not block the demo either.
func TestAskReadsNothingWithoutATerminal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Stdin = strings.NewReader("c\na\n") // a pipe for the child
	child.Env = append(os.Environ(), roleVariable+"=command line=-ask -n 1000 1.2 1.5", "GORACE=atexit_sleep_ms=0")
	b, _ := child.CombinedOutput()
	out, status := string(b), child.ProcessState.ExitCode()
	for _, want := range []string{"\n1.2  What limits", "     a  the number of CPUs", "Answer c: memory."} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("exit status %d; want %q in:\n%s", status, want, out)
		}
	}
	if strings.Contains(out, "Right:") {
		t.Errorf("the input is not a terminal, but answers are read from it:\n%s", out)
	}
	if strings.Index(out, "\n1.2  What limits") > strings.Index(out, "\n1.2  A hundred thousand") {
		t.Errorf("the question comes after the claim that answers it:\n%s", out)
	}
}

// TestAskReadsTheAnswerFromATerminal types it at one, whose echo is what the program
// reads.
func TestAskReadsTheAnswerFromATerminal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/ptmx as on Linux")
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	if _, err := terminal.WriteString(strings.Repeat("c\n", 20)); err != nil { // with one line, a demo that asks too often would block
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Stdin = terminal
	child.Env = append(os.Environ(), roleVariable+"=command line=-ask -n 1000 1.2", "GORACE=atexit_sleep_ms=0")
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "Answer c: memory. You were right.\n\nRight: 1 of 1.\n") {
		t.Errorf("%v; the reader typed c, the right answer:\n%s", err, out)
	}
}

// TestAskReadsAnAnswerForEachSection asks for three sections. The reader types
// invalid letters first, answers twice, and then the input ends.
func TestAskReadsAnAnswerForEachSection(t *testing.T) {
	supported := map[string]string{"9.1": "b", "9.2": "", "9.3": "a"}
	l := &lesson{asking: true, ask: make(map[string]quiz)}
	for _, id := range []string{"9.1", "9.2", "9.3"} {
		l.ask[id] = quiz{"What?", []string{"this", "that"}, map[string]string{"9.1": "a", "9.2": "a"}[id]} // what is measured counts more
		l.sections = append(l.sections, section{id: id, claim: "Claim.",
			run: func(context.Context) string { fmt.Println("measuring"); return supported[id] }})
	}
	got := printed(t, func() {
		l.run(context.Background(), bufio.NewScanner(strings.NewReader("x\nab\n B \nb\n")))
	})
	const question = "\n%s  What?\n\n     a  this\n     b  that\n"
	const prompt = "\n     Your answer (a, b, or just Enter): "
	const demo = "\n%s  Claim.\n\nmeasuring\n\n     Answer %s\n"
	want := fmt.Sprintf(question+prompt+prompt+prompt+demo+question+prompt+demo+question+prompt+"\n"+demo+"\nRight: 1 of 3.\n",
		"9.1", "9.1", "b: that. You were right.", "9.2", "9.2", "a: this. You answered b.", "9.3", "9.3", "a: this.")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// printed returns what f prints on standard output.
func printed(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer func(before *os.File, c bool) { os.Stdout, colored = before, c }(os.Stdout, colored)
	os.Stdout, colored = file, false
	f()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNoAnswerIsFixed: each section measures which answer is right.
func TestNoAnswerIsFixed(t *testing.T) {
	for id, q := range quizzes {
		if q.right != "" {
			t.Errorf("the right answer of %s is fixed, %s, want one that is measured", id, q.right)
		}
	}
}

// TestDemoSaysWhatComesNext runs the core sections, with a function before it and one
// after it, and then all of its sections by their numbers.
func TestDemoSaysWhatComesNext(t *testing.T) {
	says := func(what string) func() { return func() { fmt.Println(what) } }
	l := &lesson{folder: "99-all", title: "A title", next: "go run ./100", before: says("before"), after: says("after")}
	l.sections = []section{{"9.1", "Core.", code{}, func(context.Context) string { takeaway("one", "two"); return "" }}}
	l.further = []section{{"9.2", "More.", code{}, func(context.Context) string { return "" }}, {"9.3", "Most.", code{}, nil}}
	got := printed(t, func() { l.teach(context.Background()) })
	want := "A title\nbefore\n\n9.1  Core.\n\n     → one\n       two\nafter\n\nFurther: go run ./99-all 9.2 9.3\n" +
		"Again:   go run ./99-all -ask (with questions)\nTests:   go test -race -v ./99-all\n" +
		"Read:    99-all/README.md, then do the exercises\nNext:    go run ./100\n"
	if got != want {
		t.Errorf("the demo prints\n%s\nwant\n%s", got, want)
	}
	l.asking = true
	if got := printed(t, func() { l.teach(context.Background()) }); !strings.HasSuffix(got, want[strings.Index(want, "\nFurther: "):]) {
		t.Errorf("with questions the demo prints\n%s\nwant the same end", got)
	}
	l.asking = false
	l.chosen = []section{l.sections[0], l.further[0]}
	got = printed(t, func() { l.teach(context.Background()) })
	if want := "A title\nbefore\n\n9.1  Core.\n\n     → one\n       two\n\n9.2  More.\n\nafter\n"; got != want {
		t.Errorf("two sections print\n%s\nwant\n%s", got, want)
	}
	l.chosen, l.further = nil, nil
	if got := printed(t, func() { l.teach(context.Background()) }); strings.Contains(got, "Further") || !strings.Contains(got, "after\n\nAgain: ") {
		t.Errorf("a demo without further sections prints\n%s", got)
	}
}

// TestEnterAloneIsNoAnswer has the reader type just Enter.
func TestEnterAloneIsNoAnswer(t *testing.T) {
	printed(t, func() {
		q := quiz{"What?", []string{"this", "that"}, ""}
		if got := q.ask("9.1", bufio.NewScanner(strings.NewReader("\na\n"))); got != "" {
			t.Errorf("the reader typed just Enter; ask returned %q", got)
		}
	})
}

// TestFurtherSectionsRunWithAllOrByNumber, and in the order of the command line.
func TestFurtherSectionsRunWithAllOrByNumber(t *testing.T) {
	for arguments, want := range map[string]string{"": "", "-all": " 9.1 9.2", "9.2": " 9.2", "9.2 9.1": " 9.2 9.1"} {
		if out, status, err := runRole("parse", arguments); out != want || status != 0 || err != nil {
			t.Errorf("the arguments %q choose the sections %q, with status %d, %v; want %q and 0", arguments, out, status, err, want)
		}
	}
}

func TestHelpSaysWhatTheProgramIsAbout(t *testing.T) {
	out, status := run(t, "-h")
	if want := "Usage: go run ./01-goroutines [flags] [section ...]\n\nMeasures what goroutines cost and shows what follows.\n\n"; status != 0 || !strings.HasPrefix(out, want) || !strings.Contains(out, "\n  -ask") {
		t.Errorf("exit status %d, want 0 and %q, and the flags:\n%s", status, want, out)
	}
}

// TestNullDeviceCountsAsATerminal compares it with a file.
func TestNullDeviceCountsAsATerminal(t *testing.T) {
	for path, want := range map[string]bool{os.DevNull: true, filepath.Join(t.TempDir(), "file"): false} {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if got := terminal(file); got != want {
			t.Errorf("terminal(%s) is %t, want %t", path, got, want)
		}
		if file.Close(); terminal(file) {
			t.Errorf("terminal(%s) is true after Close, want false", path)
		}
	}
}

func TestInconclusiveMeasurementCountsForNoAnswer(t *testing.T) {
	out := printed(t, func() {
		if (quiz{"What?", []string{"this", "that"}, ""}).compare("a", "") {
			t.Error("the measurement supports no answer, but the reader's counts as right")
		}
	})
	if !strings.Contains(out, "does not support any single answer") {
		t.Errorf("got %q, want no single answer", out)
	}
}

func TestExcerptShowsTheSource(t *testing.T) {
	got := code{"(c *Crowd) Leave", "close(c.leave)", 2}.String()
	var line int
	if _, err := fmt.Sscanf(got, " crowd.go:%d ", &line); err != nil {
		t.Fatalf("the excerpt is %q: %v", got, err)
	}
	text, err := os.ReadFile("crowd.go")
	if err != nil {
		t.Fatal(err)
	}
	where := fmt.Sprintf("crowd.go:%d", line)
	want := fmt.Sprintf("     %-16s  close(c.leave)\n     %-16s  c.members.Wait()\n", where, "")
	if got != want || !strings.Contains(strings.Split(string(text), "\n")[line-1], "close(c.leave)") {
		t.Errorf("the excerpt is\n%s\nwant\n%s", got, want)
	}
	if got := (code{"(c *Crowd) Grow", "started", 1}).String(); !strings.HasSuffix(got, "  var started sync.WaitGroup\n") {
		t.Errorf("several lines of Grow have started, and the excerpt is\n%s\nwant the first", got)
	}
	for _, missing := range []code{{"(c *Crowd) Leave", "c.alive", 1}, {"(c *Crowd) Leave", "runtime.GC", 1}, {"Leave", "close", 1}, {}} {
		if got := missing.String(); missing.function != "" && got != "" {
			t.Errorf("there is no %+v, but the excerpt is %q", missing, got)
		}
	}
	got = code{"lastOfThisFile", "return v", 9}.String()
	if lines := strings.Split(got, "\n"); len(lines) != 4 || !strings.HasPrefix(got, "     lesson_test.go:") || !strings.HasSuffix(lines[0], "  return v") {
		t.Errorf("the excerpt of a generic function at the end of its file is\n%s", got)
	}
}

func TestColorDoesNotChangeTheWidth(t *testing.T) {
	defer func(before bool) { colored = before }(colored)
	colored = false
	if got, want := fmt.Sprintf("|%6s|%-6s|%v|", measured("1 ms"), wrong("bad"), painted{bold, "x"}), "|  1 ms|bad   |x|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	colored = true
	if got, want := fmt.Sprintf("|%6s|%-4s|%v|", measured("1 µs"), wrong("bad"), painted{bold, "x"}), "|\x1b[36m  1 µs\x1b[0m|\x1b[31mbad \x1b[0m|\x1b[1mx\x1b[0m|"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNoColorWithoutATerminal(t *testing.T) {
	if out, _ := run(t, "1.5"); strings.Contains(out, "\x1b") {
		t.Errorf("the output of a child goes to a pipe, but has colors:\n%q", out)
	}
}

// TestColorNeedsATerminalThatHasIt writes to the null device, which counts as a terminal.
func TestColorNeedsATerminalThatHasIt(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, test := range []struct{ set, want string }{{"TERM=xterm", "true"}, {"TERM=dumb", "false"}, {"NO_COLOR=1", "false"}} {
		var errors bytes.Buffer
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Stdout, child.Stderr = null, &errors
		child.Env = append(os.Environ(), roleVariable+"=colored=", "TERM=xterm", "NO_COLOR=", "WT_SESSION=1", "GORACE=atexit_sleep_ms=0", test.set)
		if err := child.Run(); err != nil || errors.String() != test.want {
			t.Errorf("%s: colors: %s (%v), want %s", test.set, &errors, err, test.want)
		}
	}
}

func TestNumbersAsText(t *testing.T) {
	const ms = time.Millisecond
	for _, x := range []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(1234567), "1,234,567"}, {count(-123), "-123"}, {count(-1234), "-1,234"},
		{plural(1, "group"), "1 group"}, {plural(0, "group"), "0 groups"}, {plural(2000, "group"), "2,000 groups"},
		{size(0), "0 B"}, {size(1023), "1023 B"}, {size(1536), "1.5 KB"}, {size(1 << 20), "1.0 MB"}, {size(5 << 20), "5.0 MB"}, {size(int64(3) << 30), "3.0 GB"}, {size(int64(5) << 40), "5120.0 GB"}, {size(uint64(1024)), "1.0 KB"},
		{short(0), "0 s"}, {short(7), "7.00 ns"}, {short(999), "999 ns"}, {short(1000), "1.00 µs"}, {short(12345), "12.3 µs"}, {short(99_960), "100 µs"}, {short(20 * ms), "20.0 ms"}, {short(999_600), "1.00 ms"}, {short(90 * time.Second), "90.0 s"}, {short(100 * time.Hour), "360000 s"},
		{times(3*ms, 2*ms), "1.5×"}, {times(0, ms), "0.0×"}, {times(ms, 0), "too quick"}, {times(ms, -1), "too quick"},
		{rate(1000, time.Second), "1,000/s"}, {rate(1, 3*time.Second), "0/s"}, {rate(3, 2*time.Second), "2/s"}, {rate(1, 0), "too quick"},
	} {
		if x.got != x.want {
			t.Errorf("got %q, want %q", x.got, x.want)
		}
	}
}

func TestColumnStaysInTheChart(t *testing.T) {
	for _, x := range []struct {
		at, whole   time.Duration
		width, want int
	}{{0, 10, 40, 0}, {5, 10, 40, 20}, {10, 10, 40, 40}, {11, 10, 40, 40}, {-1, 10, 40, 0}, {5, 0, 40, 0}, {0, 0, 40, 0}, {300 * time.Hour, 600 * time.Hour, 60, 30}} {
		if got := column(x.at, x.whole, x.width); got != x.want {
			t.Errorf("%v of %v is column %d of %d, want %d", x.at, x.whole, got, x.width, x.want)
		}
	}
}

// TestRunRoleDoesNotPassOnWhatWouldChangeTheOutput sets variables of the runtime.
func TestRunRoleDoesNotPassOnWhatWouldChangeTheOutput(t *testing.T) {
	t.Setenv("GOTRACEBACK", "none")
	t.Setenv("GODEBUG", "asyncpreemptoff=1")
	if out, status, err := runRole("panic", ""); status != 2 || err != nil || !strings.Contains(out, "\ngoroutine ") {
		t.Errorf("GOTRACEBACK is set, and the child prints no stack: exit status %d, %v\n%s", status, err, out)
	}
	if out, _, err := runRole("busy", "30000000000"); out != "true" || err != nil {
		t.Errorf("GODEBUG is set, and the child has no preemption: %q, %v", out, err)
	}
}

func TestRunRoleReportsAProgramThatDoesNotStart(t *testing.T) {
	if _, _, err := runRoleOf(filepath.Join(t.TempDir(), "missing"), "panic", ""); err == nil {
		t.Error("there is no such program, but runRoleOf returns no error")
	}
}

//lint:ignore U1000 an excerpt shows it
func lastOfThisFile[T any](v T) T {
	return v
}
