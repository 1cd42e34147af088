package readme

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the programs' output into the READMEs")

// shown matches a fence that shows a command, after a dollar, and its output.
var shown = regexp.MustCompile("(?s)```console\n\\$ ([^\n]+)\n(.*?)```\n")

// TestShownOutputIsThePrograms runs every command shown in a README and
// compares what it prints with what the README shows.
func TestShownOutputIsThePrograms(t *testing.T) {
	for _, c := range chapters(t) {
		t.Run(c.Name, func(t *testing.T) {
			together(t)
			printed := compare(t, filepath.Join(c.Dir(), "README.md"), "go run ./"+c.Name)
			sentences := claimLine.FindAllStringSubmatch(printed, -1)
			if len(sentences) == 0 {
				t.Errorf("README.md does not show what go run ./%s prints", c.Name)
			}
			for _, line := range sentences {
				if got := c.Claims[line[1]].Sentence; got != line[2] {
					t.Errorf("claim %s is %q in the program and %q in the README's table", line[1], line[2], got)
				}
			}
			for line := range strings.Lines(printed) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("a terminal has 80 columns, and this has %d: %s", n, line)
				}
			}
		})
	}
	t.Run("root", func(t *testing.T) {
		together(t)
		compare(t, filepath.Join(root, "README.md"), "")
	})
	modules, err := filepath.Glob(filepath.Join(root, "*", "*", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range modules { // what shows a real third-party system
		dir := filepath.Dir(module)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if filepath.Base(dir) != "engines" { // third-party systems: one at a time
				together(t)
			}
			download := goCommand(t.Context(), "mod", "download")
			download.Dir = dir
			if out, err := download.CombinedOutput(); err != nil {
				t.Skipf("needs a network, once, for its modules: %s", out)
			}
			compareIn(t, dir, filepath.Join(dir, "README.md"), "")
		})
	}
}

// together lets a test run at the same time as others, unless what programs measure is
// to be shown.
func together(t *testing.T) {
	if !*update {
		t.Parallel()
	}
}

// TestShownRaceReportIsReal compares the lines of the shortened report in the root
// README with what the race detector prints, but for addresses and the numbers of
// goroutines.
func TestShownRaceReportIsReal(t *testing.T) {
	_, report, _ := strings.Cut(read(t, filepath.Join(root, "README.md")), "```\nRead at ")
	report, _, _ = strings.Cut(report, "```")
	varies := regexp.MustCompile(`0x[0-9a-f]+|\+0x[0-9a-f]+|goroutine \d+|Goroutine \d+`)
	command := goCommand(t.Context(), "test", "-race", "-trimpath", "-v", "-run", "PlainCounter", "./03-net-http-per-request")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Skipf("needs the race detector: %v\n%s", err, out)
	}
	printed := varies.ReplaceAllString(strings.ReplaceAll(string(out), "Write at", "Read at"), "#") // whichever comes first
	lines := strings.Split("Read at "+strings.TrimSpace(report), "\n")
	for _, line := range lines {
		line = strings.TrimSpace(varies.ReplaceAllString(strings.ReplaceAll(line, "write at", "read at"), "#"))
		if !strings.Contains(strings.ReplaceAll(printed, "write at", "read at"), line) {
			t.Errorf("README.md shows %q in the race report, which is not in\n%s", line, out)
		}
	}
	if len(lines) != 8 {
		t.Errorf("the report in README.md has %d lines, want 8", len(lines))
	}
}

// claimLine is how a program heads a section.
var claimLine = regexp.MustCompile(`(?m)^(\d+\.\d+)  (\S.*)$`)

// compare runs the commands that a README shows, and returns what the command
// named by wanted printed.
func compare(t *testing.T, readme, wanted string) (printed string) {
	return compareIn(t, root, readme, wanted)
}

// compareIn is compare with the commands run in dir.
func compareIn(t *testing.T, dir, readme, wanted string) (printed string) {
	text := read(t, readme)
	for _, fence := range shown.FindAllStringSubmatch(text, -1) {
		command, want := fence[1], fence[2]
		got := run(t, dir, command)
		if command == wanted {
			printed = got
		}
		if *update {
			text = strings.Replace(text, fence[0], "```console\n$ "+command+"\n"+got+"```\n", 1)
			if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		// Two accesses that race can meet in another order, and then the report is another one.
		for tries := 1; mask(got) != mask(want) && strings.HasPrefix(command, "go test ") && tries < 5; tries++ {
			got = run(t, dir, command)
		}
		if line, g, w, differ := firstDifference(mask(got), mask(want)); differ {
			t.Errorf("%s shows for %s in line %d (numbers that vary are #)\n\t%s\nbut it printed\n\t%s\nin\n%s", readme, command, line, w, g, got)
		}
	}
	return printed
}

// firstDifference returns the number of the first line in which a and b differ, and both lines.
func firstDifference(a, b string) (line int, inA, inB string, differ bool) {
	linesA, linesB := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(linesA), len(linesB)) {
		inA, inB = "(nothing)", "(nothing)"
		if i < len(linesA) {
			inA = linesA[i]
		}
		if i < len(linesB) {
			inB = linesB[i]
		}
		if inA != inB {
			return i + 1, inA, inB, true
		}
	}
	return 0, "", "", false
}

// run runs a command of a README in dir and returns its output. With -update, which
// wants a quiet machine, a go run must end within its limit.
func run(t *testing.T, dir, command string) string {
	t.Helper()
	args := strings.Fields(command)
	if args[1] == "run" { // the build does not count
		build := goCommand(t.Context(), "build", "-o", os.DevNull, args[2])
		build.Dir = dir
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute) // a program that never ends
	defer cancel()
	var stderr bytes.Buffer
	cmd := goCommand(ctx, args[1:]...)
	cmd.Dir = dir
	cmd.Stderr = &stderr
	began := time.Now()
	out, err := cmd.Output()
	took := time.Since(began)
	if err != nil && strings.Contains(stderr.String(), ": needs ") {
		t.Skip(stderr.String()) // a server that is not installed here
	}
	if err != nil {
		t.Errorf("%s: %v\n%s%s", command, err, out, &stderr)
	}
	limit := 10 * time.Second
	switch {
	case strings.Contains(command, "07-offload"): // kills and restarts processes
		limit = 30 * time.Second
	case strings.HasSuffix(dir, "engines"): // the same, and starts a server
		limit = time.Minute
	}
	if strings.Contains(command, " -all") {
		limit *= 3
	}
	t.Logf("%s took %v", command, took.Round(10*time.Millisecond))
	if *update && args[1] == "run" && took > limit { // without -update the machine may be busy, and time says nothing
		t.Errorf("%s took %v; the limit is %v", command, took, limit)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// goCommand returns a go command to be run in the root of the repository.
func goCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	return cmd
}

// varying is what may differ between two runs, or two machines, and how it is masked.
var varying = []struct {
	is   *regexp.Regexp
	mask string
}{
	// A measurement has its unit after it. All other numbers must agree.
	{regexp.MustCompile(`\d[\d,]*(\.\d+)? ?((ns|µs|ms|s|B|KB|MB|GB)\b|×|%|/s\b)`), "#"},
	// Lanes and curves: where they are is fixed, how long they are is not.
	{regexp.MustCompile(`[ ·─]*[█▓▒░▌▐▏▎▍▋▊▉·─][ █▓▒░▌▐▏▎▍▋▊▉·─]*`), " ▒ "},
	// What depends on the machine.
	{regexp.MustCompile(`\b\d[\d,]* threads`), "# threads"},
	{regexp.MustCompile(`GOMAXPROCS is \d+, of \d+ CPUs?`), "GOMAXPROCS is #"},
	{regexp.MustCompile(`\b\d+ times`), "# times"},
	// What depends on the release of Go whose source is looked at.
	{regexp.MustCompile(`\b\d[\d,]* (files|groups|links|special|changed|unreadable)\b`), "# $1"},
	// How often something came by the time it was stopped.
	{regexp.MustCompile(`(\baccepted|= done|\+ canceled) \d+`), "$1 #"},
	// What the race detector and go test print.
	{regexp.MustCompile(`\b0x[0-9a-f]+|\b(?i:goroutine) \d+|\(\d+\.\d+s\)|\b\d+\.\d+s\b|\(cached\)`), "#"},
	// Where it is in the source of Go depends on the release: the line, and for HTTP/2 the file.
	{regexp.MustCompile(`\bnet/http/(h2_bundle|internal/http2/server)\.go:\d+`), "net/http/(HTTP/2).go:#"},
	{regexp.MustCompile(`\b((net/http|runtime|testing)/\w+\.go):\d+`), "$1:#"},
	{regexp.MustCompile(`\s+`), " "},
}

// mask makes two outputs comparable, line by line.
func mask(output string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		for _, v := range varying {
			line = v.is.ReplaceAllString(line, v.mask)
		}
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// TestMaskHidesMeasurementsAndNothingElse holds the mask to being small.
func TestMaskHidesMeasurementsAndNothingElse(t *testing.T) {
	for _, same := range [][2]string{
		{"took 2.7 KB  in 12 ms", "took 103.0 KB in 3 s"},
		{"fast 1  ·····███··│ 3 ms", "fast 1  █········│ 40 µs"},
		{"all of them    986.8×", "all of them 12×"},
		{"accepted 197 = done 193 + dead 2 + canceled 2", "accepted 200 = done 197 + dead 2 + canceled 1"},
		{"Goroutine 17 (running) created at:", "Goroutine 8 (running) created at:"},
		{"net/http/server.go:3464  go c.serve(…)", "net/http/server.go:3604  go c.serve(…)"},
		{"net/http/h2_bundle.go:6347   go sc.runHandler(…)", "net/http/internal/http2/server.go:2255 go sc.runHandler(…)"},
	} {
		if mask(same[0]) != mask(same[1]) {
			t.Errorf("only measurements differ, and yet %q is not %q", mask(same[0]), mask(same[1]))
		}
	}
	for _, differ := range [][2]string{
		{"peak 4", "peak 5"},
		{"1,000 clients in 2 s", "1,001 clients in 2 s"},
		{"claim 1.1", "claim 1.2"},
		{"exit status 2", "exit status 0"},
		{"net/http/server.go:3464  go c.serve(…)", "net/http/server.go:3464  go c.close(…)"},
		{"net/http/server.go:3464", "net/http/internal/http2/server.go:2255"},
		{"net/http/h2_bundle.go:6347", "net/http/transport.go:2255"},
		{"net/http/internal/http2/server.go:2255", "net/http/internal/http2/transport.go:2255"},
		{"03-net-http-per-request/plaincounter.go:14", "03-net-http-per-request/plaincounter.go:15"},
	} {
		if mask(differ[0]) == mask(differ[1]) {
			t.Errorf("%q passes for %q", differ[0], differ[1])
		}
	}
}
