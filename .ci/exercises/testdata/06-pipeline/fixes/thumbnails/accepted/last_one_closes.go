package exercise

import "sync/atomic"

// Thumbnails is a stage with several workers: they shrink the images and send the
// results, in any order, on one channel. It is closed after the last result.
func Thumbnails(workers int, images <-chan string, shrink func(image string) string) <-chan string {
	thumbnails := make(chan string)
	var working atomic.Int64
	working.Store(int64(workers))
	for range workers {
		go func() {
			for image := range images {
				thumbnails <- shrink(image)
			}
			if working.Add(-1) == 0 {
				close(thumbnails)
			}
		}()
	}
	return thumbnails
}
