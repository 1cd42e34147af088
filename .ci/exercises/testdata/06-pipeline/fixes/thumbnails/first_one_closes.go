// Fails with: Which goroutine knows that all senders have returned?

package exercise

import "sync"

// Thumbnails is a stage with several workers: they shrink the images and send the
// results, in any order, on one channel. It is closed after the last result.
func Thumbnails(workers int, images <-chan string, shrink func(image string) string) <-chan string {
	thumbnails := make(chan string)
	var once sync.Once
	for range workers {
		go func() {
			defer once.Do(func() { close(thumbnails) })
			for image := range images {
				thumbnails <- shrink(image)
			}
		}()
	}
	return thumbnails
}
