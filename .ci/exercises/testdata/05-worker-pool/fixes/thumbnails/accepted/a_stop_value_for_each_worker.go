// Accepted: the workers end when the done channel is closed

package exercise

import "sync"

// Thumbnails scales all files with the given number of workers. It returns when all
// files are scaled.
func Thumbnails(files []string, workers int, scale func(file string)) {
	queue, done := make(chan string), make(chan struct{})
	defer close(done)
	var scaled sync.WaitGroup
	for range workers {
		go func() {
			for {
				select {
				case file := <-queue:
					scale(file)
					scaled.Done()
				case <-done:
					return
				}
			}
		}()
	}
	for _, file := range files {
		scaled.Add(1)
		queue <- file
	}
	scaled.Wait()
}
