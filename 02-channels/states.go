package main

import "fmt"

// A State is a condition that a channel can be in.
type State struct {
	Name string
	Make func() chan int // a channel in that state
}

// States are all there are, for a channel of int.
var States = []State{
	{"nil", func() chan int { return nil }},
	{"open, empty", func() chan int { return make(chan int, 2) }},
	{"open, one inside", func() chan int { return filled(2, 1) }},
	{"open, full", func() chan int { return filled(1, 1) }},
	{"closed, one inside", func() chan int { c := filled(2, 1); close(c); return c }},
	{"closed, empty", func() chan int { c := make(chan int, 2); close(c); return c }},
}

// filled returns a channel with room for capacity values and n of them, all 7, inside.
func filled(capacity, n int) chan int {
	c := make(chan int, capacity)
	for range n {
		c <- 7
	}
	return c
}

// Send, Receive and Close are the operations. Each tells what came of it and
// never waits: a select with a default does what can be done at once, and else
// takes the default.

func Send(c chan int) string {
	select {
	case c <- 1:
		return "passes"
	default:
		return "waits"
	}
}

func Receive(c chan int) string {
	select {
	case v, ok := <-c:
		return fmt.Sprintf("gives %d, %t", v, ok)
	default:
		return "waits"
	}
}

func Close(c chan int) string {
	close(c)
	return "passes"
}

// Try does operation with c and returns what came of it: "passes", "waits",
// what was received, or "panics". The message of the panic comes along.
func Try(operation func(chan int) string, c chan int) (outcome, message string) {
	defer func() {
		if v := recover(); v != nil {
			outcome, message = "panics", fmt.Sprint(v)
		}
	}()
	return operation(c), ""
}

// Drain ranges over c and returns how many values it got. It ends when c is
// closed and empty; on a channel that nobody closes it waits for ever.
func Drain(c <-chan int) (values int) {
	for range c {
		values++
	}
	return values
}
