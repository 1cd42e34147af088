// Package readme compares the READMEs with the code: the tests that they name
// exist, the claims that they list are those that the programs print, the output
// that they show is the programs' output, and the edits that they propose do what
// the text says.
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
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// A Chapter is one numbered folder, with its texts and tests.
type Chapter struct {
	Name       string // such as 05-worker-pool
	Readme     string // the text of README.md
	Instructor string // the text of INSTRUCTOR.md
	Tests      map[string]Test
	Claims     map[string]Claim // by id, from the README's table
}

// A Test is a test, benchmark or fuzz target of a chapter.
type Test struct {
	File     string   // in the chapter's folder, with slashes
	Claims   []string // that it tests: ids in its doc comment after "claim"
	Controls []string // of which it is a negative control
	Race     bool     // it is skipped without the race detector
}

// A Claim is one row of a README's table.
type Claim struct {
	Sentence, Test, Control string // Test and Control are the table's cells
	Elsewhere               bool   // its tests are in a nested module, and the program does not show it
}

// Dir returns the chapter's folder.
func (c Chapter) Dir() string { return filepath.Join(root, c.Name) }

// isModule reports whether a folder of the chapter is a nested module.
func (c Chapter) isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(c.Dir(), folder, "go.mod"))
	return err == nil
}

// Of returns the names of the tests of a claim, and of its negative controls.
func (c Chapter) Of(id string) (tests, controls []string) {
	for name, t := range c.Tests {
		if slices.Contains(t.Claims, id) {
			tests = append(tests, name)
		}
		if slices.Contains(t.Controls, id) {
			controls = append(controls, name)
		}
	}
	return tests, controls
}

var (
	claimRow  = regexp.MustCompile(`(?m)^\| *(\d+\.\d+) *\|([^|]+)\|([^|]+)\|([^|]+)\|$`)
	testName  = regexp.MustCompile("`((?:Test|Benchmark|Fuzz)[A-Z]\\w*)`")
	claimsOf  = regexp.MustCompile(`\bclaims? ((?:\d+\.\d+(?:, | and )?)+)`)
	controlOf = regexp.MustCompile(`\bnegative controls? of ((?:\d+\.\d+(?:, | and )?)+)`)
	id        = regexp.MustCompile(`\d+\.\d+`)

	// A link to a test in a nested module: in parentheses, the folder of its package.
	nestedTest = regexp.MustCompile(`\]\((\w+/\w+)/\w+_test\.go\)`)
)

// chapters reads all chapters.
func chapters(t *testing.T) []Chapter {
	t.Helper()
	readmes, err := filepath.Glob(filepath.Join(root, "[0-9][0-9]-*", "README.md"))
	if err != nil || len(readmes) != 7 {
		t.Fatalf("%d chapters, %v", len(readmes), err)
	}
	var all []Chapter
	for _, readme := range readmes {
		dir := filepath.Dir(readme)
		c := Chapter{
			Name:       filepath.Base(dir),
			Readme:     read(t, readme),
			Instructor: read(t, filepath.Join(dir, "INSTRUCTOR.md")),
			Tests:      tests(t, dir),
			Claims:     make(map[string]Claim),
		}
		for _, row := range claimRow.FindAllStringSubmatch(c.Readme, -1) {
			claim := Claim{Sentence: strings.TrimSpace(row[2]), Test: strings.TrimSpace(row[3]), Control: strings.TrimSpace(row[4])}
			for _, m := range nestedTest.FindAllStringSubmatch(row[3]+row[4], -1) {
				claim.Elsewhere = true
				for name, test := range tests(t, filepath.Join(dir, filepath.FromSlash(m[1]))) {
					test.File = m[1] + "/" + test.File
					if slices.Contains(append(test.Claims, test.Controls...), row[1]) {
						c.Tests[name] = test
					}
				}
			}
			c.Claims[row[1]] = claim
		}
		all = append(all, c)
	}
	return all
}

// tests returns the tests of the package in dir.
func tests(t *testing.T, dir string) map[string]Test {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]Test)
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !testName.MatchString("`"+f.Name.Name+"`") {
				continue
			}
			doc := strings.Join(strings.Fields(f.Doc.Text()), " ")
			test := Test{File: filepath.Base(file), Race: slices.Contains(identifiers(f), "needsRaceDetector")}
			for _, m := range claimsOf.FindAllStringSubmatch(doc, -1) {
				test.Claims = append(test.Claims, id.FindAllString(m[1], -1)...)
			}
			for _, m := range controlOf.FindAllStringSubmatch(doc, -1) {
				test.Controls = append(test.Controls, id.FindAllString(m[1], -1)...)
			}
			found[f.Name.Name] = test
		}
	}
	return found
}

// read returns the text of a file, with the line ends of Unix.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// section returns the part of a Markdown text under a heading, up to the next one of the same level.
func section(text, heading string) string {
	_, after, _ := strings.Cut("\n"+text, "\n"+heading+"\n")
	level, _, _ := strings.Cut(heading, " ")
	part, _, _ := strings.Cut(after, "\n"+level+" ")
	return part
}
