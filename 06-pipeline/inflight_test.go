package main

import (
	"context"
	"crypto/sha256"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// mostInFlight sends n items through two stages, linked by between, to a slow
// consumer, and returns the largest number that was in flight.
func mostInFlight(t *testing.T, n int, between func(*Pipeline, <-chan int) <-chan int) (most int64) {
	t.Helper()
	var now atomic.Int64
	pass := func(_ context.Context, n int) (int, error) { return n, nil }
	err := Run(t.Context(), func(p *Pipeline) error {
		items := Source(p, func(_ context.Context, emit func(int) error) error {
			for i := range n {
				most = max(most, now.Add(1))
				if err := emit(i); err != nil {
					return err
				}
			}
			return nil
		})
		for range Stage(p, 1, between(p, Stage(p, 1, items, pass)), pass) {
			time.Sleep(time.Second) // Meanwhile the buffers fill up.
			now.Add(-1)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return most
}

// TestItemsInFlightAreBoundedByTheStages counts them with more and more input
// (claim 6.2). The source, each stage and the consumer hold one, and the three
// channels between them are full.
func TestItemsInFlightAreBoundedByTheStages(t *testing.T) {
	for _, n := range []int{100, 1000, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			most := mostInFlight(t, n, func(_ *Pipeline, in <-chan int) <-chan int { return in })
			if want := int64(4 + 3*slack); most != want {
				t.Errorf("of %d items %d were in flight, want %d: memory is not bounded by the stages", n, most, want)
			}
		})
	}
}

// TestBufferDoesNotDependOnTheWorkers of a stage.
func TestBufferDoesNotDependOnTheWorkers(t *testing.T) {
	for _, workers := range []int{0, 1, 3} {
		err := Run(t.Context(), func(p *Pipeline) error {
			source := Source(p, func(context.Context, func(int) error) error { return nil })
			out := Stage(p, workers, source, func(_ context.Context, i int) (int, error) { return i, nil })
			if cap(source) != slack || cap(out) != slack {
				t.Errorf("%d workers: the buffers have %d and %d slots, want %d", workers, cap(source), cap(out), slack)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestCollectingBetweenStagesHoldsEverything counts the same with a stage that
// collects (negative control of 6.2).
func TestCollectingBetweenStagesHoldsEverything(t *testing.T) {
	for _, n := range []int{100, 1000, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			if most := mostInFlight(t, n, Collecting); most != int64(n) {
				t.Errorf("%d items were in flight, want all %d: collecting holds the whole input", most, n)
			}
		})
	}
}

// TestFileIsReadInPieces hashes a file of 16 MB and records the largest read (claim
// 6.2). Reading the whole file would need memory for all of it.
func TestFileIsReadInPieces(t *testing.T) {
	const size = 16 << 20
	tree := &oneFile{size: size}
	f, err := Hash(tree)(t.Context(), File{Path: "large", Size: size})
	if err != nil || f.Err != nil {
		t.Fatal(err, f.Err)
	}
	if tree.largest != bufferSize || bufferSize != 64<<10 {
		t.Errorf("one read asked for %d bytes, want 64 KB: a large file would be held in memory", tree.largest)
	}
}

// TestEachWorkerReadsIntoABufferOfItsOwn has many workers read at the same time (claim 6.2).
func TestEachWorkerReadsIntoABufferOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := &oneFile{size: 1}
		tree.onRead = func() error { time.Sleep(time.Second); return nil } // all workers have their buffers
		hash := Hash(tree)
		const workers = 200
		for range workers {
			go hash(t.Context(), File{Path: "zeros", Size: 1})
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		buffers := make(map[*byte]bool)
		for _, buffer := range tree.buffers[:workers] { // of the first read of each worker
			buffers[buffer] = true
		}
		if len(buffers) != workers {
			t.Errorf("%d workers have read into %d buffers at the same time", workers, len(buffers))
		}
	})
}

// TestMemoryDoesNotCountWhatASyncPoolKeeps puts 8 MB into a pool: a garbage collection
// moves it to where the next one frees it.
func TestMemoryDoesNotCountWhatASyncPoolKeeps(t *testing.T) {
	var pool sync.Pool
	memory() // frees what other tests have left, too
	before := memory()
	pool.Put(new([8 << 20]byte))
	if held := memory() - before; held > 4<<20 {
		t.Errorf("8 MB in a sync.Pool count as %d KB in use, want none", held>>10)
	}
	runtime.KeepAlive(&pool)
}

// TestDataThatComesWithTheEndIsHashed reads a file whose last read returns data and
// io.EOF, as a Reader may (claim 6.2).
func TestDataThatComesWithTheEndIsHashed(t *testing.T) {
	for _, size := range []int64{1, bufferSize, bufferSize + 1} {
		f, err := Hash(&oneFile{size: size, endsWithData: true})(t.Context(), File{Path: "zeros", Size: size})
		if err != nil || f.Err != nil || f.Sum != sha256.Sum256(make([]byte, size)) {
			t.Errorf("a file of %d zeros has the checksum %x (%v, %v), not that of its bytes", size, f.Sum, f.Err, err)
		}
	}
}

// TestReadMayReturnLessThanTheBufferHolds has a file that returns at most 1,000 bytes a
// read, as a network file system may: that is not its end.
func TestReadMayReturnLessThanTheBufferHolds(t *testing.T) {
	const size = 10_000
	f, err := Hash(&oneFile{size: size, atMost: 1000})(t.Context(), File{Path: "zeros", Size: size})
	if err != nil || f.Err != nil || f.Sum != sha256.Sum256(make([]byte, size)) {
		t.Errorf("a file of %d zeros has the checksum %x (%v, %v), not that of its bytes", size, f.Sum, f.Err, err)
	}
}

// TestBuffersAreUsedAgain hashes a thousand small files, one at a time, and measures
// what that allocates (claim 6.2): a buffer for each would be 64 MB. A sync.Pool
// drops some of what is put back, many under the race detector.
func TestBuffersAreUsedAgain(t *testing.T) {
	const files = 1000
	hash := Hash(&oneFile{size: 1})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range files {
		if f, err := hash(t.Context(), File{Path: "small", Size: 1}); err != nil || f.Err != nil {
			t.Fatal(err, f.Err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := int(after.TotalAlloc-before.TotalAlloc) / bufferSize; n > files/2 {
		t.Errorf("hashing %d files has allocated the memory of %d buffers", files, n)
	}
}

// TestMostInFlightKeepsTheFirstItemUntilAllBuffersAreFull has a link that takes a second
// for each item. A consumer that does not keep the first item would leave the
// buffers behind the link empty. Once it goes on, these are empty until the end, so fewer
// items are in flight: the largest number is that of before.
func TestMostInFlightKeepsTheFirstItemUntilAllBuffersAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const full = 5 + 4*slack // the link is a stage more
		most, _, err := MostInFlight(t.Context(), 1000, full, func(p *Pipeline, in <-chan *page) <-chan *page {
			return Stage(p, 1, in, func(_ context.Context, v *page) (*page, error) { time.Sleep(time.Second); return v, nil })
		})
		if err != nil || most != full {
			t.Errorf("%d items were in flight (%v), want %d, with all buffers full", most, err, full)
		}
	})
}

// TestMostInFlightCountsAndWeighsTheItems tests the measurement that section 6.2
// shows, with stages that pass items on and with one that collects (claim 6.2).
func TestMostInFlightCountsAndWeighsTheItems(t *testing.T) {
	if size := len(page{}); size != 4<<10 {
		t.Errorf("an item takes %d bytes; the section says 4 KB", size)
	}
	const items = 2000
	others := make([]byte, 16<<20) // in use by the rest of the program: not counted
	defer runtime.KeepAlive(others)
	for _, c := range []struct {
		name    string
		full    int
		between func(*Pipeline, <-chan *page) <-chan *page
	}{
		{"passed on", 4 + 3*slack, func(_ *Pipeline, in <-chan *page) <-chan *page { return in }},
		{"collected", items, Collecting[*page]},
	} {
		most, held, err := MostInFlight(t.Context(), items, c.full, c.between)
		if err != nil || most != c.full {
			t.Errorf("%s: %d of %d items were in flight (%v), want %d", c.name, most, items, err, c.full)
		}
		// A half, and twice as much: what earlier tests have left behind may be freed meanwhile.
		if pages := held / int64(len(page{})); pages < int64(c.full)/2 || pages > int64(c.full)*2 {
			t.Errorf("%s: %d items in flight hold the memory of %d", c.name, c.full, pages)
		}
	}
}

// TestMostInFlightReturnsWhenItIsCanceled waits for more items than can be in flight
// (claim 6.2), as after a change of slack, until its deadline.
func TestMostInFlightReturnsWhenItIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := MostInFlight(ctx, 2000, 2001, func(_ *Pipeline, in <-chan *page) <-chan *page { return in }); err != context.DeadlineExceeded {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// oneFile is a tree with one file of zeros. It records the largest read, and
// whether the file is closed.
type oneFile struct {
	size    int64
	largest int
	onRead  func() error // called before each read, if not nil
	mu      sync.Mutex
	buffers []*byte // by read
	info    func() fs.FileInfo
	statErr func() error
	opened  int
	closed  int

	endsWithData bool  // the last read returns data and io.EOF
	atMost       int64 // bytes a read, if not 0
}

func (f *oneFile) Open(string) (fs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened++
	return &zeros{left: f.size, of: f}, nil
}

// zeros is an open file.
type zeros struct {
	left int64
	of   *oneFile
}

func (z *zeros) Stat() (fs.FileInfo, error) {
	if z.of.statErr != nil {
		if err := z.of.statErr(); err != nil {
			return nil, err
		}
	}
	if z.of.info != nil {
		return z.of.info(), nil
	}
	return fileInfo{size: z.of.size}, nil
}

func (z *zeros) Close() error {
	z.of.mu.Lock()
	defer z.of.mu.Unlock()
	z.of.closed++
	return nil
}

func (z *zeros) Read(b []byte) (int, error) {
	if z.of.onRead != nil {
		if err := z.of.onRead(); err != nil {
			return 0, err
		}
	}
	z.of.mu.Lock()
	defer z.of.mu.Unlock()
	z.of.largest = max(z.of.largest, len(b))
	z.of.buffers = append(z.of.buffers, &b[0])
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), z.left)
	if z.of.atMost > 0 {
		n = min(n, z.of.atMost)
	}
	if z.left -= n; z.left == 0 && z.of.endsWithData {
		return int(n), io.EOF
	}
	return int(n), nil
}

// fileInfo is what Stat returns.
type fileInfo struct {
	fs.FileInfo
	size     int64
	modified time.Time
	mode     fs.FileMode
	name     string
}

func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) ModTime() time.Time { return i.modified }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
