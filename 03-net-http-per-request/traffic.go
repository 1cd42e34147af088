package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Dial opens a connection, as net.Dialer's DialContext does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Crowd returns an HTTP client that stands for many: it opens as many connections as it
// has requests under way, and keeps none of them.
func Crowd(dial Dial) *http.Client {
	// The system keeps only so many connections that the server has not accepted yet (128 on
	// macOS) and turns the rest away. So no more than 64 of the crowd knock at a time.
	knocking := make(chan struct{}, 64)
	return &http.Client{
		Timeout: 30 * time.Second, // a safety net, far beyond what the lesson needs
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				select {
				case knocking <- struct{}{}:
					defer func() { <-knocking }()
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				return dial(ctx, network, addr)
			},
		},
	}
}

// Visit sends n requests at once and returns when all are answered. Its error is the first of those
// that went wrong.
func Visit(ctx context.Context, client *http.Client, url string, n int) error {
	errs := make([]error, n) // each goroutine writes to its own place only: no lock needed
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = Get(ctx, client, url) })
	}
	wg.Wait()
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d requests failed, the first one with: %w", len(failed), n, failed[0])
	}
	return nil
}

// Get returns the whole body of the answer. An answer other than 200 OK is an error.
func Get(ctx context.Context, client *http.Client, url string) (body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return string(text), err
}
