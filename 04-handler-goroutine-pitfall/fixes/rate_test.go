package exercise_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	. "concurrency/04-handler-goroutine-pitfall/fixes"
)

// A body knows whether it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.Reader.Read(p)
}

func (b *body) Close() error { b.closed = true; return nil }

// A service is a transport that answers without a network.
type service struct {
	status  int
	text    string
	err     error
	bodies  []*body
	request *http.Request
	calls   int
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.request = r
	s.calls++
	if s.err != nil {
		return nil, s.err
	}
	b := &body{Reader: strings.NewReader(s.text)}
	s.bodies = append(s.bodies, b)
	return &http.Response{Status: http.StatusText(s.status), StatusCode: s.status, Body: b, Request: r}, nil
}

func TestRateClosesTheBodyOfEveryResponse(t *testing.T) {
	alone(t, "section 4.8: a body that is not closed keeps its connection. Which ways lead out of Rate?", func(t *testing.T) {
		for _, s := range []*service{
			{status: 503, text: "overloaded"},
			{status: 404, text: "no such rate"},
			{status: 204},
			{status: 200, text: `{"rate":`},
			{status: 200, text: `{"rate":1.25}`},
		} {
			Rate(t.Context(), &http.Client{Transport: s}, "http://rates.test/")
			for _, b := range s.bodies {
				if !b.closed {
					t.Errorf("the service answers %d and %q: Rate returned, but the body is not closed", s.status, s.text)
				}
			}
		}
	})
}

func TestRateReturnsTheRateOrAnError(t *testing.T) {
	alone(t, "section 4.8: check err, then defer Close, then read", func(t *testing.T) {
		if rate, err := Rate(t.Context(), &http.Client{Transport: &service{status: 200, text: `{"rate":1.25}`}}, "http://rates.test/"); rate != 1.25 || err != nil {
			t.Errorf("the service answers 200 and a rate of 1.25: Rate returned %v, %v", rate, err)
		}
		for _, s := range []*service{{status: 503, text: `{"rate":1.25}`}, {status: 203, text: `{"rate":1.25}`}, {status: 200, text: "soon"}, {err: errors.New("connection refused")}} {
			if _, err := Rate(t.Context(), &http.Client{Transport: s}, "http://rates.test/"); err == nil {
				t.Errorf("the service answers %d and %q, or an error (%v): Rate returned no error", s.status, s.text, s.err)
			}
			if s.calls != 1 {
				t.Errorf("the service answers %d and %q, or an error (%v): Rate called it %d times, want once: its caller decides whether to retry", s.status, s.text, s.err, s.calls)
			}
		}
	})
}

func TestRatePassesTheContextOn(t *testing.T) {
	alone(t, "section 4.8: http.NewRequestWithContext. A call without it does not end with its request", func(t *testing.T) {
		s := &service{status: 200, text: `{"rate":1.25}`}
		type key struct{}
		client := &http.Client{Transport: s}
		before := *client
		Rate(context.WithValue(t.Context(), key{}, true), client, "http://rates.test/")
		if client.Timeout != before.Timeout || client.Transport != before.Transport {
			t.Error("Rate changed the client, which other goroutines use at the same time\n→ the line that assigns to a field of client: ctx limits the time already")
		}
		if s.request == nil || s.request.Context().Value(key{}) == nil {
			t.Error("the request of the call does not have the context that Rate was given")
		}
	})
}
