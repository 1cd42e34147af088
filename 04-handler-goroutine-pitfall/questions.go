package main

// quizzes are what -ask asks, by section.
var quizzes = map[string]quiz{
	"4.1": {"A handler's goroutine calls a server that never answers. When does it end?", []string{
		"when the call times out, after some seconds",
		"when its request ends",
		"never",
	}, ""},
	"4.2": {"A goroutine that a handler started panics. What do the users notice?", []string{
		"nothing: net/http recovers the panic",
		"the whole server ends",
		"that request gets status 500",
	}, ""},
	"4.3": {"60 requests each start a goroutine that blocks. How many are there then?", []string{
		"60",
		"as many as GOMAXPROCS",
		"fewer than 60: net/http limits them",
	}, ""},
	"4.4": {"Server.Shutdown has returned. What about goroutines that handlers started?", []string{
		"they have finished",
		"they are still running",
		"they were canceled",
	}, ""},
	"4.5": {"A goroutine sends an email with r.Context(). Its handler returns. What now?", []string{
		"the email is sent",
		"the email is sent, unless the client disconnects",
		"the email is canceled",
	}, ""},
	"4.6": {"A goroutine writes to w after its handler has returned. What happens?", []string{
		"the client gets it a little later",
		"the client never gets it",
		"it blocks until the next request",
	}, ""},
	"4.7": {"The fixed handler accepts 5 emails and is killed. How many are delivered?", []string{
		"none",
		"those that were being sent",
		"all, after a restart",
	}, ""},
	"4.8": {"10 calls of a service, and resp.Body is never closed. What is left?", []string{
		"nothing: the garbage collector closes it",
		"one connection, used again for each call",
		"10 connections and 20 goroutines",
	}, ""},
	"4.9": {"10 goroutines block in a send, 10 on I/O. What does goroutineleak list?", []string{
		"all 20",
		"the 10 in a send",
		"none",
	}, "b"},
}
