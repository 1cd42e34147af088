package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSiteIsAnOutputForALogger that several goroutines use at the same time.
func TestSiteIsAnOutputForALogger(t *testing.T) {
	const goroutines = 4
	s := new(site)
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			slog.New(slog.NewTextHandler(s, nil)).Error("not sent", "to", "ada@example.com")
			s.lines()
			s.firstLog()
		})
	}
	all.Wait()
	if n := s.lines(); n != goroutines {
		t.Errorf("%d lines were logged, but the site has %d", goroutines, n)
	}
	if got, want := s.firstLog(), `level=ERROR msg="not sent" to=ada@example.com`; got != want {
		t.Errorf("the first line without its time is %q, want %q", got, want)
	}
}

// TestUntilEndsTheProgramAfterAMinute runs itself in a child process, in fake time.
func TestUntilEndsTheProgramAfterAMinute(t *testing.T) {
	const variable = "UNTIL_IN_A_CHILD"
	if os.Getenv(variable) != "" {
		synctest.Test(t, func(t *testing.T) {
			began, last := time.Now(), 0
			until(func() bool {
				if s := int(time.Since(began).Seconds()); s != last {
					last = s
					fmt.Println(s)
				}
				return false
			})
		})
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), variable+"=yes")
	out, err := child.CombinedOutput()
	const want = "\n59\n60\n04-handler-goroutine-pitfall: waited a minute for something that takes milliseconds\n"
	if child.ProcessState.ExitCode() != 1 || !strings.HasSuffix(string(out), want) {
		t.Errorf("got %v and the output\n%swant status 1, and at the end%s", err, out, want)
	}
}

// TestResponsesOfDifferentStatusAreListed, and those of one status are counted.
func TestResponsesOfDifferentStatusAreListed(t *testing.T) {
	for _, c := range []struct {
		answers map[int]int
		want    string
	}{
		{map[int]int{202: 3}, "3 × 202"},
		{map[int]int{202: 3, 503: 1}, "map[202:3 503:1]"},
		{nil, "map[]"},
	} {
		if got := (&site{answers: c.answers}).responses(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestSiteShutsDownWithinItsLimit: first its web server, and then the fixed handler,
// which has an email that it cannot send.
func TestSiteShutsDownWithinItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{mail: hanging()}
		fixed := fixedHandler(time.Hour)(Mailer{s.mail.DialPipe}, s).(*Fixed)
		s.handler, s.web = fixed, NewServer(fixed)
		accepted(t, fixed, 1)
		began := time.Now()
		undone := s.shutdown(time.Minute)
		if took := time.Since(began); took != time.Minute || fmt.Sprint(undone) != "[ada@example.com]" {
			t.Errorf("shutdown returned %q after %v, want the email after 1m0s", undone, took)
		}
		if err := s.web.Serve(listen()); err != http.ErrServerClosed {
			t.Errorf("after shutdown the web server can serve: %v", err)
		}
		if n := strings.Count(s.log.String(), ErrStopping.Error()); n != 1 {
			t.Errorf("one email was abandoned, but the site's log has %q", &s.log)
		}
		s.mail.Recover()
	})
}
