// Fails with: at most 8 ran at the same time, want all 400

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
func CheckAll(services []Service) []error {
	errs := make([]error, len(services))
	var wg sync.WaitGroup
	places := make(chan bool, 8)
	for i, s := range services {
		places <- true
		wg.Go(func() {
			defer func() { <-places }()
			defer func() {
				if r := recover(); r != nil {
					errs[i] = fmt.Errorf("%s: the check panicked: %v", s.Name, r)
				}
			}()
			errs[i] = s.Check()
		})
	}
	wg.Wait()
	return errs
}
