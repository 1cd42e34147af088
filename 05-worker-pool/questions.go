package main

// quizzes are what -ask asks, by section. Where right is empty the section
// measures which answer is right.
var quizzes = map[string]quiz{
	"5.1": {"64 images are to be scaled by a pool. What limits how many are in progress?", []string{
		"the number of CPUs",
		"the number of workers",
		"nothing: all 64 are",
	}, ""},
	"5.2": {"Eight workers, eight tasks, the last ends first. What does Map return?", []string{
		"the results in the order of the tasks",
		"the results in the order in which the tasks ended",
		"the results in another order each time",
	}, ""},
	"5.3": {"All workers busy, queue full: what does TrySubmit do with one more task?", []string{
		"makes the queue larger",
		"drops the oldest task of the queue",
		"blocks until a slot is free",
		"returns an error immediately",
	}, ""},
	"5.4": {"One worker, eight tasks, the third fails. By default, how many begin?", []string{
		"eight: an error concerns its own task only",
		"three",
		"four: the worker has taken the next one already",
	}, ""},
	"5.5": {"A call to a server takes 20 ms. How much more do 32 workers do than one?", []string{
		"about 30 times as much",
		"as many times as there are CPUs",
		"nothing more: the server is as slow as before",
	}, ""},
	"5.6": {"All workers submit to their own pool, and its queue is full. What happens?", []string{
		"the pool starts one more worker",
		"Submit returns ErrFull",
		"every worker blocks, forever",
	}, ""},
	"5.7": {"1,000 tasks, 4 slots, acquired inside the goroutine. How many goroutines?", []string{
		"4",
		"1,000",
		"as many as there are CPUs",
	}, ""},
}
