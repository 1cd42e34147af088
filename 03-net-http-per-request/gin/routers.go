package main

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
)

// Routes are handlers by path.
type Routes map[string]http.HandlerFunc

// A ginHandler is a handler of net/http as Gin calls it. gin.WrapF does the same with a closure, but
// the demo prints the stack, and the name of an inlined closure depends on the release of Go.
type ginHandler http.HandlerFunc

func (h ginHandler) Serve(c *gin.Context) { h(c.Writer, c.Request) }

// Routers are ways to serve the same routes. For net/http each is an http.Handler.
var Routers = map[string]func(Routes) http.Handler{
	"net/http": func(routes Routes) http.Handler {
		mux := http.NewServeMux()
		for path, h := range routes {
			mux.HandleFunc("GET "+path, h)
		}
		return mux
	},
	"Gin": func(routes Routes) http.Handler {
		engine := gin.New()
		engine.Use(gin.Recovery())
		for path, h := range routes {
			engine.GET(path, ginHandler(h).Serve)
		}
		return engine
	},
	"chi": func(routes Routes) http.Handler {
		router := chi.NewRouter()
		for path, h := range routes {
			router.Get(path, h)
		}
		return router
	},
}

// names are the routers in the order of the demo.
var names = []string{"net/http", "Gin", "chi"}
