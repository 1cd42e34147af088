// Fails with: the fake clock of the check has stopped: a goroutine blocks on a WaitGroup or a channel at package level, at checkall.go:

// Package exercise checks the services that a web application depends on.
// README.md describes the task; checkall.go is the only file to change.
package exercise

import (
	"fmt"
	"sync"
)

// A Service is something that a page depends on: a database, a mail server.
type Service struct {
	Name  string
	Check func() error // nil if the service is up; may take seconds, may panic
}

// CheckAll runs all checks concurrently and returns when the last one has ended.
// The errors are in the order of the services, nil for a service that is up. A
// check that panics yields an error and does not affect the other checks.
var wg sync.WaitGroup

func CheckAll(services []Service) []error {
	errs := make([]error, len(services))
	for i, s := range services {
		wg.Go(func() { errs[i] = safe(s) })
	}
	wg.Wait()
	return errs
}

func safe(s Service) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s panicked: %v", s.Name, r)
		}
	}()
	return s.Check()
}
