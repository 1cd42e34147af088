package exercise_test

import (
	"encoding/json"
	"io"
	"sync"
	"testing"

	. "concurrency/03-net-http-per-request/fixes"
)

func TestReportMayBeEncodedWhileVisitsAreCounted(t *testing.T) {
	alone(t, "section 3.11: which memory do the report and the next visit share?", func(t *testing.T) {
		p := NewPages()
		p.Count("/", 100)
		p.Count("/news", 100)
		report := p.Report()
		var visits sync.WaitGroup
		for range 2 { // ordered after Report, and not before the encoding
			visits.Go(func() { p.Count("/", 1) })
			visits.Go(func() { p.Count("/new", 1) })
		}
		json.NewEncoder(io.Discard).Encode(report)
		visits.Wait()
	})
}

func TestReportBelongsToItsCaller(t *testing.T) {
	alone(t, "section 3.11: a copy of a map of pointers points to the same values", func(t *testing.T) {
		p := NewPages()
		p.Count("/", 100)
		report := p.Report()
		if s := report["/"]; len(report) != 1 || s == nil || *s != (Stats{1, 100}) {
			t.Fatalf("one visit of 100 bytes: the report has %d pages, and of / %+v; want 1 and {1 100}", len(report), s)
		}
		p.Count("/", 50)
		if *report["/"] != (Stats{1, 100}) {
			t.Errorf("a visit after the report has changed it to %+v", *report["/"])
		}
		if p.Report(); *report["/"] == (Stats{2, 150}) && !t.Failed() {
			t.Errorf("two callers have a report each, but the later report has changed the earlier one: each needs a map of its own")
		}
		p.Count("/news", 7)
		all := p.Report()
		if len(all) != 2 || *all["/"] != (Stats{2, 150}) || *all["/news"] != (Stats{1, 7}) {
			t.Fatalf("/ has two visits of 150 bytes and /news one of 7 bytes: the report has %+v and %+v", all["/"], all["/news"])
		}
		all["/"].Visits = -1
		delete(all, "/")
		if s := p.Report()["/"]; s == nil || *s != (Stats{2, 150}) {
			t.Errorf("two visits of 150 bytes: after a caller has changed its report, the next report has %+v, want {2 150}", s)
		}
	})
}

func TestReportMayBeCalledConcurrently(t *testing.T) {
	alone(t, "section 2.8: a mutex protects the map in every method that uses it", func(t *testing.T) {
		p := NewPages()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { p.Count("/", 1); p.Report() })
		}
		all.Wait()
		if s := p.Report()["/"]; s == nil || *s != (Stats{20, 20}) {
			t.Errorf("20 concurrent visits of one byte: the report has %+v, want {20 20}", s)
		}
	})
}
