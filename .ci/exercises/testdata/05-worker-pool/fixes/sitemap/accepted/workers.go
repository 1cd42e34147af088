// Accepted: a fixed number of workers range over a channel

package exercise

import (
	"iter"
	"sync"
)

// Sitemap fetches all links of a site, up to limit at the same time.
func Sitemap(links iter.Seq[string], limit int, fetch func(link string)) {
	queue := make(chan string, limit)
	var group sync.WaitGroup
	for range limit {
		group.Go(func() {
			for link := range queue {
				fetch(link)
			}
		})
	}
	for link := range links {
		queue <- link
	}
	close(queue)
	group.Wait()
}
