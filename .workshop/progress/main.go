// Command progress lists the exercises and fixes of all chapters: open, failing or
// done. It works offline, and from any folder of the repository.
//
//	go run ./.workshop/progress
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	dir, err := os.Getwd()
	if err == nil {
		dir, err = rootOf(dir)
	}
	var tasks []*Task
	if err == nil {
		tasks, err = find(dir)
	}
	if err == nil {
		err = check(dir, tasks, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	show(os.Stdout, tasks)
}

// A Status is how far a task is.
type Status string

const (
	open    Status = "open"    // the file is unmodified
	failing Status = "failing" // modified, and the check fails
	done    Status = "done"
	noRace  Status = "done, but data races were not checked (-race needs a C compiler)"
)

// A Task is one file to change.
type Task struct {
	Package  string // such as 01-goroutines/fixes
	Name     string // of a fix; empty for an exercise
	File     string
	Modified time.Time
	Minutes  int
	Status   Status

	Learned, Solution string
}

// Command returns the command that checks the task.
func (t *Task) Command() string {
	command := "go test -race ./" + t.Package
	if t.Name != "" {
		command += " -run " + t.Name
	}
	return command
}

// rootOf returns the folder of the course that dir is in.
func rootOf(dir string) (string, error) {
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && ofCourse.Match(mod) { // and not that of a module inside the course
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("progress: run it in a folder of the course")
		}
		dir = parent
	}
}

var ofCourse = regexp.MustCompile(`(?m)^module concurrency\r?$`)

// find returns the tasks of all chapters: in each the fixes, which are short, and
// then the exercise. The test files declare them; README.md has the minutes.
func find(root string) (all []*Task, err error) {
	dirs, _ := filepath.Glob(filepath.Join(root, "[0-9][0-9]-*"))
	for _, chapter := range dirs {
		for _, kind := range []string{"fixes", "exercise"} {
			dir := filepath.Join(chapter, kind)
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if errors.Is(err, os.ErrNotExist) {
				continue
			} else if err != nil {
				return nil, err
			}
			declared, err := declarations(dir)
			if err != nil {
				return nil, err
			}
			for _, fields := range declared {
				t := &Task{Package: filepath.Base(chapter) + "/" + kind, Name: fields["name"], File: fields["file"],
					Status: failing, Learned: fields["learned"], Solution: fields["solution"]}
				t.Minutes = minutes(string(readme), t.Name)
				text, err := os.ReadFile(filepath.Join(dir, t.File))
				if err != nil {
					return nil, err
				}
				if info, err := os.Stat(filepath.Join(dir, t.File)); err == nil {
					t.Modified = info.ModTime()
				}
				checksum, err := strconv.ParseUint(fields["untouched"], 0, 32)
				if err != nil {
					return nil, fmt.Errorf("%s: the checksum of %s: %w", dir, t.File, err)
				}
				if crc32.ChecksumIEEE(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))) == uint32(checksum) {
					t.Status = open
				}
				all = append(all, t)
			}
		}
	}
	return all, nil
}

// declarations returns the literal fields of the variable tasks in the folder's test files.
func declarations(dir string) (all []map[string]string, err error) {
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
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
					if literal, ok := kv.Value.(*ast.BasicLit); ok {
						text := literal.Value
						if literal.Kind == token.STRING {
							text, _ = strconv.Unquote(text)
						}
						fields[kv.Key.(*ast.Ident).Name] = text
					}
				}
				all = append(all, fields)
			}
			return false
		})
	}
	return all, nil
}

var ofExercise = regexp.MustCompile(`\*\*Minutes:\*\* (\d+)`)

// minutes returns what README.md says: an exercise has a line of its own, and a fix
// a row in a table, which ends with its command.
func minutes(readme, name string) int {
	m := ofExercise.FindStringSubmatch(readme)
	if name != "" {
		m = regexp.MustCompile(`(?m)^\|.*\| *(\d+) *\|.*-run ` + regexp.QuoteMeta(name) + "`").FindStringSubmatch(readme)
	}
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// check runs the checks of the modified files, and sets their Status. If nothing has
// changed since they passed, go test knows the result.
func check(root string, tasks []*Task, log io.Writer) error {
	args := []string{"test", "-json", "-v", "-race"}
	for _, t := range tasks {
		if pkg := "./" + t.Package; t.Status != open && !slices.Contains(args, pkg) {
			args = append(args, pkg)
		}
	}
	if len(args) == 4 {
		return nil
	}
	fmt.Fprintln(log, "checking the files that you changed …")
	out, err := goTest(root, args)
	if err != nil {
		return err
	}
	if bytes.Contains(out, []byte("-race requires cgo")) || bytes.Contains(out, []byte("C compiler")) {
		if out, err = goTest(root, slices.Delete(args, 3, 4)); err != nil {
			return err
		}
	}
	for line := range bytes.Lines(out) {
		var event struct{ Package, Output string }
		if json.Unmarshal(line, &event) != nil { // go's own messages are not JSON
			continue
		}
		for _, t := range tasks {
			if !strings.HasSuffix(event.Package, t.Package) {
				continue
			}
			switch strings.TrimSpace(event.Output) {
			case "done: " + t.File:
				t.Status = done
			case "no failure found in " + t.File:
				t.Status = noRace
			}
		}
	}
	return nil
}

func goTest(root string, args []string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); ran {
		err = nil // some check fails
	}
	return out, err
}

// show writes the table, the total, what the last solved task teaches and the next command.
func show(w io.Writer, tasks []*Task) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FOLDER\tTASK\tMINUTES\tSTATUS")
	count := make(map[Status]int)
	left := 0
	var next, last *Task
	for _, t := range tasks {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", t.Package, cmp.Or(t.Name, t.File), t.Minutes, t.Status)
		count[t.Status]++
		if t.Status == done || t.Status == noRace {
			if last == nil || t.Modified.After(last.Modified) {
				last = t
			}
			continue
		}
		left += t.Minutes
		if next == nil || t.Status == failing && next.Status == open {
			next = t
		}
	}
	table.Flush()
	fmt.Fprintf(w, "\n%d of %d done, %d failing, %d open: about %s left\n",
		count[done]+count[noRace], len(tasks), count[failing], count[open], hours(left))
	if last != nil {
		fmt.Fprintf(w, "Last solved: %s/%s. %s\nCompare your solution with %s/%s.\n", last.Package, last.File, last.Learned, last.Package, last.Solution)
	}
	if next == nil {
		fmt.Fprintln(w, "Next: nothing. You have solved all of them.")
		return
	}
	if next.Status == open {
		fmt.Fprintf(w, "Next: read %s/README.md, edit %s, and run\n", next.Package, next.File)
	} else {
		fmt.Fprintf(w, "Next: %s/%s fails. To see why, run\n", next.Package, next.File)
	}
	fmt.Fprintf(w, "    %s\n", next.Command())
}

func hours(minutes int) string {
	if minutes < 60 {
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
}
