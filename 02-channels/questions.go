package main

// quizzes are what -ask asks, by section. Where right is empty the section
// measures which answer is right.
var quizzes = map[string]quiz{
	"2.1": {"An unbuffered channel, a receive every 40 ms. How long does send 3 block?", []string{
		"not at all",
		"about 40 ms",
		"about 120 ms",
	}, ""},
	"2.2": {"The same receiver, and a buffer of 3. Which send is the first that blocks?", []string{
		"send 3",
		"send 4",
		"none: the buffer grows",
	}, ""},
	"2.3": {"What does a receive from a closed, empty channel do?", []string{
		"it returns the zero value immediately",
		"it blocks",
		"it panics",
	}, ""},
	"2.4": {"Four goroutines add to one total, unlocked. What can a test of it see?", []string{
		"always a wrong total",
		"always the right total",
		"often the right total: only the race detector reports the race",
	}, "c"},
	"2.5": {"ctx is canceled, and a channel has a value. Which case does select take?", []string{
		"either, at random",
		"the context's, because it was ready first",
		"the one that comes first in the source",
	}, ""},
	"2.6": {"When does a receive from a chan<- int, a send-only channel, fail?", []string{
		"when the program is compiled",
		"when the receive is executed: it panics",
		"never: it blocks",
	}, ""},
	"2.7": {"One handler of a server blocks forever. What does the runtime report?", []string{
		"fatal error: all goroutines are asleep - deadlock!",
		"a timeout, after a while",
		"nothing",
	}, ""},
	"2.8": {"Four goroutines add to one number. What is the most expensive way?", []string{
		"an atomic number",
		"a number with a mutex",
		"a goroutine that owns the number, with a channel",
	}, ""},
	"2.9": {"A request has 30 ms left; a call below asks for 1 min. When is it canceled?", []string{
		"after 1 min",
		"after 30 ms",
		"when the call invokes cancel",
	}, ""},
	"2.10": {"A method that holds a mutex calls one that locks it, too. What happens?", []string{
		"Lock returns: this goroutine already holds the mutex",
		"Lock panics",
		"Lock blocks forever",
	}, ""},
	"2.11": {"Two opposite transfers each lock the paying account first. Can both block?", []string{
		"yes, forever",
		"yes, until one of them times out",
		"no: each locks only what it needs",
	}, ""},
	"2.12": {"Which of these mistakes does go vet not find?", []string{
		"a struct with a mutex is copied",
		"the cancel function of a context is discarded",
		"defer mu.Lock() instead of defer mu.Unlock()",
	}, ""},
}
