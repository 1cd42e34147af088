package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Client is the broker for other processes. ErrUnavailable also means that the broker
// cannot be reached.
type Client struct {
	URL   string // such as http://localhost:8081
	Token string // of the broker, if it has one
	HTTP  *http.Client

	enqueue *Batch[NewJob, Result]
}

func NewClient(url string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 100 // with the default of 2, connections would be closed and opened all the time
	c := &Client{URL: strings.TrimRight(url, "/"), HTTP: &http.Client{Transport: transport}}
	c.enqueue = newBatch(batchMax, c.enqueueAll)
	return c
}

// Enqueue enqueues a job. Jobs that come while one request is in flight share the next one.
// If the broker does not answer, Enqueue returns ErrUnavailable after 5 s. But one of the
// callers that share a request sends it, and returns when it has ended: after up to 10 s.
func (c *Client) Enqueue(ctx context.Context, n NewJob) (Job, error) {
	if _, err := n.check(time.Now()); err != nil {
		return Job{}, err // here, so that it cannot spoil the request for others
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // each request has a limit, but jobs may wait for several
	defer cancel()
	result, err := c.enqueue.Add(n)(ctx)
	if err != nil {
		return Job{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return result.Job, result.Err
}

// enqueueAll does not depend on the context of any one caller.
func (c *Client) enqueueAll(jobs []NewJob) []Result {
	answers, err := call[[]enqueued](context.Background(), c, "POST", "/jobs", jobs)
	if err == nil && len(answers) != len(jobs) {
		err = fmt.Errorf("%w: %d answers for %d jobs", ErrUnavailable, len(answers), len(jobs))
	}
	results := make([]Result, len(jobs))
	for i := range results {
		switch {
		case err != nil:
			results[i].Err = err
		case answers[i].Job == nil:
			results[i].Err = errorOf(answers[i].Status, answers[i].Error)
		default:
			results[i].Job = *answers[i].Job
		}
	}
	return results
}

func (c *Client) Get(ctx context.Context, id string) (Job, error) {
	return call[Job](ctx, c, "GET", jobPath(id), nil)
}

// ServeHTTP passes a request on to the broker, without its headers and its body.
func (c *Client) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead { // its answer has no text, which says what the error is; net/http drops the text of a GET
		method = http.MethodGet
	}
	v, err := call[json.RawMessage](r.Context(), c, method, r.URL.RequestURI(), nil)
	answer(w, r, http.StatusOK, v, err)
}

// Lease blocks until there is a job. Its Expires is a time on this machine's clock,
// and early rather than late: it counts from when the request was sent.
func (c *Client) Lease(ctx context.Context, worker string, kinds []string) (Job, error) {
	for {
		sent := time.Now()
		j, err := call[leasedJob](ctx, c, "POST", "/lease", leaseRequest{worker, kinds})
		if err != nil || j.ID != "" {
			j.Job.Token, j.Job.Expires = j.Token, sent.Add(j.ExpiresIn)
			return j.Job, err
		}
	}
}

func (c *Client) Update(ctx context.Context, id string, u Update) error {
	u.Error = cut(u.Error, errorMax)
	_, err := call[any](ctx, c, "POST", jobPath(id)+"/update", u)
	return err
}

func jobPath(id string) string { return "/jobs/" + url.PathEscape(id) }

// call sends in as JSON, unless it is nil, and returns the answer, if there is one.
// It returns ErrUnavailable if the broker does not answer within 5 s, or a request for
// a lease within 5 s after the long poll. A key is an Idempotency-Key, for web servers.
func call[Out any](ctx context.Context, c *Client, method, path string, in any, key ...string) (out Out, err error) {
	limit := 5 * time.Second
	if path == "/lease" {
		limit += longPoll
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var body bytes.Buffer
	if in != nil {
		encoder := json.NewEncoder(&body)
		encoder.SetEscapeHTML(false) // it would make < six times as long
		if err := encoder.Encode(in); err != nil {
			return out, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, &body)
	if err != nil {
		return out, err
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if len(key) > 0 { // net/http retries a request that has this header
		request.Header["Idempotency-Key"] = key
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body) // all of it, or the connection could not be used again
	if err == nil && response.StatusCode >= 300 {
		return out, errorOf(response.StatusCode, strings.TrimSpace(string(text)))
	}
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return out, err
}

func errorOf(status int, text string) error {
	for known := range statuses {
		if rest, ok := strings.CutPrefix(text, known.Error()); ok {
			return fmt.Errorf("%w%s", known, rest)
		}
	}
	return fmt.Errorf("%w: %d %s", ErrUnavailable, status, text)
}
