// Fails with: want nil after 20s

package exercise

// Import loads all files at the same time. It returns the first error as soon as
// load returns one, without waiting for the other files, or nil when all are
// loaded. A load that is in progress goes on; its goroutine must end after it.
func Import(files []string, load func(file string) error) error {
	for _, file := range files {
		if err := load(file); err != nil {
			return err
		}
	}
	return nil
}
