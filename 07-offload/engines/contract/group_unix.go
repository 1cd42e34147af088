//go:build unix

package contract

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a Ctrl-C in the terminal from ending the process beside us.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a process and all that it has started.
func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
