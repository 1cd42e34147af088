package readme

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A bundle is one test binary with many edited copies of a chapter, a package for each:
// to link a binary for each edit would take as long as to compile the edits.
type bundle struct {
	chapter Chapter
	race    bool
	files   map[string]string // of the chapter, that are Go
	embeds  []string          // folders that it may embed
	dir     string            // of its module
	folder  string            // a copy of the chapter, for what tests read and write
	edits   []Edit            // by number; 0 is the chapter without an edit
	build   sync.Once
	binary  string
	left    map[string]bool     // the packages that are in the binary
	mains   map[string]bool     // the packages with a TestMain
	control map[string]*control // by test
}

// A control is a test's run in the chapter without an edit.
type control struct {
	once   sync.Once
	passes bool
}

// building has one bundle built at a time: the go command uses every CPU for it.
var building sync.Mutex

// newBundle returns a bundle without edits. It has its own directory.
func newBundle(t *testing.T, c Chapter, race bool) *bundle {
	t.Helper()
	b := &bundle{chapter: c, race: race, files: make(map[string]string), dir: t.TempDir(), edits: make([]Edit, 1), left: make(map[string]bool), mains: make(map[string]bool), control: make(map[string]*control)}
	write(t, map[string]string{filepath.Join(b.dir, "go.mod"): read(t, filepath.Join(root, "go.mod"))})
	b.folder = filepath.Join(Edit{}.copied(t, c), c.Name)
	for path, text := range goFiles(t, c.Dir()) {
		b.files[filepath.Base(path)] = text
	}
	entries, err := os.ReadDir(c.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "exercise" && entry.Name() != "fixes" && !c.isModule(entry.Name()) {
			b.embeds = append(b.embeds, entry.Name())
		}
	}
	b.addPackage(t, b.edits[0])
	return b
}

// name is the folder of a package, and the value of the variable that selects it.
func name(number int) string { return fmt.Sprint("edit", number) }

// add adds an edited copy of the chapter, and returns its number.
func (b *bundle) add(t *testing.T, e Edit) (number int) {
	t.Helper()
	b.edits = append(b.edits, e)
	b.addPackage(t, e)
	if b.control[e.Test] == nil {
		b.control[e.Test] = new(control)
	}
	return len(b.edits) - 1
}

// packageFlag matches a flag in a variable of the package.
var packageFlag = regexp.MustCompile(`(?m)^((?:var |\t)\w+ +)= flag\.([A-Z])`)

// addPackage makes the edited chapter a package that can be imported. Its tests are
// ordinary files, with all tests or only that of the edit.
func (b *bundle) addPackage(t *testing.T, e Edit) {
	t.Helper()
	name := name(len(b.edits) - 1)
	dir := filepath.Join(b.dir, name, b.chapter.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, folder := range b.embeds {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(b.chapter.Dir(), folder))); err != nil {
			t.Fatal(err)
		}
	}
	edited := make(map[string]string)
	for file, text := range b.files {
		if e.Test != "" && len(e.Hunks[file]) == 0 { // chapter 07's must ends the demo: with it a test would need all of the program
			text = strings.Replace(text, "\n\t\tdemo.Close()\n\t\tfmt", "\n\n\t\tfmt", 1)
		}
		edited[file] = e.change(t, file, text)
	}
	for file := range e.Hunks {
		if _, ok := b.files[file]; !ok {
			path := filepath.Join(dir, file)
			write(t, map[string]string{path: e.change(t, file, read(t, path))})
		}
	}
	if e.Test != "" {
		smaller := keepOnly(edited, e.function())
		for _, text := range smaller {
			if strings.Contains(text, "exec.") { // the test starts a process: TestMain may give it a role, which takes most of the program
				smaller = keepOnly(edited, "TestMain", e.function())
				break
			}
		}
		edited = smaller
	}
	for file, text := range edited {
		if text == "" {
			continue
		}
		if strings.Contains(text, "\nfunc TestMain(") {
			b.mains[name] = true
		}
		text = strings.Replace("\n"+text, "\npackage main\n", "\npackage edited\n", 1)[1:]
		if strings.Contains(text, "= flag.") {
			text = packageFlag.ReplaceAllString(text, "$1= editedFlags().$2")
		}
		if strings.Contains(text, "editedFlags()") {
			text += "\nvar _ = flag.Parse\n"
		}
		if strings.HasSuffix(file, "_test.go") {
			text = "//line " + file + ":1\n" + text // what stacks and failures show
			file = "tests_" + strings.TrimSuffix(file, "_test.go") + ".go"
		}
		write(t, map[string]string{filepath.Join(dir, file): text})
	}
	// Of all packages that define a flag, the selected one defines that of the program.
	selected := fmt.Sprintf(`package edited

import (
	"flag"
	"os"
)

func editedFlags() *flag.FlagSet {
	if os.Getenv(%q) == %q {
		return flag.CommandLine
	}
	return new(flag.FlagSet)
}
`, editVariable, name)
	write(t, map[string]string{filepath.Join(dir, "edited_flags.go"): selected})
	b.left[name] = true
}

// editVariable selects an edit of a bundle.
const editVariable = "CONCURRENCY_EDIT"

// made builds the binary, once.
func (b *bundle) made(t *testing.T) {
	b.build.Do(func() {
		building.Lock()
		defer building.Unlock()
		run := filepath.Join(b.dir, "run")
		if err := os.Mkdir(run, 0o755); err != nil {
			t.Fatal(err)
		}
		binary := filepath.Join(b.dir, "edited.test.exe")
		for len(b.left) > 0 {
			write(t, map[string]string{filepath.Join(run, "run_test.go"): b.main()})
			out, err := inCopy(t, b.dir, "go", "test", "-c", "-o", binary, "-vet=off", "-ldflags=-s -w", fmt.Sprintf("-race=%t", b.race), "-gcflags=concurrency/...=-N -l -c=1 -dwarf=false", "./run")
			if err == nil {
				b.binary = binary
				return
			}
			before := len(b.left)
			for _, m := range regexp.MustCompile(`(?m)^# concurrency/(\w+)/`).FindAllStringSubmatch(out, -1) {
				delete(b.left, m[1]) // it needs a test that was removed; it is tried alone
			}
			t.Logf("%s: of %d packages in a bundle, %d can be built:\n%s", b.chapter.Name, before, len(b.left), out)
			if len(b.left) == before {
				return
			}
		}
	})
}

// main returns the bundle's test file: each test is that of the selected edit.
func (b *bundle) main() string {
	imports, tests, mains := "", make(map[string]string), ""
	for number, e := range b.edits {
		name := name(number)
		if !b.left[name] {
			continue
		}
		imports += fmt.Sprintf("\t%s %q\n", name, "concurrency/"+name+"/"+b.chapter.Name)
		if b.mains[name] {
			mains += fmt.Sprintf("\tcase %q:\n\t\t%s.TestMain(m)\n", name, name)
		}
		for _, other := range b.edits[1:] {
			if f := other.function(); e.Test == "" || e.function() == f {
				line := fmt.Sprintf("\tcase %q:\n\t\t%s.%s(t)\n", name, name, f)
				if !strings.Contains(tests[f], line) {
					tests[f] += line
				}
			}
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, "package run\n\nimport (\n\t\"os\"\n\t\"testing\"\n\n%s)\n\nvar selected = os.Getenv(%q)\n", imports, editVariable)
	fmt.Fprintf(&s, "\nfunc TestMain(m *testing.M) {\n\tswitch selected {\n%s\tdefault:\n\t\tos.Exit(m.Run())\n\t}\n}\n", mains)
	for _, f := range slices.Sorted(maps.Keys(tests)) {
		kind := "T"
		if strings.HasPrefix(f, "Fuzz") {
			kind = "F"
		}
		fmt.Fprintf(&s, "\nfunc %s(t *testing.%s) {\n\tswitch selected {\n%s\t}\n}\n", f, kind, tests[f])
	}
	return s.String()
}

// run runs a test of one of the packages, in a copy of the chapter without an edit.
func (b *bundle) run(t *testing.T, number int, test, timeout string) (string, error) {
	return inCopyWith(t, []string{editVariable + "=" + name(number)}, b.folder, b.binary, "-test.v", "-test.run=^"+strings.ReplaceAll(test, "/", "$/^")+"$", "-test.timeout="+timeout)
}

// shows reports whether the test passes without the edit, and fails with it as promised.
func (b *bundle) shows(t *testing.T, number int) bool {
	b.made(t)
	e, c := b.edits[number], b.control[b.edits[number].Test]
	if b.binary == "" || !b.left[name(number)] || !b.left[name(0)] {
		return false
	}
	timeouts := []string{"20s", "2m"} // the second one is for a busy machine
	if strings.Contains(e.Says, "timed out") {
		timeouts = []string{"5s"}
	}
	c.once.Do(func() {
		out, err := b.run(t, 0, e.Test, timeouts[len(timeouts)-1])
		c.passes = err == nil && strings.Contains(out, "--- PASS: "+e.Test)
		if !c.passes {
			t.Logf("in the bundle %s does not pass without an edit:\n%s", e.Test, out)
		}
	})
	if !c.passes {
		return false
	}
	for _, timeout := range timeouts {
		out, err := b.run(t, number, e.Test, timeout)
		if err != nil && strings.Contains(out, e.Says) {
			return true
		}
		if !strings.Contains(out, "test timed out") {
			break
		}
	}
	return false
}

// TestKeepOnlyKeepsWhatIsNeeded removes what a test does not need, with its imports, and
// leaves all lines where they are.
func TestKeepOnlyKeepsWhatIsNeeded(t *testing.T) {
	const text = `package main

import (
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
)

var variable = first()
var other = sixth()
var option = flag.Int("option", seventh(), "")
var _ = eighth()

func first() int { return second() }
func second() int { return mathrand.N(2) }

// unneeded has a comment.
func unneeded() {
	fmt.Println()
}

type thing struct{ field int }
type unused struct{}

func (thing) method() { needed() }
func (t *unused) unusedMethod() { ninth() }
func needed() { os.Exit(1) }
func init() { third() }
func init() { roles["played"] = tenth }
func init() { roles["not played"] = eleventh }
func third() {}
func TestIt() { fourth(thing{}, variable, "played"); x.fifth() }
func fourth(parameter int) { variable := parameter; for element := range variable { _ = element } }
func TestOther() { fifth() }
func fifth() {}
func sixth() int { return 0 }
func seventh() int { return 0 }
func eighth() int { return 0 }
func ninth() {}
func tenth() {}
func eleventh() {}
func field() {}
func parameter() {}
func element() {}
`
	files := keepOnly(map[string]string{"a.go": text, "b.go": "package main\n\nimport \"os\"\n\nfunc only() { os.Exit(1) }\n"}, "TestIt")
	got := files["a.go"]
	if files["b.go"] != "" {
		t.Errorf("nothing of a file is needed; what is left of it: %s", files["b.go"])
	}
	for kept, names := range map[bool]string{
		true:  "func first, func second, func needed, func third, func TestIt, func fourth, func seventh, func eighth, func tenth, (thing) method, var variable, var option, type thing",
		false: "func unneeded, func TestOther, func fifth, func sixth, func ninth, func eleventh, func field, func parameter(, func element, unusedMethod, var other, type unused",
	} {
		for name := range strings.SplitSeq(names, ", ") {
			if strings.Contains(got, name) != kept {
				t.Errorf("%s is kept: got %t, want %t", name, !kept, kept)
			}
		}
	}
	if !strings.Contains(got, `_ "fmt"`) || !strings.Contains(got, `mathrand "math/rand/v2"`) || strings.Contains(got, `_ "os"`) {
		t.Errorf("want only fmt as an import that is not used:\n%s", got)
	}
	if g, w := strings.Count(got, "\n"), strings.Count(text, "\n"); g != w {
		t.Errorf("got %d lines, want %d", g, w)
	}
}
