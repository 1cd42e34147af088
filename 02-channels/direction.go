package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
)

// A worker may only receive jobs and only send results: the types of its
// parameters say so. These are programs for Check.
const (
	RightDirection = `package p
func worker(jobs <-chan int, results chan<- int) {
	results <- <-jobs * 2
}`
	// WrongDirection receives a result.
	WrongDirection = `package p
func worker(jobs <-chan int, results chan<- int) {
	results <- <-jobs * 2
	<-results
}`
)

// Check type-checks a program without imports, as the compiler does, and
// returns the first error.
func Check(program string) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p.go", program, 0)
	if err != nil {
		return err
	}
	_, err = new(types.Config).Check("p", files, []*ast.File{file}, nil)
	return err
}
