package contract

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables into the README")

// figures are what may differ from run to run.
var figures = regexp.MustCompile(`[\d,]+(\.\d+)?( ?(ms|s|µs))?\b`)

// holdReadme compares a table with the one that is in the README after the
// comment with that name.
func holdReadme(t testing.TB, name, table string) {
	t.Helper()
	file := filepath.Join("..", "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), begin)
	there, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md has no %s", begin)
	}
	if *update {
		table = keep(there, table)
		if err := os.WriteFile(file, []byte(before+begin+"\n"+table+"\n"+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, got := strings.Split(strings.TrimSpace(there), "\n"), strings.Split(strings.TrimSpace(table), "\n")
	if len(want) != len(got) {
		t.Fatalf("README.md has %d rows under %s, and it was %d", len(want), name, len(got))
	}
	for i := range got {
		w, g := strings.Split(want[i], "|"), strings.Split(got[i], "|")
		for j := range g {
			if cell := strings.TrimSpace(g[j]); cell == notInstalled || cell == notTried {
				continue
			}
			if j >= len(w) || figures.ReplaceAllString(w[j], "#") != figures.ReplaceAllString(g[j], "#") {
				t.Errorf("README.md differs from this run:\n%s\n%s\ngo test ./contract -update writes it", want[i], got[i])
				break
			}
		}
	}
}

// keep returns a table in which the cells that were not tried have what the same row
// and column had before.
func keep(before, table string) string {
	row := func(line string) (cells []string) {
		for cell := range strings.SplitSeq(line, "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		return cells
	}
	old := make(map[string]string)
	var heads []string
	for i, line := range strings.Split(strings.TrimSpace(before), "\n") {
		cells := row(line)
		if i == 0 {
			heads = cells
		}
		for j := 3; j < len(cells) && j < len(heads); j++ {
			old[cells[2]+"|"+heads[j]] = cells[j]
		}
	}
	lines := strings.Split(table, "\n")
	heads = row(lines[0])
	for i, line := range lines {
		if i < 2 {
			continue
		}
		cells := row(line)
		for j := 3; j < len(cells); j++ {
			if was, ok := old[cells[2]+"|"+heads[j]]; ok && (cells[j] == notInstalled || cells[j] == notTried) {
				cells[j] = was
			}
		}
		lines[i] = strings.TrimSpace(strings.Join(cells, " | "))
	}
	return strings.Join(lines, "\n")
}
