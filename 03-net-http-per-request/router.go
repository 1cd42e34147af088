package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Router is a small web framework: a table of paths and methods, and middleware.
// It starts no goroutine. The server calls it concurrently, like any other
// http.Handler, so add routes and middleware before it serves: to write to the
// table while requests read it is a data race.
type Router struct {
	routes     map[string]map[string]http.Handler // by path, then by method
	middleware []func(http.Handler) http.Handler
}

// Handle registers h for requests with that method and path.
func (rt *Router) Handle(method, path string, h http.HandlerFunc) {
	if rt.routes == nil {
		rt.routes = make(map[string]map[string]http.Handler)
	}
	if rt.routes[path] == nil {
		rt.routes[path] = make(map[string]http.Handler)
	}
	rt.routes[path][method] = h
}

// Use puts m around every handler. The first middleware is the outermost.
func (rt *Router) Use(m func(http.Handler) http.Handler) {
	rt.middleware = append(rt.middleware, m)
}

// ServeHTTP answers 404 for an unknown path, and 405 with the allowed methods for
// another method.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	methods, ok := rt.routes[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h, ok := methods[r.Method]
	if !ok {
		allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allowed)
		http.Error(w, r.Method+" is not allowed here, only "+allowed, http.StatusMethodNotAllowed)
		return
	}
	for _, m := range slices.Backward(rt.middleware) {
		h = m(h)
	}
	h.ServeHTTP(w, r)
}
