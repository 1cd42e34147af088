package main

import "github.com/gin-gonic/gin"

// Late is the wrong way to use a *gin.Context in a goroutine. Gin reuses the context
// for another request as soon as the handler has returned, so the goroutine may
// read the data of that request, and it is a data race. wait returns when the
// goroutine's work is done.
func Late(wait func(), then func(user string)) gin.HandlerFunc {
	return func(c *gin.Context) {
		go func() {
			wait()
			then(c.Param("user"))
		}()
	}
}

// Copied passes c.Copy() to the goroutine. No other request uses the copy. (No
// code waits for the goroutine: that is the subject of chapter 04.)
func Copied(wait func(), then func(user string)) gin.HandlerFunc {
	return func(c *gin.Context) {
		mine := c.Copy()
		go func() {
			wait()
			then(mine.Param("user"))
		}()
	}
}
