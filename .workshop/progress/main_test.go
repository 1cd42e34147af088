package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// copyOf returns a copy of the course with the tasks of chapter 01 and the exercise of
// chapter 02.
func copyOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"01-goroutines/exercise", "01-goroutines/fixes", "02-channels/exercise"} {
		if _, err := os.Stat(filepath.Join(root, folder)); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "go.mod"), read(t, filepath.Join(root, "go.mod")))
	return dir
}

// solve replaces the file of chapter 01's exercise with the solution.
func solve(t *testing.T, dir string) {
	t.Helper()
	exercise := filepath.Join(dir, "01-goroutines", "exercise")
	_, after, _ := strings.Cut(read(t, filepath.Join(exercise, "SOLUTION.md")), "```go checkall.go\n")
	code, _, _ := strings.Cut(after, "\n```\n")
	write(t, filepath.Join(exercise, "checkall.go"), code+"\n")
}

// table checks the course in dir and returns the table.
func table(t *testing.T, dir string) string {
	t.Helper()
	tasks, err := find(dir)
	if err == nil {
		err = check(dir, tasks, io.Discard)
	}
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	show(&b, tasks)
	return b.String()
}

func TestUnmodifiedTasksAreOpenAndNothingIsBuilt(t *testing.T) {
	dir := copyOf(t)
	tasks, err := find(dir)
	if err != nil || len(tasks) < 2 {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	var log strings.Builder
	if err := check(dir, tasks, &log); err != nil || log.Len() > 0 {
		t.Errorf("every task is unmodified, but something was checked: %q, %v", log.String(), err)
	}
	for _, task := range tasks {
		if task.Status != open || task.Minutes == 0 {
			t.Errorf("%s/%s is %q with %d minutes, want %q and the minutes of README.md", task.Package, task.File, task.Status, task.Minutes, open)
		}
	}
	if out := table(t, dir); !strings.Contains(out, "Next: read "+tasks[0].Package+"/README.md") || !strings.Contains(out, "    "+tasks[0].Command()+"\n") {
		t.Errorf("the next task should be the first one:\n%s", out)
	}
}

func TestModifiedTasksAreFailingOrDone(t *testing.T) {
	if out, err := exec.Command("go", "test", "-race", "-run=^$", "../../01-goroutines/exercise").CombinedOutput(); err != nil {
		t.Skipf("needs the race detector: %s", out)
	}
	dir := copyOf(t)
	solve(t, dir)
	merge := filepath.Join(dir, "02-channels", "exercise", "merge.go")
	write(t, merge, read(t, merge)+"\n// touched\n")
	out := table(t, dir)
	if !hasRow(out, "01-goroutines/exercise", "done") || !hasRow(out, "02-channels/exercise", "failing") {
		t.Errorf("want the solved task done and the touched one failing:\n%s", out)
	}
	if !strings.Contains(out, "Last solved: 01-goroutines/exercise/checkall.go. Give each goroutine") || !strings.Contains(out, "01-goroutines/exercise/SOLUTION.md") {
		t.Errorf("the table does not say what the solved task teaches:\n%s", out)
	}
	if !strings.Contains(out, "    go test -race ./02-channels/exercise\n") || !strings.Contains(out, "1 of ") || !strings.Contains(out, "1 failing") {
		t.Errorf("the failing task should be the next one:\n%s", out)
	}
}

func TestWithoutCCompilerATaskIsDoneWithAReservation(t *testing.T) {
	t.Setenv("CGO_ENABLED", "0")
	t.Setenv("CC", "no-such-compiler")
	dir := copyOf(t)
	solve(t, dir)
	out := table(t, dir)
	if exec.Command("go", "test", "-race", "-run=^$", "../../01-goroutines/exercise").Run() == nil {
		t.Skip("on this system -race needs no C compiler")
	}
	if !hasRow(out, "01-goroutines/exercise", string(noRace)) {
		t.Errorf("want the solved task %q:\n%s", noRace, out)
	}
}

func TestRootIsFoundFromAnyFolder(t *testing.T) {
	dir := copyOf(t)
	nested := filepath.Join(dir, "01-goroutines", "exercise", "module")
	if err := os.Mkdir(nested, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(nested, "go.mod"), "module concurrency/nested\n")
	if got, err := rootOf(nested); got != dir || err != nil {
		t.Errorf("rootOf(%q) = %q, %v, want %q", nested, got, err, dir)
	}
	if got, err := rootOf(t.TempDir()); err == nil {
		t.Errorf("outside the course rootOf returned %q, want an error", got)
	}
}

// hasRow reports whether the table has a row with this folder and status.
func hasRow(table, folder, status string) bool {
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, folder+" ") && strings.HasSuffix(line, " "+status) {
			return true
		}
	}
	return false
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
