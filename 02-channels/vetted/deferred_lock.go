//go:build ignore

package vetted

import "sync"

type page struct {
	mu    sync.Mutex
	views int
}

// missedView locks twice, with a slip of one word, and blocks forever when it
// returns. go vet does not report it. Staticcheck does (SA2003).
func (p *page) missedView() {
	p.mu.Lock()
	defer p.mu.Lock()
	p.views++
}

func (p *page) rightView() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.views++
}
