package main

import (
	"os"
	"os/exec"
)

// Windows has no signals for other processes, and no such limits.

func interruptGroup(*exec.Cmd) {}
func inTrouble()               {}
func pause(*Process)           {}
func resume(*Process)          {}

var troubles []struct {
	name       string
	begin, end os.Signal
}
