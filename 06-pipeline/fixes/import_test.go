package exercise_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/06-pipeline/fixes"
)

var errDisk = errors.New("disk full")

// loads takes a second longer for each file, and fails for those from the nth on.
func loads(n int) func(file string) error {
	return func(file string) error {
		var i int
		fmt.Sscan(file, &i)
		time.Sleep(time.Duration(i) * time.Second)
		if i >= n {
			return fmt.Errorf("file %d: %w", i, errDisk)
		}
		return nil
	}
}

func numbered(n int) (files []string) {
	for i := range n {
		files = append(files, fmt.Sprint(i+1))
	}
	return files
}

func TestImportReturnsTheFirstErrorImmediately(t *testing.T) {
	alone(t, "section 6.5: the first error is returned", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			err := Import(numbered(20), loads(3))
			if took := time.Since(began); err == nil || err.Error() != "file 3: disk full" || took != 3*time.Second {
				t.Errorf("file 3 fails after 3 s, later files after it: Import returned %v after %v, want the error of file 3 after 3s", err, took)
			}
			time.Sleep(time.Hour)
		})
	})
}

func TestImportLeavesNoGoroutineBehind(t *testing.T) {
	alone(t, "section 6.5: no goroutine receives after the first error, so the other sends need a free slot or a second way out", func(t *testing.T) {
		for _, fails := range []int{1, 3, 20} {
			synctest.Test(t, func(t *testing.T) {
				Import(numbered(20), loads(fails))
				time.Sleep(time.Hour) // all loads have returned; a goroutine that still blocks is reported
			})
		}
	})
}

func TestImportLoadsAllFilesAtTheSameTime(t *testing.T) {
	alone(t, "section 6.5: without an error all files are loaded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, n := range []int{0, 1, 20} {
				began := time.Now()
				err := Import(numbered(n), loads(1000))
				if took := time.Since(began); err != nil || took != time.Duration(n)*time.Second {
					t.Errorf("%d files, the slowest takes %d s: Import returned %v after %v, want nil after %ds", n, n, err, took, n)
				}
			}
			time.Sleep(time.Hour)
		})
	})
}

func TestImportOfFilesThatLoadImmediately(t *testing.T) {
	alone(t, "section 6.5: a result that no goroutine receives yet must not be dropped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for range 100 { // if two cases are ready, the first choice may be right by luck
				if err := Import(numbered(20), func(string) error { return nil }); err != nil {
					t.Fatalf("no file fails: Import returned %v, want nil", err)
				}
				if err := Import(numbered(20), func(string) error { return errDisk }); err != errDisk {
					t.Fatalf("every file fails immediately: Import returned %v, want %q", err, errDisk)
				}
			}
			time.Sleep(time.Hour)
		})
	})
}
