package main

// quizzes are what -ask asks. If right is empty, the section measures which answer is right.
var quizzes = map[string]quiz{
	"7.1": {"An email takes 1 s to send. When is its sign-up answered with 202?", []string{
		"after 1 s, when the email is sent",
		"after milliseconds, when the job is on disk",
		"immediately, before anything is stored",
	}, ""},
	"7.2": {"The broker is killed during a hundred sign-ups. Which of them are lost?", []string{
		"those that the broker had only in memory",
		"those that it was writing at that moment",
		"none that was answered with 202",
	}, ""},
	"7.3": {"A thousand emails fail in the same second. When should they be retried?", []string{
		"each after a random time, up to a limit that doubles",
		"all of them after ten seconds",
		"immediately",
	}, "a"},
	"7.4": {"A job is due in 500 ms, and the workers are idle. When does it run?", []string{
		"within milliseconds of that time",
		"at the next full second, when the broker polls",
		"when the next job arrives",
	}, ""},
	"7.5": {"A worker is killed while it runs a job. What happens to the job?", []string{
		"it is lost with the worker",
		"another worker gets it when the lease has expired",
		"another worker gets it immediately",
	}, ""},
	"7.6": {"A worker sends an email and dies before it acknowledges. How many are sent?", []string{
		"one: the broker knows that it was sent",
		"two: that cannot be avoided",
		"one if the job's ID is the email's key, otherwise two",
	}, ""},
	"7.7": {"A handler needs 1 s, and its deadline is 200 ms. What stops it?", []string{
		"the handler itself, when its context is done",
		"the runtime, which ends its goroutine",
		"the broker, which kills the worker",
	}, ""},
	"7.8": {"How does a browser receive a running job's progress?", []string{
		"it polls every second",
		"it receives nothing until the job has ended",
		"as events, in one response that stays open",
	}, ""},
	"7.9": {"Twelve emails of 1 s take one worker process 3 s. How long do two take?", []string{
		"3 s: the web server is the limit",
		"about 2 s",
		"about 1.5 s",
	}, ""},
	"7.10": {"A handler starts a pipeline with a pool. How do its goroutines end?", []string{
		"by themselves, when the handler returns",
		"the handler ends them before it returns",
		"the worker ends them after the job",
	}, "b"},
}
