package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// replayed opens a journal, closes it, and returns its contents.
func replayed(path string) (contents []string, cut int, err error) {
	j, cut, err := OpenJournal(path, func(c []byte) error {
		contents = append(contents, string(c))
		return nil
	})
	if err == nil {
		j.Close()
	}
	return contents, cut, err
}

// records returns these contents as records, without a mark.
func records(contents ...string) (b []byte) {
	for _, c := range contents {
		b = record(b, []byte(c))
	}
	return b
}

// needed returns these contents for a rewrite.
func needed(contents ...string) func() []byte {
	return func() []byte { return records(contents...) }
}

// three is a journal of two records that were synced, and a third. last is the
// offset of the third.
func three() (all []byte, last int) {
	all = append(records("first", "second"), mark...)
	return append(all, records("third")...), len(all)
}

func write(t *testing.T, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTornLastRecordIsCutOff tears the last record, which was not confirmed, at
// each byte (claim 7.2): the rest of it is missing, zeros, or random bytes. The
// records before it remain, and others can be appended.
func TestTornLastRecordIsCutOff(t *testing.T) {
	all, last := three()
	for end := last; end < len(all); end++ {
		garbage := bytes.Repeat([]byte{0xa5}, 700)
		for _, tail := range [][]byte{nil, make([]byte, len(all)-end), make([]byte, 5000), garbage} {
			path := write(t, append(bytes.Clone(all[:end]), tail...))
			contents, cut, err := replayed(path)
			if err != nil || strings.Join(contents, " ") != "first second" || cut != end-last+len(tail) {
				t.Fatalf("torn after %d bytes, then %d others: read %q, cut off %d bytes, %v", end-last, len(tail), contents, cut, err)
			}
			j, _, err := OpenJournal(path, func([]byte) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Append([]byte("fourth"))(); err != nil {
				t.Fatal(err)
			}
			j.Close()
			if contents, _, err := replayed(path); err != nil || strings.Join(contents, " ") != "first second fourth" {
				t.Fatalf("torn after %d bytes, then %d others: after an append it is %q, %v", end-last, len(tail), contents, err)
			}
			want := last + len(records("fourth")) + len(mark)
			if info, err := os.Stat(path); err != nil || info.Size() != int64(want) {
				t.Fatalf("torn after %d bytes, then %d others: after an append the file is not %d bytes long: %v, %v", end-last, len(tail), want, info, err)
			}
		}
	}
}

// TestDamageBeforeAMarkIsRefused flips each bit of records that were synced
// (claim 7.2): the start fails with file and offset, and the file is not changed.
func TestDamageBeforeAMarkIsRefused(t *testing.T) {
	must := mustIn(t)
	all, _ := three()
	synced := len(all)
	all = append(all, mark...)
	for bit := range 8 * len(all) {
		flipped := bytes.Clone(all)
		flipped[bit/8] ^= 1 << (bit % 8)
		path := write(t, flipped)
		contents, _, err := replayed(path)
		if bit/8 >= synced { // the last mark itself: nothing is lost
			if err != nil || len(contents) != 3 {
				t.Errorf("bit %d flipped, in the last mark: read %q, %v; want all three", bit, contents, err)
			}
			continue
		}
		offset := -1
		if err != nil {
			_, damage, _ := strings.Cut(err.Error(), path+": damaged at byte ")
			fmt.Sscan(damage, &offset)
		}
		if offset < 0 || offset > bit/8 {
			t.Errorf("bit %d flipped: read %q and %v; want the start refused with file and offset", bit, contents, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, flipped) {
			t.Errorf("bit %d flipped: the file was changed", bit)
		}
	}
	path := write(t, nil) // and now as a journal writes it
	j, _, err := OpenJournal(path, func([]byte) error { return nil })
	must(err)
	must(j.Append([]byte("only"))())
	j.Close()
	content, err := os.ReadFile(path)
	must(err)
	must(os.WriteFile(path, bytes.Replace(content, []byte("only"), []byte("once"), 1), 0o600))
	if contents, _, err := replayed(path); err == nil {
		t.Errorf("the last record was confirmed and then changed, but the start accepts %q", contents)
	}
	for _, between := range [][]byte{make([]byte, 100), bytes.Repeat([]byte{0xa5}, 3<<20)} { // zeros or garbage, then more that was synced
		if contents, _, err := replayed(write(t, append(append(bytes.Clone(all), between...), all...))); err == nil {
			t.Errorf("damage of %d bytes in the middle was accepted: %q", len(between), contents)
		}
	}
}

// TestJournalThatCannotBeReadIsRefused: an error of the disk is not the end of the file
// (claim 7.2).
func TestJournalThatCannotBeReadIsRefused(t *testing.T) {
	const path = "/proc/self/mem" // opens, but cannot be read at its beginning
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Skip("needs a file that opens and cannot be read, which this system does not have: ", err)
	}
	file.Close()
	if contents, _, err := replayed(path); !errors.Is(err, syscall.EIO) {
		t.Errorf("a file that cannot be read: read %q, %v; want %v", contents, err, syscall.EIO)
	}
}

// TestEmptyJournalAndUnwritableDirectory (claim 7.2).
func TestEmptyJournalAndUnwritableDirectory(t *testing.T) {
	if contents, cut, err := replayed(write(t, nil)); err != nil || len(contents)+int(cut) > 0 {
		t.Errorf("an empty journal: %q, %d, %v", contents, cut, err)
	}
	file := write(t, nil) // where a directory should be
	if _, err := OpenBroker(file, time.Second, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a broker opened a file as its directory")
	}
}

// TestBrokerThatCannotStartReleasesItsDirectory, for the next attempt.
func TestBrokerThatCannotStartReleasesItsDirectory(t *testing.T) {
	path := write(t, append(records("no job"), mark...))
	for range 2 {
		b, err := OpenBroker(filepath.Dir(path), time.Second, slog.New(slog.DiscardHandler))
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "damaged at byte 0: ") {
			t.Errorf("started on a journal that is damaged: %v", err)
		}
	}
}

// TestSecondBrokerIsRefused on the same directory (claim 7.2).
func TestSecondBrokerIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if second, err := OpenBroker(dir, time.Second, slog.New(slog.DiscardHandler)); err == nil {
		second.Close()
		t.Error("two brokers on one directory")
	}
	b.Close()
	open(t, dir).Close()
}

// A disk is a file in memory. It counts syncs, and can fail.
type disk struct {
	mu      sync.Mutex
	content []byte
	synced  int // how much of it would survive a crash
	closed  bool
	syncs   atomic.Int64
	full    atomic.Bool // a write fails
	broken  atomic.Bool // a sync fails
	syncing func()

	made    int   // new files, for rewrites
	failNew error // of the next one
	fresh   *disk
	last    *disk // the file that is used now
}

func (d *disk) now() *disk {
	if d.last != nil {
		return d.last
	}
	return d
}

func (d *disk) create() (storage, error) {
	d.made++
	d.fresh = &disk{syncing: d.syncing}
	d.fresh.full.Store(d.full.Load())
	d.fresh.broken.Store(d.broken.Load())
	return d.fresh, d.failNew
}

func (d *disk) replace(old, fresh storage) (storage, error) {
	if f := fresh.(*disk); f.synced != len(f.content) {
		return old, errors.New("the new file was not synced before it got its name")
	}
	old.Close()
	d.last = fresh.(*disk)
	return fresh, nil
}

var errClosed = errors.New("the file is closed")

func (d *disk) WriteAt(b []byte, at int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return 0, errClosed
	case d.full.Load():
		d.content = append(d.content[:at], b[:len(b)/2]...) // half of it is written
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
	if d.broken.Load() {
		return syscall.EIO
	}
	d.synced = len(d.content)
	return nil
}

func (d *disk) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.content = d.content[:size]
	return nil
}

func (d *disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}

// survives returns the jobs that a crash of the machine would leave.
func (d *disk) survives(t *testing.T) *Queue {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	b := newBroker(10*time.Second, nil)
	if _, err := readRecords(d.content[:d.synced], b.restore); err != nil {
		t.Fatal(err)
	}
	return b.queue
}

// brokerOn returns a broker whose journal is on that disk.
func brokerOn(d *disk) *Broker {
	b := newBroker(10*time.Second, slog.New(slog.DiscardHandler))
	b.release = func() {}
	b.start(newJournal(d, d, 0))
	return b
}

// TestMarkIsWrittenAfterTheSync: it says that all before it is on disk.
func TestMarkIsWrittenAfterTheSync(t *testing.T) {
	d := new(disk)
	var atSync []byte
	d.syncing = func() { atSync = slices.Clone(d.content) }
	j := newJournal(d, d, 0)
	for n := 1; n <= 2; n++ {
		if err := j.Append([]byte("record"))(); err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(atSync, mark); got != n-1 {
			t.Errorf("at sync %d the file has %d marks, want %d: that of this sync comes after it", n, got, n-1)
		}
	}
	if err := j.Rewrite(needed("all")); err != nil || !bytes.Equal(d.fresh.content, append(records("all"), mark...)) {
		t.Errorf("after a rewrite, %v, the file has %q, want its record and a mark", err, d.fresh.content)
	}
	j.Close()
	if got := bytes.Count(d.content, mark); got != 2 {
		t.Errorf("after two syncs the file has %d marks", got)
	}
}

// TestManyCallersShareOneSync has 100 callers append while the disk is in its first
// sync (claim 7.2): they share the second one.
func TestManyCallersShareOneSync(t *testing.T) {
	d := &disk{syncing: func() { time.Sleep(time.Second) }}
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		j := newJournal(d, d, 0)
		var callers sync.WaitGroup
		appends := func(text string) {
			wait := j.Append([]byte(text))
			callers.Go(func() { must(wait()) })
		}
		appends("alone")
		synctest.Wait() // the first sync has begun
		for i := range 100 {
			appends(fmt.Sprint("together ", i))
		}
		callers.Wait()
		j.Close()
	})
	if n := d.syncs.Load(); n != 2 {
		t.Errorf("%d syncs for one caller and then a hundred: want 2", n)
	}
	n := 0
	_, err := readRecords(d.content, func(content []byte) error {
		if want := fmt.Sprint("together ", n-1); n > 0 && string(content) != want {
			t.Errorf("record %d is %q, want %q: the order of the calls", n, content, want)
		}
		n++
		return nil
	})
	if err != nil || n != 101 {
		t.Errorf("%d records of 101, %v", n, err)
	}
}

// TestLargeRecordIsReadAgain has one of 5 MB between two others.
func TestLargeRecordIsReadAgain(t *testing.T) {
	must := mustIn(t)
	path := filepath.Join(t.TempDir(), "journal")
	j, _, err := OpenJournal(path, func([]byte) error { return nil })
	must(err)
	want := []string{"before", strings.Repeat("large", 1<<20), "after"}
	for _, content := range want {
		must(j.Append([]byte(content))())
	}
	j.Close()
	if got, _, err := replayed(path); err != nil || !slices.Equal(got, want) {
		t.Errorf("read %d records, %v; want all 3", len(got), err)
	}
}

// TestNoJobContainsAMark, even if its numbers are the largest, and workers cannot
// report texts that are not UTF-8. Otherwise a torn record could look like damage.
func TestNoJobContainsAMark(t *testing.T) {
	must := mustIn(t)
	const n, longest = math.MaxInt, time.Duration(math.MaxInt64)
	latest := time.Unix(0, math.MaxInt64)
	j := Job{ID: "\U0010ffff", Payload: []byte("\U0010ffff"), Attempts: n, Progress: Progress{n, n}, number: math.MaxInt64,
		Policy: Policy{n, longest, longest, longest, longest}, Created: latest, Due: latest, planned: latest, Ended: latest, Expires: latest}
	if bytes.Contains(record(nil, change{j, j}.encode()), marked) {
		t.Error("a job contains what a mark does")
	}
	b := brokerOn(&disk{})
	defer b.Close()
	id := enqueue(t, b, NewJob{}).ID
	if _, err := b.Lease(t.Context(), "\xff", allKinds); !errors.Is(err, ErrBadJob) {
		t.Errorf("a worker's name that is not UTF-8: got %v, want %v", err, ErrBadJob)
	}
	leased, err := b.Lease(t.Context(), "w", allKinds)
	must(err)
	must(b.Update(t.Context(), id, Update{Token: leased.Token, Event: Failed, Error: "451\xff\xff"}))
	if now := get(t, b, id); now.Error != "451" {
		t.Errorf("an error that is not UTF-8 was stored as %q", now.Error)
	}
}

// TestRewriteThatWasCutOffLeavesNothing: the next start removes its file.
func TestRewriteThatWasCutOffLeavesNothing(t *testing.T) {
	must := mustIn(t)
	path := write(t, records("before"))
	must(os.WriteFile(path+".new", records("half"), 0o600))
	contents, _, err := replayed(path)
	if _, left := os.Stat(path + ".new"); err != nil || fmt.Sprint(contents) != "[before]" || !errors.Is(left, os.ErrNotExist) {
		t.Errorf("read %q, %v; the file of a rewrite: %v", contents, err, left)
	}
}

// TestAppendToAClosedJournalFails, and does not block.
func TestAppendToAClosedJournalFails(t *testing.T) {
	must := mustIn(t)
	d := &disk{}
	j := newJournal(d, d, 0)
	must(j.Append([]byte("before"))())
	j.Close()
	if err := j.Append([]byte("after"))(); err == nil {
		t.Error("a journal that is closed has accepted a record")
	}
}

// TestFailedAppendIsTakenBack has a write fail halfway, and a sync (claim 7.2): the
// file is as it was, and nothing is accepted until a rewrite has succeeded.
func TestFailedAppendIsTakenBack(t *testing.T) {
	must := mustIn(t)
	for _, way := range []string{"write", "sync"} {
		d := &disk{}
		j := newJournal(d, d, 0)
		if err := j.Append([]byte("before"))(); err != nil {
			t.Fatal(err)
		}
		before := len(d.content)
		d.full.Store(way == "write")
		d.broken.Store(way == "sync")
		first, second := j.Append([]byte("failed")), j.Append([]byte("failed"))
		for i, err := range []error{first(), second()} { // of one write and one sync
			if err == nil {
				t.Errorf("%s failed, but record %d of two was confirmed", way, i+1)
			}
		}
		d.full.Store(false)
		d.broken.Store(false)
		if len(d.content) != before {
			t.Errorf("%s failed: the file has %d bytes, want the %d before", way, len(d.content), before)
		}
		if err := j.Append([]byte("later"))(); err == nil {
			t.Errorf("%s failed: a later record was accepted before a rewrite", way)
		}
		must(j.Rewrite(needed("all")))
		if err := j.Append([]byte("after"))(); err != nil {
			t.Errorf("%s failed: after a rewrite a record is refused: %v", way, err)
		}
		j.Close()
		if got := string(d.now().content); strings.Contains(got, "failed") || strings.Contains(got, "later") || !strings.Contains(got, "after") {
			t.Errorf("%s failed: the new file is %q", way, got)
		}
	}
}

// TestRewriteKeepsWhatIsAppendedMeanwhile: an append waits for the rewrite, and its
// record follows those of the rewrite (claim 7.2).
func TestRewriteKeepsWhatIsAppendedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		d := &disk{}
		j := newJournal(d, d, 0)
		must(j.Append([]byte("history"))())
		stored := make(chan error)
		must(j.Rewrite(func() []byte {
			wait := j.Append([]byte("meanwhile"))
			go func() { stored <- wait() }()
			synctest.Wait()
			return records("needed")
		}))
		must(<-stored)
		must(j.Append([]byte("after"))())
		j.Close()
		var read []string
		_, err := readRecords(d.now().content, func(c []byte) error { read = append(read, string(c)); return nil })
		if err != nil || fmt.Sprint(read) != "[needed meanwhile after]" {
			t.Errorf("the rewritten journal has %q, %v", read, err)
		}
	})
}

// TestRewriteOnAFullDiskFreesItsSpace and does not change the old file (claim 7.2).
func TestRewriteOnAFullDiskFreesItsSpace(t *testing.T) {
	must := mustIn(t)
	d := &disk{}
	j := newJournal(d, d, 0)
	must(j.Append([]byte("before"))())
	d.full.Store(true)
	if err := j.Rewrite(needed("needed")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a rewrite on a full disk: %v", err)
	}
	d.full.Store(false)
	must(j.Append([]byte("after"))())
	if len(d.fresh.content) > 0 || !d.fresh.closed {
		t.Errorf("the new file has %d bytes, and it is closed: %v", len(d.fresh.content), d.fresh.closed)
	}
	j.Close()
	if got := string(d.content); !d.closed || !strings.Contains(got, "before") || !strings.Contains(got, "after") {
		t.Errorf("the old file has %q, and it is closed: %v", got, d.closed)
	}
}

// TestRewriteThatFailsChangesNothing: the new file cannot be created, as when no
// descriptor is left, or renamed (claim 7.2).
func TestRewriteThatFailsChangesNothing(t *testing.T) {
	must := mustIn(t)
	path := filepath.Join(t.TempDir(), "journal")
	j, _, err := OpenJournal(path, func([]byte) error { return nil })
	must(err)
	must(os.MkdirAll(filepath.Join(path+".new", "full"), 0o700))
	if err := j.Rewrite(needed()); err == nil {
		t.Error("a rewrite without a file")
	}
	must(os.RemoveAll(path + ".new"))
	err = j.Rewrite(func() []byte {
		os.Remove(path + ".new") // so the rename fails
		return nil
	})
	if err == nil && runtime.GOOS != "windows" { // which does not remove open files
		t.Error("a rewrite whose file is gone has succeeded")
	}
	must(j.Append([]byte("still"))())
	j.Close()
	if contents, _, err := replayed(path); err != nil || fmt.Sprint(contents) != "[still]" {
		t.Errorf("after rewrites that failed the journal has %q, %v", contents, err)
	}
}

// TestRewriteUsesTheFileThatItHasOpen, which was empty before: to open it again would need a descriptor, of which
// there may be none left.
func TestRewriteUsesTheFileThatItHasOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot rename an open file")
	}
	must := mustIn(t)
	dir := t.TempDir()
	j, _, err := OpenJournal(filepath.Join(dir, "journal"), func([]byte) error { return nil })
	must(err)
	defer j.Close()
	path := filepath.Join(dir, "journal.new")
	must(os.WriteFile(path, []byte("of a rewrite that has failed"), 0o600))
	fresh, err := j.files.create()
	must(err)
	if content, err := os.ReadFile(path); err != nil || len(content) > 0 {
		t.Errorf("before the rewrite the new file has %q, %v; want it empty", content, err)
	}
	used, err := j.files.replace(j.file, fresh)
	must(err)
	if j.file = used; used != fresh {
		t.Error("the new file has its name, and was opened again")
	}
}

// TestNamesOfNewFilesAreSynced when a journal is created and when it is rewritten
// (claim 7.2): otherwise a power loss could leave the directory without the file.
func TestNamesOfNewFilesAreSynced(t *testing.T) {
	must := mustIn(t)
	var events []string
	original := syncDir
	defer func() { syncDir = original }()
	path := filepath.Join(t.TempDir(), "journal")
	syncDir = func(dir string) error {
		_, fresh := os.Stat(path + ".new")
		events = append(events, fmt.Sprint(dir == filepath.Dir(path), fresh == nil))
		return original(dir)
	}
	j, _, err := OpenJournal(path, func([]byte) error { return nil })
	must(err)
	old := j.file
	must(j.Rewrite(needed()))
	if err := old.Sync(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the old file is still open after a rewrite: %v", err)
	}
	if got := fmt.Sprint(events); got != "[true false true false]" {
		t.Errorf("synced (directory, before the rename): %s, want it once at the start and once after the rename", got)
	}
	syncDir = func(string) error { return syscall.EIO }
	if err := j.Rewrite(needed()); err == nil || j.Append([]byte("later"))() == nil {
		t.Error("the name of the new file could not be synced, but a record was confirmed")
	}
	syncDir = original
	must(j.Rewrite(needed()))
	must(j.Append([]byte("after"))())
	j.Close()
}

// TestSyncDirSyncs what it opens: the kernel refuses to sync this file.
func TestSyncDirSyncs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a file that opens and cannot be synced, which only Linux is known to have")
	}
	if err := syncDir(os.DevNull); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("got %v, want %v", err, syscall.EINVAL)
	}
	if err := syncDir(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of a directory that does not exist: got %v, want %v", err, os.ErrNotExist)
	}
}

// TestNamesOfNewDirectoriesAreSynced (claim 7.2): after a sync that failed, too.
func TestNamesOfNewDirectoriesAreSynced(t *testing.T) {
	must := mustIn(t)
	original := syncDir
	defer func() { syncDir = original }()
	dir, fails := t.TempDir(), true
	parent := filepath.Join(dir, "a", "b")
	var synced []string
	syncDir = func(path string) error {
		if path == parent && fails {
			fails = false
			return syscall.EIO
		}
		synced = append(synced, path)
		return original(path)
	}
	jobs, log := filepath.Join(parent, "jobs"), slog.New(slog.DiscardHandler)
	if b, err := OpenBroker(jobs, time.Second, log); !errors.Is(err, syscall.EIO) {
		b.Close()
		t.Errorf("the name of the directory could not be synced, and the broker started with %v", err)
	}
	b, err := OpenBroker(jobs, time.Second, log)
	must(err)
	b.Close()
	if want := []string{dir, filepath.Join(dir, "a"), parent, jobs}; !slices.Equal(synced, want) {
		t.Errorf("the broker synced %q, want each directory that has a new name in it, %q", synced, want)
	}
	synced = nil
	must(Maildir(filepath.Join(dir, "mail")).Deliver("name", "text"))
	if box := filepath.Join(dir, "mail"); len(synced) == 0 || synced[0] != dir || !slices.Contains(synced, box) {
		t.Errorf("a delivery synced %q, want %q and %q among them", synced, dir, box)
	}
}

// TestDirectoryBelowAnUnusableRootIsAnError: a relative path has no parent above the current
// directory, and a path on Windows none above its drive.
func TestDirectoryBelowAnUnusableRootIsAnError(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(16 << 20)) // an infinite recursion soon ends
	path := `Z:\jobs`
	if runtime.GOOS != "windows" {
		path = "jobs"
		dir := t.TempDir()
		t.Chdir(dir)
		defer os.Chmod(dir, 0o700)
		mustIn(t)(os.Chmod(dir, 0))
	}
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Skip("needs a user who is not root, on Windows that there is no drive Z:")
	}
	if err := makeDir(path); err == nil {
		t.Errorf("%s was created", path)
	}
}

// TestAnswerComesAfterTheSync looks at what a crash would leave at the moment of
// each answer (claim 7.2).
func TestAnswerComesAfterTheSync(t *testing.T) {
	d := &disk{}
	b := brokerOn(d)
	defer b.Close()
	for i := range 20 {
		j := enqueue(t, b, NewJob{})
		if d.survives(t).get(j.ID) == nil {
			t.Fatalf("job %d was accepted but is not on disk", i+1)
		}
		leased, err := b.Lease(t.Context(), "w", allKinds)
		if now := d.survives(t).get(j.ID); err != nil || now.State != Running || now.Token != leased.Token {
			t.Fatalf("job %d is leased, but on disk it is %+v, %v", i+1, now, err)
		}
		if err := b.Update(t.Context(), j.ID, Update{Token: leased.Token, Event: Finished}); err != nil || d.survives(t).get(j.ID).State != Done {
			t.Fatalf("job %d is done, but not on disk: %v", i+1, err)
		}
	}
	j := enqueue(t, b, NewJob{})
	report := func(u Update) error {
		leased, err := b.Lease(t.Context(), "w", allKinds)
		u.Token = leased.Token
		return cmp.Or(err, b.Update(t.Context(), j.ID, u))
	}
	for i := range 20 {
		for _, change := range []struct {
			what string
			make func() error
			want State
		}{
			{"released", func() error { return report(Update{Event: Released}) }, Queued},
			{"failed", func() error { return report(Update{Event: Failed, Permanent: true}) }, Dead},
			{"requeued", func() error { _, err := b.Requeue(t.Context(), j.ID); return err }, Queued},
		} {
			if err := change.make(); err != nil || d.survives(t).get(j.ID).State != change.want {
				t.Fatalf("round %d: the job was %s, but on disk it is %s, %v", i+1, change.what, d.survives(t).get(j.ID).State, err)
			}
		}
	}
	if _, err := b.Cancel(t.Context(), j.ID); err != nil || d.survives(t).get(j.ID).State != Canceled {
		t.Errorf("the job was canceled, but on disk it is %s, %v", d.survives(t).get(j.ID).State, err)
	}
}

// TestListOfJobsIsAnsweredAfterTheSync, when all of them are on disk.
func TestListOfJobsIsAnsweredAfterTheSync(t *testing.T) {
	d := &disk{}
	b := brokerOn(d)
	defer b.Close()
	for i := range 20 {
		w := send(API(b), "POST", "/jobs", []NewJob{email("ada@example.com", 1), email("eve@example.com", 1)})
		if n := len(d.survives(t).jobs); w.Code != 200 || n != 2*(i+1) {
			t.Fatalf("request %d of two jobs each was answered with %d, and %d jobs are on disk: %s", i+1, w.Code, n, w.Body)
		}
	}
}

// TestHeartbeatIsNotStored: the journal has a record of each job and of the lease, and no other.
func TestHeartbeatIsNotStored(t *testing.T) {
	must := mustIn(t)
	d := &disk{}
	b := brokerOn(d)
	enqueue(t, b, NewJob{})
	j, err := b.Lease(t.Context(), "w", allKinds)
	must(err)
	must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Heartbeat, Progress: Progress{1, 2}}))
	enqueue(t, b, NewJob{}) // what was appended before it is on disk, too
	b.Close()
	records := 0
	_, err = readRecords(d.content, func([]byte) error { records++; return nil })
	if must(err); records != 3 {
		t.Errorf("two jobs, a lease and a heartbeat are %d records, want 3", records)
	}
}

// TestDiskFullReturnsUnavailableThenRecovers (claim 7.2).
func TestDiskFullReturnsUnavailableThenRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		d := &disk{}
		b := brokerOn(d)
		defer b.Close()
		before := enqueue(t, b, NewJob{})
		leased, err := b.Lease(t.Context(), "w", allKinds)
		if err != nil || leased.ID != before.ID {
			t.Fatal(leased, err)
		}
		d.full.Store(true)
		key := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Key: "k"}
		if _, err := b.Enqueue(t.Context(), key); err != ErrUnavailable {
			t.Errorf("with a full disk a job: got %v, want %v", err, ErrUnavailable)
		}
		w := send(webOn(b), "POST", "/signups", Signup{"Ada", "ada@example.com"})
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "space") {
			t.Errorf("with a full disk a sign-up was answered with %d %s; want a plain 503", w.Code, w.Body)
		}
		if err := b.Update(t.Context(), leased.ID, Update{Token: leased.Token, Event: Finished}); err != ErrUnavailable {
			t.Errorf("with a full disk a done job: got %v, want %v", err, ErrUnavailable)
		}
		for range 20 { // the worker sends heartbeats until it has reported
			time.Sleep(3 * time.Second)
			must(b.Update(t.Context(), leased.ID, Update{Token: leased.Token, Event: Heartbeat}))
		}
		d.full.Store(false)
		time.Sleep(time.Second) // it tries each second
		synctest.Wait()
		if err := b.Update(t.Context(), leased.ID, Update{Token: leased.Token, Event: Finished}); err != nil {
			t.Errorf("the disk has space again, and the worker retried: %v", err)
		}
		after := enqueue(t, b, key)
		q := d.now().survives(t)
		if j := q.get(before.ID); j == nil || j.State != Done {
			t.Errorf("on disk the job that is done is %+v", j)
		}
		if q.get(after.ID) == nil || len(q.jobs) != 2 {
			t.Errorf("the disk has %d jobs, want the 2 that were accepted", len(q.jobs))
		}
	})
}

// TestChangeThatDidNotReachTheDiskIsNotForgotten has the disk fail when a recurring
// job is finished, and then the machine (claim 7.2): the series goes on.
func TestChangeThatDidNotReachTheDiskIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, way := range []string{"write", "sync"} {
			d := &disk{}
			b := brokerOn(d)
			first := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Every: time.Hour}})
			other := enqueue(t, b, NewJob{})
			leased, _ := b.Lease(t.Context(), "w", allKinds)
			d.full.Store(way == "write")
			d.broken.Store(way == "sync")
			if err := b.Update(t.Context(), first.ID, Update{Token: leased.Token, Event: Finished}); err != ErrUnavailable {
				t.Errorf("%s fails: got %v, want %v", way, err, ErrUnavailable)
			}
			for what, err := range map[string]error{
				"lease":  func() error { _, err := b.Lease(t.Context(), "w", allKinds); return err }(),
				"cancel": func() error { _, err := b.Cancel(t.Context(), other.ID); return err }(),
				"again":  b.Update(t.Context(), first.ID, Update{Token: leased.Token, Event: Finished}),
			} {
				if err != ErrUnavailable {
					t.Errorf("%s fails, then %s: got %v, want %v", way, what, err, ErrUnavailable)
				}
			}
			d.full.Store(false)
			d.broken.Store(false)
			time.Sleep(time.Second)
			synctest.Wait()
			if _, err := b.Lease(t.Context(), "w", allKinds); err != nil {
				t.Errorf("%s worked again, but then a lease: %v", way, err)
			}
			q := d.now().survives(t)
			if len(q.List(Scheduled, 10)) != 1 || q.get(first.ID).State != Done {
				t.Errorf("%s failed, then worked; on disk the first is %s, and %d follow: want it done and 1", way, q.get(first.ID).State, len(q.List(Scheduled, 10)))
			}
			b.Close()
		}
	})
}

// TestJournalFollowsTheLiveJobs runs many jobs and looks at the file's size (claim 7.2).
func TestJournalFollowsTheLiveJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		must := mustIn(t)
		d := &disk{}
		b := brokerOn(d)
		b.queue.Keep = 10
		live := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("live@example.com"), Due: time.Now().Add(time.Hour)})
		largest := 0
		for range 200 {
			for range 50 {
				enqueue(t, b, NewJob{})
				j, err := b.Lease(t.Context(), "w", allKinds)
				must(err)
				must(b.Update(t.Context(), j.ID, Update{Token: j.Token, Event: Finished}))
			}
			time.Sleep(time.Second)
			synctest.Wait()
			largest = max(largest, len(d.now().content))
		}
		b.Close()
		if d.made < 5 || largest > 1200<<10 {
			t.Errorf("with a handful of live jobs the journal grew to %d KB, after %d rewrites", largest>>10, d.made)
		}
		if q := d.now().survives(t); q.get(live.ID) == nil || len(q.jobs) < 11 {
			t.Errorf("after the rewrites %d jobs are on disk, want the one that waits and the last 10", len(q.jobs))
		}
	})
}

// TestJournalOfLiveJobsIsRewrittenOnce, since afterwards it has no history.
func TestJournalOfLiveJobsIsRewrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		b := brokerOn(d)
		defer b.Close()
		for range 100 {
			enqueue(t, b, NewJob{Kind: "newsletter", Payload: []byte(`"` + strings.Repeat("x", 15<<10) + `"`)})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if d.made != 1 {
			t.Errorf("1.5 MB of live jobs were rewritten %d times in a minute, want once", d.made)
		}
	})
}

// FuzzReplay reads anything: never a panic, and never more than was written.
// go test -fuzz Replay ./07-offload
func FuzzReplay(f *testing.F) {
	all, _ := three()
	f.Add(all)
	f.Add(all[:len(all)-3])
	f.Add(make([]byte, 40))
	job := Job{number: 1, ID: "1-A", Key: "k", State: Queued, Policy: Policy{Attempts: 1 << 30, Backoff: 1 << 62, Cap: 1 << 62}}
	one := record(nil, change{job}.encode())
	f.Add(one)
	f.Add(append(append(one, mark...), one[:20]...))
	job.State, job.Token, job.Policy.Every = Running, "t", 1
	two := record(one, change{job, {number: 2, ID: "2-B", State: Dead}}.encode())
	f.Add(two)
	f.Fuzz(func(t *testing.T, content []byte) {
		b := newBroker(time.Second, nil)
		b.queue.Keep = 3
		var read [][]byte
		good, err := readRecords(content, func(c []byte) error {
			read = append(read, bytes.Clone(c))
			b.restore(c) // whether it is a job or not
			return nil
		})
		if good > len(content) {
			t.Fatalf("%d bytes of %d are good", good, len(content))
		}
		rest := bytes.ReplaceAll(content[:good], mark, nil)
		for _, c := range read {
			one := record(nil, c)
			if !bytes.HasPrefix(rest, one) {
				t.Fatalf("read a record that is not there: %q", c)
			}
			rest = rest[len(one):]
		}
		if len(rest) > 0 {
			t.Fatalf("%d good bytes were not read", len(rest))
		}
		if err == nil && bytes.Contains(content[good:], mark) {
			t.Errorf("what was synced is cut off")
		}
		for now := time.Now(); b.queue.Next("w", []string{"", "welcome-mail"}, now) != nil; now = now.Add(time.Hour) {
			b.queue.Expire(now.Add(time.Hour)) // what is read can be run
			if now.After(time.Now().Add(100 * time.Hour)) {
				break
			}
		}
		if n := len(everyJob(b.queue)); n != len(b.queue.jobs) {
			t.Errorf("%d jobs are in places, %d are known", n, len(b.queue.jobs))
		}
	})
}

// TestCloseWaitsForTheSync that is in progress: the file is not closed under it.
func TestCloseWaitsForTheSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{syncing: func() { time.Sleep(time.Second) }}
		j := newJournal(d, d, 0)
		wait, began, stored := j.Append([]byte("record")), time.Now(), make(chan error, 1)
		go func() { stored <- wait() }()
		synctest.Wait() // the sync has begun
		j.Close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("the journal was closed after %v, want 1s, after the sync", took)
		}
		if err := <-stored; err != nil {
			t.Errorf("the record was not stored: %v", err)
		}
	})
}

// TestRewriteThatCannotBeSyncedChangesNothing (claim 7.2): the new file may not be on disk.
func TestRewriteThatCannotBeSyncedChangesNothing(t *testing.T) {
	must := mustIn(t)
	d := &disk{}
	j := newJournal(d, d, 0)
	must(j.Append([]byte("before"))())
	d.broken.Store(true)
	if err := j.Rewrite(needed("needed")); !errors.Is(err, syscall.EIO) {
		t.Errorf("a rewrite that cannot be synced: got %v, want %v", err, syscall.EIO)
	}
	d.broken.Store(false)
	must(j.Append([]byte("after"))())
	j.Close()
	if d.last != nil || !strings.Contains(string(d.content), "after") {
		t.Errorf("after a rewrite that failed the old file has %q", d.content)
	}
}
