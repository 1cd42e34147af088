// Fails with: every file fails immediately: Import returned <nil>

package exercise

import (
	"sync"
)

// Import loads all files at the same time. It returns the first error as soon as
// load returns one, without waiting for the other files, or nil when all are
// loaded. A load that is in progress goes on; its goroutine must end after it.
func Import(files []string, load func(file string) error) error {
	errs := make(chan error, 1)
	var wg sync.WaitGroup
	for _, file := range files {
		wg.Go(func() {
			if err := load(file); err != nil {
				select {
				case errs <- err:
				default:
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case err := <-errs:
		return err
	case <-done:
		return nil
	}
}
