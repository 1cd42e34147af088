// Says: are not in their places

// Package exercise asks the services that a web application depends on whether
// they are up. The task is in README.md; this is the one file to change.
package exercise

import (
	"fmt"
	"sync"
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
	errs := make([]error, len(services))
	type failure struct {
		i   int
		err error
	}
	panics := make(chan failure, len(services))
	all := make(chan bool)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, s := range services {
		wg.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					panics <- failure{i, fmt.Errorf("%s: the check panicked: %v", s.Name, r)}
				}
			}()
			err := s.Check()
			mu.Lock()
			errs[i] = err
			mu.Unlock()
		})
	}
	go func() { wg.Wait(); close(all) }()
	select {
	case p := <-panics:
		mu.Lock()
		defer mu.Unlock()
		got := append([]error(nil), errs...)
		got[p.i] = p.err
		return got
	case <-all:
		return errs
	}
}
