package readme

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	chapterMinutes  = regexp.MustCompile(`(?m)^\*\*Minutes:\*\* run (\d+), read (\d+), exercise (\d+)\.`)
	shortMinutes    = regexp.MustCompile(`(?s)^\s*In (\d+) minutes: (.*?)\.\s+Skip`)
	partMinutes     = regexp.MustCompile(`\((\d+)\)`)
	exerciseMinutes = regexp.MustCompile(`(?m)^\*\*Minutes:\*\* (\d+)\.`)
)

// minutes returns, by a chapter's number, how many minutes each part takes.
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
		if short := shortMinutes.FindStringSubmatch(section(c.Instructor, "## Short version")); short == nil {
			t.Errorf("%s/INSTRUCTOR.md has no short version with its minutes", c.Name)
		} else {
			parts["short"], _ = strconv.Atoi(short[1])
			total := 0
			for _, part := range partMinutes.FindAllStringSubmatch(short[2], -1) {
				n, _ := strconv.Atoi(part[1])
				total += n
			}
			if total != parts["short"] {
				t.Errorf("%s/INSTRUCTOR.md: the parts of the short version take %d minutes; it says %d", c.Name, total, parts["short"])
			}
		}
		all[c.Name[:2]] = parts
	}
	return all
}

// TestMinutesAgree compares the minutes in the root README's table of chapters
// with those of each chapter and of its exercise.
func TestMinutesAgree(t *testing.T) {
	text := read(t, filepath.Join(root, "README.md"))
	all := minutes(t)
	for _, c := range chapters(t) {
		m := all[c.Name[:2]]
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\|.*\(%s/?(README\.md)?\).*\| *%d *\| *%d *\|$`, c.Name, m["run"]+m["read"], m["exercise"]))
		if !row.MatchString(text) {
			t.Errorf("README.md has no row for %s that ends in %d and %d minutes", c.Name, m["run"]+m["read"], m["exercise"])
		}
		e := exerciseMinutes.FindStringSubmatch(read(t, filepath.Join(c.Dir(), "exercise", "README.md")))
		if e == nil || e[1] != strconv.Itoa(m["exercise"]) {
			t.Errorf("%s: the exercise says %q, the chapter %d minutes", c.Name, e, m["exercise"])
		}
	}
}

var askCommand = regexp.MustCompile("`go run \\./[\\w-]+ -ask ([\\d. ]+)`")

// TestPlanCommandsRun types the commands of the workshop's plans. Each section asks
// its question and answers it.
func TestPlanCommandsRun(t *testing.T) {
	commands := askCommand.FindAllStringSubmatch(read(t, filepath.Join(root, ".workshop", "README.md")), -1)
	if len(commands) == 0 {
		t.Fatal("the plans name no command")
	}
	for _, m := range commands {
		out := run(t, root, strings.Trim(m[0], "`"))
		for id := range strings.FieldsSeq(m[1]) {
			if !strings.Contains(out, "\n"+id+"  ") || !strings.Contains(out, "Answer ") {
				t.Errorf("%s does not ask and answer %s:\n%s", m[0], id, out)
			}
		}
	}
}

// TestBugClassesAreCoveredAsSaid looks for every section and exercise that the
// workshop's tables of bug classes name.
func TestBugClassesAreCoveredAsSaid(t *testing.T) {
	byNumber := make(map[string]Chapter)
	for _, c := range chapters(t) {
		byNumber[c.Name[:2]] = c
	}
	text := section(read(t, filepath.Join(root, ".workshop", "README.md")), "### Which bugs the course covers")
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(text, -1)
	if len(rows) < 20 {
		t.Fatalf("the tables have %d rows", len(rows))
	}
	for _, row := range rows {
		for _, id := range regexp.MustCompile(`\b\d\.\d+\b`).FindAllString(row[2], -1) {
			if c := byNumber["0"+id[:1]]; c.Claims[id].Sentence == "" && !strings.Contains(row[2], "Go "+id) {
				t.Errorf("%q: there is no section %s", row[1], id)
			}
		}
		for _, m := range regexp.MustCompile(`\b(0\d) (\w+)`).FindAllStringSubmatch(row[3], -1) {
			fixes := read(t, filepath.Join(byNumber[m[1]].Dir(), "fixes", "README.md"))
			if m[2] != "exercise" && !strings.Contains(fixes, "\n## "+m[2]+"\n") {
				t.Errorf("%q: chapter %s has no exercise %s", row[1], m[1], m[2])
			}
		}
	}
}

// TestPlansAddUp adds up the workshop's plans: each row from the minutes of its
// chapter, the clock from the rows before, and the total from all rows.
func TestPlansAddUp(t *testing.T) {
	text := read(t, filepath.Join(root, ".workshop", "README.md"))
	all := minutes(t)
	row := regexp.MustCompile(`(?m)^\| (\d+) \| (.+?) \| \**(\d+)\** \|$`)
	for plan, want := range map[string]int{"90 minutes": 90, "Half a day": 240, "A full day": 480} {
		total, said := 0, 0
		for _, m := range row.FindAllStringSubmatch(section(text, "### "+plan), -1) {
			n, _ := strconv.Atoi(m[3])
			if m[1] != strconv.Itoa(total) {
				t.Errorf("%s: %q begins at %s; the rows before it take %d minutes", plan, m[2], m[1], total)
			}
			if strings.Contains(m[2], "total") {
				said = n
				continue
			}
			total += n
			if command := askCommand.FindStringSubmatch(m[2]); command != nil && n != 3*len(strings.Fields(command[1])) {
				t.Errorf("%s: %q is to take %d minutes; at three for each section it takes %d", plan, m[2], n, 3*len(strings.Fields(command[1])))
			}
			if chapter, parts, ok := strings.Cut(m[2], " "); ok && all[chapter] != nil {
				is := 0
				for part := range strings.SplitSeq(parts, ", ") {
					minutes, known := all[chapter][part]
					if is += minutes; !known {
						t.Errorf("%s: %q has no minutes for %q", plan, m[2], part)
					}
				}
				if is != n {
					t.Errorf("%s: %q takes %d minutes; the plan has %d", plan, m[2], is, n)
				}
			}
		}
		if total != said || total != want {
			t.Errorf("%s: its rows take %d minutes, it says %d, want %d", plan, total, said, want)
		}
	}
}

// questions returns the questions that a chapter's program asks, by section, in order.
func questions(t *testing.T, c Chapter) (ids []string, text map[string]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(c.Dir(), "questions.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text = make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		if pair, ok := n.(*ast.KeyValueExpr); ok {
			if quiz, ok := pair.Value.(*ast.CompositeLit); ok && len(quiz.Elts) > 0 {
				key, ok1 := pair.Key.(*ast.BasicLit)
				question, ok2 := quiz.Elts[0].(*ast.BasicLit)
				if ok1 && ok2 {
					id, _ := strconv.Unquote(key.Value)
					ids = append(ids, id)
					text[id], _ = strconv.Unquote(question.Value)
				}
			}
		}
		return true
	})
	return ids, text
}

// TestPredictAsksWhatTheProgramAsks compares the README's questions with those of -ask.
func TestPredictAsksWhatTheProgramAsks(t *testing.T) {
	for _, c := range chapters(t) {
		predict := section(c.Readme, "## Predict")
		ids, text := questions(t, c)
		for i, id := range ids {
			if want := fmt.Sprintf("%d. %s (%s)", i+1, text[id], id); !strings.Contains(strings.Join(strings.Fields(predict), " "), want) {
				t.Errorf("%s/README.md does not ask %q", c.Name, want)
			}
		}
		shows := len(c.Claims)
		for _, claim := range c.Claims {
			if claim.Elsewhere {
				shows--
			}
		}
		if len(ids) != shows {
			t.Errorf("%s has %d questions for the %d claims that its program shows", c.Name, len(ids), shows)
		}
	}
}

// TestEachChapterHelpsItsInstructor looks for what an instructor needs: questions
// with the wrong answers, a live edit of one to three lines with the command that
// shows the failure and the one that undoes it, and the short version.
func TestEachChapterHelpsItsInstructor(t *testing.T) {
	for _, c := range chapters(t) {
		for _, heading := range []string{"Questions", "Live edit", "Key takeaways", "Short version"} {
			if section(c.Instructor, "## "+heading) == "" {
				t.Errorf("%s/INSTRUCTOR.md has no %q", c.Name, heading)
			}
		}
		if n := len(regexp.MustCompile(`(?m)^\d+\. \*\*.*\?`).FindAllString(section(c.Instructor, "## Questions"), -1)); n < 2 {
			t.Errorf("%s/INSTRUCTOR.md has %d questions", c.Name, n)
		}
		patch := ".workshop/edits/" + c.Name[:2] + ".patch"
		changes := regexp.MustCompile(`(?m)^[-+](?:[^-+].*)?$`).FindAllString(read(t, filepath.Join(root, filepath.FromSlash(patch))), -1)
		if len(changes) == 0 || len(changes) > 6 {
			t.Errorf("%s changes %d lines; want one to three", patch, len(changes))
		}
		live := section(c.Instructor, "## Live edit")
		fails := failsWith.FindStringSubmatch(live)
		if fails == nil {
			t.Errorf("%s/INSTRUCTOR.md does not say how the live edit's test fails", c.Name)
			continue
		}
		for _, command := range []string{"git apply " + patch, "go test -race -run " + fails[1] + `\S* \./` + c.Name + "( \\|.*)?", "git apply -R " + patch} {
			if !regexp.MustCompile(`\n` + command + `\n`).MatchString(live) {
				t.Errorf("%s/INSTRUCTOR.md lacks the command %q", c.Name, command)
			}
		}
	}
}
