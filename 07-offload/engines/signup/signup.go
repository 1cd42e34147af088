// Package signup is the application of chapter 07: a user signs up, and gets a
// welcome email. It is the same for every system; what differs is in their folders.
package signup

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// A Task is the email to be sent, as a system stores it.
type Task struct {
	ID    string    `json:"id"` // names the email; the same for the same Idempotency-Key
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Due   time.Time `json:"due,omitzero"` // not before; zero means now
}

// ErrMalformed is the error of a task that no worker can ever do: a retry would fail as well.
var ErrMalformed = errors.New("malformed task")

// ParseTask reads a task as a system returns it: JSON, with a valid ID, name and email.
func ParseTask(data []byte) (t Task, err error) {
	if err = json.Unmarshal(data, &t); err == nil {
		err = t.Check()
	}
	if err != nil {
		return Task{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return t, nil
}

// id is what rand.Text returns: the ID is the name of a file, so it has no other letters.
var id = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// Check returns what is wrong with a sign-up, if anything is.
func (t Task) Check() error {
	if !id.MatchString(t.ID) {
		return errors.New("id must be 26 letters and digits")
	}
	// A line break in an email's header would let the client write headers of its own;
	// PostgreSQL refuses a zero byte in a text.
	if strings.TrimSpace(t.Name) == "" || len(t.Name) > 200 || strings.ContainsFunc(t.Name, unicode.IsControl) {
		return errors.New("name must be one line of 1 to 200 bytes, without control characters")
	}
	if a, err := mail.ParseAddress(t.Email); err != nil || a.Address != t.Email || len(t.Email) > 200 {
		return errors.New("email must be an address such as ada@example.com")
	}
	return nil
}

// A System takes tasks and has its workers do them. Its methods may be called by any
// number of goroutines concurrently, and must return soon after ctx is done.
type System interface {
	// Enqueue returns nil only when the system has the task safe.
	Enqueue(ctx context.Context, t Task) error
	// Dead returns the number of dead letters.
	Dead(ctx context.Context) (int, error)
	// Requeue moves the dead letters back to the queue.
	Requeue(ctx context.Context) error
}

// ErrNoDelay is returned by a system that cannot delay a task.
var ErrNoDelay = errors.New("this system cannot delay a task")

// Timeout is how long the web process waits for a system that accepts a connection and
// does not answer: 5 s, as long as chapter 07's client waits for one answer. A healthy
// system may need a second or two to sync a slow disk or to elect a leader; with a shorter
// limit its client would get a 503 for a task that is stored, and sign up once more. With
// a longer limit more requests wait at the same time: at 100 requests/s, 5 s are 500 of them.
const Timeout = 5 * time.Second

// Handler answers
//
//	POST /signups          {"name", "email"}: 202 with {"id"}, once the task is safe; ?in=2s for a later email
//	GET  /dead             the number of dead letters
//	POST /dead/requeue     moves them back to the queue
//
// and 503 with Retry-After when the system is down, or has not stored a sign-up after Timeout.
func Handler(system System) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signups", func(w http.ResponseWriter, r *http.Request) {
		t, status, err := read(w, r)
		if err != nil {
			http.Error(w, err.Error(), status)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), Timeout)
		defer cancel()
		answer(w, http.StatusAccepted, map[string]string{"id": t.ID}, system.Enqueue(ctx, t))
	})
	mux.HandleFunc("GET /dead", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		n, err := system.Dead(ctx)
		answer(w, http.StatusOK, map[string]int{"dead": n}, err)
	})
	mux.HandleFunc("POST /dead/requeue", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		answer(w, http.StatusOK, map[string]string{}, system.Requeue(ctx))
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// read returns the task that a request asks for, or what is wrong and its status.
func read(w http.ResponseWriter, r *http.Request) (t Task, status int, err error) {
	var in struct{ Name, Email string }
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return t, http.StatusRequestEntityTooLarge, errors.New("the body is too large: 64 KB at most")
	}
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&in)
		if err == nil && decoder.Decode(new(any)) != io.EOF {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		return t, http.StatusBadRequest, fmt.Errorf(`the body must be {"name": ..., "email": ...}: %w`, err)
	}
	t = Task{ID: rand.Text(), Name: in.Name, Email: in.Email}
	if err := t.Check(); err != nil {
		return t, http.StatusUnprocessableEntity, err
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		sum := sha256.Sum256([]byte(key))
		t.ID = base32.StdEncoding.EncodeToString(sum[:])[:26]
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // URL.Query would drop the malformed part, and the email would be sent now
		return t, http.StatusBadRequest, err
	}
	if in := query.Get("in"); in != "" {
		d, err := time.ParseDuration(in)
		if err != nil || d < 0 || d > 1000*time.Hour {
			return t, http.StatusBadRequest, fmt.Errorf("in must be a duration such as 2s or 48h, got %q", in)
		}
		t.Due = time.Now().Add(d)
	}
	return t, 0, nil
}

func answer(w http.ResponseWriter, status int, v any, err error) {
	switch {
	case errors.Is(err, ErrNoDelay):
		http.Error(w, err.Error(), http.StatusNotImplemented)
	case err != nil:
		slog.Warn("no answer from the system", "error", err)
		w.Header().Set("Retry-After", "1")
		http.Error(w, "not accepted, please try again", http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
}

// Serve serves h until ctx is done, and then drains, for up to 12 s. When it is ready it
// prints its address on standard error.
func Serve(ctx context.Context, addr string, h http.Handler) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "web: ready at http://%s\n", listener.Addr())
	return serve(ctx, listener, h)
}

func serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 12*time.Second) // a requeue may take 10 s; Shutdown waits about 6 s for a new connection without a request
	defer cancel()
	return srv.Shutdown(drain)
}
