package main

// quizzes are what -ask asks, by section. Where right is empty the section
// measures which answer is right.
var quizzes = map[string]quiz{
	"1.1": {"How much memory does a blocked goroutine take?", []string{
		"next to nothing: it only waits",
		"a few kilobytes",
		"about a megabyte, as a thread's stack does",
	}, ""},
	"1.2": {"What limits the number of goroutines that are alive at the same time?", []string{
		"the number of CPUs",
		"the number of OS threads",
		"memory",
	}, ""},
	"1.3": {"How many OS threads does a program with 100,000 blocked goroutines need?", []string{
		"a handful",
		"about a thousand",
		"as many as goroutines",
	}, ""},
	"1.4": {"Two goroutines compute without a pause, on one CPU. Who runs?", []string{
		"the first until it is done, then the second",
		"both, in turns of some milliseconds",
		"both, and they switch after every step",
	}, ""},
	"1.5": {"main starts a goroutine that prints a line, and returns. What happens?", []string{
		"the line is printed, then the program ends",
		"an error message, and exit status 1",
		"nothing is printed, and exit status 0",
	}, ""},
	"1.6": {"A thousand goroutines sleep for 100 ms each. How long does it take?", []string{
		"about 100 ms",
		"100 s divided by the number of CPUs",
		"100 s",
	}, ""},
	"1.7": {"main defers recover, and a goroutine that it started panics. What happens?", []string{
		"main recovers the panic",
		"only that goroutine ends",
		"the whole program ends",
	}, ""},
	"1.8": {"Each iteration of for i := range 3 starts a goroutine. Which i do they see?", []string{
		"0, 1 and 2",
		"3, 3 and 3",
		"0, 0 and 0",
	}, ""},
}
