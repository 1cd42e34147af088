package readme

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An Entry is one row of the index in the root README.
type Entry struct {
	Search, Read, Run string // the cells
}

var (
	indexRow   = regexp.MustCompile(`(?m)^\| (.+?) \| (.+?) \|(?: (.+?))? \|$`)
	inBacktick = regexp.MustCompile("`([^`]+)`")
	readLink   = regexp.MustCompile(`\]\(([^#)]*)#([^)]+)\)`)
	runSection = regexp.MustCompile(`^go run \./(\d\d-[\w-]+)((?: \d+\.\d+)+)$`)
)

// index returns the rows of the index.
func index(t *testing.T) (all []Entry) {
	t.Helper()
	for _, m := range indexRow.FindAllStringSubmatch(section(read(t, filepath.Join(root, "README.md")), "## Find an answer"), -1) {
		if m[1] != "you search for" && !strings.HasPrefix(m[1], "--") {
			all = append(all, Entry{m[1], m[2], m[3]})
		}
	}
	return all
}

// TestIndexLeadsToSections requires a link to a heading in every row of the
// index, and a section of that chapter in every command. That the headings
// exist is what TestLinksLeadSomewhere tests.
func TestIndexLeadsToSections(t *testing.T) {
	entries := index(t)
	if len(entries) < 45 {
		t.Errorf("the index has %d entries, want at least 45", len(entries))
	}
	claims := make(map[string]map[string]Claim)
	for _, c := range chapters(t) {
		claims[c.Name] = c.Claims
	}
	for _, e := range entries {
		if !readLink.MatchString(e.Read) {
			t.Errorf("%s: no link to a heading", e.Search)
		}
		for _, command := range inBacktick.FindAllStringSubmatch(e.Run, -1) {
			m := runSection.FindStringSubmatch(command[1])
			if m == nil {
				t.Errorf("%s: %q does not run a section", e.Search, command[1])
				continue
			}
			for id := range strings.FieldsSeq(m[2]) {
				if _, ok := claims[m[1]][id]; !ok {
					t.Errorf("%s: %s has no section %s", e.Search, m[1], id)
				}
			}
		}
	}
}

// TestIndexMessagesAreInTheAnswer requires one of a row's error messages in
// backticks in the sections that the row links to, or in the code of the program
// that it runs, whose tests quote what vet prints.
func TestIndexMessagesAreInTheAnswer(t *testing.T) {
	for _, e := range index(t) {
		messages := inBacktick.FindAllStringSubmatch(e.Search, -1)
		if messages == nil {
			continue
		}
		var answer strings.Builder
		for _, m := range readLink.FindAllStringSubmatch(e.Read, -1) {
			file := cmp.Or(m[1], "README.md")
			answer.WriteString(sectionAt(t, filepath.Join(root, filepath.FromSlash(file)), m[2]))
		}
		for _, command := range inBacktick.FindAllStringSubmatch(e.Run, -1) {
			if m := runSection.FindStringSubmatch(command[1]); m != nil {
				answer.WriteString(sources(t, filepath.Join(root, m[1]), true))
			}
		}
		text := strings.Join(strings.Fields(answer.String()), " ")
		if !slices.ContainsFunc(messages, func(m []string) bool { return strings.Contains(text, m[1]) }) {
			t.Errorf("%s: the answer does not contain this message", e.Search)
		}
	}
}

// TestIndexMessagesAreGos looks for the error messages in backticks in the source
// of Go: its standard library, runtime and vet. The race detector is a binary.
func TestIndexMessagesAreGos(t *testing.T) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(out)), "src")
	if _, err := os.Stat(filepath.Join(src, "runtime", "proc.go")); err != nil {
		t.Skipf("the source of Go is not installed: %v", err)
	}
	missing := make(map[string]bool)
	for _, e := range index(t) {
		for _, m := range inBacktick.FindAllStringSubmatch(e.Search, -1) {
			missing[m[1]] = true
		}
	}
	if len(missing) < 10 {
		t.Errorf("the index quotes %d messages, want at least 10", len(missing))
	}
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case len(missing) == 0:
			return fs.SkipAll
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || strings.HasSuffix(path, "_test.go") || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".syso":
			return nil
		}
		text, err := os.ReadFile(path)
		for message := range missing {
			if bytes.Contains(text, []byte(message)) {
				delete(missing, message)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for message := range missing {
		t.Errorf("no source file in %s contains the message %q", src, message)
	}
}

// glossary has the terms that the course must define.
var glossary = []string{
	"blocks", "data race", "race condition", "critical section", "mutual exclusion", "happens before",
	"concurrency", "parallelism", "scheduler", "preemption", "GOMAXPROCS", "goroutine leak",
	"deadlock", "lock ordering", "starvation", "fan-out", "fan-in", "semaphore",
	"backpressure", "load shedding", "concurrency limit", "rate limit", "graceful shutdown",
	"context", "deadline", "cancellation", "cause", "at-most-once", "at-least-once", "exactly-once",
	"idempotency key", "acknowledge", "lease", "visibility timeout", "fencing", "poison message",
	"dead letter queue", "exponential backoff", "full jitter", "retry storm", "thundering herd",
	"transactional outbox", "p99 latency", "throughput",
}

// TestGlossaryDefinesTheTerms requires these terms, in alphabetical order, and
// each in the README or the program of the chapter that its row links to.
func TestGlossaryDefinesTheTerms(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| ([^|]+) \| [^|]+ \| \[(\d\d)\]\(([\w-]+)/README\.md\) \|$`)
	var defined, sorted []string
	for _, m := range row.FindAllStringSubmatch(section(read(t, filepath.Join(root, "README.md")), "## Glossary"), -1) {
		sorted = append(sorted, strings.ToLower(m[1]))
		if !strings.HasPrefix(m[3], m[2]+"-") {
			t.Errorf("%s: %s is not a folder of chapter %s", m[1], m[3], m[2])
		}
		dir := filepath.Join(root, m[3])
		text := plain(read(t, filepath.Join(dir, "README.md")) + sources(t, dir, false))
		for term := range strings.SplitSeq(strings.TrimSuffix(m[1], ")"), " (") {
			defined = append(defined, term)
			if !strings.Contains(text, plain(term)) {
				t.Errorf("%s does not contain the term %q", m[3], term)
			}
		}
	}
	if !slices.IsSorted(sorted) {
		t.Errorf("the terms are not in alphabetical order: %q", sorted)
	}
	for _, term := range glossary {
		if !slices.Contains(defined, term) {
			t.Errorf("the glossary does not define %q", term)
		}
	}
}

// plain returns a text in lower case, on one line, without hyphens.
func plain(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(text), "-", " ")), " ")
}

// sectionAt returns the part of a Markdown file under the heading with an anchor.
func sectionAt(t *testing.T, file, want string) string {
	t.Helper()
	text := read(t, file)
	for line := range strings.Lines(text) {
		heading := strings.TrimSpace(line)
		if _, title, ok := strings.Cut(heading, " "); ok && strings.HasPrefix(heading, "#") && anchor(title) == want {
			return section(text, heading)
		}
	}
	return ""
}

// sources returns the code of a chapter, with or without its tests.
func sources(t *testing.T, dir string, tests bool) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if tests || !strings.HasSuffix(file, "_test.go") {
			all.WriteString(read(t, file))
		}
	}
	return all.String()
}
