package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Origin is what the stack of a goroutine says about it.
type Origin struct {
	Goroutine string   // its number, never used twice in one process
	Calls     []string // the functions that it is in, outermost first
	Creator   string   // the function with the go statement that started it
	File      string   // the file of that go statement
	Line      int      // its line
	Conn      string   // set by WhoAmI: the client's address, which differs by connection
}

// WhoAmI answers with the Origin of the goroutine that runs it, as JSON.
func WhoAmI(w http.ResponseWriter, r *http.Request) {
	me, err := Self()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	me.Conn = r.RemoteAddr
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.Encode(me)
}

// Ask sends requests to h on a server of its own, spread over n connections,
// either sequentially or concurrently. It returns what WhoAmI answers. On a busy
// machine net/http's client can close a connection between two requests (it waits
// 50 ms for the goroutine that writes). Then Ask asks again over new ones, up to three
// times in all.
func Ask(ctx context.Context, h http.Handler, connections, requests int, http2, concurrently bool) ([]Origin, error) {
	srv := NewServer(h)
	addr, err := Start(srv)
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	for attempt := 1; ; attempt++ {
		origins, lost, err := askOver(ctx, addr, connections, requests, http2, concurrently)
		if !lost || attempt == 3 {
			return origins, err
		}
	}
}

func askOver(ctx context.Context, addr string, connections, requests int, http2, concurrently bool) (origins []Origin, lost bool, err error) {
	clients, conns := make([]*http.Client, connections), make([]*http.ClientConn, connections)
	for i := range clients {
		clients[i], conns[i], err = DialOne(ctx, addr, http2)
		if err != nil {
			return nil, false, err
		}
		defer conns[i].Close()
	}

	origins = make([]Origin, requests)
	errs := make([]error, requests)
	ask := func(i int) {
		var body string
		if body, errs[i] = Get(ctx, clients[i%connections], "http://"+addr+"/whoami"); errs[i] == nil {
			errs[i] = json.Unmarshal([]byte(body), &origins[i])
		}
	}
	var asking sync.WaitGroup
	for i := range requests {
		if concurrently {
			asking.Go(func() { ask(i) })
		} else {
			ask(i)
		}
	}
	asking.Wait()
	err = errors.Join(errs...)
	for _, conn := range conns {
		lost = lost || err != nil && conn.Err() != nil
	}
	return origins, lost, err
}

// Self reads the stack of the goroutine that calls it. Go has no function for a
// goroutine's number on purpose: a program must not depend on it. So Self takes
// apart the text that an unrecovered panic would print, which looks like this:
//
//	goroutine 7 [running]:
//	main.WhoAmI({0x8e2f40, 0xc000122000}, 0xc000128000)
//		/home/me/course/creator.go:31 +0x2c
//	created by net/http.(*Server).Serve in goroutine 6
//		/usr/local/go/src/net/http/server.go:3464 +0x485
func Self() (Origin, error) {
	stack := make([]byte, 64<<10)
	stack = stack[:runtime.Stack(stack, false)]
	return originOf(string(stack))
}

// originOf takes apart the text of a stack. That of the main goroutine is an
// error: no go statement started it.
func originOf(stack string) (o Origin, err error) {
	elided := func(line string) bool { return strings.HasSuffix(line, "frames elided...") } // of more than 100
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(stack), "\n"), elided)
	head := strings.Fields(lines[0])
	if len(head) < 2 {
		return o, fmt.Errorf("got %q, want the first line of a stack", lines[0])
	}
	o.Goroutine = head[1]
	for i := 1; i+1 < len(lines); i += 2 { // a call, then a line with its place
		call, created := strings.CutPrefix(lines[i], "created by ")
		if !created {
			if bracket := strings.LastIndex(call, "("); bracket > 0 {
				call = call[:bracket] // without the arguments
			}
			o.Calls = append(o.Calls, call)
			continue
		}
		o.Creator, _, _ = strings.Cut(call, " in goroutine ")
		where, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " +0x")
		colon := strings.LastIndex(where, ":")
		line, err := strconv.Atoi(where[colon+1:])
		if err != nil {
			return o, fmt.Errorf("no line number in %q", where)
		}
		o.File, o.Line = where[:max(colon, 0)], line
	}
	slices.Reverse(o.Calls)
	if o.Creator == "" {
		return o, fmt.Errorf("goroutine %s is the main goroutine, which no go statement started", o.Goroutine)
	}
	return o, nil
}

// Where returns the place of the go statement, without the folder in which Go is
// installed.
func (o Origin) Where() string {
	file := filepath.ToSlash(o.File)
	if i := strings.LastIndex(file, "/src/"); i >= 0 {
		file = file[i+len("/src/"):]
	}
	return fmt.Sprintf("%s:%d", file, o.Line)
}

var errNoSource = errors.New("the Go source is not installed here")

// SourceLine reads the go statement from the Go source on this machine, without
// its arguments: a terminal has no columns left for them.
func (o Origin) SourceLine(ctx context.Context) (string, error) {
	file := o.File
	if _, err := os.Stat(file); err != nil || !filepath.IsAbs(file) {
		// Built with -trimpath: ask the go command.
		root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return "", errNoSource
		}
		short, _, _ := strings.Cut(o.Where(), ":")
		file = filepath.Join(strings.TrimSpace(string(root)), "src", filepath.FromSlash(short))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", errNoSource
	}
	lines := strings.Split(string(text), "\n")
	if o.Line < 1 || o.Line > len(lines) {
		return "", fmt.Errorf("%s: the Go installed here has no such line", o.Where())
	}
	line := strings.TrimSpace(lines[o.Line-1])
	call, _, isCall := strings.Cut(line, "(")
	if !isCall || !strings.HasPrefix(call, "go ") {
		return "", fmt.Errorf("%s: the Go installed here has no go statement there", o.Where())
	}
	return call + "(…)", nil
}
