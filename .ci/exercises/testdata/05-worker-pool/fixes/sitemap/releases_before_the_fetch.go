// Fails with: up to 20 fetches were in progress

package exercise

import (
	"iter"
	"sync"
)

// Sitemap fetches all links of a site, up to limit at the same time. The links come
// one at a time from a file that may have millions of them. Sitemap returns when
// all fetches have ended.
func Sitemap(links iter.Seq[string], limit int, fetch func(link string)) {
	slots := make(chan struct{}, limit) // a semaphore
	var fetching sync.WaitGroup
	for link := range links {
		slots <- struct{}{} // before go: the loop is no faster than the fetches
		fetching.Go(func() {
			<-slots
			fetch(link)
		})
	}
	fetching.Wait()
}
