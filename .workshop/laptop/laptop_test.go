// Package laptop checks, the day before, that a laptop can do the workshop. It
// builds everything once, so that the workshop needs no network:
//
//	go test -v -count=1 ./.workshop/laptop
package laptop

import (
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// command runs the go command in the root of the repository.
func command(t *testing.T, env []string, args ...string) (out string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), env...)
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// offline has the variables with which the go command uses no network.
var offline = []string{"GOPROXY=off", "GOFLAGS="}

// build runs the go command for each chapter, and says so before it does.
func build(t *testing.T, what, hint string, args ...string) {
	t.Helper()
	chapters, err := filepath.Glob(filepath.Join(root, "[0-9][0-9]-*"))
	if err != nil || len(chapters) == 0 {
		t.Fatalf("no chapter is in %s: %v", root, err)
	}
	for i, chapter := range chapters {
		note := ""
		if i == 0 {
			note = " (the first time this takes a minute or two: Go also builds its standard library)"
		}
		t.Logf("building %s of %s%s ...", what, filepath.Base(chapter), note)
		if out, err := command(t, offline, append(args, "./"+filepath.Base(chapter)+"/...")...); err != nil {
			t.Fatalf("%s of %s do not build%s:\n%s", what, filepath.Base(chapter), hint, out)
		}
	}
}

// Test1Compiler builds every program without a network.
func Test1Compiler(t *testing.T) {
	build(t, "the programs", "", "build")
	version, err := command(t, nil, "version")
	if err != nil {
		t.Fatalf("go version: %v\n%s", err, version)
	}
	t.Log("every program builds with", strings.TrimSpace(version))
}

// Test2RaceDetector builds every test with the race detector, and requires that it finds a race.
func Test2RaceDetector(t *testing.T) {
	build(t, "the tests", " with the race detector; on Linux and Windows it needs a C compiler, such as gcc", "test", "-race", "-run", "^$")
	t.Log("looking for a data race that is there ...")
	out, err := command(t, offline, "test", "-race", "-count=1", "-v", "-run", "PlainCounter", "./03-net-http-per-request")
	if err != nil || !strings.Contains(out, "WARNING: DATA RACE") {
		t.Fatalf("the race detector does not report a data race (%v):\n%s", err, out)
	}
	t.Log("every test builds, and the race detector finds a data race")
}

// Test3Memory allocates and writes as much memory as the largest program needs.
func Test3Memory(t *testing.T) {
	size := 512 << 20
	if runtime.GOOS == "windows" {
		size *= 2 // goroutines take more memory there
	}
	t.Logf("using %d MB of memory ...", size>>20)
	began := time.Now()
	memory := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		memory[i] = 1
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v to allocate %d MB: close other programs, or run 01 with -n 10000", took.Round(time.Second), size>>20)
	}
	t.Logf("%d MB of memory are available", size>>20)
}

// Test4Ports calls a server on this computer, and checks whether the ports of the
// READMEs are free.
func Test4Ports(t *testing.T) {
	t.Log("calling a server on this computer ...")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("a server cannot listen on this computer: %v", err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go srv.Serve(listener)
	defer srv.Close()
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{}} // no proxy
	response, err := client.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatalf("a server on this computer cannot be reached (a firewall?): %v", err)
	}
	response.Body.Close()
	t.Log("a server on this computer can be reached")
	for _, addr := range []string{"localhost:8080", "localhost:8081"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Logf("%s is in use: end the program that uses it, or give -addr another port in the commands of the course", addr)
			continue
		}
		l.Close()
	}
}
