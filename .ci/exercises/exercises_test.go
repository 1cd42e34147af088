// Package exercises tests the checks of the exercises and fixes: an unmodified task is
// open, the solution passes every time, and each wrong answer in testdata fails with
// the words that its first line requires. A wrong answer that passes is a bug in the check.
//
//	go test ./.ci/exercises
package exercises

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

const root = "../.."

var (
	exerciseRuns = flag.Int("exercise-runs", 2, "run the solution of each exercise `n` times with -cpu=1 and n times with -cpu=4")
	fixRuns      = flag.Int("fix-runs", 1, "the same for each folder of fixes")
	wrongRuns    = flag.Int("wrong-runs", 1, "try each wrong answer `n` times")
)

// A Package is a folder in which a learner works: exercise or fixes.
type Package struct {
	Chapter string // such as 05-worker-pool
	Kind    string // exercise or fixes
	Dir     string
	Tasks   []Task
}

func (p Package) Name() string { return p.Chapter + "/" + p.Kind }

// A Task is one file to change, as the package's test file declares it.
type Task struct {
	Name     string // empty in an exercise
	File     string
	Solution string
	Learned  string
	Sum      string // CRC-32 of the unmodified file, as a Go literal

	Interleave bool // its check needs an interleaved copy
}

// testdata returns the folder with the task's wrong answers; accepted/ in it has right ones.
func (p Package) testdata(task Task) string {
	return filepath.Join("testdata", p.Chapter, p.Kind, strings.ToLower(task.Name))
}

// packages returns those of all chapters.
func packages(t *testing.T) (all []Package) {
	t.Helper()
	for _, kind := range []string{"exercise", "fixes"} {
		dirs, err := filepath.Glob(filepath.Join(root, "[0-9][0-9]-*", kind))
		if err != nil || kind == "exercise" && len(dirs) != 7 {
			t.Fatalf("%d folders named %s, %v", len(dirs), kind, err)
		}
		for _, dir := range dirs {
			p := Package{Chapter: filepath.Base(filepath.Dir(dir)), Kind: kind, Dir: dir, Tasks: tasks(t, dir)}
			if kind == "exercise" && len(p.Tasks) != 1 || len(p.Tasks) == 0 {
				t.Errorf("%s has %d tasks", p.Name(), len(p.Tasks))
			}
			all = append(all, p)
		}
	}
	return all
}

// tasks returns what the variable tasks in one of the folder's test files declares.
func tasks(t *testing.T, dir string) (all []Task) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Names[0].Name != "tasks" || len(spec.Values) != 1 {
				return true
			}
			for _, element := range spec.Values[0].(*ast.CompositeLit).Elts {
				fields := make(map[string]string)
				for _, field := range element.(*ast.CompositeLit).Elts {
					kv := field.(*ast.KeyValueExpr)
					if literal, ok := kv.Value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
						fields[kv.Key.(*ast.Ident).Name], _ = strconv.Unquote(literal.Value)
					} else if ok {
						fields[kv.Key.(*ast.Ident).Name] = literal.Value
					} else if name, ok := kv.Value.(*ast.Ident); ok {
						fields[kv.Key.(*ast.Ident).Name] = name.Name
					}
				}
				all = append(all, Task{Name: fields["name"], File: fields["file"], Solution: fields["solution"], Learned: fields["learned"], Sum: fields["untouched"], Interleave: fields["interleave"] == "true"})
			}
			return false
		})
	}
	return all
}

// copied makes a copy of the package in a module of its own, with other text in some
// files, and returns the module's folder and the package's.
func (p Package) copied(t *testing.T, texts map[string]string) (module, dir string) {
	t.Helper()
	module = t.TempDir()
	dir = filepath.Join(module, p.Chapter, p.Kind)
	if err := os.CopyFS(dir, os.DirFS(p.Dir)); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{filepath.Join(module, "go.mod"): read(t, filepath.Join(root, "go.mod"))}
	for name, text := range texts {
		files[filepath.Join(dir, name)] = text
	}
	for name, text := range files {
		write(t, name, text)
	}
	return module, dir
}

// check runs the check as a learner does, in a copy with other text in some files.
func (p Package) check(t *testing.T, texts map[string]string, args ...string) (out string, ok bool) {
	t.Helper()
	module, _ := p.copied(t, texts)
	args = slices.Concat([]string{"go", "test", "-race"}, args, []string{"./" + p.Chapter + "/" + p.Kind})
	out, ok = output(t, module, args...)
	if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") {
		t.Fatalf("the copy does not build:\n%s", out)
	}
	return out, ok
}

// A Copy is a package with other text in some files.
type Copy struct {
	texts       map[string]string // by file
	interleaved bool              // its check will need the interleaved copy
}

// A Binary is the check of a Copy, built to run several times. It is built with fewer
// steps than those of go test: no optimization, no vet (the check runs its own, and keeps
// what it finds for the next run).
type Binary struct{ path, dir, kept, copy string }

// forBuild builds a test binary: -o and what follows is missing.
var forBuild = []string{"go", "test", "-c", "-vet=off", "-race", "-gcflags=concurrency/...=-N -l -c=1 -dwarf=false",
	fmt.Sprintf("-gcflags=concurrency/copy%d/...=-dwarf=false", solved), // with optimization, as a learner builds it
	"-ldflags=-s -w"}

func (p Package) build(t *testing.T, c Copy) (Binary, error) {
	t.Helper()
	_, dir := p.copied(t, c.texts)
	b := Binary{path: filepath.Join(t.TempDir(), "check.exe"), dir: dir, kept: t.TempDir()}
	if out, ok := output(t, dir, append(forBuild, "-o", b.path, ".")...); !ok {
		return b, fmt.Errorf("the copy does not build:\n%s", out)
	}
	return b, nil
}

var (
	embedded = regexp.MustCompile(`(?m)^(\s*//go:embed )(\w+\.go)$`)
	function = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	broken   = regexp.MustCompile(`(?m)^# concurrency/copy(\d+)\b`)
)

// buildAll builds the checks of several copies into one binary, which selects one by a
// variable: to link a binary takes longer than to compile a copy. Where a check would
// build its interleaved copy, it finds the same binary. A Binary without a path does not
// build.
func (p Package) buildAll(t *testing.T, interleaver string, copies []Copy) (all []Binary) {
	t.Helper()
	module := t.TempDir()
	binary := filepath.Join(module, "all.exe")
	write(t, filepath.Join(module, "go.mod"), read(t, filepath.Join(root, "go.mod")))
	p.addShared(t, module)
	for i, c := range copies {
		_, dir := p.copied(t, c.texts)
		b := Binary{binary, dir, t.TempDir(), fmt.Sprint("copy", i)}
		all = append(all, b)
		p.addTo(t, module, dir, b.copy)
		if c.interleaved {
			command := []string{interleaver}
			for _, task := range p.Tasks {
				if _, ok := c.texts[task.File]; ok && task.Interleave {
					command = append(command, filepath.Join(dir, task.File))
				}
			}
			if out, ok := output(t, dir, command...); !ok {
				t.Errorf("%v:\n%s", command, out)
			}
			p.addTo(t, module, dir, b.copy+"/interleaved")
			for file, text := range c.texts {
				write(t, filepath.Join(dir, file), text)
			}
		}
	}
	var functions []string
	files, _ := filepath.Glob(filepath.Join(p.Dir, "*_test.go"))
	for _, file := range files {
		for _, m := range function.FindAllStringSubmatch(read(t, file), -1) {
			functions = append(functions, m[1]) // in the order of go test
		}
	}
	for {
		imports, tasks, cases := "\t\"concurrency/check\"\n", "", make(map[string]string) // by function
		for i, b := range all {
			paths := []string{b.copy, b.copy + "/interleaved"}
			if !copies[i].interleaved {
				paths = paths[:1]
			}
			for _, path := range paths {
				if b.path == "" {
					continue
				}
				name := strings.ReplaceAll(path, "/", "_")
				imports += fmt.Sprintf("\t%s \"concurrency/%s\"\n", name, path)
				for _, function := range functions {
					cases[function] += fmt.Sprintf("\tcase %q:\n\t\t%s.%s(t)\n", path, name, function)
				}
				tasks += fmt.Sprintf("\tcase %q:\n\t\tcheck.Select(%s.Tasks)\n", path, name)
			}
		}
		var text strings.Builder
		text.WriteString("package run\n\nimport (\n\t\"os\"\n\t\"strings\"\n\t\"testing\"\n" + imports + ")\n" + selected)
		fmt.Fprintf(&text, "\nfunc TestMain(m *testing.M) {\n\tswitch selected() {\n%s\t}\n\tcheck.TestMain(m)\n}\n", tasks)
		for _, name := range functions {
			fmt.Fprintf(&text, "\nfunc %s(t *testing.T) {\n\tswitch selected() {\n%s\t}\n}\n", name, cases[name])
		}
		write(t, filepath.Join(module, "run", "run_test.go"), text.String())
		out, ok := output(t, module, append(forBuild, "-o", binary, "./run")...)
		found := broken.FindAllStringSubmatch(out, -1)
		if !ok && len(found) > 0 {
			for _, m := range found {
				i, _ := strconv.Atoi(m[1])
				all[i].path = ""
			}
			if all[solved].path == "" {
				t.Errorf("the solution does not build:\n%s", out)
				return all
			}
			continue
		}
		if !ok {
			t.Errorf("the copies do not build together:\n%s", out)
		}
		p.vetAll(t, module, all)
		for i, b := range all {
			if b.path != "" && copies[i].interleaved {
				if err := os.Link(binary, filepath.Join(b.kept, "check.exe")); err != nil {
					t.Error(err)
				}
			}
		}
		return all
	}
}

// selected is in a binary of many copies.
const selected = `
func selected() string {
	if strings.HasSuffix(os.Args[0], "check.exe") { // as a check calls its interleaved copy
		return os.Getenv("EXERCISE_COPY") + "/interleaved"
	}
	return os.Getenv("EXERCISE_COPY")
}
`

// addShared adds check_test.go to a module as a package. All copies import it: to compile it
// for each of them would take longer than to compile the answers.
func (p Package) addShared(t *testing.T, module string) {
	t.Helper()
	text := strings.Replace(read(t, filepath.Join(p.Dir, "check_test.go")), "package exercise_test", "package check", 1)
	write(t, filepath.Join(module, "check", "check.go"), "//line check_test.go:1\n"+export(text))
	write(t, filepath.Join(module, "check", "tasks.go"), "package check\n\nvar tasks []Check_task\n\n// Select sets the tasks that TestMain checks.\nfunc Select(all []Check_task) { tasks = all }\n")
}

// shared are the names that check_test.go declares for the other test files.
var shared = strings.Fields("alone settle otherwise stacks blocked raceDetector task name file source untouched solution learned interleave")

// export gives what is shared an exported name, which no answer declares.
func export(text string) string {
	var s scanner.Scanner
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(text))
	s.Init(file, []byte(text), nil, 0)
	var exported strings.Builder
	copied := 0
	for {
		pos, tok, name := s.Scan()
		if tok == token.EOF {
			return exported.String() + text[copied:]
		}
		if at := file.Offset(pos); tok == token.IDENT && slices.Contains(shared, name) {
			exported.WriteString(text[copied:at] + "Check_")
			copied = at
		}
	}
}

// addTo adds a copy of the package to a module, as packages that can be imported.
func (p Package) addTo(t *testing.T, module, dir, path string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, file := range files {
		b, err := os.ReadFile(file) // line ends included
		if err != nil {
			t.Fatal(err)
		}
		text, to := string(b), filepath.Join(module, path)
		name, isTest := strings.CutSuffix(filepath.Base(file), "_test.go")
		switch {
		case name == "check" && isTest:
			continue // see addShared
		case isTest: // it becomes a file of a package that can be imported; in failures it keeps its name
			text = export(strings.Replace(read(t, file), "package exercise_test", `package tests; import . "concurrency/check"`, 1))
			text = strings.ReplaceAll(text, `"concurrency/`+p.Name()+`"`, `"concurrency/`+path+`/answer"`)
			text = strings.Replace(text, "\nvar tasks = []", "\nvar Tasks = []", 1)
			text = "//line " + filepath.Base(file) + ":1\n" + embedded.ReplaceAllString(text, "${1}answer/$2") + "\nvar _ = Check_alone\n"
			name += ".go"
		default:
			to = filepath.Join(to, "answer")
		}
		write(t, filepath.Join(to, name), text)
	}
}

// newInterleaver builds a program that makes of each file that it is given what a check
// makes of it in its interleaved copy, and returns its path.
func newInterleaver(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	check := read(t, filepath.Join(packages(t)[0].Dir, "check_test.go"))
	write(t, filepath.Join(dir, "go.mod"), read(t, filepath.Join(root, "go.mod")))
	write(t, filepath.Join(dir, "check.go"), strings.Replace(check, "package exercise_test", "package main", 1))
	write(t, filepath.Join(dir, "main.go"), `package main

import (
	"os"
	"path/filepath"
	"strings"
)

var tasks []task

func main() {
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		interleaved, err := interleave(string(text), "interleave"+strings.TrimSuffix(filepath.Base(file), ".go"))
		if err != nil {
			panic(err)
		}
		if err := os.WriteFile(file, []byte(interleaved), 0o600); err != nil {
			panic(err)
		}
	}
}
`)
	program := filepath.Join(dir, "interleaver.exe")
	if out, ok := output(t, dir, "go", "build", "-o", program, "."); !ok {
		t.Fatalf("the interleaver does not build:\n%s", out)
	}
	return program
}

var (
	vetArgs = regexp.MustCompile(`(?m)^\targs := \[\]string\{("vet".*)\}$`)
	vetted  = regexp.MustCompile(`^(?:vet: )?(?:\./)?(copy\d+)[/\\]`)
)

// vetAll runs the go vet of a check once for all answers that build, and keeps what it
// finds in each of them where its check looks for it.
func (p Package) vetAll(t *testing.T, module string, all []Binary) {
	t.Helper()
	m := vetArgs.FindStringSubmatch(read(t, filepath.Join(p.Dir, "check_test.go")))
	if m == nil {
		t.Fatal("check_test.go does not say how it runs go vet")
	}
	command := []string{"go"}
	for quoted := range strings.SplitSeq(m[1], ", ") {
		arg, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatal(err)
		}
		command = append(command, arg)
	}
	command = append(command, "-race")
	found := make(map[string]string) // by copy
	for _, b := range all {
		if b.path != "" {
			command = append(command, "./"+b.copy+"/answer")
			found[b.copy] = ""
		}
	}
	if len(found) == 0 {
		return
	}
	out, _ := output(t, module, command...)
	if all[solved].path != "" {
		if out, ok := output(t, module, "go", "vet", "-race", "./"+all[solved].copy+"/answer"); !ok { // as go test does
			t.Errorf("the solution:\n%s", out)
		}
	}
	for line := range strings.Lines(out) {
		if m := vetted.FindStringSubmatch(line); m != nil {
			found[m[1]] += line
		}
	}
	for _, b := range all {
		if b.path != "" {
			write(t, filepath.Join(b.kept, "vet.txt"), found[b.copy])
		}
	}
}

// write writes a file, with its folder.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func (b Binary) run(t *testing.T, args ...string) (out string, ok bool) {
	t.Helper()
	return outputWith(t, []string{"EXERCISE_KEEP=" + b.kept, "EXERCISE_COPY=" + b.copy}, b.dir, append([]string{b.path}, args...)...)
}

func output(t *testing.T, dir string, command ...string) (out string, ok bool) {
	t.Helper()
	return outputWith(t, nil, dir, command...)
}

// outputWith is output with more variables in the environment.
func outputWith(t *testing.T, env []string, dir string, command ...string) (out string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(env,
		"GORACE=atexit_sleep_ms=0",                           // by default each process ends a second later
		"GOFLAGS=-gcflags=-dwarf=false -ldflags=-w -p=1")...) // for what the check builds
	if slices.Contains(command, "-c") {
		cmd.Env = append(cmd.Env, "GOGC=off") // a fifth of the compiler's time
	}
	b, err := cmd.CombinedOutput()
	return string(b), err == nil
}

const open = "[no tests to run]"

// TestUnmodifiedFilesHaveTheirChecksum: a check uses it to detect that a task is open.
func TestUnmodifiedFilesHaveTheirChecksum(t *testing.T) {
	for _, p := range packages(t) {
		for _, task := range p.Tasks {
			text := read(t, filepath.Join(p.Dir, task.File))
			if checksum := fmt.Sprintf("0x%08x", crc32.ChecksumIEEE([]byte(text))); checksum != task.Sum {
				t.Errorf("%s has the checksum %s, and its task says %s: nothing is open", task.File, checksum, task.Sum)
			}
			if p.Kind == "exercise" && !strings.Contains(text, "// TODO") {
				t.Errorf("%s has no TODO comment where the learner should begin", task.File)
			}
		}
	}
}

// explained reports whether a failure says where to look.
func explained(out string) bool {
	return strings.Contains(out, "→ ") || strings.Contains(out, "go vet reports:")
}

// TestSolutionPassesAsALearnerRunsIt, but not without the race detector: otherwise go test
// would print "ok" and hide the message that data races were not checked. It takes one folder of
// each kind: the file that does this is the same in all of them (TestFoldersHaveTheSameParts).
func TestSolutionPassesAsALearnerRunsIt(t *testing.T) {
	needsRaceDetector(t)
	for _, p := range packages(t) {
		if p.Chapter != "01-goroutines" {
			continue
		}
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			if out, ok := p.check(t, p.solutions(t)); !ok || strings.Contains(out, open) {
				t.Errorf("the solution fails:\n%s", out)
			}
			out, ok := p.check(t, p.solutions(t), "-race=false")
			if ok || !strings.Contains(out, "no failure found") || !strings.Contains(out, "needs the race detector") {
				t.Errorf("without the race detector the solution gets:\n%s", out)
			}
		})
	}
}

// solutions returns the code of each task's solution, by file.
func (p Package) solutions(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, task := range p.Tasks {
		document, _, _ := strings.Cut(task.Solution, "#")
		_, after, ok := strings.Cut(read(t, filepath.Join(p.Dir, document)), "```go "+task.File+"\n")
		code, _, closed := strings.Cut(after, "\n```\n")
		if !ok || !closed {
			t.Fatalf("%s of %s has no code for %s", task.Solution, p.Name(), task.File)
		}
		all[task.File] = code + "\n"
	}
	return all
}

// TestChecksAcceptOnlyRightAnswers tries what a learner may hand in: the solution, the unmodified
// files, and these with a comment more, the wrong answers in testdata, and the right ones in
// testdata/…/accepted.
//
// The first line of a wrong answer is "// Fails with: " and what its learner should read, or
// "// Fails, interleaved, with: " if it fails only in the interleaved copy. Some answers are wrong
// only when two goroutines meet, and a busy machine may keep them apart: so two of all answers
// may be tried once more, and the log names them. With -wrong-runs there is no second try.
func TestChecksAcceptOnlyRightAnswers(t *testing.T) {
	needsRaceDetector(t)
	interleaver := newInterleaver(t)
	var again atomic.Int32
	wrong := func(t *testing.T, a Answer, check Binary) {
		for n := range *wrongRuns {
			args := []string{"-test.run=^Test" + a.Task.Name}
			if n > 0 {
				args = append(args, fmt.Sprint("-test.cpu=", 1+n%4))
			}
			fault := refusal(t, check, a.Words, args)
			if fault != "" && *wrongRuns == 1 && again.Add(1) <= 2 {
				t.Logf("%s is tried once more, because %s", t.Name(), fault)
				fault = refusal(t, check, a.Words, args)
			}
			if fault != "" {
				t.Error(fault)
			}
		}
	}
	accepted := func(t *testing.T, a Answer, check Binary) {
		cpus := 1 + 3*(crc32.ChecksumIEEE([]byte(t.Name()))%2) // half of them with 1, the others with 4
		out, ok := check.run(t, "-test.run=^Test"+a.Task.Name, fmt.Sprint("-test.cpu=", cpus))
		if !ok || !strings.Contains(out, "done: "+a.Task.File) {
			t.Errorf("it fails, which is a bug in the check:\n%s", out)
		}
	}
	for _, p := range packages(t) {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			copies := append([]Copy{p.solved(t), p.unmodified(t)}, p.touched(t)...)
			before := len(copies)
			groups := p.answers(t, "*.go", 3, wrongPrefix)
			firstAccepted := len(groups)
			groups = append(groups, p.answers(t, "accepted/*.go", 0, nil)...)
			for _, group := range groups {
				copies = append(copies, copyOf(group))
			}
			for i, check := range p.buildAll(t, interleaver, copies) {
				switch group := i - before; {
				case i == solved:
					t.Run("solution", func(t *testing.T) { p.trySolution(t, check) })
				case i == 1:
					t.Run("unmodified", func(t *testing.T) { p.tryUnmodified(t, check) })
				case group < 0:
					t.Run(fmt.Sprint("touched/", i), func(t *testing.T) { p.tryTouched(t, copies[i], check) })
				case group < firstAccepted:
					t.Run("wrong", func(t *testing.T) { p.try(t, groups[group], check, wrong) })
				default:
					t.Run("accepted", func(t *testing.T) { p.try(t, groups[group], check, accepted) })
				}
			}
		})
	}
}

// solved is the number of the copy with the solutions.
const solved = 0

// solved returns a copy with all solutions.
func (p Package) solved(t *testing.T) Copy {
	interleaved := slices.ContainsFunc(p.Tasks, func(task Task) bool { return task.Interleave })
	return Copy{texts: p.solutions(t), interleaved: interleaved}
}

// trySolution runs the check of each SOLUTION.md many times, with one CPU and with four.
func (p Package) trySolution(t *testing.T, check Binary) {
	runs := *exerciseRuns
	if p.Kind == "fixes" {
		runs = *fixRuns
	}
	out, ok := check.run(t, "-test.v", fmt.Sprint("-test.count=", runs), "-test.cpu=1,4", "-test.timeout=2h")
	if !ok {
		t.Errorf("the solution fails:\n%s", out)
	}
	for _, task := range p.Tasks {
		if !strings.Contains(out, "done: "+task.File) || task.Learned == "" || !strings.Contains(out, task.Learned) || !strings.Contains(out, task.Solution) {
			t.Errorf("%s passes, but the check does not say what was learned or names no solution:\n%s", task.File, out)
		}
	}
}

// unmodified returns a copy with the line ends of Windows; a checksum is of those of Unix.
func (p Package) unmodified(t *testing.T) Copy {
	texts := make(map[string]string)
	for _, task := range p.Tasks {
		texts[task.File] = strings.ReplaceAll(read(t, filepath.Join(p.Dir, task.File)), "\n", "\r\n")
	}
	return Copy{texts: texts}
}

// tryUnmodified requires that all tasks are open.
func (p Package) tryUnmodified(t *testing.T, check Binary) {
	out, ok := check.run(t)
	for _, task := range p.Tasks {
		if !ok || !strings.Contains(out, "open: "+task.File) || !strings.Contains(out, "no tests to run") {
			t.Errorf("%s is unmodified, with the line ends of Windows, but its check says:\n%s", task.File, out)
		}
	}
}

// touched returns copies with a comment at the end of every second broken file, and of the others.
func (p Package) touched(t *testing.T) (copies []Copy) {
	t.Helper()
	for half := range min(len(p.Tasks), 2) {
		texts := make(map[string]string)
		for i, task := range p.Tasks {
			if i%2 == half {
				texts[task.File] = read(t, filepath.Join(p.Dir, task.File)) + "\n// touched\n"
			}
		}
		copies = append(copies, Copy{texts: texts})
	}
	return copies
}

// tryTouched requires that the touched files fail with words and the others are open, alone and together.
func (p Package) tryTouched(t *testing.T, c Copy, check Binary) {
	for _, task := range p.Tasks {
		out, ok := check.run(t, "-test.run=^Test"+task.Name)
		if _, fails := c.texts[task.File]; fails {
			if ok || !explained(out) {
				t.Errorf("%s is touched, but still broken, and the check passes or explains nothing:\n%s", task.File, out)
			}
		} else if !ok || !strings.Contains(out, "no tests to run") || !strings.Contains(out, "open: "+task.File) {
			t.Errorf("%s is open, but its check says:\n%s", task.File, out)
		}
	}
	if len(p.Tasks) == 1 {
		return
	}
	out, ok := check.run(t, "-test.v")
	for _, task := range p.Tasks {
		if _, fails := c.texts[task.File]; ok || fails == strings.Contains(out, "open: "+task.File) {
			t.Errorf("some files are touched; the check of all passes, or does not say that only the others are open:\n%s", out)
		}
	}
}

// refusal runs the check of a wrong answer and returns what is wrong with the result, or "".
func refusal(t *testing.T, check Binary, words string, args []string) string {
	t.Helper()
	switch out, ok := check.run(t, args...); {
	case ok:
		return "it passes, which is a bug in the check:\n" + out
	case !strings.Contains(out, words):
		return fmt.Sprintf("it fails, but not with %q:\n%s", words, out)
	case !explained(out):
		return "it fails, but the message does not say where to look:\n" + out
	}
	return ""
}

// An Answer is a file of testdata.
type Answer struct {
	Task        Task
	File        string
	Words, Text string // what a wrong answer must fail with, and the file without its first line
	Interleaved bool   // it is right, or fails only in the interleaved copy
}

var wrongPrefix = regexp.MustCompile(`^// Fails(, interleaved,)? with: (.+)\n+`)

// answers returns the files of testdata that match, in groups with at most one for each
// task. A file of wrong answers begins with first.
func (p Package) answers(t *testing.T, pattern string, atLeast int, first *regexp.Regexp) (groups [][]Answer) {
	t.Helper()
	var known []string
	for _, task := range p.Tasks {
		files, err := filepath.Glob(filepath.Join(p.testdata(task), pattern))
		if err != nil || len(files) < atLeast {
			t.Errorf("%s has %d answers, want at least %d (%v)", p.testdata(task), len(files), atLeast, err)
		}
		known = append(known, files...)
		for i, file := range files {
			a := Answer{Task: task, File: file, Text: read(t, file), Interleaved: task.Interleave}
			if first != nil {
				m := first.FindStringSubmatch(a.Text)
				if m == nil {
					t.Errorf("%s does not begin with what it fails with: %s", file, first)
					continue
				}
				a.Text, a.Interleaved, a.Words = a.Text[len(m[0]):], m[1] != "", m[2]
			}
			for len(groups) <= i {
				groups = append(groups, nil)
			}
			groups[i] = append(groups[i], a)
		}
	}
	for _, depth := range []string{"", "*"} { // exercise/, and fixes/NAME/
		files, _ := filepath.Glob(filepath.Join("testdata", p.Chapter, p.Kind, depth, pattern))
		for _, file := range files {
			if filepath.Base(filepath.Dir(file)) != "accepted" == (pattern == "*.go") && !slices.Contains(known, file) {
				t.Errorf("%s belongs to no task", file)
			}
		}
	}
	return groups
}

// copyOf returns a copy of their package with the answers.
func copyOf(answers []Answer) Copy {
	c := Copy{texts: make(map[string]string)}
	for _, a := range answers {
		c.texts[a.Task.File] = a.Text
		c.interleaved = c.interleaved || a.Interleaved
	}
	return c
}

// try tries each answer of a group in the check that has them all. If it could not be built, it
// builds one for the group or, where two answers declare the same name, one for each.
func (p Package) try(t *testing.T, answers []Answer, check Binary, try func(t *testing.T, a Answer, check Binary)) {
	if check.path == "" {
		alone, err := p.build(t, copyOf(answers))
		if err != nil && len(answers) > 1 {
			for _, a := range answers {
				p.try(t, []Answer{a}, Binary{}, try)
			}
			return
		}
		if err != nil {
			t.Errorf("%s: %v", answers[0].File, err)
			return
		}
		check = alone
	}
	for _, a := range answers {
		name := strings.TrimPrefix(strings.ToLower(a.Task.Name)+"/"+strings.TrimSuffix(filepath.Base(a.File), ".go"), "/")
		t.Run(name, func(t *testing.T) { try(t, a, check) })
	}
}

// TestFoldersHaveTheSameParts: the same check_test.go, commands and minutes in
// README.md, hints and solutions that are collapsed.
func TestFoldersHaveTheSameParts(t *testing.T) {
	all := packages(t)
	for _, p := range all {
		if read(t, filepath.Join(p.Dir, "check_test.go")) != read(t, filepath.Join(all[0].Dir, "check_test.go")) {
			t.Errorf("%s/check_test.go differs from that of %s", p.Dir, all[0].Name())
		}
		tests, _ := filepath.Glob(filepath.Join(p.Dir, "*_test.go"))
		for _, file := range tests { // so that the learner may declare the names that the check uses
			if !strings.HasPrefix(read(t, file), "package exercise_test\n") && !strings.Contains(read(t, file), "\npackage exercise_test\n") {
				t.Errorf("%s is not in the package exercise_test", file)
			}
		}
		readme := read(t, filepath.Join(p.Dir, "README.md"))
		needed := []string{"go test -race ./" + p.Chapter + "/" + p.Kind}
		hints := len(p.Tasks)
		if p.Kind == "exercise" {
			needed = append(needed, "\n## The task\n", "\n## Hints\n")
			hints = 2
		}
		for _, task := range p.Tasks {
			needed = append(needed, "("+task.File+")", "("+task.Solution+")")
			if task.Name != "" {
				needed = append(needed, "-run "+task.Name)
			}
		}
		for _, text := range needed {
			if !strings.Contains(readme, text) {
				t.Errorf("%s/README.md lacks %q", p.Dir, text)
			}
		}
		for _, task := range p.Tasks { // .workshop/progress reads them
			minutes := `(?m)^\*\*Minutes:\*\* \d+\.$`
			if task.Name != "" {
				minutes = `(?m)^\|.*\| *\d+ *\|.*-run ` + task.Name + "`"
			}
			if !regexp.MustCompile(minutes).MatchString(readme) {
				t.Errorf("%s/README.md does not say how many minutes %s takes", p.Dir, task.File)
			}
		}
		if n := strings.Count(readme, "<summary>Hint"); n < hints || strings.Count(readme, "<details>") != strings.Count(readme, "</details>") {
			t.Errorf("%s/README.md has %d collapsed hints, want at least %d", p.Dir, n, hints)
		}
		if p.Kind == "exercise" && strings.Contains(readme, "```go") {
			t.Errorf("%s/README.md shows code, which belongs in SOLUTION.md", p.Dir)
		}
		for _, task := range p.Tasks {
			document, _, _ := strings.Cut(task.Solution, "#")
			before, _, ok := strings.Cut(read(t, filepath.Join(p.Dir, document)), "<details>")
			if !ok || strings.Contains(before, "```") {
				t.Errorf("%s/%s shows code that is not collapsed", p.Dir, document)
			}
		}
	}
}

func needsRaceDetector(t *testing.T) {
	t.Helper()
	cmd := exec.Command("go", "test", "-race", "-run", "^$", "./01-goroutines/exercise")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("needs the race detector (on Linux and Windows with a C compiler): %s", out)
	}
}

// read returns a file's text with the line ends of Unix, whatever git made of them.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
