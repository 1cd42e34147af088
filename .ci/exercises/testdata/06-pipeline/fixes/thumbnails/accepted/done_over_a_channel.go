package exercise

// Thumbnails is a stage with several workers: they shrink the images and send the
// results, in any order, on one channel. It is closed after the last result.
func Thumbnails(workers int, images <-chan string, shrink func(image string) string) <-chan string {
	thumbnails, done := make(chan string), make(chan struct{}, workers)
	for range workers {
		go func() {
			for image := range images {
				thumbnails <- shrink(image)
			}
			done <- struct{}{}
		}()
	}
	go func() {
		defer close(thumbnails)
		for range workers {
			<-done
		}
	}()
	return thumbnails
}
