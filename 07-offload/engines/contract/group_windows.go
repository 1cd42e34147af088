package contract

import "os/exec"

func ownGroup(*exec.Cmd)      {}
func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }
func killAll(cmd *exec.Cmd)   { cmd.Process.Kill() }
