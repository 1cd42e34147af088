package main

import (
	"net/http"
	"testing"
	"time"
)

// TestVisitLastsUntilAllAreAnswered: each handler takes some time.
func TestVisitLastsUntilAllAreAnswered(t *testing.T) {
	const takes = 50 * time.Millisecond
	answered := make(chan struct{}, 3)
	took := visit(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Work(takes).ServeHTTP(w, r)
		answered <- struct{}{}
	}), 3)
	if n := len(answered); n != 3 || took < takes {
		t.Errorf("%d requests were answered after %s, want 3 after at least %s", n, took, takes)
	}
}

// TestFollowAllHasTheEventsOfEachClient.
func TestFollowAllHasTheEventsOfEachClient(t *testing.T) {
	all := followAll(t.Context(), Stream(2, 0), 3)
	if len(all) != 3 {
		t.Fatalf("got the events of %d clients, want 3", len(all))
	}
	for i, events := range all {
		if len(events) != 2 {
			t.Errorf("client %d got %d events, want 2", i, len(events))
		}
	}
}
