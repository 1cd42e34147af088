// Fails with: the later report has changed the earlier one

package exercise

import "sync"

// Stats are the numbers of one page.
type Stats struct{ Visits, Bytes int }

// Pages has the numbers of all pages of a site. All handlers share it.
type Pages struct {
	mu    sync.Mutex // guards stats and what its values point to
	stats map[string]*Stats
	last  map[string]*Stats // the last report, to be used again
}

// NewPages returns a Pages without visits.
func NewPages() *Pages { return &Pages{stats: make(map[string]*Stats), last: make(map[string]*Stats)} }

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
	for page, s := range p.stats {
		p.last[page] = &Stats{s.Visits, s.Bytes}
	}
	return p.last
}
