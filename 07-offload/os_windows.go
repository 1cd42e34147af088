package main

import (
	"fmt"
	"os"
	"syscall"
)

// lock keeps other brokers out of a directory, as on Unix: the file is open, and not shared.
func lock(path string) (release func(), err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, fmt.Errorf("another broker uses this directory: %s is locked: %w", path, err)
	}
	file := os.NewFile(uintptr(handle), path)
	return func() { file.Close() }, nil
}

// ownGroup keeps a Ctrl-C in the console from a child.
var ownGroup = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
