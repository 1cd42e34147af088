package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
)

// Two ends of a channel, by their types: a worker may only receive jobs and only
// send results. These are programs for the compiler to look at, see Check.
const (
	RightDirection = `package p
func worker(jobs <-chan int, results chan<- int) {
	results <- <-jobs * 2
}`
	// WrongDirection receives its own result.
	WrongDirection = `package p
func worker(jobs <-chan int, results chan<- int) {
	results <- <-jobs * 2
	<-results
}`
)

// Check type-checks a program without imports, as the compiler does, and
// returns the first thing it objects to.
func Check(source string) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p.go", source, 0)
	if err != nil {
		return err
	}
	_, err = new(types.Config).Check("p", files, []*ast.File{file}, nil)
	return err
}
