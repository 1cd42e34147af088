package main

import "github.com/gin-gonic/gin"

// Late is the WRONG way to use a *gin.Context in a goroutine: Gin uses it again for
// another request as soon as the handler has returned. What the goroutine reads
// then is somebody else's, and it is a data race. wait stands for work that takes a while.
func Late(wait func(), then func(user string)) gin.HandlerFunc {
	return func(c *gin.Context) {
		go func() {
			wait()
			then(c.Param("user"))
		}()
	}
}

// Copied is the right way: c.Copy() is the goroutine's own. (That nobody waits
// for the goroutine is another matter: chapter 04.)
func Copied(wait func(), then func(user string)) gin.HandlerFunc {
	return func(c *gin.Context) {
		mine := c.Copy()
		go func() {
			wait()
			then(mine.Param("user"))
		}()
	}
}
