// Package contract treats programs as black boxes: it starts their web process and
// their workers, talks HTTP, sends signals, and reads the mailbox.
package contract

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Process is one role of a program.
type Process struct {
	URL string // where a web process listens

	cmd   *exec.Cmd
	ended chan struct{}

	mu    sync.Mutex
	lines []string      // guarded by mu; of its standard error
	more  chan struct{} // guarded by mu; closed at the next line
}

// Start starts a role and returns when it prints that it is ready.
func Start(program string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(program, args...), ended: make(chan struct{}), more: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		io.Copy(io.Discard, stderr)
		p.cmd.Wait()
		close(p.ended)
	}()
	ready, err := p.Says(regexp.MustCompile(`^\w+: ready(?: at (\S+)|$|,)`), timeout)
	if err != nil {
		p.Kill()
		return nil, err
	}
	p.URL = ready[1]
	return p, nil
}

// Says waits for a line on standard error that matches, and returns its submatches.
func (p *Process) Says(what *regexp.Regexp, timeout time.Duration) ([]string, error) {
	limit := time.After(timeout)
	for seen := 0; ; {
		p.mu.Lock()
		lines, more := p.lines[seen:], p.more
		p.mu.Unlock()
		for _, line := range lines {
			if m := what.FindStringSubmatch(line); m != nil {
				return m, nil
			}
		}
		seen += len(lines)
		select {
		case <-more:
		case <-p.ended:
			p.mu.Lock()
			rest := len(p.lines) > seen
			p.mu.Unlock()
			if !rest {
				return nil, fmt.Errorf("%s ended, and never printed %q:\n%s", p, what, p.Log())
			}
		case <-limit:
			return nil, fmt.Errorf("%s did not print %q for %v:\n%s", p, what, timeout, p.Log())
		}
	}
}

// SaysTimes waits for n lines on standard error that match.
func (p *Process) SaysTimes(what *regexp.Regexp, n int, timeout time.Duration) error {
	limit := time.After(timeout)
	for {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		seen := 0
		for _, line := range lines {
			if what.MatchString(line) {
				seen++
			}
		}
		if seen >= n {
			return nil
		}
		select {
		case <-more:
		case <-p.ended:
			return fmt.Errorf("%s ended after %d of %d lines with %q:\n%s", p, seen, n, what, p.Log())
		case <-limit:
			return fmt.Errorf("%s printed %d of %d lines with %q in %v:\n%s", p, seen, n, what, timeout, p.Log())
		}
	}
}

// Begun waits until a worker logs that it begins a task, and returns when that was.
func (p *Process) Begun(id string, attempt int, timeout time.Duration) (at time.Time, err error) {
	m, err := p.Says(regexp.MustCompile(`^time=(\S+) .*msg=(?:begun|started) job=`+id+` (?:.* )?attempt=`+strconv.Itoa(attempt)+`\b`), timeout)
	if err != nil {
		return at, err
	}
	return time.Parse(time.RFC3339Nano, m[1])
}

// Log returns what it has printed so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

func (p *Process) String() string {
	return filepath.Base(p.cmd.Path) + " " + p.cmd.Args[1]
}

// Kill ends it as a crash does.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// Stop asks it to end, and returns its exit status and how long it took; -1 if it
// does not end in time.
func (p *Process) Stop(timeout time.Duration) (status int, took time.Duration) {
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.cmd.Process.Kill() // Windows has no such signal
	}
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), time.Since(began)
	case <-time.After(timeout):
		p.Kill()
		return -1, time.Since(began)
	}
}

// Signup sends a sign-up to a web process, and returns the task's id.
func (p *Process) Signup(email, key, in string) (id string, status int, err error) {
	body, _ := json.Marshal(map[string]string{"name": "Ada", "email": email})
	target := p.URL + "/signups"
	if in != "" {
		target += "?in=" + url.QueryEscape(in)
	}
	r, err := http.NewRequest("POST", target, bytes.NewReader(body))
	if err != nil {
		return "", 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := client.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusAccepted {
		return "", response.StatusCode, err
	}
	var answer struct{ ID string }
	err = json.Unmarshal(content, &answer)
	if err == nil && answer.ID == "" {
		err = fmt.Errorf("202 without an id: %s", content)
	}
	return answer.ID, response.StatusCode, err
}

var client = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

// call calls a web process and decodes its answer into v, unless that is nil.
func (p *Process) call(method, path string, v any) error {
	r, err := http.NewRequest(method, p.URL+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if v == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(v)
}

// A Mailbox is a Maildir, from outside.
type Mailbox string

// Has reports whether that email is there, and since when.
func (m Mailbox) Has(id string) (since time.Time, ok bool) {
	info, err := os.Stat(filepath.Join(string(m), "new", id))
	if err != nil {
		return time.Time{}, false
	}
	return info.ModTime(), true
}

// Missing returns which of the emails are not there.
func (m Mailbox) Missing(ids []string) (missing []string) {
	for _, id := range ids {
		if _, ok := m.Has(id); !ok {
			missing = append(missing, id)
		}
	}
	return missing
}

// Wait waits until all emails are there, and returns those that never arrived.
func (m Mailbox) Wait(ids []string, timeout time.Duration) (missing []string) {
	missing = ids
	for limit := time.Now().Add(timeout); ; {
		if missing = m.Missing(missing); len(missing) == 0 || time.Now().After(limit) {
			return missing
		}
		<-time.After(10 * time.Millisecond)
	}
}

// Count returns the number of emails.
func (m Mailbox) Count() int {
	entries, _ := os.ReadDir(filepath.Join(string(m), "new"))
	return len(entries)
}
