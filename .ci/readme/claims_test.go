package readme

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNamedTestsExist looks for every test and benchmark that a text names.
func TestNamedTestsExist(t *testing.T) {
	everywhere := make(map[string]Test)
	for _, c := range chapters(t) {
		maps.Copy(everywhere, c.Tests)
		for _, name := range testName.FindAllStringSubmatch(c.Readme+c.Instructor, -1) {
			if _, ok := c.Tests[name[1]]; !ok {
				t.Errorf("%s names %s, which the chapter does not have", c.Name, name[1])
			}
		}
	}
	for _, file := range []string{"README.md", filepath.Join(".workshop", "README.md")} {
		for _, name := range testName.FindAllStringSubmatch(read(t, filepath.Join(root, file)), -1) {
			if _, ok := everywhere[name[1]]; !ok {
				t.Errorf("%s names %s, which no chapter has", file, name[1])
			}
		}
	}
}

// TestHintsNameWhatExists looks for the sections and the files that the checks of the
// exercises and the texts about them name: "section 2.5", "section 4.9, abandoned.go".
func TestHintsNameWhatExists(t *testing.T) {
	claims := make(map[string]bool)
	for _, c := range chapters(t) {
		for id := range c.Claims {
			claims[id] = true
		}
	}
	hint := regexp.MustCompile(`\bsections? (\d+\.\d+)(?:, (?:and )?(\w+\.go))?`)
	found := 0
	for _, c := range chapters(t) {
		for _, pattern := range []string{"*.md", "exercise/*.md", "exercise/*_test.go", "fixes/*.md", "fixes/*_test.go"} {
			files, err := filepath.Glob(filepath.Join(c.Dir(), filepath.FromSlash(pattern)))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				for _, m := range hint.FindAllStringSubmatch(read(t, file), -1) {
					found++
					if !claims[m[1]] {
						t.Errorf("%s names section %s, which no chapter has", file, m[1])
					}
					if _, err := os.Stat(filepath.Join(c.Dir(), m[2])); err != nil {
						t.Errorf("%s names %s, which the chapter does not have", file, m[2])
					}
				}
			}
		}
	}
	if found < 200 {
		t.Errorf("found %d sections that are named, want at least 200: has their form changed?", found)
	}
}

// TestEveryClaimHasATest compares the tables of claims with the doc comments of
// the tests: each claim has a test (2.7 and the like may have only a negative
// control), the table's cells name tests of that claim, and a dash means that
// there is no negative control.
func TestEveryClaimHasATest(t *testing.T) {
	linked := regexp.MustCompile(`\]\(((?:\w+/)*\w+_test\.go)\)`)
	for _, c := range chapters(t) {
		if len(c.Claims) == 0 {
			t.Errorf("%s/README.md has no table of claims", c.Name)
		}
		for id, claim := range c.Claims {
			tests, controls := c.Of(id)
			if len(tests)+len(controls) == 0 {
				t.Errorf("%s: no test's doc comment says that it tests claim %s", c.Name, id)
			}
			if (claim.Control == "—") != (len(controls) == 0) {
				t.Errorf("%s/README.md: claim %s has %q for its negative control; the tests that say so are %v", c.Name, id, claim.Control, controls)
			}
			for _, m := range testName.FindAllStringSubmatch(claim.Test, -1) {
				if !slices.Contains(tests, m[1]) && strings.HasPrefix(m[1], "Test") {
					t.Errorf("%s: the table says that %s tests claim %s; its doc comment does not", c.Name, m[1], id)
				}
			}
			for _, m := range testName.FindAllStringSubmatch(claim.Control, -1) {
				if !slices.Contains(controls, m[1]) {
					t.Errorf("%s: the table says that %s is a negative control of %s; its doc comment does not", c.Name, m[1], id)
				}
			}
			for _, m := range linked.FindAllStringSubmatch(claim.Test, -1) {
				if !slices.ContainsFunc(tests, func(name string) bool { return c.Tests[name].File == m[1] }) {
					t.Errorf("%s: the table links %s for claim %s, and no test of that claim is in it", c.Name, m[1], id)
				}
			}
			if claim.Test == "" || claim.Test == "—" && len(tests) > 0 {
				t.Errorf("%s: the table has no test for claim %s", c.Name, id)
			}
		}
	}
}

// TestRootReadmeCountsTheClaims holds the numbers in the root README to the truth.
func TestRootReadmeCountsTheClaims(t *testing.T) {
	claims, controlled := 0, 0
	for _, c := range chapters(t) {
		for id := range c.Claims {
			claims++
			if _, controls := c.Of(id); len(controls) > 0 {
				controlled++
			}
		}
	}
	want := fmt.Sprintf("All %d claims have a test; %d of them also have a negative control", claims, controlled)
	if !strings.Contains(strings.Join(strings.Fields(read(t, filepath.Join(root, "README.md"))), " "), want) {
		t.Errorf("README.md does not say %q", want)
	}
}

// TestLinksLeadSomewhere follows the links that stay inside the repository, to
// the file and to the heading.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, file := range texts(t) {
		for _, found := range link.FindAllStringSubmatch(read(t, file), -1) {
			u, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if u.Host != "" {
				continue
			}
			target := filepath.Join(filepath.Dir(file), u.Path)
			if u.Path == "" {
				target = file
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, found[1], err)
			} else if u.Fragment != "" && !slices.Contains(anchors(t, target), u.Fragment) {
				t.Errorf("%s links to %s, and there is no such heading", file, found[1])
			}
		}
	}
}

// anchors returns the anchors of a Markdown file's headings, as GitHub makes them.
func anchors(t *testing.T, file string) (all []string) {
	t.Helper()
	fence := false
	for line := range strings.Lines(read(t, file)) {
		if strings.HasPrefix(line, "```") {
			fence = !fence
		}
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && !fence && strings.HasPrefix(line, "#") {
			all = append(all, anchor(heading))
		}
	}
	return all
}

// anchor returns the anchor of a heading.
func anchor(heading string) string {
	heading = regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
	return strings.ReplaceAll(heading, " ", "-")
}

// TestCommandsCanBePasted looks at the commands that people are told to run, in
// every README.
func TestCommandsCanBePasted(t *testing.T) {
	for _, readme := range texts(t) {
		for _, fault := range unpastable(read(t, readme)) {
			t.Errorf("%s: %s", readme, fault)
		}
	}
}

var (
	commands = regexp.MustCompile("(?s)```(sh|powershell)\n(.*?)```\n(\n```powershell\n)?")
	quoted   = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	// What PowerShell and cmd understand as it is: programs of the go command, and cd.
	everywhere = regexp.MustCompile(`^(go|git|cd) [^|&;<>$` + "`" + `\\]*$`)
)

// unpastable returns what is wrong with the commands of a README. A comment
// after a command is an argument in zsh, the shell of macOS, and in Windows'
// cmd; and zsh expands a ? or * without quotes. A fence for sh that has more
// than the go command is followed by one for PowerShell. In PowerShell 5.1 curl
// is another command, && is a syntax error, and double quotes are removed from
// what is passed to a program.
func unpastable(readme string) (faults []string) {
	for at := 0; ; {
		m := commands.FindStringSubmatchIndex(readme[at:])
		if m == nil {
			return faults
		}
		shell, lines, translated := readme[at+m[2]:at+m[3]], readme[at+m[4]:at+m[5]], m[6] >= 0
		at += m[5] // the fence for PowerShell is the next one
		for line := range strings.Lines(lines) {
			line = strings.TrimSpace(line)
			bare := quoted.ReplaceAllString(line, "''")
			program, _, _ := strings.Cut(line, " ")
			switch {
			case strings.ContainsAny(bare, "#?*"):
				faults = append(faults, "not every shell understands "+line)
			case shell == "sh" && !translated && !everywhere.MatchString(bare):
				faults = append(faults, "no ```powershell fence follows, and PowerShell does not understand "+line)
			case shell == "powershell" && (strings.Contains(bare, "&&") || strings.Contains(strings.ReplaceAll(bare, "| Select-String", ""), "|") || program == "curl"):
				faults = append(faults, "PowerShell 5.1 does not understand "+line)
			case shell == "powershell" && strings.Contains(line, `"`) && !strings.HasPrefix(program, "Invoke-"):
				faults = append(faults, "PowerShell 5.1 removes the double quotes from "+line)
			}
		}
	}
}

// TestUnpastableCommandsAreFound tries commands that fail in some shell, and some that do not.
func TestUnpastableCommandsAreFound(t *testing.T) {
	fence := func(shell, line string) string { return "```" + shell + "\n" + line + "\n```\n" }
	for _, c := range []struct{ readme, want string }{
		{fence("sh", "go test -race ./..."), ""},
		{fence("sh", "go test -run '^$' -bench . ./x"), ""},
		{fence("sh", "go test ./... # all"), "not every shell"},
		{fence("sh", "curl http://localhost/?a=b"), "not every shell"},
		{fence("sh", "curl http://localhost/"), "no ```powershell fence"},
		{fence("sh", "go run ./x | grep y"), "no ```powershell fence"},
		{fence("sh", "go vet ./x && go test ./x"), "no ```powershell fence"},
		{fence("sh", "GOMAXPROCS=1 go run ./x"), "no ```powershell fence"},
		{fence("sh", "bash run"), "no ```powershell fence"},
		{fence("sh", "curl http://localhost/") + "\n" + fence("powershell", "curl.exe http://localhost/"), ""},
		{fence("sh", "curl http://localhost/") + "\nand\n\n" + fence("powershell", "curl.exe http://localhost/"), "no ```powershell fence"},
		{fence("powershell", "curl http://localhost/"), "5.1 does not understand"},
		{fence("powershell", "go run ./x | more"), "5.1 does not understand"},
		{fence("powershell", "go run ./x | Select-String y"), ""},
		{fence("powershell", "go vet ./x && go test ./x"), "5.1 does not understand"},
		{fence("powershell", `curl.exe http://localhost/ -d '{"name":"Ada"}'`), "removes the double quotes"},
		{fence("powershell", `Invoke-RestMethod http://localhost/ -Body '{"name":"Ada"}'`), ""},
	} {
		got := strings.Join(unpastable(c.readme), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.readme, got, c.want)
		}
	}
}

// texts returns the paths of all Markdown files that people read.
func texts(t *testing.T) (all []string) {
	t.Helper()
	for _, pattern := range []string{"README.md", ".github/*.md", ".workshop/*.md", "*/*.md", "*/*/*.md", "*/*/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			if !strings.Contains(filepath.ToSlash(file), "/.ci/") {
				all = append(all, file)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}
