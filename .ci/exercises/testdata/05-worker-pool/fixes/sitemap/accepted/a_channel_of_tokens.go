// Accepted: the channel holds the free slots

package exercise

import "iter"

// Sitemap fetches all links of a site, up to limit at the same time.
func Sitemap(links iter.Seq[string], limit int, fetch func(link string)) {
	free := make(chan struct{}, limit)
	for range limit {
		free <- struct{}{}
	}
	for link := range links {
		<-free
		go func() {
			defer func() { free <- struct{}{} }()
			fetch(link)
		}()
	}
	for range limit {
		<-free // all fetches have ended
	}
}
