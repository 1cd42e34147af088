// Accepted: the workers are counted, not the files

package exercise

import "sync"

// Thumbnails scales all files with the given number of workers. It returns when all
// files are scaled.
func Thumbnails(files []string, workers int, scale func(file string)) {
	queue := make(chan string)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for file := range queue {
				scale(file)
			}
		})
	}
	for _, file := range files {
		queue <- file
	}
	close(queue)
	group.Wait()
}
