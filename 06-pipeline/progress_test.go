package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowTerminal takes a second for each write.
type slowTerminal struct{ strings.Builder }

func (s *slowTerminal) Write(b []byte) (int, error) {
	time.Sleep(time.Second)
	return s.Builder.Write(b)
}

// TestProgressErasesItsLineBeforeStopReturns stops it after its first line.
func TestProgressErasesItsLineBeforeStopReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		n.Store(1234)
		screen := new(slowTerminal)
		stop := progress(screen, &n)
		time.Sleep(150 * time.Millisecond)
		stop()
		line := "     hashed so far: 1,234 files"
		if got, want := screen.String(), "\r"+line+"\r"+strings.Repeat(" ", len(line))+"\r"; !strings.HasSuffix(got, want) {
			t.Errorf("when stop has returned, the terminal has got %q, want a line and spaces over it: %q", got, want)
		}
	})
}

// TestProgressKeepsItsLineUpToDate counts a file every second, for a minute.
func TestProgressKeepsItsLineUpToDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		var screen strings.Builder
		stop := progress(&screen, &n)
		for range 60 {
			n.Add(1)
			time.Sleep(time.Second)
		}
		stop()
		for _, want := range []string{"\r     hashed so far: 1 file\r", "\r     hashed so far: 2 files\r", "\r     hashed so far: 60 files\r"} {
			if !strings.Contains(screen.String(), want) {
				t.Errorf("the line was never %q", want)
			}
		}
	})
}

// TestProgressIsOnlyForATerminal has standard error go to a file.
func TestProgressIsOnlyForATerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stderr := os.Stderr
	os.Stderr = file
	Progress(new(atomic.Int64))()
	os.Stderr = stderr
	if info, err := file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("Progress has written %d bytes to a file (%v), want none", info.Size(), err)
	}
}

// TestSearchShowsItsProgressOnATerminal has one that finds three files and then takes a
// second. What is written to the terminal is echoed.
func TestSearchShowsItsProgressOnATerminal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/ptmx as on Linux")
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	func() {
		defer func(stderr *os.File) { os.Stderr = stderr }(os.Stderr)
		os.Stderr = terminal
		synctest.Test(t, func(t *testing.T) {
			timed(func(add func(File)) error {
				for range 3 {
					add(File{})
				}
				time.Sleep(time.Second)
				return nil
			}, func(File) {})
		})
	}()
	terminal.WriteString("that is all\n")
	var screen strings.Builder
	for b := make([]byte, 1000); !strings.Contains(screen.String(), "that is all"); {
		n, err := terminal.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		screen.Write(b[:n])
	}
	if !strings.Contains(screen.String(), "hashed so far: 3 files") {
		t.Errorf("three files were found, and the terminal has got %q", screen.String())
	}
}

// TestProgressWritesToATerminal has standard error go to the null device, which counts
// as one, and looks for the goroutine that keeps the line up to date.
func TestProgressWritesToATerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	defer func(stderr *os.File) { os.Stderr = stderr }(os.Stderr)
	os.Stderr = null
	synctest.Test(t, func(t *testing.T) {
		stop := Progress(new(atomic.Int64))
		synctest.Wait()
		stacks := make([]byte, 1<<20)
		if stacks = stacks[:runtime.Stack(stacks, true)]; !strings.Contains(string(stacks), ".progress.func1(") {
			t.Error("standard error is a terminal, but no goroutine keeps a line up to date")
		}
		stop()
	})
}
