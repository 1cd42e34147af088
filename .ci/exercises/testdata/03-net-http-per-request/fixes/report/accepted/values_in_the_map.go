package exercise

import "sync"

// Stats are the numbers of one page.
type Stats struct{ Visits, Bytes int }

// Pages has the numbers of all pages of a site. All handlers share it.
type Pages struct {
	mu    sync.RWMutex // guards stats
	stats map[string]Stats
}

// NewPages returns a Pages without visits.
func NewPages() *Pages { return &Pages{stats: make(map[string]Stats)} }

// Count counts a visit.
func (p *Pages) Count(page string, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats[page]
	p.stats[page] = Stats{s.Visits + 1, s.Bytes + bytes}
}

// Report returns the numbers of all pages, by name.
func (p *Pages) Report() map[string]*Stats {
	p.mu.RLock()
	defer p.mu.RUnlock()
	report := make(map[string]*Stats)
	for page, s := range p.stats {
		report[page] = &s
	}
	return report
}
