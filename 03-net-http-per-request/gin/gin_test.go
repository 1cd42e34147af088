package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

const role = "GIN_ROLE"

// TestMain plays the racy version, which must not run in the test process itself.
func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	switch os.Getenv(role) {
	case "late":
		serveMany(Late)
	case "copied":
		serveMany(Copied)
	default:
		os.Exit(m.Run())
	}
}

// serveMany serves requests one after the other, each of which starts a goroutine.
func serveMany(handler func(wait func(), then func(string)) gin.HandlerFunc) {
	const requests = 50
	read := make(chan string, requests)
	engine := gin.New()
	engine.GET("/hello/:user", handler(func() {}, func(user string) { read <- user }))
	for range requests {
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/hello/ada", nil))
	}
	for range requests {
		<-read
	}
}

// TestFastRequestIsNotHeldUpBySlowOne, whatever the router (claim 3.1): the slow
// one goes on only when the fast one is answered.
func TestFastRequestIsNotHeldUpBySlowOne(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			began, goOn := make(chan struct{}), make(chan struct{})
			srv, url, err := Start(Routers[name](Routes{
				"/slow": func(http.ResponseWriter, *http.Request) { close(began); <-goOn },
				"/fast": func(http.ResponseWriter, *http.Request) {},
			}))
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			slow := make(chan error, 1)
			go func() { slow <- get(url + "/slow") }()
			<-began
			client := http.Client{Timeout: 20 * time.Second}
			response, err := client.Get(url + "/fast")
			if err != nil {
				t.Errorf("the fast request was held up by the slow one: %v", err)
			} else {
				response.Body.Close()
			}
			close(goOn)
			if err := <-slow; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHandlersGoroutineIsNetHTTPsWhateverTheRouter compares the line that started
// it (claims 3.2 and 3.5), and looks for the frameworks in the stack.
func TestHandlersGoroutineIsNetHTTPsWhateverTheRouter(t *testing.T) {
	var plain Origin
	for _, name := range names {
		found := make(chan Origin, 1)
		srv, url, err := Start(Routers[name](Routes{"/": WhoAmI(found)}))
		if err != nil {
			t.Fatal(err)
		}
		if err := get(url + "/"); err != nil {
			t.Fatal(err)
		}
		srv.Close()
		o := <-found
		if name == "net/http" {
			plain = o
			if !strings.HasSuffix(place(o), "server.go:"+strings.Split(place(o), ":")[1]) || !strings.HasPrefix(place(o), "net/http/") {
				t.Fatalf("without a framework the goroutine was started at %s, not in net/http", place(o))
			}
			continue
		}
		if o.File != plain.File || o.Line != plain.Line {
			t.Errorf("%s: the goroutine was started at %s, and without a framework at %s", name, place(o), place(plain))
		}
		serve := slices.Index(o.Calls, "net/http.(*conn).serve")
		framework := slices.IndexFunc(o.Calls, func(call string) bool { return strings.Contains(call, "/"+strings.ToLower(name)) })
		if serve < 0 || framework < 0 || framework > serve {
			t.Errorf("%s: want its functions above net/http.(*conn).serve: %q", name, o.Calls)
		}
	}
}

// TestRequestsOnOneConnectionShareAGoroutine, with Gin as without (claim 3.2).
func TestRequestsOnOneConnectionShareAGoroutine(t *testing.T) {
	found := make(chan Origin, 2)
	srv, url, err := Start(Routers["Gin"](Routes{"/": WhoAmI(found)}))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	client := http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for range 2 {
		response, err := client.Get(url + "/")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if a, b := <-found, <-found; a.Goroutine != b.Goroutine {
		t.Errorf("two requests on one connection ran in the goroutines %s and %s", a.Goroutine, b.Goroutine)
	}
}

// TestRunEndsInNetHTTPsListenAndServe reads the source that is installed (claim 3.5).
func TestRunEndsInNetHTTPsListenAndServe(t *testing.T) {
	where, line, err := RunEndsIn((*gin.Engine).Run)
	if err != nil || !strings.Contains(line, "ListenAndServe(") || !strings.Contains(where, "gin.go:") {
		t.Errorf("Run was said to end in %q at %s, %v", line, where, err)
	}
}

// raceReport runs a role in a child process.
func raceReport(t *testing.T, which string) (raced bool, output string) {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if !slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" }) {
		t.Skip("needs the race detector: go test -race . (on Linux and Windows with a C compiler, e.g. apt-get install gcc)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), role+"="+which, "GORACE=exitcode=66 halt_on_error=0 atexit_sleep_ms=0", "GODEBUG=")
	out, _ := child.CombinedOutput()
	return child.ProcessState.ExitCode() == 66 && strings.Contains(string(out), "WARNING: DATA RACE"), string(out)
}

// TestContextAfterTheHandlerIsADataRace is Gin's own pitfall (counter-proof).
func TestContextAfterTheHandlerIsADataRace(t *testing.T) {
	raced, out := raceReport(t, "late")
	if !raced || !strings.Contains(out, "gin.(*Engine).ServeHTTP") && !strings.Contains(out, "gin.(*Context).reset") && !strings.Contains(out, "gin.(*Engine).handleHTTPRequest") {
		t.Errorf("want the race report of a context that is used again, got:\n%s", out)
	}
}

// TestCopiedContextIsTheGoroutinesOwn is the mend.
func TestCopiedContextIsTheGoroutinesOwn(t *testing.T) {
	if raced, out := raceReport(t, "copied"); raced {
		t.Errorf("c.Copy() is said to be the goroutine's own, and there is a race:\n%s", out)
	}
}
