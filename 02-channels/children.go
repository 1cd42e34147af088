package main

import (
	"regexp"
	"strings"
)

// roles are what a child process of this program can do: see roles.go.
var roles = map[string]func(string){
	"deadlock":        func(string) { Deadlock() },
	"shared total":    func(string) { CountShared([]int{1, 2}, []int{3, 4}) },
	"lock twice":      func(string) { new(Account).WithdrawLockingTwice(1) },
	"read-lock twice": func(string) { ReadLockTwice() },
	"unordered locks": func(string) { transferBothWays() },
}

// runDeadlock runs a role that deadlocks and returns the runtime's message and the states of
// the goroutines that are blocked, such as "[sync.Mutex.Lock]".
func runDeadlock(role string) (message, states string) {
	if raceDetector() {
		return "not reported by a program that is built with -race", ""
	}
	out, _, err := runRole(role, "")
	if err != nil {
		return err.Error(), ""
	}
	message, _, _ = strings.Cut(out, "\n")
	for _, m := range goroutineState.FindAllStringSubmatch(out, -1) {
		states += m[1] + " "
	}
	return message, strings.TrimSpace(states)
}

var goroutineState = regexp.MustCompile(`(?m)^goroutine \d+ (?:gp=\S+ m=\S+ )?(\[[^]]+\]):`)
