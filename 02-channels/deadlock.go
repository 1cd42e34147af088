package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Deadlock is wrong: the only goroutine blocks on a channel on which no other
// goroutine can send. The runtime reports that and exits with status 2.
func Deadlock() {
	letters := make(chan string)
	fmt.Println(<-letters)
}

//go:embed stuck/server.go
var stuckServer string

// RunStuckServer builds and runs stuck/server.go, which has the same deadlock
// and a listener open. It returns the state in which its main goroutine stays,
// and what the runtime reports.
func RunStuckServer() (state, reported string, err error) {
	dir, err := os.MkdirTemp("", "stuck")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "server.exe")
	if err := buildStuckServer(program); err != nil {
		return "", "", err
	}
	var stderr strings.Builder
	server := exec.Command(program)
	server.Stderr = &stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		return "", "", err
	}
	if err := server.Start(); err != nil {
		return "", "", err
	}
	address := bufio.NewScanner(stdout)
	address.Scan()
	for blocked := 0; err == nil && blocked < 2; { // twice: between two answers the server was idle
		var answer []byte
		answer, err = exec.Command(program, address.Text()).Output()
		if state = strings.TrimSpace(string(answer)); strings.HasSuffix(state, "[chan receive]") {
			blocked++
		}
	}
	server.Process.Kill()
	server.Wait()
	return state, stderr.String(), err
}

// buildStuckServer builds the server without cgo: in a program that uses cgo, as
// package net may, the runtime never reports a deadlock.
func buildStuckServer(program string) error {
	file := program + ".go"
	if err := os.WriteFile(file, []byte(stuckServer), 0o644); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-race=false", "-o", program, file)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
