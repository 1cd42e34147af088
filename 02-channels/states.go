package main

import "fmt"

// A State is a condition that a channel can be in.
type State struct {
	Name string
	Make func() chan int // returns a channel in that state
}

// States are all states of a channel that no other goroutine uses.
var States = []State{
	{"nil", func() chan int { return nil }},
	{"unbuffered", func() chan int { return make(chan int) }},
	{"buffered, empty", func() chan int { return make(chan int, 2) }},
	{"buffered, one value", func() chan int { return filled(2, 1) }},
	{"buffered, full", func() chan int { return filled(1, 1) }},
	{"closed, one value", func() chan int { c := filled(2, 1); close(c); return c }},
	{"closed, empty", func() chan int { c := make(chan int, 2); close(c); return c }},
}

// filled returns a channel of the given capacity with n values, all 7, in its buffer.
func filled(capacity, n int) chan int {
	c := make(chan int, capacity)
	for range n {
		c <- 7
	}
	return c
}

// Operations are what a program can do with a channel.
var Operations = []func(chan int) string{Send, Receive, Close}

// Send tries to send on c and returns the outcome. It never blocks: if the send cannot
// proceed, select takes its default.
func Send(c chan int) string {
	select {
	case c <- 1:
		return "proceeds"
	default:
		return "blocks"
	}
}

// Receive tries to receive from c and returns the outcome. It never blocks, either.
func Receive(c chan int) string {
	select {
	case v, ok := <-c:
		return fmt.Sprintf("%d, %t", v, ok)
	default:
		return "blocks"
	}
}

// Close closes c. It leaves a panic to Try.
func Close(c chan int) string {
	close(c)
	return "proceeds"
}

// Try applies an operation to c. The outcome is what the operation returns, or
// "panics" with the panic's message.
func Try(operation func(chan int) string, c chan int) (outcome, message string) {
	defer func() {
		if v := recover(); v != nil {
			outcome, message = "panics", fmt.Sprint(v)
		}
	}()
	return operation(c), ""
}

// Drain receives from c until it is closed and empty, and returns how many
// values it received. On a channel that is never closed it blocks forever.
func Drain(c <-chan int) (values int) {
	for range c {
		values++
	}
	return values
}
