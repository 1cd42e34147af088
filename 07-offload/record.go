package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"
)

// A change is what one call did to jobs: one record of the journal, so all of it
// is on disk, or nothing.
type change []Job

func (c change) encode() []byte {
	var f fields
	for i := range c {
		f.job(&c[i])
	}
	return f.b
}

func decodeChange(content []byte, add func(*Job)) error {
	for f := (fields{b: content, reading: true}); len(f.b) > 0; {
		j := new(Job)
		if f.job(j); f.short || j.ID == "" {
			return errors.New("the record is not a list of jobs")
		}
		add(j)
	}
	return nil
}

// fields appends the fields of jobs to b, or reads them from it: both follow the
// one list in job, so they cannot differ.
type fields struct {
	b              []byte
	reading, short bool
}

func (f *fields) job(j *Job) {
	number(f, &j.number)
	for _, s := range []*string{&j.ID, &j.Kind, &j.Key, (*string)(&j.State), &j.Error, &j.Worker, &j.Token} {
		text(f, s)
	}
	if text(f, &j.Payload); f.reading {
		j.Payload = bytes.Clone(j.Payload) // it was a part of f.b
	}
	for _, i := range []*int{&j.Attempts, &j.Progress.Done, &j.Progress.Total, &j.Policy.Attempts} {
		number(f, i)
	}
	for _, d := range []*time.Duration{&j.Policy.Deadline, &j.Policy.Backoff, &j.Policy.Cap, &j.Policy.Every} {
		number(f, d)
	}
	for _, t := range []*time.Time{&j.Created, &j.Due, &j.planned, &j.Ended, &j.Expires} {
		var n int64 // nanoseconds since 1970
		if !t.IsZero() {
			n = t.UnixNano()
		}
		if number(f, &n); f.reading && n != 0 {
			*t = time.Unix(0, n)
		}
	}
}

func number[T ~int | ~int64 | ~uint64](f *fields, n *T) {
	if !f.reading {
		f.b = binary.LittleEndian.AppendUint64(f.b, uint64(*n))
	} else if f.short = f.short || len(f.b) < 8; !f.short {
		*n, f.b = T(binary.LittleEndian.Uint64(f.b)), f.b[8:]
	}
}

func text[T ~string | ~[]byte](f *fields, s *T) {
	n := uint64(len(*s))
	number(f, &n)
	if !f.reading {
		f.b = append(f.b, *s...)
	} else if f.short = f.short || uint64(len(f.b)) < n; !f.short {
		*s, f.b = T(f.b[:n]), f.b[n:]
	}
}
