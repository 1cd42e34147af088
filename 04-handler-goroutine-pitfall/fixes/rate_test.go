package exercise

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
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
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.request = r
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
		for _, s := range []*service{{status: 503, text: `{"rate":1.25}`}, {status: 200, text: "soon"}, {err: errors.New("connection refused")}} {
			if _, err := Rate(t.Context(), &http.Client{Transport: s}, "http://rates.test/"); err == nil {
				t.Errorf("the service answers %d and %q, or an error (%v): Rate returned no error", s.status, s.text, s.err)
			}
		}
	})
}

func TestRatePassesTheContextOn(t *testing.T) {
	alone(t, "section 4.8: http.NewRequestWithContext. A call without it does not end with its request", func(t *testing.T) {
		s := &service{status: 200, text: `{"rate":1.25}`}
		type key struct{}
		Rate(context.WithValue(t.Context(), key{}, true), &http.Client{Transport: s}, "http://rates.test/")
		if s.request == nil || s.request.Context().Value(key{}) == nil {
			t.Error("the request of the call does not have the context that Rate was given")
		}
	})
}
