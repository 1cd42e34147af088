package readme

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// headings are those of a chapter's README, in this order. Benchmarks may be missing.
var headings = []string{"What you will learn", "Diagram", "Predict", "Run it", "Claims and tests", "Read the code",
	"Experiments", "Common mistakes in production", "FAQ", "Benchmarks", "Exercises", "Next"}

// TestReadmesHaveOneShape compares the headings of all chapters, and their length.
func TestReadmesHaveOneShape(t *testing.T) {
	for _, c := range chapters(t) {
		var want []string
		for _, h := range headings {
			if h != "Benchmarks" || strings.Contains(c.Readme, "\n## Benchmarks\n") {
				want = append(want, h)
			}
		}
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(c.Readme, -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s/README.md has the sections\n\t%s, want\n\t%s", c.Name, strings.Join(got, ", "), strings.Join(want, ", "))
		}
		if n := strings.Count(c.Readme, "\n"); n > longest[c.Name[:2]] {
			t.Errorf("%s/README.md has %d lines; the limit is %d", c.Name, n, longest[c.Name[:2]])
		}
		if !strings.Contains(section(c.Readme, "## Read the code"), "_test.go)") {
			t.Errorf("%s/README.md: no test is among the code to read", c.Name)
		}
		if n := strings.Count(read(t, filepath.Join(c.Dir(), "main.go")), "\n"); n > 300 {
			t.Errorf("%s/main.go has %d lines; the limit is 300", c.Name, n)
		}
	}
}

// longest is the limit for the lines of a README. That of 07 shows the output of ten
// sections.
var longest = map[string]int{"01": 250, "02": 250, "03": 250, "04": 250, "05": 250, "06": 250, "07": 300}

// TestCopiesAreEqual compares the files that every chapter has a copy of.
func TestCopiesAreEqual(t *testing.T) {
	for _, name := range []string{"lesson.go", "roles.go", "roles_test.go"} {
		var first string
		for _, c := range chapters(t) {
			path := filepath.Join(c.Dir(), name)
			if _, err := os.Stat(path); err != nil {
				if name == "lesson.go" {
					t.Errorf("%s has no %s", c.Name, name)
				}
				continue
			}
			if first == "" {
				first = path
			}
			if read(t, path) != read(t, first) {
				t.Errorf("%s differs from %s", path, first)
			}
		}
	}
}

// TestEverySectionRuns runs every section of every chapter, the further ones
// too, with the questions. It requires a question before each section, an excerpt
// of the source after its heading where the section names one, and lines that
// fit on a terminal. A section is on one screen with the question after it.
func TestEverySectionRuns(t *testing.T) {
	excerpt := regexp.MustCompile(`(?m)^\d+\.\d+  .*\n     \w+\.go:\d+ `)
	for _, c := range chapters(t) {
		t.Run(c.Name, func(t *testing.T) {
			together(t)
			out := run(t, root, "go run ./"+c.Name+" -all -ask")
			ids, quizzes := questions(t, c)
			for _, id := range ids {
				requireOneScreen(t, out, id)
				if !strings.Contains(out, "\n"+id+"  "+quizzes[id].Question+"\n") || !strings.Contains(out, "\n"+id+"  "+c.Claims[id].Sentence+"\n") {
					t.Errorf("section %s does not run with its question:\n%s", id, out)
				}
			}
			main := read(t, filepath.Join(c.Dir(), "main.go"))
			want := strings.Count(main, "code{\"")
			if got := len(excerpt.FindAllString(out, -1)); got != want || want < len(ids)-3 {
				t.Errorf("%d sections name an excerpt, and %d show one:\n%s", want, got, out)
			}
			for line := range strings.Lines(out) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 || n > 80 && !strings.HasSuffix(strings.TrimSpace(line), "?") && !strings.HasPrefix(line, "     Answer ") {
					t.Errorf("a terminal has 80 columns, this line %d: %s", n, line)
				}
			}
		})
	}
}
