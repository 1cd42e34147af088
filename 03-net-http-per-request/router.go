package main

import (
	"net/http"
	"slices"
	"strings"
)

// Router is a web framework in small: a table from path and method to handler, and middleware
// around all of them. It starts no goroutine and takes no lock. It is an http.Handler, so the
// server calls it as it calls any other: at the same time, in the goroutines of net/http.
//
// Routes and middleware are added before it serves. Adding one while requests read the map
// would be a data race, the very thing of claim 3.4.
type Router struct {
	routes     map[string]map[string]http.Handler // path, then method
	middleware []func(http.Handler) http.Handler
}

// Handle lets h answer requests with that method and path.
func (rt *Router) Handle(method, path string, h http.HandlerFunc) {
	if rt.routes == nil {
		rt.routes = make(map[string]map[string]http.Handler)
	}
	if rt.routes[path] == nil {
		rt.routes[path] = make(map[string]http.Handler)
	}
	rt.routes[path][method] = h
}

// Use puts m around every handler; the first one given is the outermost.
func (rt *Router) Use(m func(http.Handler) http.Handler) {
	rt.middleware = append(rt.middleware, m)
}

// ServeHTTP makes the Router a handler like any other.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	methods, ok := rt.routes[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h, ok := methods[r.Method]
	if !ok {
		var allowed []string
		for method := range methods {
			allowed = append(allowed, method)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		http.Error(w, r.Method+" is not allowed here, only "+strings.Join(allowed, ", "), http.StatusMethodNotAllowed)
		return
	}
	for _, m := range slices.Backward(rt.middleware) {
		h = m(h)
	}
	h.ServeHTTP(w, r)
}
