package readme

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNamedTestsExist looks for every test and benchmark that a README names.
func TestNamedTestsExist(t *testing.T) {
	everywhere := make(map[string]string)
	for _, c := range chapters(t) {
		maps.Copy(everywhere, c.Tests)
		for _, name := range testName.FindAllStringSubmatch(c.Readme, -1) {
			if _, ok := c.Tests[name[1]]; !ok {
				t.Errorf("%s/README.md names %s, which the chapter does not have", c.Name, name[1])
			}
		}
	}
	for _, name := range testName.FindAllStringSubmatch(read(t, filepath.Join(root, "README.md")), -1) {
		if _, ok := everywhere[name[1]]; !ok {
			t.Errorf("README.md names %s, which no chapter has", name[1])
		}
	}
}

// TestClaimsHaveProofsThatNameThem goes through the tables of claims: each
// claim has a test, and each test's doc comment says which claim it proves.
func TestClaimsHaveProofsThatNameThem(t *testing.T) {
	for _, c := range chapters(t) {
		if len(c.Claims) == 0 {
			t.Errorf("%s/README.md has no table of claims", c.Name)
		}
		for id, claim := range c.Claims {
			if len(claim.Tests) == 0 {
				t.Errorf("%s/README.md: claim %s has no test", c.Name, id)
			}
			named := regexp.MustCompile(`\b` + regexp.QuoteMeta(id) + `\b`)
			for _, name := range claim.Tests {
				if doc, ok := c.Tests[name]; ok && strings.HasPrefix(name, "Test") && !named.MatchString(doc) {
					t.Errorf("%s: the doc comment of %s does not say that it proves %s", c.Name, name, id)
				}
			}
		}
	}
}

// TestLinkedFilesExist follows the links that stay inside the repository.
func TestLinkedFilesExist(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, readme := range readmes(t) {
		for _, found := range link.FindAllStringSubmatch(read(t, readme), -1) {
			u, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: %v", readme, err)
			} else if u.Host == "" && u.Path != "" {
				if _, err := os.Stat(filepath.Join(filepath.Dir(readme), u.Path)); err != nil {
					t.Errorf("%s links to %s: %v", readme, u.Path, err)
				}
			}
		}
	}
}

// TestCommandsCanBePasted looks at the commands that people are told to run. A
// comment behind one is an argument in zsh, which is the shell of a Mac, and in
// Windows' cmd; and zsh takes a ? or * without quotes for the name of a file.
func TestCommandsCanBePasted(t *testing.T) {
	fence := regexp.MustCompile("(?s)```sh\n(.*?)```")
	quoted := regexp.MustCompile(`'[^']*'|"[^"]*"`)
	for _, readme := range readmes(t) {
		for _, commands := range fence.FindAllStringSubmatch(read(t, readme), -1) {
			for line := range strings.Lines(commands[1]) {
				if strings.ContainsAny(quoted.ReplaceAllString(line, ""), "#?*") {
					t.Errorf("%s: not every shell understands %s", readme, line)
				}
			}
		}
	}
}

// readmes returns the paths of all there are.
func readmes(t *testing.T) (all []string) {
	t.Helper()
	for _, depth := range []string{"", "*", filepath.Join("*", "*")} {
		found, err := filepath.Glob(filepath.Join(root, depth, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}
