package main

// quizzes are what -ask asks, by section. Where right is empty the section
// measures which answer is right.
var quizzes = map[string]quiz{
	"6.1": {"Three stages, each takes 5 ms for an item. How long do 20 items take?", []string{
		"about 15 ms",
		"a little more than 100 ms",
		"about 300 ms",
	}, ""},
	"6.2": {"20,000 items pass three channels of 32. How many are in memory, at most?", []string{
		"about 100",
		"about 3,000",
		"all 20,000",
	}, ""},
	"6.3": {"Several workers hash files. In which order do results leave the stage?", []string{
		"in the order of the files",
		"in the order in which they are done",
	}, ""},
	"6.4": {"The consumer has enough after one item and returns. What do the stages do?", []string{
		"they end: no goroutine needs their items",
		"the garbage collector frees them",
		"they block for as long as the program lives",
	}, ""},
	"6.5": {"A worker fails, and seven others because of that. Which error is returned?", []string{
		"the first one",
		"the last one",
		"all eight, joined",
	}, ""},
	"6.6": {"Many goroutines hash a tree. What differs from a sequential walk's result?", []string{
		"some files are missing",
		"some checksums are wrong",
		"nothing",
	}, ""},
}
