// Fails with: 4 workers: up to 1 in progress at the same time, want 4 files

package exercise

// Thumbnails scales all files one at a time.
func Thumbnails(files []string, workers int, scale func(file string)) {
	for _, file := range files {
		scale(file)
	}
}
