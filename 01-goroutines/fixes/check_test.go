// The same file in every folder with a task: it runs each check in a process of its
// own and explains a failure. What is checked is in the other test file. The tests are
// a package of their own, so that your file may declare any name.
package exercise_test

//lint:file-ignore U1000 a folder may leave settle and otherwise unused

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/crc32"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A task is one file to change. The names of its tests begin with Test and its name.
type task struct {
	name       string // empty if the package has one task
	file       string // the file to change
	source     string // its text
	untouched  uint32 // CRC-32 of the unmodified text
	solution   string // the file to compare with
	learned    string // in two sentences
	interleave bool   // if all checks pass, run them also on a copy with runtime.Gosched() between the statements
}

// open reports whether the learner has not changed the file yet.
func (of task) open() bool {
	return crc32.ChecksumIEEE([]byte(strings.ReplaceAll(of.source, "\r\n", "\n"))) == of.untouched
}

// taskOf returns the task that a test belongs to.
func taskOf(test string) (of task) {
	for _, one := range tasks {
		if strings.HasPrefix(test, "Test"+one.name) && len(one.name) >= len(of.name) {
			of = one
		}
	}
	return of
}

// The environment variable that tells a child process that it is one.
const asChild = "EXERCISE_CHECK"

// The course's own tests run the check of the same files several times. With this
// variable it keeps what the go command made, in that folder, for the next run.
const keepIn = "EXERCISE_KEEP"

// Shared by TestMain and alone, which run sequentially.
var (
	names    []string                    // of the selected tests whose file was changed, in their order
	findings = make(map[string][]string) // of go vet, by file
	results  map[string]*failure         // of the current round; nil: passed. A test removes its own.
	rounds   int
	failed   = make(map[string]bool) // by file
	passed   = make(map[string]bool) // by test

	temporary string // folder of the interleaved copy
)

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(asChild) != "" {
		go watch()
		os.Exit(m.Run())
	}
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run())
	}
	all := list()
	run, _, _ := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	selected := slices.DeleteFunc(slices.Clone(all), func(test string) bool {
		matched, _ := regexp.MatchString(run, test)
		return !matched
	})
	for _, one := range tasks {
		if one.open() && slices.ContainsFunc(selected, func(test string) bool { return taskOf(test).file == one.file }) {
			fmt.Printf("open: %s is unmodified; README.md describes the task\n", one.file)
		}
	}
	names = slices.DeleteFunc(slices.Clone(selected), func(test string) bool { return taskOf(test).open() })
	if len(names) == 0 {
		flag.Set("test.run", "^$") // go test hides what a passing package prints, but says "[no tests to run]"
		syscall.Exit(m.Run())      // os.Exit would wait for a second with -race, and no test has run
	}
	status := m.Run()
	if status == 0 && len(findings) > 0 {
		status = 1
	}
	for _, one := range tasks {
		incomplete := func(test string) bool { return taskOf(test).file == one.file && !passed[test] }
		switch {
		case one.open() || failed[one.file] || len(findings[one.file]) > 0 || slices.ContainsFunc(all, incomplete):
		case raceDetector():
			fmt.Printf("done: %s\nWhat you learned: %s\nCompare your solution with %s.\n", one.file, one.learned, one.solution)
		default:
			fmt.Printf("no failure found in %s\n", one.file)
		}
	}
	if status == 0 && !raceDetector() {
		fmt.Println("but data races were not checked: the check\n" + noDetector)
		status = 1 // otherwise go test prints "ok" and hides this message
	}
	if temporary != "" {
		os.RemoveAll(temporary)
	}
	os.Exit(status)
}

const noDetector = "needs the race detector: go test -race (on Linux and Windows it needs a C compiler, e.g. apt-get install gcc)"

// raceDetector reports whether this binary was built with it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// list returns the names of all tests, in the order in which they run.
func list() []string {
	cmd := exec.Command(os.Args[0], "-test.list=.")
	cmd.Env = append(os.Environ(), asChild+"=1", "GORACE=atexit_sleep_ms=0")
	out, _ := cmd.Output()
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool { return !strings.HasPrefix(name, "Test") })
}

// alone runs a check in a child process, so that a data race, a panic or a deadlock
// cannot end the other checks. look says where to look if what check reports fails.
func alone(t *testing.T, look string, check func(t *testing.T)) {
	t.Helper()
	if os.Getenv(asChild) != "" {
		fmt.Println(lookAt + look)
		check(t)
		return
	}
	of := taskOf(t.Name())
	if of.open() {
		t.Skipf("open: %s is unmodified; README.md describes the task", of.file)
	}
	if _, ok := results[t.Name()]; !ok {
		runAll()
	}
	f := results[t.Name()]
	delete(results, t.Name())
	switch {
	case f == nil:
		passed[t.Name()] = true
	case f.canceled:
		failed[of.file] = true
		t.Skip("not finished: another check ran too long")
	default:
		failed[of.file] = true
		t.Error(f.text)
	}
}

const lookAt = "look at: "

// runAll runs the selected checks, a few at a time, and go vet with them in the
// first round; then, for a task that passes, its checks on an interleaved copy.
func runAll() {
	rounds++
	progress("%d checks, each in a process of its own, and go vet", len(names))
	var vetted sync.WaitGroup
	if rounds == 1 {
		vetted.Go(vet)
	}
	results = runChecks(os.Args[0], names)
	vetted.Wait()
	again := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		of := taskOf(name)
		return !of.interleave || len(findings[of.file]) > 0 || len(failuresOf(of)) > 0
	})
	if len(again) > 0 {
		progress("again, on a copy of the file with runtime.Gosched() between its statements")
		binary, err := interleavedCopy()
		for name, f := range runChecks(binary, again) {
			if err != nil {
				f = &failure{what: err.Error()}
			} else if f != nil {
				f.what += "\n(in a copy of your file with runtime.Gosched() between the statements:" +
					" it may happen in your file as well, only more rarely)"
			}
			results[name] = f
		}
	}
	for _, of := range tasks {
		report(of)
	}
}

// failuresOf returns the failures of a task, in the order of its tests.
func failuresOf(of task) (all []*failure) {
	for _, name := range names {
		if f := results[name]; f != nil && taskOf(name).file == of.file {
			all = append(all, f)
		}
	}
	return all
}

// progress says what takes time. Only go test -v shows it before the end.
func progress(format string, args ...any) {
	if testing.Verbose() && rounds == 1 {
		fmt.Printf(format+" …\n", args...)
	}
}

// report prints the most likely cause first, if there are several failures of a task:
// what go vet found, or a data race, or the first failure. It writes their texts.
func report(of task) {
	found := findings[of.file]
	if len(found) > 0 && rounds == 1 {
		fmt.Printf("Fix this first. go vet reports:\n    %s\n", strings.Join(found, "\n    "))
	}
	all := slices.DeleteFunc(failuresOf(of), func(f *failure) bool { return f.canceled })
	if len(all) == 0 {
		return
	}
	first := all[max(0, slices.IndexFunc(all, func(f *failure) bool { return f.race }))]
	headline := len(all) > 1 && len(found) == 0
	if headline {
		fmt.Printf("%s: %d checks fail. Fix this first:\n    %s\n", of.file, len(all), strings.ReplaceAll(first.String(), "\n", "\n    "))
	}
	seen := make(map[string]bool)
	for _, f := range all {
		switch {
		case len(found) > 0:
			f.text = f.what // without an arrow: what go vet found is probably the cause
		case headline && (f.what == first.what || f.race && first.race):
			f.text = "here too: the failure above"
		case seen[f.what]:
			f.text, _, _ = strings.Cut("here too: "+f.what, "\n")
		default:
			f.text = f.String()
		}
		seen[f.what] = true
	}
}

// A failure is what a check's process reported, or how it ended.
type failure struct {
	what     string // in one sentence, with the lines
	look     string // where to look; empty if what says so itself
	race     bool
	canceled bool   // because another check ran too long
	text     string // for the learner
}

func (f *failure) String() string {
	if f.look == "" {
		return f.what
	}
	return f.what + "\n→ " + f.look
}

// runChecks runs each test in a process of its own, as many at a time as there are
// CPUs. After one that ran too long it abandons those of the same task: they would, too.
func runChecks(binary string, tests []string) map[string]*failure {
	tooLongIn := make(map[string]context.CancelFunc) // by file
	contexts := make(map[string]context.Context)
	for _, of := range tasks {
		contexts[of.file], tooLongIn[of.file] = context.WithCancel(context.Background())
		defer tooLongIn[of.file]()
	}
	all := make(map[string]*failure)
	var mu sync.Mutex // guards all
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(tests)); i = next.Add(1) - 1 {
				file := taskOf(tests[i]).file
				f := runCheck(contexts[file], binary, tests[i])
				if f != nil && strings.HasPrefix(f.what, tooLong) {
					tooLongIn[file]()
				}
				mu.Lock()
				all[tests[i]] = f
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return all
}

func runCheck(ctx context.Context, binary, test string) *failure {
	procs := runtime.GOMAXPROCS(0) // otherwise go test -cpu has no effect
	if binary != os.Args[0] {
		procs = 1 // there Gosched passes the CPU to the other goroutines in turn
	}
	if ctx.Err() != nil {
		return &failure{canceled: true}
	}
	cmd := exec.CommandContext(ctx, binary, "-test.run=^"+test+"$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), asChild+"=1", "GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0", fmt.Sprint("GOMAXPROCS=", procs))
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &failure{canceled: true}
	}
	return explain(string(out), taskOf(test))
}

// vet sets findings to what go vet reports for the changed files. Only its checks for
// concurrency run, which go test leaves out.
func vet() {
	args := []string{"vet", "-copylocks", "-lostcancel", "-waitgroup", "-defers", "-loopclosure"}
	if raceDetector() {
		args = append(args, "-race") // the packages are compiled already
	}
	kept := filepath.Join(os.Getenv(keepIn), "vet.txt")
	out, err := os.ReadFile(kept)
	if os.Getenv(keepIn) == "" || err != nil {
		out, _ = goCommand(append(args, ".")...).CombinedOutput() // without the go command: none
	}
	if os.Getenv(keepIn) != "" {
		os.WriteFile(kept, out, 0o600)
	}
	for _, m := range vetLine.FindAllStringSubmatch(string(out), -1) {
		finding := m[1] + ":" + m[2] + ": " + m[3]
		changed := slices.ContainsFunc(names, func(name string) bool { return taskOf(name).file == m[1] })
		if changed && !slices.Contains(findings[m[1]], finding) { // go vet reports for the package and for its test
			findings[m[1]] = append(findings[m[1]], finding)
		}
	}
}

var vetLine = regexp.MustCompile(`(?m)^(?:vet: )?(?:.*[/\\])?(\w+\.go):(\d+):\d+: (.*)`)

// goCommand returns a go command without a garbage collector: it takes an eighth less CPU time.
func goCommand(args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOGC=off")
	return cmd
}

// interleavedCopy builds the package's test once more, with runtime.Gosched() before
// each statement of the changed files: a goroutine then loses the CPU between any
// two steps, and "check, then act" fails every time instead of rarely.
var interleavedCopy = sync.OnceValues(func() (binary string, err error) {
	dir := os.Getenv(keepIn)
	if dir == "" {
		if dir, err = os.MkdirTemp("", "interleaved"); err != nil {
			return "", err
		}
		temporary = dir
	}
	binary = filepath.Join(dir, "check.exe")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	replace := make(map[string]string)
	for _, of := range tasks {
		if !of.interleave || of.open() {
			continue
		}
		original, err1 := filepath.Abs(of.file)
		changed, err2 := interleave(of.source, "interleave"+strings.TrimSuffix(of.file, ".go"))
		replace[original] = filepath.Join(dir, of.file)
		if err := errors.Join(err1, err2, os.WriteFile(replace[original], []byte(changed), 0o600)); err != nil {
			return "", err
		}
	}
	overlay, _ := json.Marshal(map[string]any{"Replace": replace})
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		return "", err
	}
	args := []string{"test", "-c", "-vet=off", "-gcflags=-N -l -dwarf=false", "-ldflags=-s -w", "-o", binary, "-overlay", filepath.Join(dir, "overlay.json")}
	if raceDetector() {
		args = append(args, "-race")
	}
	if out, err := goCommand(append(args, ".")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("the interleaved copy does not build: %w\n%s", err, out)
	}
	return binary, nil
})

// interleave inserts calls of a function with this name before the statements, without
// adding a line there: a failure names the same lines. The function yields the CPU, and
// sometimes often enough for another goroutine to get through all of its statements.
func interleave(source, yield string) (string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", source, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	inserts := map[int]string{fset.Position(file.Name.End()).Offset: `; import interleaving "runtime"; import interleavingrand "math/rand/v2"`}
	before := func(list []ast.Stmt) {
		for i, s := range list {
			call := yield + "(); "
			if i > 0 {
				if _, ok := list[i-1].(*ast.GoStmt); ok { // the new goroutine gets some steps ahead
					call = "for range 20 { interleaving.Gosched() }; "
				}
			}
			switch s.(type) {
			case *ast.CaseClause, *ast.CommClause: // not statements, though a block lists them
			default:
				inserts[fset.Position(s.Pos()).Offset] = call
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			before(n.List)
		case *ast.CaseClause:
			before(n.Body)
		case *ast.CommClause:
			before(n.Body)
		}
		return true
	})
	var out strings.Builder
	done := 0
	for _, at := range slices.Sorted(maps.Keys(inserts)) {
		out.WriteString(source[done:at] + inserts[at])
		done = at
	}
	return out.String() + source[done:] + "\nfunc " + yield + "() { steps := 1; if interleavingrand.N(16) == 0 { steps = 60 }; for range steps { interleaving.Gosched() } }\n", nil
}

// In a child process: what watches a check, and what a check may use.

const (
	cpuLimit = 3 * time.Second // no check needs more than a sixth of it
	stuck    = "check: no goroutine can proceed"
	busy     = "check: still running"
)

// watch ends a check that will not end by itself. It has no limit on the time, which
// a loaded machine could miss, but looks at snapshots of all goroutines. A synctest
// bubble reports its own deadlocks, but not those with a mutex: then every goroutine
// is blocked, ten times in a row. And a check that uses too much CPU time is still
// running. (Where the CPU time cannot be read, the limit is on the time, and higher.)
// On a loaded machine the snapshots must not use up this CPU time: they become rarer.
func watch() {
	began := time.Now()
	for idle := 0; ; {
		asked := false // by settle
		select {
		case asked = <-settling:
		case <-time.After(50*time.Millisecond + time.Since(began)/64):
		}
		all := stacks()
		for since := time.Now(); asked && !blocked(all) && !tooBusy(began); all = stacks() {
			time.Sleep(max(20*time.Microsecond, time.Since(since)/8))
		}
		if idle++; asked || !blocked(all) {
			idle = 0
		}
		switch {
		case tooBusy(began):
			fmt.Printf("%s\n\n%s", busy, all)
			os.Exit(2)
		case idle == 10:
			if text := expected.Load(); text != nil {
				fmt.Printf("    check_test.go:0: %s\n", strings.ReplaceAll(*text, "\n", "\n        "))
			}
			fmt.Printf("%s\n\n%s", stuck, all)
			os.Exit(2)
		case asked:
			settled <- true
		}
	}
}

// otherwise says what has gone wrong if from here on no goroutine can proceed.
func otherwise(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	expected.Store(&text)
}

var expected atomic.Pointer[string]

// settle returns when all other goroutines are blocked. Unlike synctest.Wait it
// also counts those that wait for a mutex, and it works outside a bubble.
func settle() {
	settling <- true
	<-settled
}

// To watch and back. They are made outside any bubble: a goroutine that blocks on
// them stops the clock of its bubble.
var settling, settled = make(chan bool), make(chan bool)

func stacks() string {
	for size := 1 << 16; ; size *= 2 {
		b := make([]byte, size)
		if n := runtime.Stack(b, true); n < size {
			return string(b[:n]) + "\n"
		}
	}
}

// blocked reports whether all goroutines are blocked, but for the caller, which comes
// first. All of them were stopped for the snapshot, so that it is exact.
func blocked(all string) bool {
	for _, one := range strings.Split(all, "\n\n")[1:] {
		_, state, _ := strings.Cut(one, "[")
		state, _, _ = strings.Cut(state, "]")
		if state != "" && !strings.HasPrefix(state, "chan ") && !strings.HasPrefix(state, "select") && !strings.HasPrefix(state, "sync") &&
			!(strings.HasPrefix(state, "sleep") && strings.Contains(state, "bubble")) {
			return false
		}
	}
	return true
}

var goroutine = regexp.MustCompile(`(?m)^goroutine \d+ .*\[(([^],]*)[^]]*)\]:\n((?:.+\n)+)`)

// tooBusy reports whether this process has used up its CPU time.
func tooBusy(began time.Time) bool {
	stat, err := os.ReadFile("/proc/self/stat") // on Linux
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if err != nil || len(fields) < 13 {
		return time.Since(began) > 5*cpuLimit
	}
	user, _ := strconv.Atoi(string(fields[11]))
	system, _ := strconv.Atoi(string(fields[12]))
	return time.Duration(user+system)*10*time.Millisecond > cpuLimit
}

// In the parent: what the output of a child means.

const tooLong = "a goroutine is still running"

var (
	place   = regexp.MustCompile(`(?m)^\s+.*[/\\](\w+\.go):(\d+)`)
	said    = regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: (.*(?:\n {8}.*)*)`)
	panicky = regexp.MustCompile(`(?m)^\t*(panic|fatal error): (.*)`) // the last one ended the process
)

// explain says in a sentence how a check failed, and where to look.
func explain(out string, of task) *failure {
	_, look, _ := strings.Cut(out, lookAt)
	look, _, _ = strings.Cut(look, "\n")
	if _, report, ok := strings.Cut(out, "WARNING: DATA RACE"); ok {
		report, _, _ = strings.Cut(report, "Goroutine ") // from there on: where they were started
		where := in(slices.Compact(linesOf(report, of)))
		if strings.Contains(report, "runtime.closechan()") {
			return &failure{race: true, what: "one goroutine closes a channel while another goroutine sends on it" + where,
				look: "section 2.3 in chapter 02: close it only after the last send. Which goroutine knows that all senders have returned?"}
		}
		if strings.Contains(report, "runtime.raceread()") && strings.Contains(report, "runtime.racewrite()") { // only WaitGroup reports so
			return &failure{race: true, what: "a goroutine calls Add of a WaitGroup while another goroutine calls Wait" + where,
				look: "section 1.5 in chapter 01: count a goroutine before it starts, with WaitGroup.Go, or with Add before the go statement"}
		}
		return &failure{race: true, what: "data race: two goroutines access the same memory concurrently, and at least one of them writes it" + where,
			look: "these lines: give each goroutine a variable of its own, or guard the shared one with a lock, or pass it over a channel. Read it after the writer has finished"}
	}
	if own := saidBy(out); own != "" {
		if what, better, ok := strings.Cut(own, "\n→ "); ok { // the check knows better
			own, look = what, better
		}
		if strings.Contains(out, stuck) {
			own += holders(goroutines(out, of))
		}
		return &failure{what: own, look: look}
	}
	all := goroutines(out, of)
	atLines := func(which func(g frame) bool) string {
		var lines []string
		for _, g := range all {
			if which(g) {
				lines = append(lines, g.line)
			}
		}
		slices.Sort(lines)
		return in(slices.Compact(lines))
	}
	waits := atLines(func(g frame) bool { return !g.runs })
	var kind, end string
	for _, m := range panicky.FindAllStringSubmatch(out, -1) {
		kind, end = m[1], strings.TrimSuffix(m[2], " [recovered, repanicked]") // what recovers it is the test
	}
	kind = map[string]string{"panic": "an unrecovered panic", "fatal error": "a fatal error, which no code can recover,"}[kind]
	const whatFor = "these lines: what does each of them wait for, and which goroutine should make it happen?"
	switch {
	case strings.Contains(out, busy):
		return &failure{what: tooLong + " after " + cpuLimit.String() + " of CPU time" + atLines(func(g frame) bool { return g.runs || strings.Contains(g.line, "(sleep)") }),
			look: "these lines: does a loop check a condition again and again (busy-wait, polling)? Block on a channel or a WaitGroup instead"}
	case strings.Contains(out, stuck) && strings.Contains(waits, "Mutex."):
		f := &failure{what: "no goroutine can proceed: " + strings.TrimPrefix(waits, ", at ")}
		held := holders(all)
		if held == "" {
			f.what += "\n  no goroutine at these lines holds the lock: one has returned, or panicked, without Unlock"
			f.look = "each way out of the function that locks: does it unlock there? (defer covers all of them)"
			return f
		}
		f.what += held
		if slices.ContainsFunc(all, func(g frame) bool { return g.sleeps && len(g.holds) > 0 }) {
			f.what = "a goroutine holds a lock during a call that takes time, and the others block on this lock: they run one at a time" + held
		}
		f.look = "the line where a lock is held: do not block there with the lock held. If two goroutines hold one lock each, take the locks in one order"
		return f
	case strings.Contains(out, stuck) && clockStopped(out):
		shared := atLines(func(g frame) bool { return g.outside })
		return &failure{what: "the fake clock of the check has stopped: a goroutine blocks on a WaitGroup or a channel at package level" + shared,
			look: "this line: two calls at the same time share that variable. Make it in the function, so that each call has its own"}
	case strings.Contains(end, "main bubble goroutine has exited"):
		return &failure{what: "the function returned, but goroutines that it started are still blocked" + waits,
			look: "these lines: what does each of them wait for, and what makes it stop? (chapter 02: sections 2.1 and 2.2 for a send, 2.3 for a receive, 2.5 for a select)"}
	case strings.HasPrefix(end, "deadlock:"), strings.Contains(end, "all goroutines are asleep"), strings.Contains(out, stuck):
		if waits == "" { // the check itself blocks
			return &failure{what: "the check waits for something that no longer happens: no goroutine in " + of.file + " is left. Did the function return too early, or leave a channel open?", look: look}
		}
		if strings.Contains(waits, "(sync.WaitGroup.Wait") {
			return &failure{what: "deadlock: no goroutine can proceed" + waits,
				look: "section 1.5 in chapter 01: Wait blocks until Done was called as often as Add. Which goroutine ends, or blocks, before its Done?"}
		}
		return &failure{what: "deadlock: no goroutine can proceed" + waits, look: whatFor + " (section 2.7 in chapter 02)"}
	case strings.HasPrefix(end, "test timed out"):
		return &failure{what: "the check did not end within two minutes" + waits, look: whatFor}
	case end != "":
		f := &failure{what: kind + " ended the whole program: " + end + atLines(func(g frame) bool { return g.runs }), look: look}
		switch {
		case strings.Contains(end, "close of closed channel"):
			f.look = "section 2.3 in chapter 02: a second close panics. Which goroutine closes the channel, and how often?"
		case strings.Contains(end, "closed channel"):
			f.look = "section 2.3 in chapter 02: a send on a closed channel panics. Was the close before the last send? With several senders, which goroutine knows that all have returned?"
		case strings.Contains(end, "negative WaitGroup counter"):
			f.look = "section 1.5 in chapter 01: Done was called more often than Add. Count each goroutine once, before it starts"
		case strings.HasPrefix(end, "sync: ") && strings.Contains(end, "nlock of unlocked"):
			f.look = "this line: here the lock is not held. Is it unlocked twice, by a deferred call and by another one?"
		case strings.HasPrefix(end, "runtime error:"), strings.HasPrefix(end, "sync:"), strings.HasPrefix(end, "assignment to"):
			f.look = cmp.Or(look, "this line") // it may be the check's own panic, which look explains
		}
		return f
	}
	return &failure{what: out, look: look}
}

// outside matches the state of a goroutine in a bubble that blocks on a WaitGroup or a
// channel that was made outside: the clock of the bubble does not advance meanwhile.
var outside = regexp.MustCompile(`^(sync\.WaitGroup\.Wait|chan \w+|select), .*bubble`)

// clockStopped reports whether one goroutine blocks so and another one sleeps.
func clockStopped(dump string) bool {
	var sleeps, blocks bool
	for _, m := range goroutine.FindAllStringSubmatch(dump, -1) {
		sleeps = sleeps || strings.HasPrefix(m[1], "sleep") && strings.Contains(m[1], "bubble")
		blocks = blocks || outside.MatchString(m[1])
	}
	return sleeps && blocks
}

// holders says at which line each lock was taken that a goroutine still holds.
func holders(all []frame) (held string) {
	for _, g := range all {
		for _, line := range g.holds {
			if one := fmt.Sprintf("\n  a lock is held since %s, by the goroutine at %s", line, g.line); !strings.Contains(held, one) {
				held += one
			}
		}
	}
	return held
}

func in(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return ", at " + strings.Join(lines, ", ")
}

// saidBy returns what a check has reported itself.
func saidBy(out string) string {
	var own []string
	for _, m := range said.FindAllStringSubmatch(out, -1) {
		own = append(own, strings.ReplaceAll(m[1], "\n        ", "\n"))
	}
	return strings.Join(own, "\n")
}

// linesOf returns the lines of the task's file in a stack, innermost first.
func linesOf(stack string, of task) (lines []string) {
	for _, m := range place.FindAllStringSubmatch(stack, -1) {
		if m[1] == of.file && !slices.Contains(lines, m[1]+":"+m[2]) {
			lines = append(lines, m[1]+":"+m[2])
		}
	}
	return lines
}

// A frame is where in the task's file a goroutine is.
type frame struct {
	line    string // with its state, if it is blocked
	runs    bool
	sleeps  bool     // in fake time
	outside bool     // if it blocks in a bubble on something that was made outside of it
	holds   []string // the lines at which it has locked what it has not unlocked
}

// goroutines returns those of a dump that are in the task's file.
func goroutines(out string, of task) (all []frame) {
	seen := make(map[string]bool)
	for _, m := range goroutine.FindAllStringSubmatch(out, -1) {
		calls, _, _ := strings.Cut(m[3], "created by ")
		lines := linesOf(calls, of)
		key := m[1] + strings.Join(lines, " ")
		if len(lines) == 0 || seen[key] {
			continue // one of a thousand at the same lines is enough
		}
		seen[key] = true
		g := frame{line: lines[0], runs: m[2] == "running" || m[2] == "runnable"}
		g.outside = outside.MatchString(m[1])
		g.sleeps = strings.HasPrefix(m[2], "sleep")
		if !g.runs {
			g.line += " (" + strings.TrimSuffix(m[2], " (durable)") + ")"
		}
		for _, line := range lines {
			g.holds = append(g.holds, held(of, line)...)
		}
		all = append(all, g)
	}
	return all
}

// held returns the lines before this one, in the same function, that lock what is
// not unlocked in between: a goroutine at this line holds these locks.
func held(of task, at string) (lines []string) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, of.file, of.source, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	lineOf := func(p token.Pos) int { return fset.Position(p).Line }
	line, _ := strconv.Atoi(at[strings.LastIndexByte(at, ':')+1:])
	var body *ast.BlockStmt // of the innermost function
	ast.Inspect(file, func(n ast.Node) bool {
		var b *ast.BlockStmt
		switch n := n.(type) {
		case *ast.FuncDecl:
			b = n.Body
		case *ast.FuncLit:
			b = n.Body
		}
		if b != nil && lineOf(b.Pos()) <= line && line <= lineOf(b.End()) {
			body = b
		}
		return true
	})
	if body == nil {
		return nil
	}
	locked := make(map[string]int) // receiver to line
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.DeferStmt: // runs elsewhere, or at the end
			return false
		case *ast.BlockStmt:
			if len(n.List) > 0 && (line < lineOf(n.Pos()) || lineOf(n.End()) < line) {
				_, returns := n.List[len(n.List)-1].(*ast.ReturnStmt) // an Unlock there is on another way out
				return !returns
			}
		case *ast.CallExpr:
			method, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || lineOf(n.Pos()) >= line {
				break
			}
			start, end := fset.Position(method.X.Pos()).Offset, fset.Position(method.X.End()).Offset
			switch receiver := of.source[start:end]; method.Sel.Name {
			case "Lock", "RLock":
				locked[receiver] = lineOf(n.Pos())
			case "Unlock", "RUnlock":
				delete(locked, receiver)
			}
		}
		return true
	})
	for _, line := range slices.Sorted(maps.Values(locked)) {
		lines = append(lines, fmt.Sprint(of.file, ":", line))
	}
	return lines
}
