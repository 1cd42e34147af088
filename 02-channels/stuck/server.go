//go:build ignore

// A server with the same deadlock as Deadlock, and a listener open. Section 2.7
// builds and runs it, and asks it for the state of its main goroutine: with the
// server's address as its argument this program is a client.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
)

func main() {
	if len(os.Args) == 2 {
		client(os.Args[1])
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	go serve(listener)
	letters := make(chan string)
	fmt.Println(<-letters) // no goroutine sends
}

// serve answers each connection with the state of the main goroutine, such as
// "goroutine 1 [chan receive]".
func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		stacks := make([]byte, 64<<10)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.HasPrefix(stack, "goroutine 1 ") {
				state, _, _ := strings.Cut(stack, ":\n")
				fmt.Fprintln(conn, state)
			}
		}
		conn.Close()
	}
}

func client(address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	io.Copy(os.Stdout, conn)
}
