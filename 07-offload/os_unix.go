//go:build !windows

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock keeps other brokers out of a directory until release is called or this
// process ends, however it ends: the system lets go of the lock then.
func lock(path string) (release func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("another broker uses this directory: %s is locked", path)
		}
		return nil, err
	}
	return func() { file.Close() }, nil
}

// ownGroup keeps a Ctrl-C, which a terminal sends to its foreground process group,
// from a child: the child ends when its starter does, not before.
var ownGroup = &syscall.SysProcAttr{Setpgid: true}
