package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// roles are what a child process of this program can do: see roles.go.
var roles = map[string]func(argument string){
	"main returns first": func(string) { MainReturnsFirst() },
	"main waits":         func(string) { MainWaits() },
	"panic":              func(string) { PanicEndsProgram() },
	"shared error": func(string) {
		left := strings.Split(SharedError(tasksThatFail).Error(), "\n") // one line for each error
		fmt.Println(len(left), "of", len(tasksThatFail), "errors")
	},
	"busy": func(argument string) {
		runtime.GOMAXPROCS(1)
		limit, _ := strconv.ParseInt(argument, 10, 64)
		fmt.Print(OthersRun(limit))
	},
	"crowd": func(argument string) {
		n, _ := strconv.Atoi(argument)
		usedMemory, usedThreads := memory(), threads()
		crowd := NewCrowd()
		crowd.Grow(n)
		fmt.Println((memory()-usedMemory)/uint64(n), crowd.Alive(), threads()-usedThreads)
		crowd.Leave()
	},
	"start": func(argument string) {
		n, _ := strconv.Atoi(argument)
		fmt.Println(NewCrowd().Grow(n))
	},
	// The runtime ends the child where the system refuses n threads.
	"thread each": func(argument string) {
		n, _ := strconv.Atoi(argument)
		took := NewThreadCrowd().Grow(n)
		fmt.Println(threads(), took)
	},
}

// threadEach starts n goroutines that keep an OS thread each, in a child process
// that run starts. It returns an error if the system refuses n threads.
func threadEach(n int, run func(role, argument string, env ...string) (string, int, error)) (threads int, took time.Duration, err error) {
	out, status, err := run("thread each", strconv.Itoa(n))
	if err != nil {
		return 0, 0, err
	}
	var text string
	_, err = fmt.Sscan(out, &threads, &text)
	if err == nil {
		took, err = time.ParseDuration(text)
	}
	if err != nil || status != 0 {
		first, _, _ := strings.Cut(out, "\n")
		return 0, 0, fmt.Errorf("refused by this system: %s", first)
	}
	return threads, took, nil
}
