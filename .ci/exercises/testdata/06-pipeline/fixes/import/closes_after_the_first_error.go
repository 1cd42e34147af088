// Fails with: Which goroutine knows that all senders have returned?

package exercise

// Import loads all files at the same time. It returns the first error as soon as
// load returns one, without waiting for the other files, or nil when all are
// loaded. A load that is in progress goes on; its goroutine must end after it.
func Import(files []string, load func(file string) error) error {
	errs := make(chan error)
	defer close(errs)
	for _, file := range files {
		go func() { errs <- load(file) }()
	}
	for range files {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}
