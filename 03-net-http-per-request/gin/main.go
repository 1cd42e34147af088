// Command gin shows chapter 03 on the real Gin: it is an http.Handler, so
// net/http's goroutines run it. chi, another framework, is there for comparison.
//
//	go run .            the demonstration
//	go test -race -v .  its proofs
package main

import (
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
		fmt.Fprint(flag.CommandLine.Output(), "Usage: go run .\n\nShows chapter 03 on the real Gin. It has no flags.\n")
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
	fmt.Print("\nProof:  go test -race -v .\nNext:   back in the course, go run ./04-handler-goroutine-pitfall\n")
}

// overlap sends a slow request, and then fast ones.
func overlap() {
	claim("3.1", "A slow request holds up nobody, and no handler had to ask for that.")
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
		fmt.Printf("     %-10s %14s %34s\n", name, (<-ended).Round(time.Millisecond), took.Round(10*time.Microsecond))
		check(srv.Close())
	}
	read("The fast ones do not wait for the slow one, whatever router is between.")
}

// whoseGoroutine shows who started the goroutine of a handler, and what is between.
func whoseGoroutine() {
	claim("3.2", "A handler's goroutine is net/http's, in a framework too.")
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
	fmt.Print("\n     Gin's handler was called by, innermost first:\n\n")
	for _, call := range last.Calls[1:] {
		fmt.Println("       " + call)
		if strings.HasSuffix(call, "(*conn).serve") {
			break
		}
	}
	read("The same line of net/http for all. Gin's functions are calls in the middle",
		"of the goroutine that the server started for the connection.")
}

func place(o Origin) string {
	_, file, _ := strings.Cut(strings.ReplaceAll(o.File, "\\", "/"), "/src/")
	if file == "" {
		file = o.File
	}
	return fmt.Sprintf("%s:%d", file, o.Line)
}

// run shows what Gin's Run calls, in the version that is installed.
func run() {
	claim("3.5", "A framework is an http.Handler, so it inherits all this.")
	var _ http.Handler = gin.New() // the compiler's own proof
	where, line, err := RunEndsIn((*gin.Engine).Run)
	check(err)
	fmt.Printf("     (*gin.Engine).Run    %s\n                          %s\n", where, line)
	read("That is net/http's. It sets no timeouts: in production make an http.Server",
		"of your own, with gin's engine as its Handler.")
}

// lateContext lets a goroutine read the context of a request that has been answered.
func lateContext() {
	fmt.Print("\nA pitfall of its own: the *gin.Context after the handler\n\n")
	for _, way := range []struct {
		name    string
		handler func(wait func(), then func(string)) gin.HandlerFunc
	}{{"c itself (wrong)", Late}, {"c.Copy()", Copied}} {
		read := "ada"
		for range 1000 { // until Gin takes the same context for both, which is nearly always
			if read = readLate(way.handler); read != "ada" {
				break
			}
		}
		fmt.Printf("     ada's goroutine reads %-18s and finds  %s\n", way.name, read)
	}
	read("Gin keeps used contexts for the next requests. Here bob's came before",
		"ada's goroutine had read its name.")
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

func claim(id, sentence string) { fmt.Printf("\n%s  %s\n\n", id, sentence) }

func read(how ...string) { fmt.Printf("\n     → %s\n", strings.Join(how, "\n       ")) }

// check ends the program when the machine does not let it do its work.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gin:", err)
		os.Exit(1)
	}
}
