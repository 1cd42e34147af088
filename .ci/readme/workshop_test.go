package readme

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	chapterMinutes  = regexp.MustCompile(`(?m)^\*\*Minutes:\*\* run (\d+), read (\d+), exercise (\d+)\.`)
	shortMinutes    = regexp.MustCompile(`(?s)\n### When time is short\n\nIn (\d+) minutes:(.*?)\.\sSkip`)
	partMinutes     = regexp.MustCompile(`\((\d+)\)`)
	exerciseMinutes = regexp.MustCompile(`(?m)^\*\*Minutes:\*\* (\d+)\.$`)
)

// minutes returns, by a chapter's number, how many it says that each part takes.
func minutes(t *testing.T) map[string]map[string]int {
	t.Helper()
	all := make(map[string]map[string]int)
	for _, c := range chapters(t) {
		m := chapterMinutes.FindStringSubmatch(c.Readme)
		if m == nil {
			t.Errorf("%s/README.md does not say how many minutes it takes", c.Name)
			continue
		}
		parts := make(map[string]int)
		for i, part := range []string{"run", "read", "exercise"} {
			parts[part], _ = strconv.Atoi(m[i+1])
		}
		if short := shortMinutes.FindStringSubmatch(c.Readme); short == nil {
			t.Errorf("%s/README.md does not say what to do when time is short, and in how many minutes", c.Name)
		} else {
			parts["short"], _ = strconv.Atoi(short[1])
			sum := 0
			for _, part := range partMinutes.FindAllStringSubmatch(short[2], -1) {
				n, _ := strconv.Atoi(part[1])
				sum += n
			}
			if sum != parts["short"] {
				t.Errorf("%s/README.md: when time is short its parts take %d minutes, and it says %d", c.Name, sum, parts["short"])
			}
		}
		all[c.Name[:2]] = parts
	}
	return all
}

// TestMinutesAgree compares the minutes in the root README's table of chapters
// with what each chapter says of itself, and that with what its exercise says.
func TestMinutesAgree(t *testing.T) {
	text := read(t, filepath.Join(root, "README.md"))
	all := minutes(t)
	for _, c := range chapters(t) {
		m := all[c.Name[:2]]
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\|.*\(%s/?(README\.md)?\).*\| *%d *\| *%d *\|$`, c.Name, m["run"]+m["read"], m["exercise"]))
		if !row.MatchString(text) {
			t.Errorf("README.md has no row for %s that ends in its %d and %d minutes", c.Name, m["run"]+m["read"], m["exercise"])
		}
		e := exerciseMinutes.FindStringSubmatch(read(t, filepath.Join(c.Dir(), "exercise", "README.md")))
		if e == nil || e[1] != strconv.Itoa(m["exercise"]) {
			t.Errorf("%s: its exercise says %q, and the chapter says that it takes %d minutes", c.Name, e, m["exercise"])
		}
	}
}

// TestPlansAddUp adds up the workshop's plans: each row from the minutes of its
// chapter, the clock from the rows before, all rows to what stands below, and that
// to what the plan is called.
func TestPlansAddUp(t *testing.T) {
	text := read(t, filepath.Join(root, "README.md"))
	all := minutes(t)
	length := map[string]int{"90 minutes": 90, "Half a day": 240, "A full day": 480}
	row := regexp.MustCompile(`(?m)^\| (\d+) \| (.+?) \| \**(\d+)\** \|$`)
	for plan, want := range length {
		_, section, ok := strings.Cut(text, "\n### "+plan+"\n")
		if !ok {
			t.Errorf("README.md has no plan %q", plan)
			continue
		}
		section, _, _ = strings.Cut(section, "\n### ")
		sum, together := 0, 0
		for _, m := range row.FindAllStringSubmatch(section, -1) {
			n, _ := strconv.Atoi(m[3])
			if m[1] != strconv.Itoa(sum) {
				t.Errorf("%s: %q is said to begin at %s, and the rows before it take %d minutes", plan, m[2], m[1], sum)
			}
			if strings.Contains(m[2], "together") {
				together = n
				continue
			}
			sum += n
			if chapter, parts, ok := strings.Cut(m[2], " "); ok && all[chapter] != nil {
				is := 0
				for part := range strings.SplitSeq(parts, ", ") {
					minutes, known := all[chapter][part]
					if is += minutes; !known {
						t.Errorf("%s: %q has no minutes for %q", plan, m[2], part)
					}
				}
				if is != n {
					t.Errorf("%s: %q takes %d minutes, and the plan has %d", plan, m[2], is, n)
				}
			}
		}
		if sum != together || sum != want {
			t.Errorf("%s: its rows are %d minutes, it says %d, and it should be %d", plan, sum, together, want)
		}
	}
}

// TestEachChapterHelpsItsInstructor looks for the notes: folded away, with
// questions to ask before, one live edit of at most three lines, with the way
// back, and what will be asked. What the edit does is tried by TestEditsDoWhatTheySay.
func TestEachChapterHelpsItsInstructor(t *testing.T) {
	for _, c := range chapters(t) {
		_, notes, ok := strings.Cut(c.Readme, "\n## For instructors\n\n<details>\n")
		notes, _, closed := strings.Cut(notes, "\n</details>\n")
		if !ok || !closed {
			t.Errorf("%s/README.md has no notes for instructors, folded away", c.Name)
			continue
		}
		for _, heading := range []string{"Ask before you run", "Break it, live", "Listen for", "What will be asked", "When time is short"} {
			if !strings.Contains(notes, "\n### "+heading+"\n") {
				t.Errorf("%s/README.md has no %q for instructors", c.Name, heading)
			}
		}
		if n := len(regexp.MustCompile(`(?m)^\d\. \*\*.*\?`).FindAllString(notes, -1)); n < 2 {
			t.Errorf("%s/README.md has %d questions to ask before", c.Name, n)
		}
		changed := len(regexp.MustCompile(`(?m)^-.*`).FindAllString(fences(notes), -1))
		added := len(regexp.MustCompile(`(?m)^\+.*`).FindAllString(fences(notes), -1))
		if changed+added == 0 || max(changed, added) > 3 {
			t.Errorf("%s/README.md: the live edit has %d lines less and %d more; it should be one to three", c.Name, changed, added)
		}
		_, live, _ := strings.Cut(notes, "\n### Break it, live\n")
		if red := turnsRed.FindStringSubmatch(live); red == nil || !strings.Contains(live, "\ngo test -race -run "+red[1]+" ./"+c.Name+"\n") {
			t.Errorf("%s/README.md does not say by which command the live edit's test is seen to turn red", c.Name)
		}
		if !strings.Contains(notes, "`git restore "+c.Name+"/") {
			t.Errorf("%s/README.md does not say the way back from the live edit", c.Name)
		}
		if !strings.Contains(c.Readme, "(exercise/README.md)") {
			t.Errorf("%s/README.md does not lead to its exercise", c.Name)
		}
	}
}

// fences returns what stands in the fences headed by diff.
func fences(text string) (all string) {
	for _, m := range regexp.MustCompile("(?s)```diff [^\n]*\n(.*?)```\n").FindAllStringSubmatch(text, -1) {
		all += m[1]
	}
	return all
}
