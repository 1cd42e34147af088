package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
)

// Dial opens a connection, as net.Dialer's DialContext does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Crowd returns an HTTP client that opens a connection for each request and does
// not keep it. It opens at most 64 connections at the same time: the system
// refuses connections if too many are waiting to be accepted (128 on macOS).
func Crowd(dial Dial) *http.Client {
	dialing := make(chan struct{}, 64)
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			select {
			case dialing <- struct{}{}:
				defer func() { <-dialing }()
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return dial(ctx, network, addr)
		},
	}}
}

// Visit sends n concurrent requests and returns when all are answered. Its error
// says how many failed, and wraps one of their errors.
func Visit(ctx context.Context, client *http.Client, url string, n int) error {
	errs := make([]error, n) // no lock: each goroutine writes to its own element
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = Get(ctx, client, url) })
	}
	wg.Wait()
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d requests failed, one with: %w", len(failed), n, failed[0])
	}
	return nil
}

// Get returns the body of the response. A status other than 200 is an error.
func Get(ctx context.Context, client *http.Client, url string) (body string, err error) {
	return Send(ctx, client, http.MethodGet, url, nil)
}

// Send is Get with another method and a body, which may be nil.
func Send(ctx context.Context, client *http.Client, method, url string, content io.Reader) (body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, content)
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
