package signup

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMalformedTaskIsAPermanentError tries what another program could have enqueued. An
// ID is the name of a file, so it must not lead out of the mailbox.
func TestMalformedTaskIsAPermanentError(t *testing.T) {
	const good = `{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"ada@example.com"}`
	if _, err := ParseTask([]byte(good)); err != nil {
		t.Errorf("a good task is refused: %v", err)
	}
	for _, bad := range []string{
		``, `no JSON`, `null`, `"text"`, `[]`, `{}`, good + `x`,
		`{"id":"../../etc/passwd","name":"Ada","email":"ada@example.com"}`,
		`{"id":"","name":"Ada","email":"ada@example.com"}`,
		`{"id":7,"name":"Ada","email":"ada@example.com"}`,
		`{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"","email":"ada@example.com"}`,
		`{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"ada"}`,
		`{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"ada@example.com","due":"soon"}`,
	} {
		if task, err := ParseTask([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %+v and error %v, want ErrMalformed", bad, task, err)
		}
	}
}

// silent is a system that never answers.
type silent struct{ System }

func (silent) Enqueue(ctx context.Context, _ Task) error {
	<-ctx.Done()
	return ctx.Err()
}

func (s silent) Requeue(ctx context.Context) error { return s.Enqueue(ctx, Task{}) }

// TestSystemThatNeverAnswersGives503AtTheLimit uses fake time.
func TestSystemThatNeverAnswersGives503AtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, w := time.Now(), httptest.NewRecorder()
		Handler(silent{}).ServeHTTP(w, httptest.NewRequest("POST", "/signups", strings.NewReader(`{"name":"Ada","email":"ada@example.com"}`)))
		if took := time.Since(began); w.Code != 503 || w.Header().Get("Retry-After") == "" || took != 5*time.Second {
			t.Errorf("a system never answers: the sign-up was answered with %d, Retry-After %q, after %v; want 503 with Retry-After after 5 s", w.Code, w.Header().Get("Retry-After"), took)
		}
	})
}

// TestTimeOfAnEmailIsNotBeforeItsTask fails on many machines with the time that Linux gives
// a file, which can be that of the last tick of its clock; since Linux 6.13 it is mostly exact.
func TestTimeOfAnEmailIsNotBeforeItsTask(t *testing.T) {
	mail := t.TempDir()
	for i := range 100 {
		began, id := time.Now(), fmt.Sprint(i)
		if err := Maildir(mail).Welcome(t.Context(), Task{ID: id, Name: "Ada", Email: "ada@example.com"}, 1); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(mail, "new", id))
		if err != nil {
			t.Fatal(err)
		}
		if sent := info.ModTime(); sent.Before(began.Truncate(time.Microsecond)) {
			t.Fatalf("a task began at %v, and its email is from %v before", began, began.Sub(sent))
		}
	}
}

// fake is a system that keeps what it is asked, and how long it may take.
type fake struct {
	tasks []Task
	limit time.Duration // of the last call
	dead  int
	err   error
}

func (f *fake) called(ctx context.Context) error {
	limit, _ := ctx.Deadline()
	f.limit = time.Until(limit)
	return f.err
}

func (f *fake) Enqueue(ctx context.Context, t Task) error {
	f.tasks = append(f.tasks, t)
	return f.called(ctx)
}

func (f *fake) Dead(ctx context.Context) (int, error) { return f.dead, f.called(ctx) }

func (f *fake) Requeue(ctx context.Context) error {
	f.dead = 0
	return f.called(ctx)
}

// ask sends a request to a handler.
func ask(h http.Handler, method, target, body, key string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, target, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	h.ServeHTTP(w, r)
	return w
}

// TestHandlerAnswersForASystem that does what it is asked, that cannot delay, and that is
// down, in fake time.
func TestHandlerAnswersForASystem(t *testing.T) {
	down := errors.New("down")
	for _, c := range []struct {
		method, target string
		err            error
		status         int
		answer         string
		limit          time.Duration
	}{
		{"POST", "/signups", nil, 202, `{"id":"`, 5 * time.Second},
		{"POST", "/signups", down, 503, "not accepted, please try again\n", 5 * time.Second},
		{"POST", "/signups?in=2s", ErrNoDelay, 501, ErrNoDelay.Error() + "\n", 5 * time.Second},
		{"GET", "/dead", nil, 200, `{"dead":3}` + "\n", 10 * time.Second},
		{"GET", "/dead", down, 503, "not accepted, please try again\n", 10 * time.Second},
		{"POST", "/dead/requeue", nil, 200, "{}\n", 10 * time.Second},
		{"POST", "/dead/requeue", down, 503, "not accepted, please try again\n", 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			system := &fake{dead: 3, err: c.err}
			w := ask(Handler(system), c.method, c.target, `{"name":"Ada","email":"ada@example.com"}`, "")
			if w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.answer) || (w.Header().Get("Retry-After") != "") != (c.status == 503) {
				t.Errorf("%s %s, the system returns %v: got %d, Retry-After %q and %q; want %d, %q", c.method, c.target, c.err, w.Code, w.Header().Get("Retry-After"), w.Body, c.status, c.answer)
			}
			if system.limit != c.limit {
				t.Errorf("%s %s: the system has %v for its answer, want %v", c.method, c.target, system.limit, c.limit)
			}
			if requeued := system.dead == 0; requeued != (c.target == "/dead/requeue") {
				t.Errorf("%s %s: the dead letters were requeued: %t", c.method, c.target, requeued)
			}
		})
	}
}

// TestSignUpIsALineAnAddressAndAtMost200Bytes of each, in a body of at most 64 KB with one
// JSON value. The web process refuses anything else, and enqueues nothing.
func TestSignUpIsALineAnAddressAndAtMost200Bytes(t *testing.T) {
	address := func(n int) string { return strings.Repeat("a", n-len("@example.com")) + "@example.com" }
	const good = `{"name":"Ada","email":"ada@example.com"}`
	for _, c := range []struct {
		body, in string
		status   int
	}{
		{`{"name":"` + strings.Repeat("a", 200) + `","email":"ada@example.com"}`, "", 202},
		{`{"name":"` + strings.Repeat("a", 201) + `","email":"ada@example.com"}`, "", 422},
		{`{"name":"Ada","email":"` + address(200) + `"}`, "", 202},
		{`{"name":"Ada","email":"` + address(201) + `"}`, "", 422},
		{`{"name":"Ada","email":"Ada <ada@example.com>"}`, "", 422},
		{`{"name":"Ada\nBcc: all@example.com","email":"ada@example.com"}`, "", 422},
		{`{"name":"Ada\rBcc: all@example.com","email":"ada@example.com"}`, "", 422},
		{`{"name":"Ada\u0000","email":"ada@example.com"}`, "", 422},
		{good + strings.Repeat(" ", 64<<10-len(good)), "", 202},
		{good + strings.Repeat(" ", 64<<10-len(good)+1), "", 413},
		{good + good, "", 400},
		{good + "}", "", 400},
		{good, "0s", 202},
		{good, "1000h", 202},
		{good, "1000h1s", 400},
		{good, "-1s", 400},
		{good, "2", 400},
		{good, "48h;", 400},
		{good, "48%", 400},
	} {
		system := new(fake)
		if w := ask(Handler(system), "POST", "/signups?in="+c.in, c.body, ""); w.Code != c.status || len(system.tasks) != map[bool]int{true: 1}[c.status == 202] {
			t.Errorf("%.60s (%d bytes), in=%s: answered with %d %q, and %d tasks were enqueued; want %d", c.body, len(c.body), c.in, w.Code, w.Body, len(system.tasks), c.status)
		}
	}
}

// TestTaskIsThatOfItsSignUp, in fake time: with ?in it is due later, and otherwise now. Every
// worker accepts its ID, which is the same for the same Idempotency-Key, and only then.
func TestTaskIsThatOfItsSignUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system, ids, began := new(fake), make(map[string][]string), time.Now()
		h := Handler(system)
		for _, key := range []string{"", "form 1", "", "form 2", "form 1"} {
			for in, after := range map[string]time.Duration{"": 0, "2s": 2 * time.Second} {
				w := ask(h, "POST", "/signups?in="+in, `{"name":"Ada","email":"ada@example.com"}`, key)
				task := system.tasks[len(system.tasks)-1]
				if task.Name != "Ada" || task.Email != "ada@example.com" || after == 0 != task.Due.IsZero() || after > 0 && task.Due.Sub(began) != after {
					t.Errorf("a sign-up of Ada with in=%q became the task %+v", in, task)
				}
				if want := fmt.Sprintf(`{"id":%q}`+"\n", task.ID); w.Body.String() != want {
					t.Errorf("answered with %s, want the ID of the task, %s", w.Body, want)
				}
				if value, err := json.Marshal(task); err != nil {
					t.Error(err)
				} else if parsed, err := ParseTask(value); err != nil || parsed.ID != task.ID {
					t.Errorf("a worker reads the task %s as %+v, %v", value, parsed, err)
				}
				ids[key] = append(ids[key], task.ID)
			}
		}
		different := make(map[string]bool)
		for _, id := range ids[""] {
			different[id] = true
		}
		for _, key := range []string{"form 1", "form 2"} {
			if same := slices.Compact(ids[key]); len(same) != 1 {
				t.Errorf("the same key has the IDs %q, want one", same)
			}
			different[ids[key][0]] = true
		}
		if len(different) != len(ids[""])+2 {
			t.Errorf("%d sign-ups without a key, and two keys, have %d different IDs", len(ids[""]), len(different))
		}
	})
}

// TestAddressesCauseTheirTrouble in fake time: some take a while, and some fail.
func TestAddressesCauseTheirTrouble(t *testing.T) {
	for _, c := range []struct {
		domain  string
		attempt int
		takes   time.Duration
		fails   bool
	}{
		{"example.com", 1, 0, false},
		{"slow.test", 1, time.Second, false},
		{"90s.slow.test", 1, 90 * time.Second, false},
		{"flaky.test", 1, 0, true},
		{"flaky.test", 2, 0, true},
		{"flaky.test", 3, 0, false},
		{"fails.test", 1, 0, true},
		{"fails.test", 100, 0, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, began := Maildir(filepath.Join(t.TempDir(), "mail")), time.Now()
			err := m.Welcome(t.Context(), Task{ID: "ID", Name: "Ada", Email: "ada@" + c.domain}, c.attempt)
			_, missing := os.Stat(filepath.Join(string(m), "new", "ID"))
			if took := time.Since(began); took != c.takes || (err != nil) != c.fails || (missing != nil) != c.fails {
				t.Errorf("%s, attempt %d: returned %v after %v, want a failure: %t, after %v; the email: %v", c.domain, c.attempt, err, took, c.fails, c.takes, missing)
			}
		})
	}
}

// TestCanceledTaskDeliversNothing and returns the cause, in fake time.
func TestCanceledTaskDeliversNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, drained, began := Maildir(t.TempDir()), errors.New("drained"), time.Now()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, drained)
		defer cancel()
		err := m.Welcome(ctx, Task{ID: "ID", Name: "Ada", Email: "ada@90s.slow.test"}, 1)
		left, _ := filepath.Glob(filepath.Join(string(m), "*", "*"))
		if took := time.Since(began); err != drained || took != time.Second || len(left) != 0 {
			t.Errorf("the task was canceled after 1s: Welcome returned %v after %v, and left %q; want %v, and nothing", err, took, left, drained)
		}
	})
}

// TestRepeatedTaskIsOneEmail, which was in tmp before: the time of that directory says so. An
// email that cannot be moved to new leaves nothing in tmp.
func TestRepeatedTaskIsOneEmail(t *testing.T) {
	m := Maildir(t.TempDir())
	tmp, before := filepath.Join(string(m), "tmp"), time.Unix(1e9, 0)
	if err := errors.Join(os.Mkdir(tmp, 0o700), os.Chtimes(tmp, before, before)); err != nil {
		t.Fatal(err)
	}
	task := Task{ID: "ID", Name: "Ada", Email: "ada@example.com"}
	for attempt := range 2 {
		if err := m.Welcome(t.Context(), task, attempt+1); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(string(m), "new", "ID"))
	if want := "To: ada@example.com\r\nSubject: Welcome\r\n\r\nWelcome, Ada!\r\n"; string(text) != want || err != nil {
		t.Errorf("the email is %q, %v, want %q", text, err, want)
	}
	if info, err := os.Stat(tmp); err != nil || info.ModTime().Equal(before) && runtime.GOOS != "windows" {
		t.Errorf("no file was in tmp, %v; want the email written there, and then moved", err)
	}
	if err := os.Mkdir(filepath.Join(string(m), "new", "DIRECTORY"), 0o700); err != nil {
		t.Fatal(err)
	}
	task.ID = "DIRECTORY"
	if err := m.Welcome(t.Context(), task, 1); err == nil {
		t.Error("an email took the place of a directory")
	}
	for dir, want := range map[string]int{"tmp": 0, "new": 2} {
		if left, err := os.ReadDir(filepath.Join(string(m), dir)); len(left) != want || err != nil {
			t.Errorf("%s has %v, %v; want %d entries", dir, left, err, want)
		}
	}
}

// TestServeDrainsWhenItsContextIsDone: the request in progress is answered, and then Serve
// returns. Meanwhile it accepts no connection.
func TestServeDrainsWhenItsContextIsDone(t *testing.T) {
	stderr, printed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	defer printed.Close()
	defer func(before *os.File) { os.Stderr = before }(os.Stderr)
	os.Stderr = printed
	begun, finish := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served, answered := make(chan error, 1), make(chan error, 1)
	go func() {
		served <- Serve(ctx, "127.0.0.1:0", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(begun)
			<-finish
		}))
	}()
	var addr string
	if _, err := fmt.Fscanf(stderr, "web: ready at http://%s\n", &addr); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), addr, nil); err == nil {
		t.Error("another server listens at this address, but Serve returned no error")
	}
	go func() {
		response, err := http.Get("http://" + addr)
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	<-begun
	cancel()
	for { // until it does not listen any more
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		conn.Close()
		runtime.Gosched()
	}
	if len(served) > 0 {
		t.Error("Serve has returned, but a request is in progress")
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the request in progress was cut off: %v", err)
	}
	if err := <-served; err != nil && !errors.Is(err, context.DeadlineExceeded) { // of a busy machine, after 12 s
		t.Errorf("Serve returned %v, want nil after it has drained", err)
	}
}

// pipe is a listener with one connection, a net.Pipe.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipe) Addr() net.Addr { return nil }
func (p pipe) Close() error   { close(p.closed); return nil }

// TestServeWaitsForANewConnection on which no request has come, in fake time: clients open some in
// advance. It is no reason to exit with an error.
func TestServeWaitsForANewConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		p := pipe{make(chan net.Conn, 1), make(chan struct{})}
		p.conns <- server
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- serve(ctx, p, http.NotFoundHandler()) }()
		synctest.Wait() // the connection is accepted
		began := time.Now()
		stop()
		if err := <-served; err != nil {
			t.Errorf("a new connection is open; stopped, the server ended with %v after %v, want nil, once Shutdown has closed it", err, time.Since(began))
		}
	})
}

// TestServeWaitsForARequeue, in fake time (claim 7.11): the requeue takes as long as it may, and
// its client gets the answer.
func TestServeWaitsForARequeue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		p := pipe{make(chan net.Conn, 1), make(chan struct{})}
		p.conns <- server
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- serve(ctx, p, Handler(silent{})) }()
		fmt.Fprint(client, "POST /dead/requeue HTTP/1.1\r\nHost: test\r\n\r\n")
		synctest.Wait() // the request is in progress
		stop()
		response, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || response.StatusCode != 503 {
			t.Errorf("a requeue was in progress when the server was stopped: its client got %v, %v; want 503 after 10 s", response, err)
		}
		if err := <-served; err != nil {
			t.Errorf("a requeue of 10 s was in progress; stopped, the server ended with %v, want nil", err)
		}
	})
}
