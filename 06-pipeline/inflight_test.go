package main

import (
	"context"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// underWay sends n items through two stages, linked by between, to a slow
// consumer, and returns how many were under way at most.
func underWay(t *testing.T, n int, between func(*Pipeline, <-chan int) <-chan int) (most int64) {
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
			time.Sleep(time.Second) // Meanwhile the stages before fill up, and then wait.
			now.Add(-1)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return most
}

// TestItemsUnderWayAreBoundedByTheStages counts them with ever more input (claim
// 6.2). One is with the source, one with each stage, one with the consumer, and
// the three channels between them are full.
func TestItemsUnderWayAreBoundedByTheStages(t *testing.T) {
	for _, n := range []int{100, 1000, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			most := underWay(t, n, func(_ *Pipeline, in <-chan int) <-chan int { return in })
			if want := int64(4 + 3*slack); most != want {
				t.Errorf("of %d items %d were under way at once, and there is room for %d: memory is not bounded by the stages", n, most, want)
			}
		})
	}
}

// TestCollectingBetweenStagesHoldsEverything counts the same with a stage that
// collects (negative control of 6.2).
func TestCollectingBetweenStagesHoldsEverything(t *testing.T) {
	for _, n := range []int{100, 1000, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			if most := underWay(t, n, Collecting); most != int64(n) {
				t.Errorf("collecting should hold all %d items at once, and %d were under way", n, most)
			}
		})
	}
}

// TestFileIsReadPieceByPiece hashes a file of 16 MB and looks how much is asked
// for at once (claim 6.2): reading it whole would need as much memory as it is large.
func TestFileIsReadPieceByPiece(t *testing.T) {
	const size = 16 << 20
	tree := &oneFile{size: size}
	f, err := Hash(tree)(t.Context(), File{Path: "large", Size: size})
	if err != nil || f.Err != nil {
		t.Fatal(err, f.Err)
	}
	if tree.largest > bufferSize {
		t.Errorf("%d bytes were read at once, more than the buffer's %d: a large file would be held in memory", tree.largest, bufferSize)
	}
}

// oneFile is a tree with nothing but a file of so many zeros. It keeps the size
// of the largest piece that was asked for.
type oneFile struct {
	size    int64
	largest int
	onRead  func()
}

func (f *oneFile) Open(string) (fs.File, error) {
	file, err := fstest.MapFS{"zeros": {}}.Open("zeros")
	return &zeros{file, f}, err
}

type zeros struct {
	fs.File
	of *oneFile
}

func (z *zeros) Read(b []byte) (int, error) {
	if z.of.onRead != nil {
		z.of.onRead()
	}
	z.of.largest = max(z.of.largest, len(b))
	if z.of.size == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), z.of.size)
	z.of.size -= n
	return int(n), nil
}
