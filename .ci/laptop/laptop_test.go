// Package laptop proves, the day before, that a laptop can do the workshop, and
// builds everything once, so that the day itself needs no network:
//
//	go test -v -count=1 ./.ci/laptop
package laptop

import (
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// command runs go in the root of the repository.
func command(t *testing.T, env []string, args ...string) (out string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), env...)
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// Test1Compiler builds every program, without asking the network for anything.
func Test1Compiler(t *testing.T) {
	if out, err := command(t, []string{"GOPROXY=off", "GOFLAGS="}, "build", "./..."); err != nil {
		t.Fatalf("the programs can't be built:\n%s", out)
	}
	version, _ := command(t, nil, "version")
	t.Log("every program is built, with", strings.TrimSpace(version))
}

// Test2RaceDetector builds every test with it, and has it find a race.
func Test2RaceDetector(t *testing.T) {
	if out, err := command(t, []string{"GOPROXY=off", "GOFLAGS="}, "test", "-race", "-run", "^$", "./..."); err != nil {
		t.Fatalf("the tests can't be built with the race detector; on Linux and Windows it needs a C compiler, e.g. apt-get install gcc:\n%s", out)
	}
	out, err := command(t, nil, "test", "-race", "-count=1", "-v", "-run", "PlainCounter", "./03-net-http-per-request")
	if err != nil || !strings.Contains(out, "WARNING: DATA RACE") {
		t.Fatalf("the race detector does not find a race that is there (%v):\n%s", err, out)
	}
	t.Log("every test is built, and the race detector finds a race")
}

// Test3Memory touches as much as the largest program may need.
func Test3Memory(t *testing.T) {
	size := 512 << 20
	if runtime.GOOS == "windows" {
		size *= 2 // chapter 01's goroutines take more there
	}
	began := time.Now()
	memory := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		memory[i] = 1
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%d MB of memory took %v to get: close something, or run 01 with -n 10000", size>>20, took.Round(time.Second))
	}
	t.Logf("%d MB of memory are there", size>>20)
}

// Test4Ports has a server answer on this computer, and looks whether the port of
// the READMEs is free.
func Test4Ports(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("no server can listen on this computer: %v", err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go srv.Serve(listener)
	defer srv.Close()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}} // no proxy
	response, err := client.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatalf("a server listens on this computer, and can't be reached; a firewall? %v", err)
	}
	response.Body.Close()
	t.Log("servers on this computer can be reached")
	for _, addr := range []string{"localhost:8080", "localhost:8081"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Logf("but %s is taken: give -addr another port where a README has this one", addr)
			continue
		}
		l.Close()
	}
}
