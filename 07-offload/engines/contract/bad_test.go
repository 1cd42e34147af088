package contract

import (
	"errors"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"concurrency/07-offload/engines/signup"
)

// TestBadInput needs no server: invalid input must be rejected before a request to one.
func TestBadInput(t *testing.T) {
	for _, s := range Systems {
		t.Run(s.String(), func(t *testing.T) {
			web, err := s.StartWeb(build(t, s), nowhere(s))
			if err != nil {
				t.Fatal(err)
			}
			defer web.Kill()
			for _, test := range []struct {
				path, body string
				status     int
			}{
				{"/signups", "no JSON", 400},
				{"/signups", `{"name":"Ada","email":"ada@example.com","admin":true}`, 400},
				{"/signups", `{"name":1,"email":"ada@example.com"}`, 400},
				{"/signups", `{"name":"Ada","email":"ada"}`, 422},
				{"/signups", `{"name":" ","email":"ada@example.com"}`, 422},
				{"/signups", `{"name":"Ada\r\nBcc: all@example.com","email":"ada@example.com"}`, 422},
				{"/signups", `{"name":"` + strings.Repeat("a", 100<<10) + `","email":"ada@example.com"}`, 413},
				{"/signups?in=soon", `{"name":"Ada","email":"ada@example.com"}`, 400},
			} {
				response, err := client.Post(web.URL+test.path, "application/json", strings.NewReader(test.body))
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if response.StatusCode != test.status {
					t.Errorf("%s %.60s: answered with %s, want %d", test.path, test.body, response.Status, test.status)
				}
			}
		})
	}
}

// TestWrongServer gives each program an address where no process listens, a server that
// accepts connections and never answers, and a web server. Each sign-up must be
// answered with 503. On a busy machine it may take twice the limit, but not the time of a
// client that has no limit.
func TestWrongServer(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() }) // not deferred: the subtests run after this function returns
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go other.Serve(listener)
	t.Cleanup(func() { other.Close() })
	for _, s := range Systems {
		program := build(t, s)
		for what, at := range map[string]string{
			"closed": "127.0.0.1:1", "mute": mute.Addr().String(), "http": listener.Addr().String(),
		} {
			at = strings.Replace(nowhere(s), "127.0.0.1:1", at, 1)
			t.Run(s.String()+"/"+what, func(t *testing.T) {
				t.Parallel()
				web, err := s.StartWeb(program, at)
				if err != nil {
					t.Fatal(err)
				}
				defer web.Kill()
				began := time.Now()
				_, status, err := web.Signup("ada@example.com", "", "")
				if took := time.Since(began); status != http.StatusServiceUnavailable || took > 2*signup.Timeout {
					t.Errorf("a sign-up was answered with %d after %v (%v), want 503 within %v", status, took, err, signup.Timeout)
				}
				if s.Folder == ".." {
					return // its workers wait for the broker indefinitely
				}
				worker, err := s.StartWorker(program, at, Mailbox(t.TempDir()), 1)
				if err == nil {
					worker.Kill()
					t.Errorf("a worker with the wrong server prints that it is ready")
				} else if text := err.Error(); !strings.Contains(text, "ended") || !strings.Contains(text, "there: ") {
					t.Errorf("a worker with the wrong server does not end with a reason: %v", text)
				}
			})
		}
	}
}

// nowhere is an address at which there is no server, as the flag of s has it.
func nowhere(s System) string {
	switch s.Flag {
	case "-amqp":
		return "amqp://guest:guest@127.0.0.1:1"
	case "-postgres":
		return "postgres://postgres@127.0.0.1:1/postgres?sslmode=disable"
	case "-broker":
		return "http://127.0.0.1:1"
	}
	return "127.0.0.1:1"
}

// build builds a system's program.
func build(t testing.TB, s System) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = filepath.Join("..", s.Folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestDemoWithoutServerSaysWhatToInstall hides the servers from each program's demo: one
// line that says what to install, and status 1.
func TestDemoWithoutServerSaysWhatToInstall(t *testing.T) {
	for _, s := range []System{Asynq, Faktory} {
		cmd := exec.Command(build(t, s))
		cmd.Env = []string{"PATH=", "TMPDIR=" + t.TempDir()}
		var exit *exec.ExitError
		if out, err := cmd.Output(); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(exit.Stderr), "needs redis-server: apt-get install redis-server") {
			t.Errorf("%s: %v\n%s", s.Name, err, out)
		}
	}
}
