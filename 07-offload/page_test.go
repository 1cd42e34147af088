package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var screenshot = flag.Bool("screenshot", false, "have TestPageInABrowser write page.png")

// TestPageInABrowser signs up with the page's form and sees the job done without a
// reload, and requeues dead letters with their buttons and the keyboard, in a real
// Chromium (claim 7.8).
func TestPageInABrowser(t *testing.T) {
	t.Parallel() // it mostly waits
	chromium := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			chromium = path
			break
		}
	}
	if chromium == "" || runtime.GOOS == "windows" {
		t.Skip("needs Chromium, e.g. apt-get install chromium")
	}
	b, err := OpenBroker(t.TempDir(), time.Minute, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close) // in the opposite order: the browser first, or its streams would keep the servers
	api := httptest.NewServer(API(b))
	t.Cleanup(api.Close)
	web := httptest.NewServer(webOf(NewClient(api.URL)))
	t.Cleanup(web.Close)
	var fixed atomic.Bool
	hold := make(chan struct{})
	stop := work(t, b, 4, func(ctx context.Context, task *Task) error {
		var s Signup
		json.Unmarshal(task.Payload, &s)
		switch {
		case s.Email == "dead@example.com" && !fixed.Load():
			return errors.New("550 <b>no such mailbox</b>")
		case s.Email == "busy@example.com":
			return errors.New("451 mailbox busy, try again later")
		case strings.HasPrefix(s.Email, "long"):
			task.Progress(int(s.Email[4]-'0')*3, 10)
			select {
			case <-hold:
			case <-ctx.Done():
			}
		}
		return nil
	})
	t.Cleanup(func() { stop() })
	t.Cleanup(func() { close(hold) })
	dead, second := enqueue(t, b, email("dead@example.com", 1)), enqueue(t, b, email("dead@example.com", 1))

	tab := newTab(t, chromium, web.URL)
	tab.until(`document.getElementById("connection").textContent === "live"`)
	tab.eval(`window.untouched = true`) // gone after a reload
	tab.eval(`{
		const form = document.getElementById("signup");
		form.elements.name.value = "Ada";
		form.elements.email.value = "ada@example.com";
		form.querySelector("button").click();
	}`)
	tab.until(`document.getElementById("answer").textContent === "ada@example.com: done"`)
	tab.until(`document.querySelector("#dead pre").textContent === "550 <b>no such mailbox</b>"`) // as text, not as HTML
	if got := tab.eval(`document.querySelector("#dead .what").textContent`).(string); !strings.HasSuffix(got, ", after 1 attempt") {
		t.Errorf("a dead job's line: got %q, want it to end in %q", got, ", after 1 attempt")
	}
	if *screenshot {
		for i := range 3 {
			enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload(fmt.Sprintf("long%d@example.com", i+1))})
		}
		enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("busy@example.com"), Policy: Policy{Attempts: 5, Deadline: time.Minute, Backoff: time.Hour, Cap: time.Hour}})
		for range 100 { // for the chart
			enqueue(t, b, NewJob{})
			sleep(t.Context(), rand.N(150*time.Millisecond))
		}
		if err := os.WriteFile("page.png", tab.screenshot(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fixed.Store(true)
	tab.until(`document.querySelectorAll("#dead button").length === 2`)
	for tries := 0; tab.eval(`document.activeElement.textContent`) != "Requeue"; tries++ {
		if tries > 50 {
			t.Fatalf("50 tabs do not lead to the button: %v", tab.eval(`document.activeElement.outerHTML`))
		}
		tab.press("Tab", 9, "")
	}
	tab.press("Enter", 13, "\r")
	tab.until(`document.querySelectorAll("#dead button").length === 1 && document.activeElement.textContent === "Requeue"`) // the other one
	tab.press("Enter", 13, "\r")
	tab.until(`document.querySelector("#dead button") === null && document.activeElement.id === "dead"`)
	tab.until(`window.untouched === true`)
	for _, id := range []string{dead.ID, second.ID} {
		if j := until(t, NewClient(api.URL), id, hasEnded); j.State != Done {
			t.Errorf("the dead letter that was requeued by its button is %s, want done", j.State)
		}
	}
}

// A tab is a page in a browser, driven through Chromium's own protocol: JSON on
// two pipes, each message ended by a zero byte.
type tab struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	last    int
}

func newTab(t *testing.T, chromium, url string) *tab {
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	back, backTheirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir="+profile, "--remote-debugging-pipe", "--window-size=1000,1150", "about:blank")
	cmd.ExtraFiles = []*os.File{theirs, backTheirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	backTheirs.Close()
	t.Cleanup(func() {
		ours.Close() // which ends it
		cmd.Wait()
		back.Close()
		os.RemoveAll(profile) // as far as its own children have ended, too
	})
	back.SetReadDeadline(time.Now().Add(longest(t)))
	b := &tab{t: t, to: ours, from: bufio.NewReaderSize(back, 1<<20)}
	var target struct {
		TargetID string `json:"targetId"`
	}
	b.call("Target.createTarget", map[string]any{"url": url}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	return b
}

// call sends a command and waits for its result.
func (b *tab) call(method string, params any, result any) {
	b.t.Helper()
	b.last++
	message, err := json.Marshal(map[string]any{"id": b.last, "method": method, "params": params, "sessionId": b.session})
	if b.session == "" {
		message, err = json.Marshal(map[string]any{"id": b.last, "method": method, "params": params})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(message, 0)); err != nil {
		b.t.Fatal(err)
	}
	for {
		data, err := b.from.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: the browser does not answer: %v", method, err)
		}
		var answer struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(data[:len(data)-1], &answer); err != nil {
			b.t.Fatal(err)
		}
		if answer.ID != b.last {
			continue // an event
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

// press presses a key.
func (b *tab) press(key string, code int, text string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		event := map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
		if kind == "keyDown" && text != "" {
			event["text"] = text
		}
		b.call("Input.dispatchKeyEvent", event, nil)
	}
}

// eval evaluates JavaScript in the page.
func (b *tab) eval(expression string) (value any) {
	b.t.Helper()
	var result struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &result)
	return result.Result.Value
}

// until waits until the expression is true.
func (b *tab) until(expression string) {
	b.t.Helper()
	for limit := time.Now().Add(longest(b.t) / 2); b.eval(expression) != true; sleep(b.t.Context(), 20*time.Millisecond) {
		if time.Now().After(limit) {
			b.t.Fatalf("never true in the page: %s\n%v", expression, b.eval(`document.body.innerText`))
		}
	}
}

func (b *tab) screenshot() []byte {
	b.t.Helper()
	var shot struct {
		Data string `json:"data"`
	}
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return png
}
