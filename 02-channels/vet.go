package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// vetted are files that compile. In most of them go vet reports a mistake.
//
//go:embed vetted/*.go
var vetted embed.FS

// A Finding is what go vet reports of a file.
type Finding struct {
	Line    int
	Message string
}

// Vet runs go vet on the files in the folder vetted, and returns its findings by
// file name. It needs the go command.
func Vet() (map[string][]Finding, error) {
	dir, err := os.MkdirTemp("", "vetted")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, vetted); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module vetted\n"), 0o644); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "vetted", "*.go"))
	if err != nil {
		return nil, err
	}
	vet := exec.Command("go", append([]string{"vet"}, files...)...) // files that are named are vetted in spite of go:build ignore
	vet.Dir = dir
	out, _ := vet.CombinedOutput() // the exit status is not 0 if there are findings
	findings := make(map[string][]Finding)
	for _, m := range finding.FindAllStringSubmatch(string(out), -1) {
		f := Finding{Message: strings.TrimSpace(m[3])}
		fmt.Sscan(m[2], &f.Line)
		findings[m[1]] = append(findings[m[1]], f)
	}
	if len(findings) == 0 {
		return nil, fmt.Errorf("go vet: %s", out)
	}
	return findings, nil
}

var finding = regexp.MustCompile(`(?m)(\w+\.go):(\d+):\d+: (.*)$`)
