package main

// This file is the same in every chapter: it runs the chapter's sections and
// has the helpers with which they print. What the chapter teaches is in the
// other files, and main.go lists its sections.

//lint:file-ignore U1000 a chapter may leave a helper unused

import (
	"bufio"
	"cmp"
	"context"
	"embed"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A lesson is what a chapter's program runs.
type lesson struct {
	folder   string // of the chapter, such as "02-channels"
	title    string
	about    string          // for -h
	sections []section       // the core sections
	further  []section       // run by their numbers or with -all
	ask      map[string]quiz // by the section's number
	before   func()          // if not nil, called before the sections
	after    func()          // if not nil, called after them
	next     string          // the command that comes next

	chosen  []section // by the command line; nil means the core sections
	asking  bool
	traceTo string
}

// A section demonstrates one claim. Run returns the letter of the quiz's answer
// that the measurement supports, or "" if it measures nothing that could decide.
type section struct {
	id, claim string
	code      code
	run       func(context.Context) (supported string)
}

// A code is an excerpt of the chapter's source: lines of a function, beginning
// with the first that contains from. The function is named as its declaration
// has it, such as "Count" or "(t *MutexTally) Add".
type code struct {
	function, from string
	lines          int
}

// A quiz is the question that -ask asks before a section. Right is the letter
// of the answer that counts if the section measures nothing that decides.
type quiz struct {
	question string
	answers  []string // a, b, c, d
	right    string
}

// parse adds the flags that all chapters share and parses the command line. If
// it is invalid, parse prints why and exits with status 2.
func (l *lesson) parse() {
	all := flag.Bool("all", false, "run every section, the further ones too")
	list := flag.Bool("list", false, "list the sections")
	flag.BoolVar(&l.asking, "ask", false, "before each section, ask what it will show")
	flag.StringVar(&l.traceTo, "trace", "", "write an execution trace to `file`, for go tool trace")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./%s [flags] [section ...]\n\n%s\n\n", l.folder, l.about)
		flag.PrintDefaults()
	}
	known := slices.Concat(l.sections, l.further)
	for args := os.Args[1:]; ; args = flag.Args()[1:] { // flags may follow the sections
		if flag.CommandLine.Parse(args); flag.NArg() == 0 {
			break
		}
		i := slices.IndexFunc(known, func(s section) bool { return s.id == flag.Arg(0) })
		if i < 0 {
			fmt.Fprintf(os.Stderr, "%s: there is no section %q; the sections are:\n\n%s", l.folder, flag.Arg(0), l)
			os.Exit(2)
		}
		l.chosen = append(l.chosen, known[i])
	}
	if *list {
		fmt.Print(l)
		os.Exit(0)
	}
	if *all {
		l.chosen = known
	}
}

// String lists the sections, one a line.
func (l *lesson) String() string {
	var b strings.Builder
	for i, s := range slices.Concat(l.sections, l.further) {
		fmt.Fprintf(&b, "%-5s %s", s.id, s.claim)
		if i >= len(l.sections) {
			b.WriteString(" (further)")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// teach runs the chosen sections, and after the core sections says what comes next.
func (l *lesson) teach(ctx context.Context) {
	if l.traceTo != "" {
		file, err := os.Create(l.traceTo)
		if err == nil {
			err = trace.Start(file)
		}
		if err != nil {
			l.usageError("-trace: %v", err)
		}
		defer trace.Stop() // writes the rest; the file is closed with the process
	}
	fmt.Println(painted{bold, l.title})
	if l.before != nil {
		l.before()
	}
	answers := io.Reader(strings.NewReader("")) // without a terminal there are none
	if terminal(os.Stdin) {
		answers = os.Stdin
	}
	l.run(ctx, bufio.NewScanner(answers))
	if l.after != nil {
		l.after()
	}
	if l.chosen != nil {
		return
	}
	fmt.Println()
	if len(l.further) > 0 {
		fmt.Printf("Further: go run ./%s", l.folder)
		for _, s := range l.further {
			fmt.Print(" ", s.id)
		}
		fmt.Println()
	}
	fmt.Printf("Again:   go run ./%[1]s -ask (with questions)\n"+
		"Tests:   go test -race -v ./%[1]s\n"+
		"Read:    %[1]s/README.md, then do the exercises\n"+
		"Next:    %[2]s\n", l.folder, l.next)
}

// run runs the chosen sections. With -ask it reads an answer for each.
func (l *lesson) run(ctx context.Context, answers *bufio.Scanner) {
	sections, answered, right := l.chosen, 0, 0
	if sections == nil {
		sections = l.sections
	}
	for _, s := range sections {
		q, answer := l.ask[s.id], ""
		if l.asking {
			answer = q.ask(s.id, answers)
		}
		if answer != "" {
			answered++
		}
		fmt.Printf("\n%s\n%s\n", painted{bold, s.id + "  " + s.claim}, s.code)
		ctx, task := trace.NewTask(ctx, s.id)
		supported := cmp.Or(s.run(ctx), q.right)
		task.End()
		if l.asking && q.compare(answer, supported) {
			right++
		}
	}
	if answered > 0 {
		fmt.Printf("\nRight: %d of %d.\n", right, len(sections))
	}
}

// ask prints the question and returns the letter that the reader types, or ""
// for just Enter and at the end of the input.
func (q quiz) ask(id string, answers *bufio.Scanner) string {
	fmt.Printf("\n%s\n\n", painted{bold, id + "  " + q.question})
	letters := "abcd"[:len(q.answers)]
	for i, answer := range q.answers {
		fmt.Printf("     %c  %s\n", letters[i], answer)
	}
	for {
		fmt.Printf("\n     Your answer (%s, or just Enter): ", strings.Join(strings.Split(letters, ""), ", "))
		if !answers.Scan() {
			fmt.Println()
			return ""
		}
		letter := strings.ToLower(strings.TrimSpace(answers.Text()))
		if letter == "" || len(letter) == 1 && strings.Contains(letters, letter) {
			return letter
		}
	}
}

// compare prints the answer that is supported, and reports whether it is the reader's.
func (q quiz) compare(answer, supported string) bool {
	if supported == "" {
		fmt.Print("\n     This run does not support any single answer.\n")
		return false
	}
	fmt.Printf("\n     %s", painted{bold, "Answer " + supported + ": " + q.answers[supported[0]-'a'] + "."})
	switch answer {
	case "":
		fmt.Println()
	case supported:
		fmt.Println(" You were right.")
	default:
		fmt.Printf(" You answered %s.\n", answer)
	}
	return answer == supported
}

//go:embed *.go
var source embed.FS

// String returns the excerpt with its file and line number, or "" if the source no longer has it.
func (c code) String() string {
	if c.function == "" {
		return ""
	}
	files, _ := source.ReadDir(".")
	for _, file := range files {
		text, _ := source.ReadFile(file.Name())
		lines, inside := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), false
		for i, line := range lines {
			if decl, ok := strings.CutPrefix(line, "func "); ok {
				inside = strings.HasPrefix(decl, c.function+"(") || strings.HasPrefix(decl, c.function+"[")
			}
			if !inside || !strings.Contains(line, c.from) {
				continue
			}
			margin := line[:len(line)-len(strings.TrimLeft(line, "\t"))]
			where, excerpt := fmt.Sprintf("%s:%d", file.Name(), i+1), ""
			for _, line := range lines[i:min(i+c.lines, len(lines))] {
				line = strings.ReplaceAll(strings.TrimPrefix(line, margin), "\t", "    ")
				excerpt += fmt.Sprintf("     %-16s  %s\n", where, line)
				where = ""
			}
			return excerpt
		}
	}
	return ""
}

// takeaway prints what to conclude from a section, one argument a line.
func takeaway(lines ...string) { fmt.Printf("     → %s\n", strings.Join(lines, "\n       ")) }

// usageError prints what is wrong with the command line and exits with status 2.
func (l *lesson) usageError(format string, args ...any) {
	fmt.Fprintf(os.Stderr, l.folder+": "+format+"\n", args...)
	os.Exit(2)
}

// A painted text has a color on a terminal. It is as wide as the text alone.
type painted struct{ color, text string }

const bold, red, cyan = "1", "31", "36"

func measured(text string) painted { return painted{cyan, text} } // a result of this run
func wrong(text string) painted    { return painted{red, text} }  // the text says so, too

// Format prints p, padded to the width of the verb.
func (p painted) Format(f fmt.State, _ rune) {
	width, _ := f.Width()
	if f.Flag('-') {
		width = -width
	}
	text := fmt.Sprintf("%*s", width, p.text)
	if colored {
		text = "\x1b[" + p.color + "m" + text + "\x1b[0m"
	}
	io.WriteString(f, text)
}

var colored = terminal(os.Stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" &&
	(runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != "") // Windows Terminal

// terminal reports whether f is a terminal (or another device, such as the null device).
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// count writes n with a comma after each group of thousands.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural writes n things, with an s unless n is 1.
func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return count(n) + " " + thing
}

// size writes a number of bytes in B, KB, MB or GB (1 KB is 1,024 bytes).
func size[N int | int64 | uint64](bytes N) string {
	n, units := float64(bytes), []string{"KB", "MB", "GB"}
	if n < 1<<10 {
		return fmt.Sprintf("%d B", bytes)
	}
	for n /= 1 << 10; n >= 1<<10 && len(units) > 1; n /= 1 << 10 {
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %s", n, units[0])
}

// short writes d with three digits and its unit. A duration of zero is less than
// a tick of the clock, which can be half a millisecond and more on Windows.
func short(d time.Duration) string {
	if d == 0 {
		return "0 s"
	}
	value, units := float64(d), []string{"ns", "µs", "ms", "s"}
	for ; value >= 999.5 && len(units) > 1; value /= 1000 {
		units = units[1:]
	}
	digits := 0
	for limit := 99.95; digits < 2 && value < limit; limit /= 10 {
		digits++
	}
	return fmt.Sprintf("%.*f %s", digits, value, units[0])
}

const tooQuick = "too quick" // for this clock

// times writes how many times as long a took as b.
func times(a, b time.Duration) string {
	if b <= 0 {
		return tooQuick
	}
	return fmt.Sprintf("%.1f×", a.Seconds()/b.Seconds())
}

// rate writes how many of n there were per second in d.
func rate(n int, d time.Duration) string {
	if d <= 0 {
		return tooQuick
	}
	return count(int(float64(n)/d.Seconds()+0.5)) + "/s"
}

// column returns the column, from 0 to width, of the time at in a chart of width columns.
func column(at, whole time.Duration, width int) int {
	if whole <= 0 {
		return 0
	}
	return max(0, min(int(float64(at)/float64(whole)*float64(width)), width))
}
