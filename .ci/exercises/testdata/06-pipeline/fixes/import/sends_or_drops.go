// Fails with: deadlock: no goroutine can proceed

package exercise

// Import loads all files at the same time. It returns the first error as soon as
// load returns one, without waiting for the other files, or nil when all are
// loaded. A load that is in progress goes on; its goroutine must end after it.
func Import(files []string, load func(file string) error) error {
	errs := make(chan error)
	for _, file := range files {
		go func() {
			select {
			case errs <- load(file):
			default:
			}
		}()
	}
	for range files {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}
