package main

import (
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("PEERS_CHILD") != "" { // a process for one case
		main()
		return
	}
	os.Exit(m.Run())
}

// TestCopiesAreTheChapters compares the files of the pool with their originals: a
// program cannot be imported.
func TestCopiesAreTheChapters(t *testing.T) {
	for _, name := range []string{"pool.go", "slice.go", "failures.go"} {
		if read(t, name) != read(t, "../"+name) {
			t.Errorf("%s differs from the chapter's: copy it", name)
		}
	}
}

// TestReadmeShowsTheTable runs every case and looks for each row in the chapter's README.
func TestReadmeShowsTheTable(t *testing.T) {
	readme := read(t, "../README.md")
	for row := range strings.Lines(table()) {
		if !strings.Contains(readme, row) {
			t.Errorf("the README does not have this row: %s", row)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
