// Says: each belongs in the place of its service, whoever ends first

// Package exercise asks the services that a web application depends on whether
// they are up. The task is in README.md; this is the one file to change.
package exercise

import (
	"fmt"
)

// A Service is something that a page depends on: a database, a mail server.
type Service struct {
	Name  string
	Check func() error // asks it; may take seconds, and may panic
}

// CheckAll asks all services at the same time, waits for every answer, and
// returns the errors in the order of the services: nil for one that is up. A
// check that panics is an error like any other, and costs no other its answer.
func CheckAll(services []Service) []error {
	done := make(chan error)
	for _, s := range services {
		go func() {
			var err error
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("panic: %v", r)
				}
				done <- err
			}()
			err = s.Check()
		}()
	}
	var errs []error
	for range services {
		errs = append(errs, <-done)
	}
	return errs
}
