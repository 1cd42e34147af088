package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// slowTree is a tree of which each file takes a while to open: 4 s, 3 s, 2 s, 1 s.
// Two of the four are identical, and a fifth is a link.
type slowTree struct{ fstest.MapFS }

func (s slowTree) Open(path string) (fs.File, error) {
	time.Sleep(map[string]time.Duration{"a": 4, "b": 3, "c": 2, "d": 1}[path] * time.Second)
	return s.MapFS.Open(path)
}

func newSearch() *search {
	return &search{name: "a test", workers: 4, tree: slowTree{fstest.MapFS{
		"a": {Data: []byte("one")}, "b": {Data: []byte("equal")}, "c": {Data: []byte("two")}, "d": {Data: []byte("equal")}, "link": {Mode: fs.ModeSymlink},
	}}}
}

// slowly returns section 6.1 with a directory that takes a while to read.
func slowly(d time.Duration) func(*search, context.Context) string {
	return func(s *search, ctx context.Context) string {
		s.tree = slowDirectory{s.tree.(slowTree), d}
		return s.overlap(ctx)
	}
}

// slowDirectory is a slowTree whose only directory takes a while to read, too.
type slowDirectory struct {
	slowTree
	takes time.Duration
}

func (s slowDirectory) ReadDir(path string) ([]fs.DirEntry, error) {
	time.Sleep(s.takes)
	return s.slowTree.ReadDir(path)
}

// sections are what the sections print, in fake time: ### is what differs from run
// to run. The answer is the one that the measurement supports.
var sections = []struct {
	id             string
	run            func(*search, context.Context) string
	prints, answer string
}{
	{"the search", func(s *search, ctx context.Context) string { s.find(ctx); return "" }, `

     walk ───> hash ───> group       the files of a test
     4 files, 16 B, in 4.00 s
`, ""},
	{"6.1", (*search).overlap, `
     20 items, three stages, and each stage takes 5.00 ms for an item

     each item passed on immediately                 took 110 ms   busy
     first   ██████████████▒·                                    100 ms
     second  ░██████████████░                                    100 ms
     third   ·▒██████████████                                    100 ms

     all items collected between the stages (wrong)  took 300 ms   busy
     first   ███████████████░······························      100 ms
     second  ···············▓██████████████▓···············      100 ms
     third   ······························░███████████████      100 ms

     the files, 1 worker                             took 10.0 s   busy
     walk    ··············································         0 s
     hash    ██████████████████████████████████████████████      10.0 s
     group   ··············································         0 s
     → █ busy, ###
       Hash does most of the work on the files: overlap gains little. See 6.3.
`, "b: a little more than 100 ms"},
	{"6.1 of a directory that takes 8 s", slowly(8 * time.Second), `
###
     the files, 1 worker                             took 18.0 s   busy
     walk    ████████████████████▒·························      8.00 s
     hash    ····················▒█████████████████████████      10.0 s
     group   ··············································         0 s
     → █ busy, ###
       Hash does most of the work on the files: overlap gains little. See 6.3.
`, "b: a little more than 100 ms"},
	{"6.1 of a directory that takes 12 s", slowly(12 * time.Second), `
###
     the files, 1 worker                             took 22.0 s   busy
###
     → █ busy, ▓ most of the time, ▒ half of it, ░ less, · idle. Stages that
       block overlap on any machine; stages that compute need a free CPU each.
`, "b: a little more than 100 ms"},
	{"6.2", func(_ *search, ctx context.Context) string { return inFlight(ctx) }, `
     items of 4 KB    passed on one by one         collected on the way (wrong)
               200       100 held ###        200 held ###
             2,000       100 held ###      2,000 held ###
            20,000       100 held ###     20,000 held ###B
     → The consumer keeps its first item until all buffers are full. Then the
       source, two stages and the consumer hold 1 each, and 3 channels 32 each.
`, "a: about 100"},
	{"6.3", (*search).fanOut, `
     the hash stage                   took      speed       busy       in place
     1 worker                       10.0 s       1.0×       100%           100%
     all workers                    4.00 s       2.5×        62%            20%
     all workers, Ordered           4.00 s       2.5×        62%           100%
     → In place: ###
`, "b: in the order in which they are done"},
	{"6.5", func(_ *search, ctx context.Context) string { return failing(ctx) }, `
     what happens                       Run returns                        left
     a stage fails at item 100          item 100: disk full                0
     7 more workers fail because of it  item 100: disk full                0
     a stage panics at item 100         panic: runtime error: index ou...  0
     the caller cancels, with a cause   the client left                    0
     a nested pipeline is cut short     the consumer has returned: con...  0
     → The first error is returned; ###
`, "a: the first one"},
	{"6.6", (*search).compare, `
                             read             identical                   wasted
     pipeline             4 files      16 B   2 files in 1 group             5 B
     sequential walk      4 files      16 B   2 files in 1 group             5 B
     different            0 files, compared one by one: path and SHA-256
     not read              1 link, 0 special, 0 changed, 0 unreadable
     → The same files with the same checksums. ###
`, "c: nothing"},
	{"6.6 after one change", func(s *search, ctx context.Context) string {
		s.report.Add(File{Path: "A"})
		return s.compare(ctx)
	}, `
###     different             1 file, compared one by one: path and SHA-256
###
     different: "A" (changed between the two walks, or a bug)
     → The directory has changed between the two walks: ###
`, ""},
	{"6.6 after a change", func(s *search, ctx context.Context) string {
		for name := range strings.SplitSeq("ABCDEFG", "") {
			s.report.Add(File{Path: name})
		}
		return s.compare(ctx)
	}, `
###     different            7 files, compared one by one: path and SHA-256
     not read              1 link, 0 special, 0 changed, 0 unreadable
     different: "A" (changed between the two walks, or a bug)
     different: "B" (changed between the two walks, or a bug)
     different: "C" (changed between the two walks, or a bug)
     different: "D" (changed between the two walks, or a bug)
     different: "E" (changed between the two walks, or a bug)
     → The directory has changed between the two walks: ###
`, ""},
	{"6.6 without files", func(s *search, ctx context.Context) string {
		s.tree, s.report = fstest.MapFS{}, NewReport()
		return s.compare(ctx)
	}, `
###     → There is no file that can be read, so there is nothing to compare.
`, ""},
	{"6.3 with one worker", func(s *search, ctx context.Context) string { s.workers = 1; return s.fanOut(ctx) }, `
###     all workers                    10.0 s       1.0×       100%           100%
###`, ""},
}

// TestSectionsPrintWhatTheyMeasure runs all sections but 6.4, which leaks goroutines.
func TestSectionsPrintWhatTheyMeasure(t *testing.T) {
	for _, section := range sections {
		synctest.Test(t, func(t *testing.T) {
			s := newSearch()
			s.report = reportOf(t, s.tree)
			answer := ""
			text := printed(t, func() { answer = section.run(s, t.Context()) })
			requirePrinted(t, "section "+section.id, text, section.prints)
			if id, _, _ := strings.Cut(section.id, " "); answer != "" {
				answer += ": " + quizzes[id].answers[answer[0]-'a']
			}
			if answer != section.answer {
				t.Errorf("section %s supports the answer %q, want %q", section.id, answer, section.answer)
			}
		})
	}
}

// TestComparisonIsWithASequentialWalk has files that take 10 s, one at a time. The
// search with four workers takes 4 s: it reads the tree once.
func TestComparisonIsWithASequentialWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSearch()
		began := time.Now()
		printed(t, func() { s.find(t.Context()) })
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("the search took %v, want 4s", took)
		}
		began = time.Now()
		printed(t, func() { s.compare(t.Context()) })
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the walk that the pipeline is compared with took %v, want 10s, without concurrency", took)
		}
	})
}

// TestSectionOfUncanceledStagesCountsThem runs section 6.4 in a child process, in
// which goroutines may leak: twice, and then 6.5, which does not count them.
func TestSectionOfUncanceledStagesCountsThem(t *testing.T) {
	const prints = `###takes 1 item of 1,000,000 and returns      goroutines of stages left
     Run cancels the stages                     0 of 4
     they are not canceled (wrong)              4 of 4
     → Each of the four blocks forever in a send, `
	requirePrinted(t, "the program", child(t, t.TempDir(), "6.4 6.4 6.5 -dir .", 0), prints+prints+`###
     a stage fails at item 100          item 100: disk full                0
###`)
	if answer := child(t, t.TempDir(), "6.4 -ask -dir .", 0); !strings.Contains(answer, "Answer c: they block for as long as the program lives.") {
		t.Errorf("the section supports another answer:\n%s", answer)
	}
}

// TestDirectoryThatIsGivenIsListed has twelve groups of two identical files, and a group
// of twelve.
func TestDirectoryThatIsGivenIsListed(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		write(t, filepath.Join(dir, fmt.Sprintf("group-%02d", i), "copy"), make([]byte, 100+i))
		write(t, filepath.Join(dir, fmt.Sprintf("group-%02d", i), "original"), make([]byte, 100+i))
		write(t, filepath.Join(dir, "many", fmt.Sprintf("%02d", i)), make([]byte, 1<<10))
	}
	files := strings.Builder{}
	for i := range 10 {
		fmt.Fprintf(&files, "       %q\n", fmt.Sprintf("many/%02d", i))
	}
	out := child(t, dir, "6.4 -workers 2 -dir .", 0)
	requirePrinted(t, "the program", out, `###
     walk ───> hash ───> group       the files of "."
     36 files, 14.5 KB, in ###

6.4  ###

     identical, 1.0 KB each:
`+files.String()+`       and 2 more files

     identical, 111 B each:
       "group-11/copy"
       "group-11/original"
###
     identical, 103 B each:
       "group-03/copy"
       "group-03/original"

     and 3 more groups
`)
	if out := child(t, t.TempDir(), "6.4 -dir .", 0); !strings.Contains(out, "     0 files, 0 B, in ") || !strings.HasSuffix(out, "\n     no identical files\n") {
		t.Errorf("an empty directory is listed as\n%s", out)
	}
}

// TestEverySectionIsCoreAndHasAQuestion compares the list of the sections with the
// questions. Each section measures which answer is right.
func TestEverySectionIsCoreAndHasAQuestion(t *testing.T) {
	list := child(t, t.TempDir(), "-list", 0)
	var ids []string
	for line := range strings.Lines(list) {
		ids = append(ids, strings.Fields(line)[0])
	}
	if got, want := strings.Join(ids, " "), "6.1 6.2 6.3 6.4 6.5 6.6"; got != want || strings.Contains(list, "(further)") {
		t.Errorf("want the sections %s, none of them further, in\n%s", want, list)
	}
	for _, id := range ids {
		if q, ok := quizzes[id]; !ok || q.right != "" {
			t.Errorf("section %s has the question %q with the fixed answer %q, want a question without one", id, q.question, q.right)
		}
	}
	if len(quizzes) != len(ids) {
		t.Errorf("there are %d questions for %d sections", len(quizzes), len(ids))
	}
}

// TestWorkersOfTheFlagHash has a large first file and many small ones: one worker keeps
// their order. It is given by -workers, or by GOMAXPROCS if there is no flag. With more
// workers the small ones pass the large one, or at least can.
func TestWorkersOfTheFlagHash(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		write(t, filepath.Join(dir, fmt.Sprintf("%02d", i)), nil)
	}
	if err := os.Truncate(filepath.Join(dir, "00"), 4<<20); err != nil {
		t.Fatal(err)
	}
	inPlace := regexp.MustCompile(`\n     all workers  .* 100%\n`)
	for _, test := range []struct{ flag, gomaxprocs string }{{"-workers 1", "4"}, {"", "1"}} {
		t.Setenv("GOMAXPROCS", test.gomaxprocs)
		if out := child(t, dir, "6.3 -dir . "+test.flag, 0); !inPlace.MatchString(out) {
			t.Errorf("GOMAXPROCS=%s %s: want one worker, which keeps all files in place\n%s", test.gomaxprocs, test.flag, out)
		}
	}
}

// TestDefaultDirectoryIsNotListed has no Go command, so the program reads the current
// directory.
func TestDefaultDirectoryIsNotListed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), []byte("equal"))
	write(t, filepath.Join(dir, "b"), []byte("equal"))
	t.Setenv("PATH", t.TempDir())
	if path, _ := DefaultTree(); path != "." {
		t.Fatalf("the default directory is %q, want the current one", path) // it may be a large one
	}
	requirePrinted(t, "the program", child(t, dir, "6.4", 0), `###
     walk ───> hash ───> group       the files of the current directory
     2 files, 10 B, in ###

6.4  ###
       a goroutine leak. Run cancels all stages when the consumer returns.
`)
}

// TestComparisonsReadASampleOfALargeTree has five files of 256 MB, which are not
// hashed, since they cannot be opened. A sample of 512 MB is two of them. The search
// itself and the walk that its result is compared with read all five.
func TestComparisonsReadASampleOfALargeTree(t *testing.T) {
	for _, test := range []struct {
		name   string
		reads  func(*search, context.Context)
		opened int64
	}{
		{"the search", (*search).find, 5},
		{"6.1", func(s *search, ctx context.Context) { s.overlap(ctx) }, 2},
		{"6.3", func(s *search, ctx context.Context) { s.fanOut(ctx) }, 2 * 3},
		{"6.6", func(s *search, ctx context.Context) { s.compare(ctx) }, 5},
	} {
		tree := largeTree{new(atomic.Int64)}
		s := &search{tree: tree, workers: 1, report: NewReport()}
		printed(t, func() { test.reads(s, t.Context()) })
		if n := tree.opened.Load(); n != test.opened {
			t.Errorf("%s has opened %d files of 256 MB, want %d (6.3 searches three times)", test.name, n, test.opened)
		}
	}
}

// largeTree is a tree of five files. It counts those that the program tries to open.
type largeTree struct{ opened *atomic.Int64 }

func (l largeTree) Open(path string) (fs.File, error) {
	if path == "." {
		return fstest.MapFS{}.Open(path)
	}
	l.opened.Add(1)
	return nil, fs.ErrPermission
}

func (l largeTree) ReadDir(string) (entries []fs.DirEntry, err error) {
	for name := range strings.SplitSeq("abcde", "") {
		entries = append(entries, fs.FileInfoToDirEntry(fileInfo{size: 256 << 20, name: name}))
	}
	return entries, nil
}

// TestInterruptStopsTheProgram sends Ctrl-C's signal while the program hashes a file
// of 64 GB.
func TestInterruptStopsTheProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send this signal to another one on Windows")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "large"), nil)
	if err := os.Truncate(filepath.Join(dir, "large"), 64<<30); err != nil {
		t.Skipf("this file system has no files of 64 GB: %v", err)
	}
	out := child(t, dir, "6.4 -dir .", 1)
	if want := "06-pipeline: interrupt signal received\n"; !strings.HasSuffix(out, want) || strings.Contains(out, "again") {
		t.Errorf("the program has printed\n%s\nwant %s, and no advice without -ask", out, want)
	}
}

// TestCanceledSectionExitsWithStatus1 runs each section in a child process, with a
// context that is canceled, as after a Ctrl-C.
func TestCanceledSectionExitsWithStatus1(t *testing.T) {
	const role = "PIPELINE_CANCELED"
	if id := os.Getenv(role); id != "" {
		s := newSearch()
		s.report = NewReport()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBroken)
		map[string]func(context.Context) string{
			"find": func(ctx context.Context) string { s.find(ctx); return "" },
			"6.1":  s.overlap, "6.2": inFlight, "6.3": s.fanOut, "6.4": leaveEarly, "6.5": failing, "6.6": s.compare,
		}[id](ctx)
		return
	}
	for _, id := range []string{"find", "6.1", "6.2", "6.3", "6.4", "6.5", "6.6"} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), role+"="+id, "GORACE=atexit_sleep_ms=0")
		var stderr strings.Builder
		child.Stderr = &stderr
		out, _ := child.Output()
		if status := child.ProcessState.ExitCode(); status != 1 || !strings.HasSuffix(stderr.String(), "06-pipeline: broken\n") {
			t.Errorf("the context is canceled, and %s ends with exit status %d, want 1 and the cause on standard error\n%s%s", id, status, out, stderr.String())
		}
	}
}

// TestSecondInterruptEndsABlockedProgram asks at a terminal at which there is no user,
// and sends Ctrl-C's signal twice: the first one cannot end the read of the answer.
func TestSecondInterruptEndsABlockedProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/ptmx as on Linux")
	}
	if signal.Ignored(os.Interrupt) {
		t.Skip("needs SIGINT, which this process ignores since its start, as a shell's background jobs do")
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if deadline, ok := t.Deadline(); ok {
		defer time.AfterFunc(time.Until(deadline)*3/4, cancel).Stop() // otherwise the test would time out
	}
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFlagOutOfRangeExitsWithStatus2$")
	child.Dir, child.Stdin = t.TempDir(), terminal
	child.Env = append(os.Environ(), "PIPELINE_ARGS=-ask -dir . 6.4", "GORACE=atexit_sleep_ms=0")
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = child.Stdout
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, want := range []string{"Your answer (a, b, c, or just Enter): ", "\n     Press Ctrl-C again to end the program.\n"} {
		for b := make([]byte, 1); !strings.HasSuffix(string(out), want); out = append(out, b...) {
			if _, err := io.ReadFull(pipe, b); err != nil {
				t.Fatalf("the program ends without %q:\n%s", want, out)
			}
		}
		child.Process.Signal(os.Interrupt)
	}
	defer time.AfterFunc(time.Minute, cancel).Stop() // for a program that the signal does not end
	io.Copy(io.Discard, pipe)
	if child.Wait(); child.ProcessState.String() != "signal: interrupt" {
		t.Errorf("the second Ctrl-C has ended the program with %q, want \"signal: interrupt\"", child.ProcessState)
	}
}

// child runs the program with arguments in a child process, in a directory, and
// returns what it prints. If the status that it must exit with is not 0, child
// interrupts it when it has begun to read.
func child(t *testing.T, dir, args string, status int) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestFlagOutOfRangeExitsWithStatus2$")
	child.Dir = dir
	child.Env = append(os.Environ(), "PIPELINE_ARGS="+args, "GORACE=atexit_sleep_ms=0")
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = child.Stdout
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if lines.Text() == "PASS" {
			break // of the test that has called main
		}
		fmt.Fprintln(&out, lines.Text())
		if status != 0 && strings.Contains(lines.Text(), "walk ───> hash") {
			child.Process.Signal(os.Interrupt)
		}
	}
	io.Copy(io.Discard, pipe)
	if child.Wait(); child.ProcessState.ExitCode() != status {
		t.Errorf("%s: exit status %d, want %d\n%s", args, child.ProcessState.ExitCode(), status, out.String())
	}
	return out.String()
}

// requirePrinted compares what was printed with what should be, in which ### is any text.
func requirePrinted(t *testing.T, what, text, want string) {
	t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimPrefix(want, "\n")), "###", "(?s:.+)")
	if !regexp.MustCompile("^" + pattern + "$").MatchString(text) {
		t.Errorf("%s prints\n%swant\n%s", what, text, want)
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
