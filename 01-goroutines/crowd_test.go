package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
)

// parked is what a child process says of its crowd of 100,000 goroutines.
type parked struct{ bytesEach, alive, threadsAdded int }

const crowdSize = 100_000

// park has a child process park a crowd. The child is built without the race
// detector, which makes every stack larger and adds some 20 KB of its own.
func park(t *testing.T) (p parked) {
	t.Helper()
	program, err := withoutRaceDetector()
	if err != nil {
		t.Skip("needs the go command, to build this program without the race detector: ", err)
	}
	out, status, err := runRoleOf(program, "crowd", fmt.Sprint(crowdSize))
	if _, scanErr := fmt.Sscan(out, &p.bytesEach, &p.alive, &p.threadsAdded); scanErr != nil || status != 0 || err != nil {
		t.Fatalf("the child that parks %d goroutines ended with status %d, %v:\n%s", crowdSize, status, err, out)
	}
	t.Logf("%d goroutines parked: %d bytes each, %d threads added", p.alive, p.bytesEach, p.threadsAdded)
	return p
}

// withoutRaceDetector returns the path of this program built without it: the
// test binary itself if that has none.
var withoutRaceDetector = sync.OnceValues(func() (string, error) {
	if !raceDetector() {
		return os.Executable()
	}
	program := filepath.Join(buildDir, "lesson.exe")
	out, err := exec.Command("go", "build", "-race=false", "-o", program, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

// raceDetector reports whether this program was built with -race.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestGoroutineCostsKilobytes measures the memory of each in a parked crowd (claim 1.1).
func TestGoroutineCostsKilobytes(t *testing.T) {
	each, limit := park(t).bytesEach, 4<<10
	if runtime.GOOS == "windows" {
		limit = 10 << 10 // the smallest stack has 8 KB there, not 2: the system wants room on it
	}
	if each > limit {
		t.Errorf("a parked goroutine takes %d bytes, more than %d: its stack has grown, or it holds on to something", each, limit)
	}
	if each < 1<<10 {
		t.Errorf("a parked goroutine takes only %d bytes, less than its stack: were they all there?", each)
	}
}

// TestThousandsAreAliveAtOnce calls the roll of the crowd (claim 1.2).
func TestThousandsAreAliveAtOnce(t *testing.T) {
	if alive := park(t).alive; alive != crowdSize {
		t.Errorf("of %d goroutines started, %d are alive at the same moment", crowdSize, alive)
	}
}

// TestParkedGoroutinesNeedNoThreads counts the threads that the crowd adds (claim 1.3).
func TestParkedGoroutinesNeedNoThreads(t *testing.T) {
	if added := park(t).threadsAdded; added > 100 {
		t.Errorf("%d parked goroutines added %d OS threads: they do not share a few", crowdSize, added)
	}
}

// TestThreadLockedGoroutinesNeedAThreadEach runs the wrong crowd (counter-proof of 1.1 and 1.3).
func TestThreadLockedGoroutinesNeedAThreadEach(t *testing.T) {
	const n = 1000
	used, took, err := threadEach(n)
	if err != nil {
		t.Skipf("%d threads in one process: %v", n, err)
	}
	t.Logf("%d goroutines locked to their threads: %d threads, started in %v", n, used, took)
	if used < n {
		t.Errorf("%d goroutines that lock their threads have only %d threads: one of them shared", n, used)
	}
}
