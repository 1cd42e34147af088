// Fails with: up to 5 in progress at the same time, want 4

package exercise

import (
	"sync"
)

// Thumbnails scales all files with the given number of workers. It returns when all
// files are scaled.
func Thumbnails(files []string, workers int, scale func(file string)) {
	if len(files) == 0 {
		return
	}
	queue := make(chan string)
	var scaled sync.WaitGroup
	per := len(files) / workers
	for range workers {
		scaled.Go(func() {
			for range per {
				scale(<-queue)
			}
		})
	}
	for _, file := range files[:per*workers] {
		queue <- file
	}
	for _, file := range files[per*workers:] {
		scale(file)
	}
	scaled.Wait()
}
