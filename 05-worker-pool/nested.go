package main

import (
	"context"
	"slices"
)

// A Page is a page of a site, with links to others. The pages of this site are a tree:
// no link leads back.
type Page struct{ Links []*Page }

// CrawlInside is a wrong way to visit a page and all pages below it: each task
// submits the links that it finds to the pool that runs it. When all workers block
// in Submit, no worker is left to free a slot of the queue: a deadlock. It lasts
// until ctx is done, if it ever is.
func CrawlInside(ctx context.Context, c Config, start *Page, visit func(*Page)) error {
	var p *Pool[*Page]
	p = NewPool(ctx, c, func(ctx context.Context, page *Page) error {
		visit(page)
		for _, link := range page.Links {
			if p.Submit(ctx, link) != nil { // may block forever
				return ctx.Err()
			}
		}
		return nil
	})
	if err := p.Submit(ctx, start); err != nil {
		p.Close()
		return err
	}
	<-ctx.Done() // no task can tell that it is the last one: when to call Close?
	return p.Close()
}

// Crawl visits the same pages, one level after another. A task returns the links
// that it finds, and the caller submits them from outside the workers.
func Crawl(ctx context.Context, workers int, start *Page, visit func(*Page)) error {
	level := []*Page{start}
	for len(level) > 0 {
		links, err := Map(ctx, workers, level, func(_ context.Context, page *Page) ([]*Page, error) {
			visit(page)
			return page.Links, nil
		})
		if err != nil {
			return err
		}
		level = slices.Concat(links...)
	}
	return nil
}
