package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
)

const role = "GIN_ROLE"

// TestMain plays the roles that must not run in the test process itself.
func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultErrorWriter = os.Stderr
	switch os.Getenv(role) {
	case "late":
		serveMany(Late)
	case "copied":
		serveMany(Copied)
	case "panic":
		serveOnce(func(*gin.Context) { panic("in the handler") })
		select {} // until the panic ends this process
	case "timeout":
		wrote := make(chan struct{})
		serveOnce(func(c *gin.Context) {
			c.String(http.StatusOK, "nothing orders this write and the middleware's")
			close(wrote)
			select {} // the middleware waits no longer than its timeout
		})
		<-wrote
	case "command line":
		os.Args = []string{os.Args[0], "extra"}
		main()
	case "demo":
		os.Args = os.Args[:1]
		main()
	case "error":
		check(nil)
		check(errors.New("no network"))
	default:
		os.Exit(m.Run())
	}
}

// serveMany serves requests one at a time, each of which starts a goroutine.
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

// serveOnce serves one request behind Recovery and the wrong middleware.
func serveOnce(handler gin.HandlerFunc) {
	engine := gin.New()
	engine.Use(gin.Recovery(), TimeoutInGoroutine(10*time.Millisecond))
	engine.GET("/", handler)
	engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}

// TestFastRequestIsNotDelayedBySlowOne holds for every router (claim 3.1): the
// slow handler blocks until the fast request is answered.
func TestFastRequestIsNotDelayedBySlowOne(t *testing.T) {
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
			if err := get(url + "/fast"); err != nil {
				t.Errorf("the fast request failed: %v", err)
			}
			close(goOn)
			if err := <-slow; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGetRefusesOtherStatuses than 200.
func TestGetRefusesOtherStatuses(t *testing.T) {
	for _, status := range []int{http.StatusCreated, http.StatusTeapot} {
		srv, url, err := Start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if err != nil {
			t.Fatal(err)
		}
		if err := get(url); err == nil || !strings.HasPrefix(err.Error(), strconv.Itoa(status)) {
			t.Errorf("got the error %v, want the status %d", err, status)
		}
		srv.Close()
	}
}

// TestGetReadsTheWholeResponse: here its second half never comes.
func TestGetReadsTheWholeResponse(t *testing.T) {
	srv, url, err := Start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "first half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if err := get(url); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the response was cut off, and get returned %v", err)
	}
}

// TestNetHTTPStartsTheHandlersGoroutine compares the line that started it for
// every router (claims 3.2 and 3.5), and looks for the frameworks in the stack.
func TestNetHTTPStartsTheHandlersGoroutine(t *testing.T) {
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
			if !strings.HasPrefix(place(o), "net/http/server.go:") {
				t.Fatalf("without a framework the goroutine was started at %s, not in net/http/server.go", place(o))
			}
			continue
		}
		if o.File != plain.File || o.Line != plain.Line {
			t.Errorf("%s: the goroutine was started at %s, but without a framework at %s", name, place(o), place(plain))
		}
		serve := slices.Index(o.Calls, "net/http.(*conn).serve")
		framework := slices.IndexFunc(o.Calls, func(call string) bool { return strings.Contains(call, "/"+strings.ToLower(name)) })
		if serve < 0 || framework < 0 || framework > serve {
			t.Errorf("%s: net/http.(*conn).serve must call its functions: %q", name, o.Calls)
		}
	}
}

// TestRequestsOnOneConnectionShareAGoroutine holds with Gin, too (claim 3.2).
func TestRequestsOnOneConnectionShareAGoroutine(t *testing.T) {
	found := make(chan Origin, 3)
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
	if err := get(url + "/"); err != nil { // on another one, while the first is open
		t.Fatal(err)
	}
	a, b, c := <-found, <-found, <-found
	if a.Goroutine != b.Goroutine || a.Goroutine == c.Goroutine {
		t.Errorf("two requests on one connection ran in the goroutines %s and %s, and one on another in %s; want two goroutines", a.Goroutine, b.Goroutine, c.Goroutine)
	}
}

// TestRunEndsInNetHTTPsListenAndServe reads the source that is installed (claim 3.5).
func TestRunEndsInNetHTTPsListenAndServe(t *testing.T) {
	where, line, err := RunEndsIn((*gin.Engine).Run)
	if err != nil || !strings.Contains(line, "ListenAndServe(") || !strings.Contains(where, "gin.go:") {
		t.Errorf("Run must end in a call of ListenAndServe, got %q at %s, %v", line, where, err)
	}
	f := runtime.FuncForPC(reflect.ValueOf((*gin.Engine).Run).Pointer())
	file, first := f.FileLine(f.Entry())
	text, err := source(file)
	if err != nil {
		t.Fatal(err)
	}
	_, number, _ := strings.Cut(where, "gin.go:")
	n, _ := strconv.Atoi(number)
	if n <= first || n > first+40 || strings.TrimSpace(strings.Split(string(text), "\n")[n-1]) != line {
		t.Errorf("Run is at line %d, but its call at %s, want the line of %q", first, where, line)
	}
	if _, inCache, ok := strings.Cut(filepath.ToSlash(file), "/pkg/mod/"); ok { // as -trimpath names it
		if same, err := source(inCache); !bytes.Equal(same, text) || err != nil {
			t.Errorf("%s in the module cache has %d bytes, %v; want the same text", inCache, len(same), err)
		}
	}
	if where, line, err := RunEndsIn((*gin.Engine).Use); err == nil { // it comes before Run in the same file
		t.Errorf("Use does not call ListenAndServe, got %q at %s", line, where)
	}
}

// child runs a role in a child process and returns its exit status and output.
func child(t *testing.T, which string) (status int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), role+"="+which, "GORACE=exitcode=66 halt_on_error=0 atexit_sleep_ms=0", "GODEBUG=", "GOTRACEBACK=")
	out, _ := c.CombinedOutput()
	return c.ProcessState.ExitCode(), string(out)
}

func needsRaceDetector(t *testing.T) {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if !slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" }) {
		t.Skip("needs the race detector: go test -race . (on Linux and Windows with a C compiler, such as gcc)")
	}
}

// TestContextAfterTheHandlerIsADataRace uses c itself in a goroutine (negative control of 3.5).
func TestContextAfterTheHandlerIsADataRace(t *testing.T) {
	needsRaceDetector(t)
	status, out := child(t, "late")
	if status != 66 || !strings.Contains(out, "WARNING: DATA RACE") || !strings.Contains(out, "gin.(*") {
		t.Errorf("the race detector must report that Gin uses the context again, got status %d:\n%s", status, out)
	}
}

// TestCopiedContextBelongsToTheGoroutine uses c.Copy() (claim 3.5).
func TestCopiedContextBelongsToTheGoroutine(t *testing.T) {
	needsRaceDetector(t)
	if status, out := child(t, "copied"); status != 0 {
		t.Errorf("a copy must be free of data races, got status %d:\n%s", status, out)
	}
}

// TestCopyDoesNotOutliveItsRequest uses a copy when net/http has finished its
// request (negative control of 3.5). Parameters and keys are copied. The
// request's context, its body and the connection are not.
func TestCopyDoesNotOutliveItsRequest(t *testing.T) {
	r, err := InspectCopy()
	if err != nil {
		t.Fatal(err)
	}
	if r.Param != "ada" || r.Key != "admin" {
		t.Errorf("the copy must have its own parameters and keys, got %q and %q", r.Param, r.Key)
	}
	if !errors.Is(r.Context, context.Canceled) {
		t.Errorf("the copy's request must have a canceled context, got %v", r.Context)
	}
	if !errors.Is(r.Body, http.ErrBodyReadAfterClose) {
		t.Errorf("reading the body must fail with %q, got %v", http.ErrBodyReadAfterClose, r.Body)
	}
	if r.Write == nil {
		t.Error("writing to the copy must panic")
	}
}

// TestAuditOutlivesItsRequest reads first and detaches the context (claim 3.5).
func TestAuditOutlivesItsRequest(t *testing.T) {
	type key struct{}
	finished, found := make(chan struct{}), make(chan error, 1)
	engine := gin.New()
	clients := make(map[string]bool)
	engine.Use(func(c *gin.Context) {
		clients[c.Request.RemoteAddr] = true
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), key{}, "trace 7"))
	})
	engine.POST("/hello/:user", Audit(func(ctx context.Context, user, body string) {
		<-finished
		_, limited := ctx.Deadline()
		if user != "ada" || body != "a body" || ctx.Value(key{}) != "trace 7" || !limited {
			t.Errorf("the work must have the request's data, its values and a deadline, got %q, %q, %v, %t", user, body, ctx.Value(key{}), limited)
		}
		found <- ctx.Err()
	}))
	if err := twoRequests(engine, func() { close(finished) }); err != nil {
		t.Fatal(err)
	}
	if err := <-found; err != nil {
		t.Errorf("the request has ended, but its work must not be canceled: %v", err)
	}
	if len(clients) != 1 { // only then the second request shows that the first has ended
		t.Errorf("the two requests must use one connection, got %d", len(clients))
	}
}

// TestAuditLimitsItsWork to a minute, and ends its context when the work is done. A
// body that cannot be read is the client's error, and there is no work.
func TestAuditLimitsItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		works, began := make(chan context.Context, 2), time.Now()
		engine := gin.New()
		engine.POST("/", Audit(func(ctx context.Context, _, _ string) { works <- ctx }))
		for body, want := range map[io.Reader]int{strings.NewReader("a body"): http.StatusAccepted, iotest.ErrReader(io.ErrUnexpectedEOF): http.StatusBadRequest} {
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", body))
			if w.Code != want {
				t.Errorf("got status %d, want %d", w.Code, want)
			}
		}
		synctest.Wait()
		if len(works) != 1 {
			t.Fatalf("of two requests one has a body, but %d works have begun", len(works))
		}
		ctx := <-works
		if deadline, _ := ctx.Deadline(); deadline.Sub(began) != time.Minute || !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("the work has ended: got a limit of %v and %v, want 1m0s and %v", deadline.Sub(began), ctx.Err(), context.Canceled)
		}
	})
}

// TestGoroutineReadsTheNameAfterItsWait, with c itself and with a copy.
func TestGoroutineReadsTheNameAfterItsWait(t *testing.T) {
	for _, handler := range []func(func(), func(string)) gin.HandlerFunc{Late, Copied} {
		synctest.Test(t, func(t *testing.T) {
			goOn, read := make(chan struct{}), make(chan string, 1)
			engine := gin.New()
			engine.GET("/hello/:user", handler(func() { <-goOn }, func(user string) { read <- user }))
			engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/hello/ada", nil))
			synctest.Wait()
			if len(read) != 0 {
				t.Error("the goroutine has read the name before wait returned")
			}
			close(goOn)
			<-read
		})
	}
}

// TestContextWithFallbackIsTheRequests passes c as a context.Context. Only with
// ContextWithFallback is it canceled with the request (claim 3.6).
func TestContextWithFallbackIsTheRequests(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		request, cancel := context.WithCancel(t.Context())
		engine := gin.New()
		engine.ContextWithFallback = fallback
		engine.GET("/", func(c *gin.Context) {
			var ctx context.Context = c
			cancel() // the client disconnects
			if canceled := ctx.Err() != nil; canceled != fallback || (ctx.Done() != nil) != fallback {
				t.Errorf("ContextWithFallback %t: c is canceled with its request: %t", fallback, canceled)
			}
		})
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(request))
	}
}

// TestMiddlewareGoroutinePanicEndsTheServer has gin.Recovery before the
// middleware (negative control of 3.7).
func TestMiddlewareGoroutinePanicEndsTheServer(t *testing.T) {
	status, out := child(t, "panic")
	if status != 2 || !strings.Contains(out, "panic: in the handler") || !strings.Contains(out, "TimeoutInGoroutine") {
		t.Errorf("the panic in the middleware's goroutine must end the process with status 2, got status %d:\n%s", status, out)
	}
}

// TestMiddlewareGoroutineIsADataRace lets the handler write after the timeout
// (negative control of 3.5).
func TestMiddlewareGoroutineIsADataRace(t *testing.T) {
	needsRaceDetector(t)
	status, out := child(t, "timeout")
	if status != 66 || !strings.Contains(out, "WARNING: DATA RACE") || !strings.Contains(out, "gin.(*Context)") {
		t.Errorf("the race detector must report that handler and middleware use c at the same time, got status %d:\n%s", status, out)
	}
}

// TestTimeoutEndsTheHandlerInItsOwnGoroutine has a handler that observes its
// context, and one that panics (claim 3.7).
func TestTimeoutEndsTheHandlerInItsOwnGoroutine(t *testing.T) {
	engine := gin.New()
	engine.Use(gin.RecoveryWithWriter(nil), Timeout(time.Second))
	engine.GET("/slow", func(c *gin.Context) {
		select {
		case <-c.Request.Context().Done():
		case <-time.After(time.Hour):
		}
		c.String(http.StatusGatewayTimeout, "too late")
	})
	engine.GET("/panic", func(*gin.Context) { panic("in the handler") })
	for _, c := range []struct {
		path          string
		leaves, takes time.Duration // when the client leaves, and how long the handler runs
		status        int
	}{
		{"/slow", time.Minute, time.Second, http.StatusGatewayTimeout},
		{"/slow", time.Millisecond, time.Millisecond, http.StatusGatewayTimeout},
		{"/panic", time.Minute, 0, http.StatusInternalServerError},
	} {
		synctest.Test(t, func(t *testing.T) {
			request, leave := context.WithTimeout(t.Context(), c.leaves)
			defer leave()
			w, began := httptest.NewRecorder(), time.Now()
			engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil).WithContext(request))
			if took := time.Since(began); w.Code != c.status || took != c.takes {
				t.Errorf("%s: the client leaves after %s: got status %d after %s, want %d after %s", c.path, c.leaves, w.Code, took, c.status, c.takes)
			}
		})
	}
}

// TestWrapRunsTheHandlersInsideWithTheNewRequest has middleware that replaces the request's
// context and cancels it at its end, as Lasting does.
func TestWrapRunsTheHandlersInsideWithTheNewRequest(t *testing.T) {
	type key struct{}
	engine := gin.New()
	engine.Use(Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(context.WithValue(r.Context(), key{}, "new"))
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}))
	engine.GET("/", func(c *gin.Context) {
		ctx := c.Request.Context()
		c.String(http.StatusOK, "%v, %v", ctx.Value(key{}), ctx.Err())
	})
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got, want := w.Body.String(), "new, <nil>"; w.Code != http.StatusOK || got != want {
		t.Errorf("got %d %q, want 200 %q: a handler inside the middleware, with its request", w.Code, got, want)
	}
}

// TestMiddlewareBeforeTimeoutAndWrapKeepsItsRequest, which is not canceled after c.Next, also
// if the handler panics: the middleware may write an audit record then.
func TestMiddlewareBeforeTimeoutAndWrapKeepsItsRequest(t *testing.T) {
	for name, middleware := range map[string]gin.HandlerFunc{
		"Timeout": Timeout(time.Hour),
		"Wrap": Wrap(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				next.ServeHTTP(w, r.WithContext(ctx))
			})
		}),
	} {
		engine := gin.New()
		engine.Use(func(c *gin.Context) {
			c.Next()
			if err := c.Request.Context().Err(); err != nil {
				t.Errorf("%s: after c.Next the middleware before %s has a request with the error %v, want its own request", c.FullPath(), name, err)
			}
		}, gin.RecoveryWithWriter(nil), middleware)
		engine.GET("/returns", func(c *gin.Context) {})
		engine.GET("/panics", func(c *gin.Context) { panic("in the handler") })
		for _, path := range []string{"/returns", "/panics"} {
			engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		}
	}
}

// TestWrapEndsTheChainIfTheMiddlewareDoes: a middleware of net/http answers itself.
func TestWrapEndsTheChainIfTheMiddlewareDoes(t *testing.T) {
	engine := gin.New()
	engine.Use(Wrap(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no token", http.StatusUnauthorized) })
	}))
	engine.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "secret") })
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got, want := w.Body.String(), "no token\n"; w.Code != http.StatusUnauthorized || got != want {
		t.Errorf("got %d %q, want 401 %q and no other handler", w.Code, got, want)
	}
}

// TestRoutersAnswerGETOnly, and Gin recovers the panic of a handler.
func TestRoutersAnswerGETOnly(t *testing.T) {
	for _, name := range names {
		h := Routers[name](Routes{"/": func(http.ResponseWriter, *http.Request) {}, "/panic": func(http.ResponseWriter, *http.Request) { panic("in the handler") }})
		for method, want := range map[string]bool{http.MethodGet: true, http.MethodPost: false} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
			if (w.Code == http.StatusOK) != want {
				t.Errorf("%s: %s got status %d", name, method, w.Code)
			}
		}
		if name == "Gin" {
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/panic", nil)); w.Code != http.StatusInternalServerError {
				t.Errorf("a handler panics behind gin.Recovery: got status %d, want 500", w.Code)
			}
		}
	}
}

// TestServerHasLimits: a body, every time, and one loopback address.
func TestServerHasLimits(t *testing.T) {
	read := make(chan error, 1)
	srv, url, err := Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for _, more := range []int{0, 1} {
		resp, err := http.Post(url, "text/plain", strings.NewReader(strings.Repeat("x", 64<<10+more)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		err = <-read
		if _, refused := errors.AsType[*http.MaxBytesError](err); refused != (more > 0) {
			t.Errorf("the handler reads a body of 64 KB and %d bytes, and gets the error %v; the limit is 64 KB", more, err)
		}
	}
	if srv.ReadHeaderTimeout == 0 || srv.ReadTimeout == 0 || srv.WriteTimeout == 0 || srv.IdleTimeout == 0 {
		t.Errorf("the server must limit the time of each part of a request, got %+v", srv)
	}
	if runtime.GOOS == "darwin" {
		return // it has no second loopback address
	}
	if conn, err := net.Dial("tcp", "127.0.0.2"+url[strings.LastIndex(url, ":"):]); err == nil {
		conn.Close()
		t.Error("the server can be reached at another address than 127.0.0.1")
	}
}

// TestArgumentsAreAnError, since the demo has none.
func TestArgumentsAreAnError(t *testing.T) {
	if status, out := child(t, "command line"); status != 2 || !strings.Contains(out, "takes no arguments") {
		t.Errorf("got status %d, want 2:\n%s", status, out)
	}
}

// TestErrorEndsTheProgram with status 1 and the reason.
func TestErrorEndsTheProgram(t *testing.T) {
	if status, out := child(t, "error"); status != 1 || out != "gin: no network\n" {
		t.Errorf("got status %d and %q, want 1 and the error", status, out)
	}
}

// TestReadLateReadsDuringTheSecondRequest: its handler is in progress until the goroutine
// of the first one has read, here an hour later.
func TestReadLateReadsDuringTheSecondRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := readLate(func(wait func(), then func(string)) gin.HandlerFunc {
			return func(c *gin.Context) {
				go func() {
					wait()
					time.Sleep(time.Hour)
					stacks := make([]byte, 1<<20)
					stacks = stacks[:runtime.Stack(stacks, true)]
					if !bytes.Contains(stacks, []byte("gin.(*Engine).ServeHTTP(")) {
						t.Error("the second request has ended before the goroutine of the first one reads")
					}
					then("what it reads")
				}()
			}
		})
		if got != "what it reads" {
			t.Errorf("got %q, want what the goroutine reads", got)
		}
	})
}

// TestOverlapSendsFastRequestsDuringTheSlowOne. Here the slow handler begins late and lasts
// until the fast ones have been sent: if overlap did not wait for its begin, they would come
// before it.
func TestOverlapSendsFastRequestsDuringTheSlowOne(t *testing.T) {
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	var err error
	if os.Stdout, err = os.Create(filepath.Join(t.TempDir(), "printed")); err != nil {
		t.Fatal(err)
	}
	defer os.Stdout.Close()
	for _, name := range names {
		original := Routers[name]
		defer func() { Routers[name] = original }()
		Routers[name] = func(routes Routes) http.Handler {
			var running atomic.Bool
			fasts := make(chan bool, 5)
			return original(Routes{
				"/slow": func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(20 * time.Millisecond)
					running.Store(true)
					routes["/slow"](w, r)
					for range cap(fasts) {
						select {
						case during := <-fasts:
							if !during {
								t.Errorf("%s: a fast request was handled before the slow one began", name)
							}
						case <-time.After(20 * time.Second):
							t.Errorf("%s: the slow request is in progress, and not all fast ones are sent", name)
							return
						}
					}
				},
				"/fast": func(w http.ResponseWriter, r *http.Request) {
					routes["/fast"](w, r)
					fasts <- running.Load()
				},
			})
		}
	}
	overlap()
}

// TestDemoPrintsWhatItMeasures, with a regular expression in « » for what differs from
// run to run. The race detector's reports of what is wrong go to a file.
func TestDemoPrintsWhatItMeasures(t *testing.T) {
	demo := exec.CommandContext(t.Context(), os.Args[0])
	demo.Env = append(os.Environ(), role+"=demo", "GORACE=exitcode=0 atexit_sleep_ms=0 log_path="+filepath.Join(t.TempDir(), "race"))
	out, err := demo.CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for _, want := range []string{`
     router       slow request    5 fast ones, sent while it runs
     net/http   «.* ([3-9]|\d\d)\d\d ms .* ms»
     Gin        «.* ([3-9]|\d\d)\d\d ms .* ms»
     chi        «.* ([3-9]|\d\d)\d\d ms .* ms»
`, `
     net/http   started by net/http/server.go:«\d+»
     Gin        started by net/http/server.go:«\d+»
     chi        started by net/http/server.go:«\d+»

     The calls that lead to Gin's handler, innermost first:

       «\S*».ginHandler.Serve
«(       \S+\n)+»       github.com/gin-gonic/gin.(*Engine).ServeHTTP
       «\S*».(*limitBody).ServeHTTP
       net/http.serverHandler.ServeHTTP
       net/http.(*conn).serve

`, `
     (*gin.Engine).Run    gin@«\S+»/gin.go:«\d+»
                          «.*»ListenAndServe(«.*»
`, `
     the goroutine of ada's request reads c itself (wrong)   and gets «(bob|ada)»
     the goroutine of ada's request reads c.Copy()           and gets ada
`, `
     c.Param("user")          ada
     c.GetString("role")      admin
     c.Request.Context()      context canceled
     reading c.Request.Body   http: invalid Read on closed Body
     writing with c.String    panic: … nil pointer dereference
`, `
     ContextWithFallback = false   c.Err() is <nil>
     ContextWithFallback = true    c.Err() is context canceled
`, `
     Timeout                      status 500, and the server goes on
`} {
		pattern := ""
		for text := range strings.SplitSeq(want, "«") {
			if differs, rest, ok := strings.Cut(text, "»"); ok {
				pattern, text = pattern+differs, rest
			}
			pattern += regexp.QuoteMeta(text)
		}
		if !regexp.MustCompile(pattern).Match(out) {
			t.Errorf("the demo does not print%s", want)
		}
	}
	if t.Failed() {
		t.Logf("it prints\n%s", out)
	}
}
