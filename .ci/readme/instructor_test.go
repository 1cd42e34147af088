package readme

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var (
	chapterMinutes  = regexp.MustCompile(`(?m)^\*\*Minutes:\*\* run (\d+), read (\d+), exercise (\d+), fixes \d+\.`)
	exerciseMinutes = regexp.MustCompile(`(?m)^\*\*Minutes:\*\* (\d+)\.`)
	blocksOf        = regexp.MustCompile(`(?s)^\s*Blocks (.*?), (\d+) minutes\.`)
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
		all[c.Name[:2]] = parts
	}
	return all
}

// A Block is a row of the workshop's table of blocks.
type Block struct {
	Name, Projector, Say string
	Minutes              int
}

// blocks returns the workshop's blocks, by name.
func blocks(t *testing.T) map[string]Block {
	t.Helper()
	all := make(map[string]Block)
	text := section(read(t, filepath.Join(root, ".workshop", "README.md")), "## Blocks")
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| (?:[^|]* )?\| (\d+) \|$`).FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[4])
		all[m[1]] = Block{m[1], m[2], m[3], n}
	}
	if len(all) < 20 {
		t.Fatalf("there are %d blocks", len(all))
	}
	return all
}

// fixMinutes is a row of the table of fixes.
var fixMinutes = regexp.MustCompile("(?m)^\\| \\[.*\\| (\\d+) \\| `go test")

// TestMinutesAgree compares the minutes in the root README's table of chapters
// with those of each chapter, of its exercise and of its fixes.
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
		fixes := 0
		for _, row := range fixMinutes.FindAllStringSubmatch(read(t, filepath.Join(c.Dir(), "fixes", "README.md")), -1) {
			n, _ := strconv.Atoi(row[1])
			fixes += n
		}
		if want := fmt.Sprintf("exercise %d, fixes %d.", m["exercise"], fixes); !strings.Contains(c.Readme, want) {
			t.Errorf("%s/README.md does not say %q", c.Name, want)
		}
	}
}

var askCommand = regexp.MustCompile("`(go run \\./[\\w-]+ -ask ([\\d. ]+))`")

// verdict is how a section with a question ends. On a busy machine it may have measured
// nothing that decides.
var verdict = regexp.MustCompile(`\n     (?:Answer [a-d]: |This run does not support )`)

// asked returns a section's question, and what the section prints up to its verdict.
func asked(out, id string) (question, text string, ok bool) {
	heading := "\n" + id + "  "
	_, out, found := strings.Cut(out, heading)
	question, text, shown := strings.Cut(out, heading)
	end := verdict.FindStringIndex(text)
	if !found || !shown || end == nil {
		return question, text, false
	}
	return question, text[:end[0]], true
}

// TestSectionEndsAtItsOwnVerdict has a first section in which nothing is decided, as on
// a busy machine: it must not be taken to end with the answer of the second one.
func TestSectionEndsAtItsOwnVerdict(t *testing.T) {
	const undecided = "\n6.1  How long?\n\n6.1  Claim\n     100 ms\n\n     This run does not support any single answer.\n"
	const out = undecided + "\n6.2  How many?\n\n6.2  Claim\n     7\n\n     Answer a: 7.\n"
	for id, want := range map[string]string{"6.1": "Claim\n     100 ms\n", "6.2": "Claim\n     7\n"} {
		if _, text, ok := asked(out, id); text != want || !ok {
			t.Errorf("section %s is %q (complete: %t), want %q", id, text, ok, want)
		}
	}
	if _, _, ok := asked(undecided, "6.2"); ok {
		t.Error("a section that is not in the output is complete")
	}
}

// requireOneScreen requires that a section, its verdict and the next question fit on the
// projector together.
func requireOneScreen(t *testing.T, out, id string) {
	t.Helper()
	heading := "\n" + id + "  "
	_, out, _ = strings.Cut(out, heading)
	_, out, _ = strings.Cut(out, heading)
	out, _, _ = strings.Cut(id+"  "+out, "\n     Your answer")
	rows := 1 // the prompt
	for line := range strings.Lines(out) {
		rows += max(1, (utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))+79)/80)
	}
	if rows > 33 {
		t.Errorf("section %s takes %d rows with its answer and the next question; the projector has 34", id, rows)
	}
}

// spoken returns how long it takes to read text aloud, at 130 words a minute.
func spoken(text string) time.Duration {
	return time.Duration(len(regexp.MustCompile(`[A-Za-z0-9]\S*`).FindAllString(text, -1))) * time.Minute / 130
}

// TestPlanCommandsRun types the commands of the workshop's blocks. Each section asks
// its question and answers it, on one screen. The block has enough minutes to read
// aloud the code that it shows first, all of this, the correction of a wrong answer, and
// the sentence, with 20 s for each question.
func TestPlanCommandsRun(t *testing.T) {
	commands := 0
	for _, b := range blocks(t) {
		m := askCommand.FindStringSubmatch(b.Projector)
		if m == nil {
			continue
		}
		commands++
		t.Run(b.Name, func(t *testing.T) {
			together(t)
			out := run(t, root, m[1])
			ids := strings.Fields(m[2])
			for i, id := range ids {
				question, text, ok := asked(out, id)
				if !ok {
					t.Errorf("%s does not ask and answer %s:\n%s", m[1], id, out)
				}
				if i+1 < len(ids) && strings.Contains(question+text, "\n"+ids[i+1]+"  ") {
					t.Errorf("%s shows %s before %s is answered", m[1], ids[i+1], id)
				}
				requireOneScreen(t, out, id)
			}
			takes := spoken(out + b.Say + b.code(t))
			for _, id := range ids {
				takes += spoken(wrongAnswer(t, b.Name[:2], id)) + 20*time.Second
			}
			t.Logf("%q takes %v of %d minutes", b.Name, takes.Round(time.Second), b.Minutes)
			if has := time.Duration(b.Minutes) * time.Minute; takes > has || takes < has-2*time.Minute {
				t.Errorf("%q takes %v to read aloud; it has %v", b.Name, takes.Round(time.Second), has)
			}
		})
	}
	if commands != 7 {
		t.Errorf("%d blocks ask questions; want one for each chapter", commands)
	}
}

// code returns the code that a block shows before its command, with `tail -n N file`. It
// begins with a function, below the doc comment, and is on one screen.
func (b Block) code(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile("^`tail -n (\\d+) (\\S+)`").FindStringSubmatch(b.Projector)
	if m == nil {
		return ""
	}
	n, _ := strconv.Atoi(m[1])
	lines := slices.Collect(strings.Lines(read(t, filepath.Join(root, filepath.FromSlash(m[2])))))
	if n > 32 || n > len(lines) || !strings.HasPrefix(lines[len(lines)-n], "func ") {
		t.Fatalf("%q does not show the functions at the end of %s on one screen", b.Name, m[2])
	}
	return strings.Join(lines[len(lines)-n:], "")
}

// wrongAnswer returns the longer of the two corrections that an INSTRUCTOR.md has for the
// wrong answers to the question of a section: what comes after "Say:".
func wrongAnswer(t *testing.T, number, id string) (longest string) {
	t.Helper()
	for _, c := range chapters(t) {
		if c.Name[:2] == number {
			_, answers, _ := strings.Cut(c.Instructor, "("+id+")**\n")
			answers, _, _ = strings.Cut(answers, "\n#")
			for i, answer := range regexp.MustCompile(`(?m)^ +- |^\d+\. `).Split(answers, -1) {
				if i > 2 {
					break // the next question
				}
				if _, say, ok := strings.Cut(answer, "Say: "); ok {
					answer = say
				}
				if len(answer) > len(longest) {
					longest = answer
				}
			}
		}
	}
	if longest == "" {
		t.Errorf("the INSTRUCTOR.md of %s has no wrong answer for %s", number, id)
	}
	return longest
}

// TestPageBlockShowsWhatItSays types the command of the block "07 page", with a
// port and folders of its own, and signs up the two people of chapter 07's
// INSTRUCTOR.md: one job is done, and the other one is a dead letter.
func TestPageBlockShowsWhatItSays(t *testing.T) {
	const command = "go run ./07-offload all"
	if b := blocks(t)["07 page"]; !strings.Contains(b.Projector, "`"+command+"`") {
		t.Fatalf("the block shows %q, want %q", b.Projector, command)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "offload.exe")
	if out, err := goCommand(t.Context(), "build", "-o", program, "./07-offload").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program, "all", "-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "jobs"), "-mail", filepath.Join(dir, "mail"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	base, lines := "", bufio.NewScanner(stderr)
	for base == "" && lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "ready at "); ok {
			base = url
		}
	}
	go io.Copy(io.Discard, stderr)
	client := &http.Client{Timeout: time.Minute}
	get := func(path string) string {
		response, err := client.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	if page := get("/"); !strings.Contains(page, "<form") {
		t.Errorf("the page has no form to sign up:\n%s", page)
	}
	for email, want := range map[string]string{"ada@slow.test": "done", "ada@fails.test": "dead"} {
		if !strings.Contains(read(t, filepath.Join(root, "07-offload", "INSTRUCTOR.md")), email) {
			t.Errorf("INSTRUCTOR.md does not say to sign up %s", email)
		}
		response, err := client.Post(base+"/signups", "application/json", strings.NewReader(`{"name":"Ada","email":"`+email+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		job := response.Header.Get("Location")
		if response.StatusCode != http.StatusAccepted || job == "" {
			t.Fatalf("the sign-up of %s was answered with %s", email, response.Status)
		}
		ended := regexp.MustCompile(`"state": ?"(done|dead|canceled)"`)
		for !ended.MatchString(get(job)) {
			<-time.After(20 * time.Millisecond) // the job has attempts left
		}
		if got := ended.FindStringSubmatch(get(job))[1]; got != want {
			t.Errorf("the job of %s is %s, want %s", email, got, want)
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
	rows := regexp.MustCompile(`(?m)^\| ([^|]+)(?: \| \d+)? \| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(text, -1)
	if len(rows) != 16+1+10 { // with a heading
		t.Fatalf("the tables have %d rows", len(rows))
	}
	programs, covered := 0, 0
	for _, m := range regexp.MustCompile(`(?m)^\| [^|]+ \| (\d+) \| (.*) \|$`).FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		if programs += n; m[2] != "not covered | not covered" {
			covered += n
		}
	}
	if programs != 103 {
		t.Errorf("the classes of GoKer have %d programs, want 103", programs)
	}
	if want := fmt.Sprintf("covers the classes of %d programs", covered); !strings.Contains(text, want) {
		t.Errorf("the text does not say that the course %s", want)
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
// blocks, the clock from the rows before, and the total from all rows. Each block
// has something to show and to say, and is in a plan.
func TestPlansAddUp(t *testing.T) {
	text := read(t, filepath.Join(root, ".workshop", "README.md"))
	all, chapter, used := blocks(t), minutes(t), make(map[string]bool)
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
			if strings.HasPrefix(m[2], "what the class asks") || m[2] == "break" || m[2] == "lunch" {
				continue
			}
			prefix, is := "", 0
			if first, _, ok := strings.Cut(m[2], " "); ok && chapter[first] != nil {
				prefix = first + " "
			}
			for name := range strings.SplitSeq(strings.TrimPrefix(m[2], prefix), ", ") {
				block, known := all[prefix+name]
				if !known {
					t.Errorf("%s: there is no block %q", plan, prefix+name)
				}
				is += block.Minutes
				used[block.Name] = true
			}
			if is != n {
				t.Errorf("%s: %q takes %d minutes; the plan has %d", plan, m[2], is, n)
			}
		}
		if total != said || total != want {
			t.Errorf("%s: its rows take %d minutes, it says %d, want %d", plan, total, said, want)
		}
	}
	for _, b := range all {
		number, part, _ := strings.Cut(b.Name, " ")
		switch {
		case !used[b.Name]:
			t.Errorf("no plan has the block %q", b.Name)
		case part == "exercise" && b.Minutes != chapter[number]["exercise"]+5:
			t.Errorf("the block %q has %d minutes; the exercise takes %d, and the solution 5", b.Name, b.Minutes, chapter[number]["exercise"])
		case part == "read" && b.Minutes != chapter[number]["read"]:
			t.Errorf("the block %q has %d minutes; the chapter says %d", b.Name, b.Minutes, chapter[number]["read"])
		}
	}
	for _, c := range chapters(t) {
		short := section(c.Instructor, "## Short version")
		if m := blocksOf.FindStringSubmatch(short); m != nil {
			is := 0
			for _, name := range regexp.MustCompile(`\*([^*]+)\*`).FindAllStringSubmatch(m[1], -1) {
				is += all[name[1]].Minutes
			}
			if strconv.Itoa(is) != m[2] {
				t.Errorf("%s/INSTRUCTOR.md: its blocks take %d minutes; it says %s", c.Name, is, m[2])
			}
		}
		files := regexp.MustCompile("`(\\w+\\.go)`")
		for part, folder := range map[string]string{"read": c.Dir(), "exercise": filepath.Join(c.Dir(), "exercise")} {
			for _, m := range files.FindAllStringSubmatch(all[c.Name[:2]+" "+part].Projector, -1) {
				if _, err := os.Stat(filepath.Join(folder, m[1])); err != nil {
					t.Errorf("the block %q shows a file that is not there: %v", c.Name[:2]+" "+part, err)
				}
			}
		}
	}
}

// TestExercisesOfTheCourse compares the workshop's table of levels with the exercises
// that exist: each is there once, with its minutes, and the minutes add up. Each is
// named with the bugs that it is about.
func TestExercisesOfTheCourse(t *testing.T) {
	text := read(t, filepath.Join(root, ".workshop", "README.md"))
	levels, bugs := section(text, "### Exercises as a course"), section(text, "### Which bugs the course covers")
	want := make(map[string]int) // minutes by name, such as "02 Quote" and "02 exercise"
	chapter := minutes(t)
	for _, c := range chapters(t) {
		want[c.Name[:2]+" exercise"] = chapter[c.Name[:2]]["exercise"]
		fixes := read(t, filepath.Join(c.Dir(), "fixes", "README.md"))
		for _, m := range regexp.MustCompile(`(?m)^\| \[(\w+)\]\(#\w+\) \| .* \| (\d+) \|`).FindAllStringSubmatch(fixes, -1) {
			want[c.Name[:2]+" "+m[1]], _ = strconv.Atoi(m[2])
		}
	}
	seen := make(map[string]bool)
	for _, level := range regexp.MustCompile(`(?m)^\| (\d: [^|]+) \| (.*) \| (\d+) \|$`).FindAllStringSubmatch(levels, -1) {
		total := 0
		for part := range strings.SplitSeq(level[2], " · ") {
			number, list, _ := strings.Cut(part, ": ")
			for _, m := range regexp.MustCompile(`\[(\w+)\]\([^)]*\) \((\d+)\)`).FindAllStringSubmatch(list, -1) {
				name := number + " " + m[1]
				n, _ := strconv.Atoi(m[2])
				if total += n; n != want[name] || seen[name] {
					t.Errorf("level %q has %s with %d minutes; it takes %d, and is in the table already: %t", level[1], name, n, want[name], seen[name])
				}
				seen[name] = true
			}
		}
		if strconv.Itoa(total) != level[3] {
			t.Errorf("level %q takes %d minutes; it says %s", level[1], total, level[3])
		}
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("%s has no level", name)
		}
		if !regexp.MustCompile(`\b` + strings.ReplaceAll(name, " ", `\s+`) + `\b`).MatchString(bugs) {
			t.Errorf("%s has no bug", name)
		}
	}
}

// A Quiz is a question of -ask. Right is "" where the section measures it.
type Quiz struct {
	Question string
	Answers  []string
	Right    string
}

// questions returns the questions that a chapter's program asks, by section, in order.
func questions(t *testing.T, c Chapter) (ids []string, quizzes map[string]Quiz) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(c.Dir(), "questions.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	literal := func(n ast.Expr) (text string) {
		if l, ok := n.(*ast.BasicLit); ok {
			text, _ = strconv.Unquote(l.Value)
		}
		return text
	}
	quizzes = make(map[string]Quiz)
	ast.Inspect(file, func(n ast.Node) bool {
		pair, _ := n.(*ast.KeyValueExpr)
		if pair == nil {
			return true
		}
		if l, ok := pair.Value.(*ast.CompositeLit); ok && len(l.Elts) == 3 {
			q := Quiz{Question: literal(l.Elts[0]), Right: literal(l.Elts[2])}
			if answers, ok := l.Elts[1].(*ast.CompositeLit); ok {
				for _, answer := range answers.Elts {
					q.Answers = append(q.Answers, literal(answer))
				}
			}
			ids = append(ids, literal(pair.Key))
			quizzes[literal(pair.Key)] = q
		}
		return false
	})
	return ids, quizzes
}

// wrongLetters returns the wrong answers that an INSTRUCTOR.md has for the question of a
// section, by their letters, such as "(b) *The number of OS threads*".
func wrongLetters(c Chapter, id string) map[string]string {
	_, answers, _ := strings.Cut(c.Instructor, "("+id+")**\n")
	answers = regexp.MustCompile(`(?m)^(?:\d+\.|#)`).Split(answers, 2)[0]
	wrong := make(map[string]string)
	for _, m := range regexp.MustCompile(`\(([a-d])\) \*([^*]+)\*`).FindAllStringSubmatch(answers, -1) {
		wrong[m[1]] = m[2]
	}
	return wrong
}

// TestInstructorHasTheLettersOfTheScreen compares the wrong answers in each INSTRUCTOR.md
// with those of -ask: all but the right one are there, under the same letter, shortened at
// most: the words are those of the screen, in the same order.
func TestInstructorHasTheLettersOfTheScreen(t *testing.T) {
	word := regexp.MustCompile(`[\w']+(?:[.,]\d+)*`)
	for _, c := range chapters(t) {
		ids, quizzes := questions(t, c)
		for _, id := range ids {
			q, wrong := quizzes[id], wrongLetters(c, id)
			if _, ok := wrong[q.Right]; ok || len(wrong) != len(q.Answers)-1 {
				t.Errorf("%s/INSTRUCTOR.md has the wrong answers %v to %s; -ask has %q, the right one is %q (empty: measured)", c.Name, wrong, id, q.Answers, q.Right)
			}
			for letter, text := range wrong {
				i, screen := int(letter[0]-'a'), []string(nil)
				if i < len(q.Answers) {
					screen = word.FindAllString(strings.ToLower(q.Answers[i]), -1)
				}
				for _, w := range word.FindAllString(strings.ToLower(text), -1) {
					at := slices.Index(screen, w)
					if at < 0 {
						t.Errorf("%s/INSTRUCTOR.md: answer %s to %s is %q; -ask has %q", c.Name, letter, id, text, q.Answers)
						break
					}
					screen = screen[at+1:]
				}
			}
		}
	}
}

// TestPredictAsksWhatTheProgramAsks compares the README's questions with those of -ask.
func TestPredictAsksWhatTheProgramAsks(t *testing.T) {
	for _, c := range chapters(t) {
		predict := section(c.Readme, "## Predict")
		ids, quizzes := questions(t, c)
		for i, id := range ids {
			if want := fmt.Sprintf("%d. %s (%s)", i+1, quizzes[id].Question, id); !strings.Contains(strings.Join(strings.Fields(predict), " "), want) {
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

// TestEachChapterHelpsItsInstructor looks for what an instructor needs: the program's
// questions with the wrong answers, a live edit of one to three lines with the command that
// shows the failure and the one that undoes it, and the short version.
func TestEachChapterHelpsItsInstructor(t *testing.T) {
	for _, c := range chapters(t) {
		for _, heading := range []string{"Questions", "Live edit", "Key takeaways", "Short version"} {
			if section(c.Instructor, "## "+heading) == "" {
				t.Errorf("%s/INSTRUCTOR.md has no %q", c.Name, heading)
			}
		}
		ids, quizzes := questions(t, c)
		for i, id := range ids {
			want := fmt.Sprintf("%d. **%s (%s)**", i+1, quizzes[id].Question, id)
			numbered := strings.Contains(c.Instructor, "("+ids[0]+")**") // the questions name their sections
			if numbered && !strings.Contains(strings.Join(strings.Fields(c.Instructor), " "), want) {
				t.Errorf("%s/INSTRUCTOR.md does not have the question %q", c.Name, want)
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

// TestLiveEditFailsInThreeLines applies each chapter's patch to a copy, types the
// command of INSTRUCTOR.md, requires the failure that the text promises, and undoes
// it. The screen has at most three lines of 80 columns. Where the command has no
// filter, the lines by which go test says that it failed do not count.
func TestLiveEditFailsInThreeLines(t *testing.T) {
	if out, err := goCommand(t.Context(), "test", "-race", "-run", "^$", "./01-goroutines").CombinedOutput(); err != nil {
		t.Skipf("needs the race detector (on Linux and Windows with a C compiler): %s", out)
	}
	for _, c := range chapters(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			live := section(c.Instructor, "## Live edit")
			command := regexp.MustCompile(`(?m)^(go test -race -run \S+ \S+)(?: \| (.*))?$`).FindStringSubmatch(live)
			fails := failsWith.FindStringSubmatch(live)
			if command == nil || fails == nil {
				t.Fatal("INSTRUCTOR.md has no command that shows the failure, or does not say how the test fails")
			}
			e := Edit{Where: c.Name + "/INSTRUCTOR.md", Patch: filepath.Join(root, ".workshop", "edits", c.Name[:2]+".patch")}
			dir := e.copied(t, c)
			out, err := inCopy(t, dir, strings.Fields(command[1])...)
			if err == nil || !strings.Contains(out, fails[2]) || strings.Contains(out, "[build failed]") {
				t.Fatalf("%s should fail and say %q: %v\n%s", command[1], fails[2], err, out)
			}
			undo := exec.CommandContext(t.Context(), "git", "apply", "-R", "-")
			undo.Dir, undo.Stdin = dir, strings.NewReader(read(t, e.Patch))
			undo.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir)) // the copy is in no repository
			if out, err := undo.CombinedOutput(); err != nil {
				t.Errorf("git apply -R %s: %v\n%s", e.Patch, err, out)
			}
			for _, m := range regexp.MustCompile(`(?m)^\+\+\+ b/(.*)$`).FindAllStringSubmatch(read(t, e.Patch), -1) {
				if read(t, filepath.Join(dir, m[1])) != read(t, filepath.Join(root, m[1])) {
					t.Errorf("git apply -R %s leaves %s changed", e.Patch, m[1])
				}
			}
			filter := command[2]
			if _, pattern, ok := strings.Cut(filter, "grep "); ok {
				powershell := "\n" + command[1] + " | Select-String " + strings.TrimPrefix(pattern, "-E -m3 ") + "\n"
				if !strings.Contains(live, powershell) {
					t.Errorf("INSTRUCTOR.md has no command for PowerShell:%s", powershell)
				}
			}
			if filter == "" {
				filter = "grep -v FAIL"
			}
			sh := exec.CommandContext(t.Context(), "sh", "-c", filter)
			if abs, err := filepath.Abs(dir); err == nil { // a folder of usual length
				out = strings.ReplaceAll(out, abs, "/home/gopher/src/concurrency")
			}
			sh.Stdin = strings.NewReader(out)
			screen, err := sh.CombinedOutput()
			if errors.Is(err, exec.ErrNotFound) {
				t.Skipf("needs a shell: %v", err)
			}
			rows := 0
			for line := range strings.Lines(string(screen)) {
				rows += (utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) + 79) / 80
			}
			if rows < 1 || rows > 3 {
				t.Errorf("%s takes %d lines on the screen, want 1 to 3:\n%s", command[0], rows, screen)
			}
		})
	}
}
