package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// roles are what a child process of this program can do: see roles.go. The
// argument is a number, where the role takes one.
var roles = map[string]func(argument string){
	"main returns first": func(string) { MainReturnsFirst() },
	"main waits":         func(string) { MainWaits() },
	"panic":              func(string) { PanicEndsProgram() },
	"shared error": func(string) {
		left := strings.Split(SharedError(tasksThatFail).Error(), "\n") // one line for each error
		fmt.Println(len(left), "of", len(tasksThatFail), "errors")
	},
	// Prints whether another goroutine ran while one was busy on the only CPU.
	"busy": func(argument string) {
		runtime.GOMAXPROCS(1)
		limit, _ := strconv.ParseInt(argument, 10, 64)
		fmt.Print(OthersRun(limit))
	},
	// Prints the bytes per goroutine, how many are alive, and how many threads they added.
	"crowd": func(argument string) {
		n, _ := strconv.Atoi(argument)
		usedMemory, usedThreads := memory(), threads()
		crowd := NewCrowd()
		crowd.Grow(n)
		fmt.Println((memory()-usedMemory)/uint64(n), crowd.Alive(), threads()-usedThreads)
		crowd.Leave()
	},
	// Prints the time to start a crowd.
	"start": func(argument string) {
		n, _ := strconv.Atoi(argument)
		fmt.Println(NewCrowd().Grow(n))
	},
	// Prints how many threads there are, and the time to start them. The runtime
	// ends the child where the system refuses n threads.
	"thread each": func(argument string) {
		n, _ := strconv.Atoi(argument)
		took := NewThreadCrowd().Grow(n)
		fmt.Println(threads(), took)
	},
}

// threadEach starts n goroutines that keep an OS thread each, in a child process
// that run starts: runRole, or the same for another build. It returns how many
// threads the child then had, and the time to start them; or an error if the
// system refuses n threads.
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
