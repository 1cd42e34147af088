package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// findingsIn runs go vet and returns the findings inside functions whose name
// begins with prefix, and how many such functions there are.
func findingsIn(t *testing.T, prefix string) (findings map[string][]Finding, functions int) {
	t.Helper()
	withoutRaceDetector(t) // skips the test if there is no go command
	all, err := Vet()
	if err != nil {
		t.Fatal(err)
	}
	files, err := vetted.ReadDir("vetted")
	if err != nil {
		t.Fatal(err)
	}
	findings = make(map[string][]Finding)
	for _, file := range files {
		text, err := vetted.ReadFile("vetted/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, file.Name(), text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, prefix) {
				continue
			}
			functions++
			for _, finding := range all[file.Name()] {
				if finding.Line >= set.Position(f.Pos()).Line && finding.Line <= set.Position(f.End()).Line {
					findings[f.Name.Name] = append(findings[f.Name.Name], finding)
				}
			}
		}
	}
	return findings, functions
}

// TestVetAcceptsTheRightVersions vets the functions that are right (claim 2.12).
func TestVetAcceptsTheRightVersions(t *testing.T) {
	if findings, n := findingsIn(t, "right"); n != 5 || len(findings) > 0 {
		t.Errorf("vet reports %v in %d functions that are right", findings, n)
	}
}

// TestVetNamesEachMistake vets the functions that are wrong (negative control of 2.12).
func TestVetNamesEachMistake(t *testing.T) {
	findings, n := findingsIn(t, "wrong")
	for function, message := range map[string]string{
		"wrongHits":      "passes lock by value",
		"wrongLookup":    "the cancel function returned by context.WithTimeout should be called, not discarded",
		"wrongAll":       "WaitGroup.Add called from inside new goroutine",
		"wrongInterrupt": "misuse of unbuffered os.Signal channel",
	} {
		if f := findings[function]; len(f) != 1 || !strings.Contains(f[0].Message, message) {
			t.Errorf("%s: vet reports %v, want one finding: %q", function, f, message)
		}
	}
	if n != 4 {
		t.Errorf("there are %d wrong functions, want 4", n)
	}
}

// TestVetNeedsTheGoCommand looks for it where there is none.
func TestVetNeedsTheGoCommand(t *testing.T) {
	t.Setenv("PATH", "")
	if findings, err := Vet(); err == nil {
		t.Errorf("there is no go command, and Vet returned %v without an error", findings)
	}
}

// TestVetMissesADeferredLock keeps the README honest about what vet does not
// find (claim 2.12): if a later release finds it, this test fails.
func TestVetMissesADeferredLock(t *testing.T) {
	if text, err := vetted.ReadFile("vetted/deferred_lock.go"); err != nil || !strings.Contains(string(text), "defer p.mu.Lock()") {
		t.Errorf("%v; the file does not have the mistake", err)
	}
	if findings, n := findingsIn(t, "missed"); n != 1 || len(findings) > 0 {
		t.Errorf("vet reports %v in %d functions; the chapter says that it does not find defer mu.Lock()", findings, n)
	}
}
