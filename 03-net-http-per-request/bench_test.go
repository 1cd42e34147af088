package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
)

// BenchmarkRequest measures a request to an empty handler, and what a router
// and a connection of its own add to that.
func BenchmarkRequest(b *testing.B) {
	hello := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }
	router := &Router{}
	router.Use(func(next http.Handler) http.Handler { return next })
	router.Handle("GET", "/", hello)
	bare := make(map[int]float64) // ns for a request on a kept-alive connection, by CPUs
	for _, c := range []struct {
		name    string
		handler http.Handler
		client  http.Client
	}{
		{"kept-alive", http.HandlerFunc(hello), http.Client{Transport: &http.Transport{}}},
		{"router", router, http.Client{Transport: &http.Transport{}}},
		{"own-connection", http.HandlerFunc(hello), http.Client{Transport: &http.Transport{DisableKeepAlives: true}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			srv := NewServer(c.handler)
			addr, err := Start(srv)
			if err != nil {
				b.Fatal(err)
			}
			defer srv.Close()
			defer c.client.CloseIdleConnections()
			for b.Loop() {
				response, err := c.client.Get("http://" + addr)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			each, cpus := float64(b.Elapsed())/float64(b.N), runtime.GOMAXPROCS(0)
			if c.name == "kept-alive" {
				bare[cpus] = each
			} else if bare[cpus] > 0 {
				b.ReportMetric(each/bare[cpus], "×kept-alive")
			}
		})
	}
}

// BenchmarkIdleConnection measures the memory of a connection on which one
// request was answered: its goroutine's stack and the
// buffers of net/http. The clients are bare connections and use little memory.
func BenchmarkIdleConnection(b *testing.B) {
	const connections = 1000
	inUse := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapInuse + m.StackInuse)
	}
	for b.Loop() {
		srv := NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
		addr, err := Start(srv)
		if err != nil {
			b.Fatal(err)
		}
		before, open := inUse(), make([]net.Conn, 0, connections)
		for range connections {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			open = append(open, conn)
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, response.Body)
		}
		b.ReportMetric((inUse()-before)/connections, "B/connection")
		for _, conn := range open {
			conn.Close()
		}
		srv.Close()
	}
}
