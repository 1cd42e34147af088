// Fails with: the function returned, but goroutines that it started are still blocked

package exercise

import "sync"

// Thumbnails scales all files with the given number of workers. It returns when all
// files are scaled.
func Thumbnails(files []string, workers int, scale func(file string)) {
	queue := make(chan string)
	var scaled sync.WaitGroup
	for range workers {
		go func() {
			for file := range queue {
				scale(file)
				scaled.Done()
			}
		}()
	}
	for _, file := range files {
		scaled.Add(1)
		queue <- file
	}
	scaled.Wait()
}
