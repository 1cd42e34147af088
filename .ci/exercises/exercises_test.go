// Package exercises checks the checks of the exercises: as they come they are
// open, the answers pass them every time, and each wrong answer in testdata fails
// with the words that are meant for it. A wrong answer that passes is a bug in the check.
//
//	go test ./.ci/exercises
package exercises

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// The answers are checked so often. More: go test ./.ci/exercises -run Answer
const times = "-count=100"

// An Exercise is one folder that a learner works in.
type Exercise struct {
	Chapter string // such as 05-worker-pool
	Dir     string
	File    string // the one to change
}

// exercises returns the exercise of each chapter.
func exercises(t *testing.T) (all []Exercise) {
	t.Helper()
	chapters, err := filepath.Glob(filepath.Join(root, "[0-9][0-9]-*"))
	if err != nil || len(chapters) != 7 {
		t.Fatalf("%d chapters, %v", len(chapters), err)
	}
	for _, chapter := range chapters {
		e := Exercise{Chapter: filepath.Base(chapter), Dir: filepath.Join(chapter, "exercise")}
		files, _ := filepath.Glob(filepath.Join(e.Dir, "*.go"))
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				if e.File != "" {
					t.Errorf("%s has two files to change, %s and %s", e.Dir, e.File, filepath.Base(file))
				}
				e.File = filepath.Base(file)
			}
		}
		if e.File == "" {
			t.Errorf("%s has no exercise", e.Chapter)
			continue
		}
		all = append(all, e)
	}
	return all
}

// check runs the exercise's check in a copy, with text in place of the file to change.
func (e Exercise) check(t *testing.T, text string, args ...string) (out string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	copied := filepath.Join(dir, e.Chapter, "exercise")
	if err := os.CopyFS(copied, os.DirFS(e.Dir)); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		filepath.Join(dir, "go.mod"):  read(t, filepath.Join(root, "go.mod")),
		filepath.Join(copied, e.File): text,
	} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-race"}, append(args, "./"+e.Chapter+"/exercise")...)...)
	cmd.Dir = dir
	b, err := cmd.CombinedOutput()
	if bytes.Contains(b, []byte("[build failed]")) || bytes.Contains(b, []byte("[setup failed]")) {
		t.Fatalf("it does not build:\n%s", b)
	}
	return string(b), err == nil
}

// TestUntouchedIsOpen and says so.
func TestUntouchedIsOpen(t *testing.T) {
	needsRaceDetector(t)
	for _, e := range exercises(t) {
		t.Run(e.Chapter, func(t *testing.T) {
			text := read(t, filepath.Join(e.Dir, e.File))
			if !strings.Contains(text, "// TODO") {
				t.Errorf("%s does not say where to begin", e.File)
			}
			if out, ok := e.check(t, text); !ok || !strings.Contains(out, "[no tests to run]") {
				t.Errorf("as it comes:\n%s", out)
			}
			if out, ok := e.check(t, strings.ReplaceAll(text, "\n", "\r\n")); !ok || !strings.Contains(out, "[no tests to run]") {
				t.Errorf("as it comes, with the line ends of Windows:\n%s", out)
			}
			if out, ok := e.check(t, text+"\n// begun\n"); ok {
				t.Errorf("begun and not done, it passes:\n%s", out)
			}
		})
	}
}

// TestAnswersPassEveryTime runs each ANSWER.md a hundred times, on one processor and on four.
func TestAnswersPassEveryTime(t *testing.T) {
	needsRaceDetector(t)
	for _, e := range exercises(t) {
		t.Run(e.Chapter, func(t *testing.T) {
			if out, ok := e.check(t, e.answer(t), times, "-cpu=1,4", "-timeout=19m"); !ok || strings.Contains(out, "no tests to run") {
				t.Errorf("the answer fails:\n%s", out)
			}
		})
	}
}

// TestWithoutTheRaceDetectorNothingIsEnough: not even the answer gets an "ok", behind
// which go test hides that half of the check is missing.
func TestWithoutTheRaceDetectorNothingIsEnough(t *testing.T) {
	for _, e := range exercises(t) {
		t.Run(e.Chapter, func(t *testing.T) {
			t.Parallel()
			if out, ok := e.check(t, e.answer(t), "-race=false"); ok || !strings.Contains(out, "nothing wrong is found") || !strings.Contains(out, "needs the race detector") {
				t.Errorf("without the race detector the answer gets:\n%s", out)
			}
		})
	}
}

// answer returns the code in ANSWER.md.
func (e Exercise) answer(t *testing.T) string {
	t.Helper()
	_, after, ok := strings.Cut(read(t, filepath.Join(e.Dir, "ANSWER.md")), "```go "+e.File+"\n")
	code, _, closed := strings.Cut(after, "\n```\n")
	if !ok || !closed {
		t.Fatalf("ANSWER.md has no %s", e.File)
	}
	return code + "\n"
}

// TestWrongAnswersFailWithTheirWords tries each file in testdata. It begins with
// the words that its learner should read.
func TestWrongAnswersFailWithTheirWords(t *testing.T) {
	needsRaceDetector(t)
	for _, e := range exercises(t) {
		files, err := filepath.Glob(filepath.Join("testdata", e.Chapter, "*.go"))
		if err != nil || len(files) < 3 {
			t.Errorf("%s has %d wrong answers, and should have three (%v)", e.Chapter, len(files), err)
		}
		for _, file := range files {
			t.Run(e.Chapter+"/"+strings.TrimSuffix(filepath.Base(file), ".go"), func(t *testing.T) {
				t.Parallel()
				first, text, _ := strings.Cut(read(t, file), "\n")
				words, ok := strings.CutPrefix(first, "// Says: ")
				if !ok {
					t.Fatalf("it begins with %q, not with what is to be said", first)
				}
				out, ok := e.check(t, strings.TrimLeft(text, "\n"))
				switch {
				case ok:
					t.Errorf("it passes: a bug in the check\n%s", out)
				case !strings.Contains(out, words):
					t.Errorf("it fails, and does not say %q:\n%s", words, out)
				case !strings.Contains(out, "→ "):
					t.Errorf("it fails, and does not say where to look:\n%s", out)
				}
			})
		}
	}
}

// TestExercisesAreMadeAlike looks for what each needs: the same check_test.go, a
// task with its command and minutes, hints that are folded away, and an answer
// that one does not see by accident.
func TestExercisesAreMadeAlike(t *testing.T) {
	all := exercises(t)
	minutes := regexp.MustCompile(`(?m)^\*\*Minutes:\*\* \d+\.$`)
	for _, e := range all {
		if read(t, filepath.Join(e.Dir, "check_test.go")) != read(t, filepath.Join(all[0].Dir, "check_test.go")) {
			t.Errorf("%s/check_test.go differs from the others", e.Dir)
		}
		readme := read(t, filepath.Join(e.Dir, "README.md"))
		for _, needed := range []string{"go test -race ./" + e.Chapter + "/exercise", "\n## The task\n", "\n## Hints\n", "(" + e.File + ")", "(ANSWER.md)"} {
			if !strings.Contains(readme, needed) {
				t.Errorf("%s/README.md lacks %q", e.Dir, needed)
			}
		}
		if !minutes.MatchString(readme) {
			t.Errorf("%s/README.md does not say how many minutes it takes", e.Dir)
		}
		if n := strings.Count(readme, "<summary>Hint"); n < 2 || strings.Count(readme, "<details>") != strings.Count(readme, "</details>") {
			t.Errorf("%s/README.md has %d hints, folded away", e.Dir, n)
		}
		if strings.Contains(readme, "```go") {
			t.Errorf("%s/README.md shows code: that is for ANSWER.md", e.Dir)
		}
		before, _, ok := strings.Cut(read(t, filepath.Join(e.Dir, "ANSWER.md")), "<details>")
		if !ok || strings.Contains(before, "```") {
			t.Errorf("%s/ANSWER.md shows the answer unfolded", e.Dir)
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

// read returns a file's text with the line ends of Unix, whatever a checkout made of them.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
