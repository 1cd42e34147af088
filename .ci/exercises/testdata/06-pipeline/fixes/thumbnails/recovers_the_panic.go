// Fails with: Which goroutine knows that all senders have returned?

package exercise

// Thumbnails is a stage with several workers: they shrink the images and send the
// results, in any order, on one channel. It is closed after the last result.
func Thumbnails(workers int, images <-chan string, shrink func(image string) string) <-chan string {
	thumbnails := make(chan string)
	for range workers {
		go func() {
			defer func() { recover() }()
			defer close(thumbnails)
			for image := range images {
				thumbnails <- shrink(image)
			}
		}()
	}
	return thumbnails
}
