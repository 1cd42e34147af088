//go:build unix

package contract

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ownGroup keeps a Ctrl-C in the terminal from ending the process as well.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a process and all that it has started.
func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// killAll kills a process, its group and its children in other groups, and returns when
// the children are gone: each process of PostgreSQL is in a session of its own, and
// while one of them is alive the server cannot start again.
func killAll(cmd *exec.Cmd) {
	syscall.Kill(cmd.Process.Pid, syscall.SIGSTOP) // so that it starts no further ones
	var children []int
	for child, p := range processes() {
		if p.parent == cmd.Process.Pid {
			children = append(children, child)
			syscall.Kill(child, syscall.SIGKILL)
		}
	}
	killGroup(cmd)
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		now := processes()
		if !slices.ContainsFunc(children, func(child int) bool {
			p, ok := now[child]
			return ok && p.state[0] != 'Z' // a zombie holds nothing, and not every init removes it
		}) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
}

type process struct {
	parent int
	state  string
}

// processes returns all processes by their ids. It returns none where ps is missing.
func processes() map[int]process {
	all := make(map[int]process)
	table, _ := exec.Command("ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	for line := range strings.Lines(string(table)) {
		var pid int
		var p process
		if n, _ := fmt.Sscan(line, &pid, &p.parent, &p.state); n == 3 {
			all[pid] = p
		}
	}
	return all
}
