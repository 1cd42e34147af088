// Command gin shows the claims of chapter 03 with the real Gin: it is an
// http.Handler, so goroutines of net/http run it. chi, another framework, is
// there for comparison.
//
//	go run .            the demo
//	go test -race -v .  its tests
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: go run .\n\nShows the claims of chapter 03 with the real Gin. It has no flags.\n")
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "gin: takes no arguments, got %q\n", flag.Args())
		os.Exit(2)
	}
	gin.SetMode(gin.ReleaseMode)

	fmt.Println("03 · Gin: a framework inherits net/http's concurrency")
	overlap()
	whoseGoroutine()
	run()
	lateContext()
	copied()
	fallback()
	middleware()
	fmt.Print("\nTests:  go test -race -v .\nNext:   in the folder of the course, go run ./04-handler-goroutine-pitfall\n")
}

// overlap sends a slow request, and fast ones while it runs.
func overlap() {
	claim("3.1", "Handlers run concurrently; a slow request does not delay the others.")
	const slow, fasts = 300 * time.Millisecond, 5
	fmt.Printf("     %-10s %14s %34s\n", "router", "slow request", "5 fast ones, sent while it runs")
	for _, name := range names {
		began := make(chan struct{})
		srv, url, err := Start(Routers[name](Routes{
			"/slow": func(http.ResponseWriter, *http.Request) { close(began); time.Sleep(slow) },
			"/fast": func(http.ResponseWriter, *http.Request) {},
		}))
		check(err)
		start := time.Now()
		ended := make(chan time.Duration, 1)
		go func() {
			check(get(url + "/slow"))
			ended <- time.Since(start)
		}()
		<-began
		fast := time.Now()
		for range fasts {
			check(get(url + "/fast"))
		}
		took := time.Since(fast)
		fmt.Printf("     %-10s %11.0f ms %31.2f ms\n", name, 1e3*(<-ended).Seconds(), 1e3*took.Seconds())
		check(srv.Close())
	}
	takeaway("The fast requests do not wait for the slow one, with any router.")
}

// whoseGoroutine prints the line that started the handler's goroutine, and the calls in between.
func whoseGoroutine() {
	claim("3.2", "net/http starts the handler's goroutine, with a framework, too.")
	var last Origin
	for _, name := range names {
		found := make(chan Origin, 1)
		srv, url, err := Start(Routers[name](Routes{"/": WhoAmI(found)}))
		check(err)
		check(get(url + "/"))
		o := <-found
		fmt.Printf("     %-10s started by %s\n", name, place(o))
		if name == "Gin" {
			last = o
		}
		check(srv.Close())
	}
	fmt.Print("\n     The calls that lead to Gin's handler, innermost first:\n\n")
	for _, call := range last.Calls[1:] {
		fmt.Println("       " + call)
		if strings.HasSuffix(call, "(*conn).serve") {
			break
		}
	}
	takeaway("The same line of net/http for all. Gin's functions are calls in the",
		"goroutine that the server started for the connection.")
}

func place(o Origin) string {
	_, file, _ := strings.Cut(strings.ReplaceAll(o.File, "\\", "/"), "/src/")
	if file == "" {
		file = o.File
	}
	return fmt.Sprintf("%s:%d", file, o.Line)
}

// run prints what Run calls in the installed version of Gin.
func run() {
	claim("3.5", "A framework built on net/http inherits all this: Gin too.")
	var _ http.Handler = gin.New() // the compiler checks it
	where, line, err := RunEndsIn((*gin.Engine).Run)
	check(err)
	fmt.Printf("     (*gin.Engine).Run    %s\n                          %s\n", where, line)
	takeaway("ListenAndServe is net/http's. Run sets no timeouts: in production make an",
		"http.Server of your own, with Gin's engine as its Handler.")
}

// lateContext lets a goroutine read a *gin.Context after its handler has returned.
func lateContext() {
	heading("Gin: a *gin.Context is reused for other requests after its handler has returned.")
	for _, way := range []struct {
		name    string
		handler func(wait func(), then func(string)) gin.HandlerFunc
	}{{"c itself (wrong)", Late}, {"c.Copy()", Copied}} {
		got := "ada"
		for range 1000 { // until Gin uses the same context for both, which is nearly always
			if got = readLate(way.handler); got != "ada" {
				break
			}
		}
		fmt.Printf("     the goroutine of ada's request reads %-17s  and gets %s\n", way.name, got)
	}
	takeaway("Here bob's request came before the goroutine read the name. It is a data",
		"race, too. Pass c.Copy(), or better the values that the work needs.")
}

// readLate serves a request of ada, then one of bob, and returns the name that ada's goroutine reads after that.
func readLate(handler func(wait func(), then func(string)) gin.HandlerFunc) string {
	bob, found := make(chan struct{}), make(chan string, 2)
	engine := gin.New()
	engine.GET("/hello/:user", handler(func() { <-bob }, func(user string) { found <- user }))
	engine.GET("/other/:user", func(*gin.Context) {
		close(bob)
		found <- <-found // until ada's goroutine has read
	})
	for _, path := range []string{"/hello/ada", "/other/bob"} {
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	return <-found
}

// copied prints what works of a copy after the handler has returned.
func copied() {
	heading("Gin: c.Copy() copies parameters and keys, but shares the request.")
	r, err := InspectCopy()
	check(err)
	const format = "     %-24s %v\n"
	fmt.Print("     the copy, when its handler has returned\n\n")
	fmt.Printf(format, `c.Param("user")`, r.Param)
	fmt.Printf(format, `c.GetString("role")`, r.Key)
	fmt.Printf(format, "c.Request.Context()", r.Context)
	fmt.Printf(format, "reading c.Request.Body", r.Body)
	fmt.Printf(format, "writing with c.String", "panic: … "+strings.TrimPrefix(fmt.Sprint(r.Write), "runtime error: invalid memory address or "))
	takeaway("Work that outlives the request must read its input before the handler",
		"returns. Its context is context.WithoutCancel(c.Request.Context()) with a",
		"timeout: see Audit in afterwards.go.")
}

// fallback passes c as a context.Context when the client has disconnected.
func fallback() {
	heading("Gin: as a context.Context, c is canceled only with ContextWithFallback.")
	fmt.Print("     the client has disconnected: c.Request.Context() is canceled\n\n")
	for _, on := range []bool{false, true} {
		request, cancel := context.WithCancel(context.Background())
		engine := gin.New()
		engine.ContextWithFallback = on
		engine.GET("/", func(c *gin.Context) {
			cancel()
			fmt.Printf("     ContextWithFallback = %-5t   c.Err() is %v\n", on, c.Err())
		})
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(request))
	}
	takeaway("By default db.QueryContext(c, …) is never canceled. Pass",
		"c.Request.Context().")
}

// middleware shows a handler that panics, behind two middlewares with a timeout.
func middleware() {
	heading("Gin: middleware that starts a goroutine takes the handler out of Recovery.")
	fmt.Println("     a handler that panics, behind gin.Recovery and")
	engine := gin.New()
	engine.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }), Timeout(time.Minute))
	engine.GET("/", func(*gin.Context) { panic("in the handler") })
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Printf("     %-28s status %d, and the server goes on\n", "Timeout", w.Code)
	fmt.Printf("     %-28s the process ends (a test shows it)\n", "TimeoutInGoroutine (wrong)")
	takeaway("Set a deadline on the request's context and call c.Next() in the same",
		"goroutine, as Timeout in middleware.go does.")
}

func claim(id, sentence string) { heading(id + "  " + sentence) }

func heading(text string) { fmt.Printf("\n%s\n\n", text) }

func takeaway(lines ...string) { fmt.Printf("\n     → %s\n", strings.Join(lines, "\n       ")) }

// check ends the program with an error that is not part of the demo.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gin:", err)
		os.Exit(1)
	}
}
