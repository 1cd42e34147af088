package readme

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// An Edit is a change that a README proposes as an experiment, that an instructor
// makes in front of the class (a patch in .workshop/edits), or that breaks a claim's
// code on purpose (the files in .ci/edits).
type Edit struct {
	Where string            // the file and the heading
	Hunks map[string][]Hunk // by file
	Patch string            // instead of hunks: the path of a patch for git apply
	Test  string            // the test that then fails, or one part of it (TestX/y), or "": the program still builds
	Says  string            // what the test then says
}

// function returns the name of the test's function.
func (e Edit) function() string {
	name, _, _ := strings.Cut(e.Test, "/")
	return name
}

// skipped reports whether the test was skipped, or the one of which it is a part.
func (e Edit) skipped(out string) bool {
	for _, m := range regexp.MustCompile(`--- SKIP: (\S+) `).FindAllStringSubmatch(out, -1) {
		if m[1] == e.Test || strings.HasPrefix(e.Test, m[1]+"/") {
			return true
		}
	}
	return false
}

// races reports whether the edit's test needs the race detector to fail.
func (c Chapter) races(e Edit) bool {
	return c.Tests[e.function()].Race || strings.Contains(strings.ToLower(e.Says), "race")
}

// A Hunk replaces Old, which is in its file exactly once, by New.
type Hunk struct{ Old, New string }

var failsWith = regexp.MustCompile("`(Test[\\w/]+)` fails with \"([^\"]+)\"")

// inline is an edit in one line of a list: in a file, replace or delete some text.
var inline = regexp.MustCompile("[Ii]n \\[([\\w.]+)\\]\\([\\w.]+\\) (?:replace `([^`]+)` with `([^`]+)`|delete `([^`]+)`)\\.")

// edits reads the edits of a Markdown file: lines of a list (see inline), and
// fences headed by diff and a file's name, followed by a sentence that says what
// then happens.
func edits(t *testing.T, file string) []Edit {
	t.Helper()
	var all []Edit
	var heading, inFile string
	var hunk Hunk
	pending := make(map[string][]Hunk)
	paragraph := ""
	flush := func() {
		e := Edit{Where: filepath.Base(file) + ", " + heading, Hunks: pending}
		if m := failsWith.FindStringSubmatch(paragraph); m != nil {
			e.Test, e.Says = m[1], m[2]
		} else if !strings.Contains(paragraph, "number changes") {
			return
		}
		if len(pending) > 0 {
			all = append(all, e)
			pending = make(map[string][]Hunk)
		}
	}
	for line := range strings.Lines(read(t, file) + "\n\n") {
		line = strings.TrimSuffix(line, "\n")
		if m := inline.FindStringSubmatch(line); m != nil {
			pending[m[1]] = []Hunk{{m[2] + m[4], m[3]}}
			paragraph = line
			flush()
			paragraph = ""
			continue
		}
		switch name, ok := strings.CutPrefix(line, "```diff "); {
		case ok:
			inFile, hunk, paragraph = name, Hunk{}, ""
		case inFile != "" && line == "```":
			pending[inFile] = append(pending[inFile], hunk)
			inFile = ""
		case inFile != "" && strings.HasPrefix(line, "-"):
			hunk.Old += line[1:] + "\n"
		case inFile != "" && strings.HasPrefix(line, "+"):
			hunk.New += line[1:] + "\n"
		case inFile != "":
			context := strings.TrimPrefix(line, " ") + "\n"
			hunk.Old, hunk.New = hunk.Old+context, hunk.New+context
		case strings.HasPrefix(line, "#"):
			if len(pending) > 0 {
				t.Errorf("%s: the edit under %q does not say what then happens", file, heading)
				pending = make(map[string][]Hunk)
			}
			heading = strings.TrimLeft(line, "# ")
		case line == "":
			flush()
			paragraph = ""
		default:
			paragraph += line + " "
		}
	}
	return all
}

// TestEditsDoWhatTheySay applies every edit to a copy of its chapter and
// requires that the named test fails with the message that the text promises. It
// also requires such an edit for each test of a claim: a test that was never seen
// to fail shows nothing.
func TestEditsDoWhatTheySay(t *testing.T) {
	parent := t // whose directory lasts until all edits are tried
	if out, err := goCommand(t.Context(), "test", "-race", "-run", "^$", "./01-goroutines").CombinedOutput(); err != nil {
		t.Skipf("needs the race detector (on Linux and Windows with a C compiler): %s", out)
	}
	for _, c := range chapters(t) {
		broken := filepath.Join(root, ".ci", "edits", c.Name+".md")
		all := edits(t, filepath.Join(c.Dir(), "README.md"))
		if len(all) < 3 {
			t.Errorf("%s/README.md has %d edits to try, and should have three", c.Name, len(all))
		}
		all = append(all, edits(t, broken)...)
		seen := make(map[string]bool)
		if live := failsWith.FindStringSubmatch(section(c.Instructor, "## Live edit")); live != nil {
			seen[Edit{Test: live[1]}.function()] = true // see TestLiveEditFailsInThreeLines
		}
		bundles := make(map[bool]*bundle)
		nested := make(map[string][]Edit) // by folder
		for _, e := range all {
			seen[e.function()] = true
			if c.nested(e) {
				folder := path.Dir(c.Tests[e.function()].File)
				nested[folder] = append(nested[folder], e)
				continue
			}
			t.Run(c.Name+"/"+e.Test, func(t *testing.T) {
				if e.Test == "" {
					t.Parallel()
					try(t, c, e, e.copied(t, c))
					return
				}
				race := c.races(e)
				if bundles[race] == nil {
					bundles[race] = newBundle(parent, c, race)
				}
				number := bundles[race].add(t, e)
				t.Parallel()
				if !bundles[race].shows(t, number) {
					t.Log("tried alone")
					try(t, c, e, e.copied(t, c))
				}
			})
		}
		for folder, some := range nested {
			t.Run(c.Name+"/"+folder, func(t *testing.T) { // third-party systems: of each folder one at a time
				t.Parallel()
				for _, e := range some {
					t.Run(e.Test, func(t *testing.T) { try(t, c, e, e.copied(t, c)) })
				}
			})
		}
		for name, test := range c.Tests {
			if len(test.Claims)+len(test.Controls) > 0 && strings.HasPrefix(name, "Test") && !seen[name] {
				t.Errorf("%s: %s tests claims %v %v, but no edit shows that it can fail", c.Name, name, test.Claims, test.Controls)
			}
		}
	}
}

// TestGinEditsDoWhatTheySay is the same for chapter 03's module with the real Gin.
func TestGinEditsDoWhatTheySay(t *testing.T) {
	gin := Chapter{Name: filepath.Join("03-net-http-per-request", "gin")}
	download := goCommand(t.Context(), "test", "-race", "-run", "^$", ".")
	download.Dir = gin.Dir()
	if out, err := download.CombinedOutput(); err != nil {
		t.Skipf("needs the race detector, and a network, once, for its modules: %s", out)
	}
	seen := make(map[string]bool)
	for _, e := range edits(t, filepath.Join(root, ".ci", "edits", "03-gin.md")) {
		seen[e.Test] = true
		t.Run(e.Test, func(t *testing.T) {
			t.Parallel()
			try(t, gin, e, e.copied(t, gin))
		})
	}
	claimed := regexp.MustCompile(`(?m)^// .*\((?:claims?|negative control of) [^)]+\)[^\n]*\n(?:// [^\n]*\n)*func (Test\w+)`)
	for _, m := range claimed.FindAllStringSubmatch(read(t, filepath.Join(gin.Dir(), "gin_test.go")), -1) {
		if !seen[m[1]] {
			t.Errorf("%s tests a claim, but no edit shows that it can fail", m[1])
		}
	}
}

// nested reports whether the edit's test is in a nested module.
func (c Chapter) nested(e Edit) bool { return strings.Contains(c.Tests[e.function()].File, "/") }

// copied copies the chapter to a module in a new directory, and applies the edit there.
func (e Edit) copied(t *testing.T, c Chapter) (dir string) {
	t.Helper()
	dir = t.TempDir()
	copied := filepath.Join(dir, c.Name)
	if err := os.CopyFS(copied, os.DirFS(c.Dir())); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(read(t, filepath.Join(root, "go.mod"))), 0o644); err != nil {
		t.Fatal(err)
	}
	e.apply(t, copied)
	if e.Patch != "" {
		patch, err := filepath.Abs(e.Patch)
		if err != nil {
			t.Fatal(err)
		}
		apply := exec.CommandContext(t.Context(), "git", "apply", patch)
		apply.Dir = dir
		apply.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir)) // the copy is in no repository
		if out, err := apply.CombinedOutput(); err != nil {
			t.Fatalf("git apply %s: %v\n%s", e.Patch, err, out)
		}
	}
	return dir
}

// apply applies the edit to the files of a copy of the chapter.
func (e Edit) apply(t *testing.T, copied string) {
	t.Helper()
	for file := range e.Hunks {
		path := filepath.Join(copied, file)
		if err := os.WriteFile(path, []byte(e.change(t, file, read(t, path))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// change returns the text of a file with the edit.
func (e Edit) change(t *testing.T, file, text string) string {
	t.Helper()
	for _, h := range e.Hunks[file] {
		if n := strings.Count(text, h.Old); n != 1 {
			t.Fatalf("%s: %s has these lines %d times, want once:\n%s", e.Where, file, n, h.Old)
		}
		text = strings.Replace(text, h.Old, h.New, 1)
	}
	return text
}

// try applies an edit to a copy of the chapter and checks what then happens.
func try(t *testing.T, c Chapter, e Edit, dir string) {
	copied := filepath.Join(dir, c.Name)
	in, folder := dir, "./"+c.Name
	if _, err := os.Stat(filepath.Join(copied, "go.mod")); err == nil { // a module of its own
		in, folder = copied, "."
	}
	if e.Test == "" {
		if out, err := inCopy(t, in, "go", "build", "-o", os.DevNull, folder); err != nil {
			t.Errorf("%s: the edited chapter does not build:\n%s", e.Where, out)
		}
		return
	}
	// First in the way that takes the least CPU time, then as a reader would do it: some
	// tests fail only with the race detector, and some need another test. The last attempt
	// is for a machine so busy that a minute is too short.
	race := "-race=" + strconv.FormatBool(c.races(e))
	attempts := []struct{ build, timeout string }{{"-gcflags=-N -l -c=1 -dwarf=false", "20s"}, {"-race", "1m"}, {"-race", "10m"}}
	if c.nested(e) { // with servers to start
		module, rest, _ := strings.Cut(c.Tests[e.function()].File, "/")
		in, folder = filepath.Join(copied, module), "./"+path.Dir(rest)
		attempts = attempts[:2]
		attempts[0].timeout, attempts[1].timeout = "10m", "10m"
	}
	edited := goFiles(t, copied)
	write(t, keepOnly(edited, "main", "TestMain", e.function()))
	binary := filepath.Join(dir, "edited.test.exe")
	var out string
	for i, attempt := range attempts {
		if i > 0 {
			write(t, edited)
		}
		var err error
		if out, err = inCopy(t, in, "go", "test", "-c", "-o", binary, "-vet=off", "-ldflags=-s -w", race, attempt.build, folder); err != nil {
			continue // the test may need one that was removed
		}
		out, err = inCopy(t, filepath.Join(in, folder), binary, "-test.v", "-test.run=^"+strings.ReplaceAll(e.Test, "/", "$/^")+"$", "-test.timeout="+attempt.timeout)
		if err != nil && strings.Contains(out, e.Says) {
			return
		}
		if err == nil && i > 0 && e.skipped(out) {
			t.Skipf("cannot be tried here:\n%s", out)
		}
		if i > 0 && !strings.Contains(out, "test timed out") {
			break
		}
	}
	t.Errorf("%s: after the edit %v, %s should fail and say %q; got:\n%s", e.Where, e.Hunks, e.Test, e.Says, out)
}

// A part of a file is a declaration, or an import.
type part struct {
	declares []string // see declared
	names    []string // in it; of an import: its own
	from, to int      // where it is
	isImport bool
}

// parsed has the parts of each text that was parsed: most edits leave most files as they are.
var parsed sync.Map

// parts returns the parts of a file, or nil if it does not parse.
func parts(text string) (all []part) {
	if known, ok := parsed.Load(text); ok {
		return known.([]part)
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "", text, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil
	}
	at := func(p token.Pos) int { return set.Position(p).Offset }
	for _, spec := range f.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		name = path.Base(strings.TrimSuffix(name, "/v2"))
		if spec.Name != nil {
			name = spec.Name.Name
		}
		all = append(all, part{names: []string{name}, from: at(spec.Pos()), to: at(spec.Path.Pos()), isImport: true})
	}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		p := part{declares: declared(d), names: identifiers(d), from: at(d.Pos()), to: at(d.End())}
		var doc *ast.CommentGroup
		switch d := d.(type) {
		case *ast.GenDecl:
			doc = d.Doc
		case *ast.FuncDecl:
			doc = d.Doc
			if d.Recv != nil { // a method's name is not that of a function
				p.names = slices.Concat(identifiers(d.Recv), identifiers(d.Type), identifiers(d.Body))
			}
		}
		own := local(d)
		p.names = slices.DeleteFunc(p.names, func(name string) bool { return own[name] })
		if doc != nil {
			p.from = at(doc.Pos())
		}
		all = append(all, p)
	}
	parsed.Store(text, all)
	return all
}

// declared returns the names that a declaration declares: of a method that of its receiver's
// type, of an init function its first string (a role that it adds), and "" for what may be
// needed though no name of it is used, such as a flag.
func declared(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			return identifiers(d.Recv.List[0].Type)[:1]
		}
		if d.Name.Name != "init" {
			return []string{d.Name.Name}
		}
		for _, name := range identifiers(d) {
			if strings.HasPrefix(name, `"`) {
				return []string{name}
			}
		}
	case *ast.GenDecl:
		if d.Tok == token.VAR && slices.Contains(identifiers(d), "flag") {
			return []string{""}
		}
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					names = append(names, id.Name)
				}
			}
		}
	}
	if len(names) == 0 || slices.Contains(names, "_") {
		return []string{""}
	}
	return names
}

// local returns the names of parameters, of fields, and of variables in functions: with these
// a declaration means nothing outside. (If it also means a function of that name, the build
// fails, and the edit is tried alone.)
func local(d ast.Decl) map[string]bool {
	names, types := make(map[string]bool), []string(nil)
	add := func(all ...ast.Expr) {
		for _, x := range all {
			if id, ok := x.(*ast.Ident); ok {
				names[id.Name] = true
			}
		}
	}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				add(id)
			}
			types = append(types, identifiers(n.Type)...)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				add(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key, n.Value)
			}
		}
		return true
	})
	for _, name := range types { // a field may have the name of its type
		delete(names, name)
	}
	return names
}

// keepOnly returns the files of a package, by name, without the declarations that those
// named do not need: that halves the time of a build. Of a file that is not needed it returns "".
func keepOnly(files map[string]string, named ...string) map[string]string {
	names := make(map[string][]string) // in what declares a name
	for _, text := range files {
		for _, p := range parts(text) {
			for _, name := range p.declares {
				names[name] = append(names[name], p.names...)
			}
		}
	}
	needed := map[string]bool{"": true}
	var need func(names []string)
	need = func(all []string) {
		for _, name := range all {
			if !needed[name] {
				needed[name] = true
				need(names[name])
			}
		}
	}
	need(names[""])
	need(named)
	smaller := make(map[string]string)
	for file, text := range files {
		used, b, empty := make(map[string]bool), []byte(text), true
		for _, p := range slices.Backward(parts(text)) { // imports come last
			switch {
			case p.isImport && !used[p.names[0]]:
				b = slices.Replace(b, p.from, p.to, []byte("_ ")...)
			case slices.ContainsFunc(p.declares, func(name string) bool { return needed[name] }):
				empty = false
				for _, name := range p.names {
					used[name] = true
				}
			case !p.isImport:
				for i := p.from; i < p.to; i++ {
					if b[i] != '\n' { // the lines keep their numbers
						b[i] = ' '
					}
				}
			}
		}
		smaller[file] = string(b)
		if empty {
			smaller[file] = ""
		}
	}
	return smaller
}

// goFiles returns the texts of the Go files in dir, by path.
func goFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, file := range files {
		texts[file] = read(t, file)
	}
	return texts
}

// write writes files, by path, and removes those without a text.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	for file, text := range files {
		if text == "" {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// identifiers returns the identifiers and string literals of a declaration, but not what
// follows a dot: that is declared in a type, or in another package.
func identifiers(d ast.Node) (names []string) {
	if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
		return nil
	}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			names = append(names, identifiers(n.X)...)
			return false
		case *ast.Ident:
			names = append(names, n.Name)
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				names = append(names, n.Value)
			}
		}
		return true
	})
	return names
}

// inCopy runs a command in dir and returns its output.
func inCopy(t *testing.T, dir string, command ...string) (string, error) {
	return inCopyWith(t, nil, dir, command...)
}

// slots limits how many edits are built or run at the same time.
var slots = make(chan struct{}, 8)

// inCopyWith is inCopy with more variables in the environment.
func inCopyWith(t *testing.T, env []string, dir string, command ...string) (string, error) {
	slots <- struct{}{}
	defer func() { <-slots }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(env, "GORACE=atexit_sleep_ms=0")...) // by default a process ends a second later
	if command[0] == "go" {
		cmd.Env = append(cmd.Env, "GOGC=off") // a fifth of the compiler's time
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
