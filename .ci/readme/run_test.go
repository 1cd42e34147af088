package readme

import (
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryPartOfTheGateRuns compares the parts of the gate with the jobs that CI runs, and
// with what the gate runs without an argument.
func TestEveryPartOfTheGateRuns(t *testing.T) {
	list := func(file, pattern string) []string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, filepath.Join(root, filepath.FromSlash(file))))
		if m == nil {
			t.Fatalf("%s has no %s", file, pattern)
		}
		return strings.Fields(strings.ReplaceAll(m[1], ",", " "))
	}
	parts := list(".ci/run", `(?m)^parts=\(([^)]+)\)`)
	if jobs := list(".github/workflows/test.yml", `(?m)^ +part: \[([^]]+)\]$`); !slices.Equal(jobs, parts) {
		t.Errorf("CI runs the parts %v; .ci/run has %v", jobs, parts)
	}
	for _, part := range parts {
		list(".ci/run", `(?m)^`+part+`(\(\)) \{$`)
	}
	all := list(".ci/run", `(?m)^  overlap (.*)\nfi\n$`)
	all = slices.DeleteFunc(all, func(word string) bool { return word == "--" })
	if slices.Sort(all); !slices.Equal(all, slices.Sorted(slices.Values(parts))) {
		t.Errorf("without an argument .ci/run runs the parts %v; it has %v", all, parts)
	}
}

// TestGateRejectsAnUnknownPart runs the gate with one: it does nothing else, exits with
// status 2, and lists the parts.
func TestGateRejectsAnUnknownPart(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	gate := exec.CommandContext(t.Context(), bash, ".ci/run", "exercises", "exercise")
	gate.Dir = root
	out, err := gate.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("got %v, want exit status 2", err)
	}
	if want := "exercise is not a part of the gate; the parts are: course edits engines exercises newest crashes stress\n"; !strings.HasSuffix(string(out), want) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("got %q, want one line that ends with %q", out, want)
	}
}
