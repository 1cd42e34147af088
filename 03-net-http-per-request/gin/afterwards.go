package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// A Remainder is what works of a copied *gin.Context when the handler has returned.
type Remainder struct {
	Param, Key string // copied
	Context    error  // of the request's context: it is shared, and canceled
	Body       error  // of reading the body: it is shared, and closed
	Write      any    // the value of the panic: the copy has no connection to write to
}

// Inspect tries everything. c is a copy, and its handler has returned.
func Inspect(c *gin.Context) (r Remainder) {
	r.Param, r.Key = c.Param("user"), c.GetString("role")
	r.Context = c.Request.Context().Err()
	_, r.Body = io.ReadAll(c.Request.Body)
	defer func() { r.Write = recover() }()
	c.String(http.StatusOK, "too late")
	return r
}

// Audit gives work that outlives the request what is right for it. Before the handler
// returns it reads what the work needs. The work gets values, not c, and a context
// that keeps the request's values but not its cancellation, with a timeout of its
// own. What any such goroutine needs besides, a limit on the number, recover and a
// drain at shutdown, is in chapter 04.
func Audit(work func(ctx context.Context, user, body string)) gin.HandlerFunc {
	return func(c *gin.Context) {
		user := c.Param("user")
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			c.String(http.StatusBadRequest, "the body cannot be read")
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), time.Minute)
		go func() {
			defer cancel()
			work(ctx, user, string(body))
		}()
		c.Status(http.StatusAccepted)
	}
}

// InspectCopy serves a request that copies its context, and inspects the copy
// when net/http has finished that request.
func InspectCopy() (r Remainder, err error) {
	finished, found := make(chan struct{}), make(chan Remainder, 1)
	engine := gin.New()
	engine.POST("/hello/:user", func(c *gin.Context) {
		c.Set("role", "admin")
		mine := c.Copy()
		go func() {
			<-finished
			found <- Inspect(mine)
		}()
	})
	if err := twoRequests(engine, func() { close(finished) }); err != nil {
		return r, err
	}
	return <-found, nil
}

// twoRequests sends a POST /hello/ada, and then another request over the same
// connection, whose handler calls second. By then the first one has ended.
func twoRequests(engine *gin.Engine, second func()) error {
	engine.GET("/second", func(*gin.Context) { second() })
	srv, url, err := Start(engine)
	if err != nil {
		return err
	}
	defer srv.Close()
	client := http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for _, r := range []struct{ method, path, body string }{{"POST", "/hello/ada", "a body"}, {"GET", "/second", ""}} {
		req, err := http.NewRequest(r.method, url+r.path, strings.NewReader(r.body))
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		if resp.StatusCode >= 400 {
			return fmt.Errorf("%s %s: status %d", r.method, r.path, resp.StatusCode)
		}
	}
	return nil
}
