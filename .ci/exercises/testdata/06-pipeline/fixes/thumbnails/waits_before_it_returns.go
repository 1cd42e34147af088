// Fails with: want 1s: the function must not wait for all of them

package exercise

import "sync"

// Thumbnails is a stage with several workers: they shrink the images and send the
// results, in any order, on one channel. It is closed after the last result.
func Thumbnails(workers int, images <-chan string, shrink func(image string) string) <-chan string {
	thumbnails := make(chan string, 1000)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for image := range images {
				thumbnails <- shrink(image)
			}
		})
	}
	working.Wait()
	close(thumbnails)
	return thumbnails
}
