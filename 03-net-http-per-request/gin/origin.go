package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
)

// An Origin is what the stack of a goroutine says about it, as in the chapter's creator.go.
type Origin struct {
	Goroutine string   // its number
	Calls     []string // the functions it is in, innermost first
	File      string   // of the go statement that started it
	Line      int
}

// WhoAmI sends the origin of the handler's goroutine to found.
func WhoAmI(found chan<- Origin) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stack := make([]byte, 64<<10)
		stack = stack[:runtime.Stack(stack, false)]
		found <- parse(string(stack))
	}
}

func parse(stack string) (o Origin) {
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	o.Goroutine = strings.Fields(lines[0])[1]
	for i := 1; i+1 < len(lines); i += 2 { // a call; the next line is its place
		if !strings.HasPrefix(lines[i], "created by ") {
			o.Calls = append(o.Calls, lines[i][:max(strings.LastIndex(lines[i], "("), 0)])
			continue
		}
		where, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " +0x")
		colon := strings.LastIndex(where, ":")
		o.File = where[:max(colon, 0)]
		o.Line, _ = strconv.Atoi(where[colon+1:])
	}
	return o
}

// RunEndsIn reads the source of the installed framework. It returns the place and
// the text of the call of ListenAndServe in its Run.
func RunEndsIn(run any) (place, line string, err error) {
	f := runtime.FuncForPC(reflect.ValueOf(run).Pointer())
	file, first := f.FileLine(f.Entry())
	text, err := source(file)
	if err != nil {
		return "", "", err
	}
	for i, line := range strings.Split(string(text), "\n")[first-1:] {
		if line == "}" {
			break
		}
		if strings.Contains(line, "ListenAndServe(") {
			return filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file) + ":" + strconv.Itoa(first+i), strings.TrimSpace(line), nil
		}
	}
	return "", "", errors.New("no call of ListenAndServe in Run")
}

// source returns the text of a source file. Of a build with -trimpath file is a path in
// the module cache.
func source(file string) ([]byte, error) {
	if text, err := os.ReadFile(file); err == nil {
		return text, nil
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(string(cache)), filepath.FromSlash(file)))
}
