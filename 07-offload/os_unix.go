//go:build !windows

package main

import (
	"fmt"
	"os"
	"syscall"
)

// lock keeps other brokers out of a directory until release is called, or this process ends in any way.
func lock(path string) (release func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("another broker uses this directory: %s is locked: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// ownGroup keeps a Ctrl-C, which a terminal sends to its foreground process group,
// from a child: the child ends when its parent does, not before.
var ownGroup = &syscall.SysProcAttr{Setpgid: true}
