// Package readme holds the READMEs to the truth: the tests they name exist,
// the claims they list are the ones the programs print, the output they show is
// the programs', and the edits they propose do what they say.
//
//	go test ./.ci/readme          check everything
//	go test ./.ci/readme -update  write the programs' output into the READMEs
package readme

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// A Chapter is one numbered folder as its README tells of it and as its code is.
type Chapter struct {
	Name   string            // such as 05-worker-pool
	Readme string            // its text
	Tests  map[string]string // every test and benchmark, with its doc comment
	Claims map[string]Claim  // by id, from the README's table
}

// A Claim is one row of a README's table.
type Claim struct {
	Sentence string
	Tests    []string // of proof and counter-proof
}

// Dir returns the chapter's folder, seen from here.
func (c Chapter) Dir() string { return filepath.Join(root, c.Name) }

var (
	claimRow = regexp.MustCompile(`(?m)^\| *(\d+\.\d+) *\|([^|]+)\|(.+)\|$`)
	testName = regexp.MustCompile("`((?:Test|Benchmark)[A-Z]\\w*)`")
)

// chapters reads all chapters there are.
func chapters(t *testing.T) []Chapter {
	t.Helper()
	readmes, err := filepath.Glob(filepath.Join(root, "[0-9][0-9]-*", "README.md"))
	if err != nil || len(readmes) == 0 {
		t.Fatalf("no chapters: %v", err)
	}
	var all []Chapter
	for _, readme := range readmes {
		c := Chapter{
			Name:   filepath.Base(filepath.Dir(readme)),
			Readme: read(t, readme),
			Claims: make(map[string]Claim),
		}
		c.Tests = tests(t, c.Dir())
		for _, row := range claimRow.FindAllStringSubmatch(c.Readme, -1) {
			claim := Claim{Sentence: strings.TrimSpace(row[2])}
			for _, name := range testName.FindAllStringSubmatch(row[3], -1) {
				claim.Tests = append(claim.Tests, name[1])
			}
			c.Claims[row[1]] = claim
		}
		all = append(all, c)
	}
	return all
}

// tests returns the tests and benchmarks of the package in dir, with their doc comments.
func tests(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && testName.MatchString("`"+f.Name.Name+"`") {
				found[f.Name.Name] = f.Doc.Text()
			}
		}
	}
	return found
}

// read returns a file's text with the line ends of Unix, whatever a checkout made of them.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
