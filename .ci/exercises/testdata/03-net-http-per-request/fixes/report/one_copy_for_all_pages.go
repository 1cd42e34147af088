// Fails with: / has two visits of 150 bytes and /news one of 7 bytes

package exercise

import (
	"sync"
)

// Stats are the numbers of one page.
type Stats struct{ Visits, Bytes int }

// Pages has the numbers of all pages of a site. All handlers share it.
type Pages struct {
	mu    sync.Mutex
	stats map[string]*Stats
}

// NewPages returns a Pages without visits.
func NewPages() *Pages { return &Pages{stats: make(map[string]*Stats)} }

// Count counts a visit.
func (p *Pages) Count(page string, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats[page]
	if s == nil {
		s = new(Stats)
		p.stats[page] = s
	}
	s.Visits++
	s.Bytes += bytes
}

// Report returns the numbers of all pages, by name. Its caller encodes them as
// JSON, and may change them.
func (p *Pages) Report() map[string]*Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[string]*Stats)
	var c Stats
	for name, s := range p.stats {
		c = *s
		all[name] = &c
	}
	return all
}
