package main

// quizzes are what -ask asks, by section.
var quizzes = map[string]quiz{
	"3.1": {"While a 600 ms request runs, a 20 ms request arrives. When is it answered?", []string{
		"after the slow one",
		"while the slow one is still running",
		"the same, but only if the handler has a go statement",
	}, ""},
	"3.2": {"Four requests use one HTTP/1.1 connection. How many goroutines handle them?", []string{
		"one",
		"four",
		"as many as there are CPUs",
	}, ""},
	"3.3": {"A thousand clients call a handler that waits 50 ms. When are all answered?", []string{
		"after 50 s",
		"after 50 s divided by the number of CPUs",
		"after 50 ms and the work of a thousand connections",
	}, ""},
	"3.4": {"A hundred concurrent requests do n++ on a plain int. What is n at worst?", []string{
		"1",
		"a little less than 100",
		"100",
	}, ""},
	"3.5": {"Your handler is behind a router. Which code starts its goroutine?", []string{
		"the router",
		"net/http, as without a router",
		"the handler",
	}, ""},
	"3.6": {"A client disconnects. What happens to a handler that ignores its context?", []string{
		"net/http stops it",
		"its next write panics",
		"it keeps working to its end",
	}, ""},
	"3.7": {"A handler divides by zero. What do its client and the others get?", []string{
		"its client gets status 500; the others are served",
		"its client gets no response; the others are served",
		"nothing: the process ends",
	}, ""},
	"3.8": {"A handler sends small events without Flush. When does the client read one?", []string{
		"when it is written",
		"after a few more events",
		"when the handler returns",
	}, ""},
	"3.9": {"Shutdown is called when a response is half sent. What does its client get?", []string{
		"the complete response",
		"the first half, as if that were all",
		"the first half, then an error",
	}, ""},
	"3.10": {"A handler panics between Lock and Unlock. What do later requests do?", []string{
		"they lock: the panic released the lock",
		"they panic, too",
		"they block forever, and no error is reported",
	}, ""},
	"3.11": {"Two handlers write to one map at the same time. What is the worst result?", []string{
		"a panic, which net/http recovers",
		"the process ends",
		"a lost update",
	}, ""},
	"3.12": {"TimeoutHandler answers 503. What happens to a handler that ignores it?", []string{
		"it is stopped",
		"it keeps working to its end",
		"it panics at its next write",
	}, ""},
	"3.13": {"A good cache lacks a key, and 100 requests need it. How many fetches?", []string{
		"one",
		"one for each CPU",
		"a hundred",
	}, ""},
	"3.14": {"A hub sends with its lock held, and one subscriber does not read. Who blocks?", []string{
		"only that subscriber",
		"that subscriber and the publisher",
		"everyone who uses the hub",
	}, ""},
	"3.15": {"Shutdown reaches its deadline. What is a hijacked connection then?", []string{
		"closed",
		"closed when it is idle",
		"open: it still answers",
	}, ""},
}
