package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// replayed opens a journal, closes it, and returns what it held.
func replayed(path string) (contents []string, cut int64, err error) {
	j, cut, err := OpenJournal(path, func(c []byte) error {
		contents = append(contents, string(c))
		return nil
	})
	if err == nil {
		j.Close()
	}
	return contents, cut, err
}

// three is a journal of three records, and where the last begins.
func three() (all []byte, last int) {
	all = record(record(nil, []byte("first")), []byte("second"))
	last = len(all)
	return record(all, []byte("third")), last
}

func write(t *testing.T, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTornLastRecordIsCutOff cuts the journal after every byte of the last
// record (claim 7.2): what was whole remains, and one can go on.
func TestTornLastRecordIsCutOff(t *testing.T) {
	all, last := three()
	for end := last; end < len(all); end++ {
		path := write(t, all[:end])
		contents, cut, err := replayed(path)
		if err != nil || strings.Join(contents, " ") != "first second" || cut != int64(end-last) {
			t.Errorf("cut after %d bytes of the last record: %q, %d bytes cut off, %v", end-last, contents, cut, err)
		}
		j, _, err := OpenJournal(path, func([]byte) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(record(nil, []byte("fourth")))(); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if contents, _, err := replayed(path); err != nil || strings.Join(contents, " ") != "first second fourth" {
			t.Errorf("after that an append made it %q, %v", contents, err)
		}
	}
}

// TestFlippedBitIsNeverASilentLoss flips each bit of the journal (claim 7.2): the
// start is refused, with the file and the place, and the file is left as it is.
func TestFlippedBitIsNeverASilentLoss(t *testing.T) {
	all, _ := three()
	for bit := range 8 * len(all) {
		flipped := bytes.Clone(all)
		flipped[bit/8] ^= 1 << (bit % 8)
		path := write(t, flipped)
		contents, _, err := replayed(path)
		damage, ok := errors.AsType[*DamageError](err)
		if !ok || damage.File != path || damage.Offset > int64(bit/8) {
			t.Errorf("bit %d flipped: read %q and %v; want the start refused with file and offset", bit, contents, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, flipped) {
			t.Errorf("bit %d flipped: the file was changed", bit)
		}
	}
}

// TestZerosAtTheEndAreCutOff: a crash of the machine can leave them (claim 7.2).
func TestZerosAtTheEndAreCutOff(t *testing.T) {
	all, _ := three()
	for _, zeros := range []int{1, header, 5000} {
		if contents, cut, err := replayed(write(t, append(bytes.Clone(all), make([]byte, zeros)...))); err != nil || len(contents) != 3 || cut != int64(zeros) {
			t.Errorf("%d zeros behind three records: %q, %d cut off, %v", zeros, contents, cut, err)
		}
	}
	if _, _, err := replayed(write(t, append(append(bytes.Clone(all), make([]byte, 100)...), all...))); err == nil {
		t.Error("zeros, and then records again: that is damage, and was accepted")
	}
}

// TestEmptyJournalAndUnwritableDirectory (claim 7.2).
func TestEmptyJournalAndUnwritableDirectory(t *testing.T) {
	if contents, cut, err := replayed(write(t, nil)); err != nil || len(contents)+int(cut) > 0 {
		t.Errorf("an empty journal: %q, %d, %v", contents, cut, err)
	}
	file := write(t, nil) // where a directory should be
	if _, err := OpenBroker(BrokerConfig{Dir: file, Backlog: 1, Lease: time.Second, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a broker opened a directory that is none")
	}
}

// TestSecondBrokerIsRefused on the same directory (claim 7.2).
func TestSecondBrokerIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if second, err := OpenBroker(BrokerConfig{Dir: dir, Backlog: 1, Lease: time.Second, Log: slog.New(slog.DiscardHandler)}); err == nil {
		second.Close()
		t.Error("two brokers on one directory")
	}
	b.Close()
	open(t, dir).Close()
}

// disk is a file in memory that counts syncs and can be full.
type disk struct {
	mu      sync.Mutex
	content []byte
	synced  int // how much of it a crash would leave
	syncs   atomic.Int64
	full    atomic.Bool
	syncing func()
}

func (d *disk) WriteAt(b []byte, at int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full.Load() {
		d.content = append(d.content[:at], b[:len(b)/2]...) // some of it is written, as it happens
		return len(b) / 2, syscall.ENOSPC
	}
	d.content = append(d.content[:at], b...)
	return len(b), nil
}

func (d *disk) Sync() error {
	d.syncs.Add(1)
	if d.syncing != nil {
		d.syncing()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced = len(d.content)
	return nil
}

func (d *disk) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.content = d.content[:size]
	return nil
}

func (d *disk) Close() error { return nil }

// TestManyCallersShareOneSync has 100 callers come while the disk is at its first
// sync (claim 7.2): they share the second one.
func TestManyCallersShareOneSync(t *testing.T) {
	first, goOn := make(chan struct{}), make(chan struct{})
	d := &disk{}
	var once sync.Once
	d.syncing = func() {
		once.Do(func() {
			close(first)
			<-goOn
		})
	}
	j := newJournal("", d, 0)
	alone := j.Append(record(nil, []byte("alone")))
	<-first
	var waits []func() error
	for range 100 {
		waits = append(waits, j.Append(record(nil, []byte("together"))))
	}
	close(goOn)
	for _, wait := range append(waits, alone) {
		if err := wait(); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	if n := d.syncs.Load(); n != 2 {
		t.Errorf("%d syncs for one caller and then a hundred: want 2", n)
	}
	n := 0
	if _, err := readRecords(bytes.NewReader(d.content), "", func([]byte) error { n++; return nil }); err != nil || n != 101 {
		t.Errorf("%d records of 101, %v", n, err)
	}
}

// TestAnswerComesAfterTheSync looks what a crash would leave at the moment of
// each answer (claim 7.2).
func TestAnswerComesAfterTheSync(t *testing.T) {
	d := &disk{}
	b := brokerOn(d)
	for i := range 20 {
		j := enqueue(t, b, NewJob{})
		d.mu.Lock()
		left := bytes.Clone(d.content[:d.synced])
		d.mu.Unlock()
		if !bytes.Contains(left, []byte(j.ID)) {
			t.Fatalf("job %d was accepted, and is not on the disk", i+1)
		}
	}
	b.Close()
}

// brokerOn returns a broker whose journal is on that disk.
func brokerOn(d *disk) *Broker {
	b := newBroker(BrokerConfig{Backlog: 1000, Lease: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	b.release = func() {}
	b.begin(newJournal("", d, 0))
	return b
}

// TestDiskFullIsSaidAndItGoesOnWhenThereIsRoom (claim 7.2).
func TestDiskFullIsSaidAndItGoesOnWhenThereIsRoom(t *testing.T) {
	d := &disk{}
	b := brokerOn(d)
	defer b.Close()
	before := enqueue(t, b, NewJob{})
	leased, err := b.Lease(t.Context(), "w", rand.Text())
	if err != nil || leased.ID != before.ID {
		t.Fatal(leased, err)
	}
	d.full.Store(true)
	if _, err := b.Enqueue(t.Context(), NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Key: "k"}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("with a full disk a job was answered with %v", err)
	}
	if w := send(webOn(b, ""), "POST", "/signups", Signup{"Ada", "ada@example.com"}); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("with a full disk a sign-up was answered with %d", w.Code)
	}
	if err := b.Finish(t.Context(), leased.ID, leased.Token, Progress{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("with a full disk a done job was answered with %v", err)
	}
	d.full.Store(false)
	if err := b.Finish(t.Context(), leased.ID, leased.Token, Progress{}); err != nil {
		t.Errorf("with room again the worker tried again, and got %v", err)
	}
	after := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Key: "k"})
	restored := newBroker(BrokerConfig{Backlog: 10, Lease: time.Second})
	if _, err := readRecords(bytes.NewReader(d.content), "", restored.restore); err != nil {
		t.Fatal(err)
	}
	if j := restored.queue.Get(before.ID); j == nil || j.State != Done {
		t.Errorf("the job that was done is %v on the disk", j)
	}
	if restored.queue.Get(after.ID) == nil || restored.queue.Len() != 2 {
		t.Errorf("the disk has %d jobs, and should have the 2 that were accepted", restored.queue.Len())
	}
}

// TestJournalFollowsTheLiveJobs does many jobs and looks at the file's size (claim 7.2).
func TestJournalFollowsTheLiveJobs(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	b.queue.Keep, b.compact = 10, 10<<10
	live := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("live@example.com"), Due: time.Now().Add(time.Hour)})
	largest := int64(0)
	for range 100 {
		enqueue(t, b, NewJob{})
		j, err := b.Lease(t.Context(), "w", rand.Text())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(t.Context(), j.ID, j.Token, Progress{}); err != nil {
			t.Fatal(err)
		}
		b.mu.Lock()
		b.compact = min(b.compact, 10<<10)
		b.mu.Unlock()
		largest = max(largest, b.journal.Size())
	}
	b.Close()
	if largest > 20<<10 {
		t.Errorf("with a handful of live jobs the journal grew to %d KB", largest>>10)
	}
	b = open(t, dir)
	defer b.Close()
	if now := get(t, b, live.ID); now.State != Scheduled {
		t.Errorf("after the compactions the live job is %s", now.State)
	}
}

// FuzzReplay reads whatever there is: never a panic, and never more than was
// written. go test -fuzz Replay ./07-offload
func FuzzReplay(f *testing.F) {
	all, _ := three()
	f.Add(all)
	f.Add(all[:len(all)-3])
	f.Add(make([]byte, 40))
	job := &Job{number: 1, ID: "1-A", Key: "k", State: Queued}
	f.Add(record(nil, encodeJob(job)))
	job.Key, job.Due, job.Created = "", time.Unix(1, 0), time.Unix(1, 0)
	f.Add(record(record(nil, encodeJob(job)), encodeJob(job))[:100])
	f.Add(record(nil, encodeJob(job)))
	f.Fuzz(func(t *testing.T, content []byte) {
		b := newBroker(BrokerConfig{Backlog: 10, Lease: time.Second})
		var rewritten []byte
		good, err := readRecords(bytes.NewReader(content), "fuzz", func(c []byte) error {
			rewritten = record(rewritten, c)
			b.restore(c) // whether it is a job or not
			return nil
		})
		if n := len(b.queue.All(1000)); n > b.records || n != b.queue.Len() {
			t.Errorf("%d jobs of %d records; it counts %d", n, b.records, b.queue.Len())
		}
		if good > int64(len(content)) || !bytes.Equal(rewritten, content[:good]) {
			t.Errorf("%d bytes are good, and the records in them are %d bytes (%v)", good, len(rewritten), err)
		}
		if err == nil && good < int64(len(content)) {
			// What is cut off must look like the beginning of a record, or be zeros.
			rest := content[good:]
			if len(rest) >= header && bytes.Trim(rest, "\x00") != nil {
				if _, err := readRecords(io.MultiReader(bytes.NewReader(rest), zeros{}), "fuzz", func([]byte) error { return nil }); err == nil {
					t.Errorf("%d bytes that are not a torn record were cut off", len(rest))
				}
			}
		}
	})
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
