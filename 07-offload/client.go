package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A Client is the broker as web and workers see it. Its methods are those of
// the Broker; ErrUnavailable means that it is away, too.
type Client struct {
	URL   string // such as http://localhost:8081
	Token string
	HTTP  *http.Client
}

// NewClient returns a client of the broker at url.
func NewClient(url, token string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 100 // the default of 2 would close and open connections all the time
	return &Client{URL: strings.TrimRight(url, "/"), Token: token, HTTP: &http.Client{Transport: transport}}
}

func (c *Client) Enqueue(ctx context.Context, n NewJob) (j Job, err error) {
	return j, c.call(ctx, "POST", "/jobs", n, &j)
}

func (c *Client) Get(ctx context.Context, id string) (j Job, err error) {
	return j, c.call(ctx, "GET", "/jobs/"+id, nil, &j)
}

func (c *Client) Cancel(ctx context.Context, id string) (j Job, err error) {
	return j, c.call(ctx, "DELETE", "/jobs/"+id, nil, &j)
}

func (c *Client) Requeue(ctx context.Context, id string) (j Job, err error) {
	return j, c.call(ctx, "POST", "/jobs/"+id+"/requeue", nil, &j)
}

func (c *Client) List(ctx context.Context, state State, n int) (jobs []Job, err error) {
	return jobs, c.call(ctx, "GET", fmt.Sprintf("/jobs?state=%s&n=%d", state, n), nil, &jobs)
}

func (c *Client) Overview(ctx context.Context) (o Overview, err error) {
	return o, c.call(ctx, "GET", "/overview", nil, &o)
}

// Lease waits until there is a job.
func (c *Client) Lease(ctx context.Context, worker, token string) (Job, error) {
	for {
		var j Job
		if err := c.call(ctx, "POST", "/lease", leaseRequest{worker, token}, &j); err != nil {
			return Job{}, err
		}
		if j.ID != "" {
			return j, nil
		}
	}
}

func (c *Client) Abandon(ctx context.Context, token string) error {
	return c.call(ctx, "POST", "/abandon", leaseReport{Token: token}, nil)
}

func (c *Client) Heartbeat(ctx context.Context, id, token string, p Progress) error {
	return c.call(ctx, "POST", "/jobs/"+id+"/heartbeat", leaseReport{Token: token, Progress: p}, nil)
}

func (c *Client) Finish(ctx context.Context, id, token string, p Progress) error {
	return c.call(ctx, "POST", "/jobs/"+id+"/done", leaseReport{Token: token, Progress: p}, nil)
}

func (c *Client) Fail(ctx context.Context, id, token, why string) error {
	return c.call(ctx, "POST", "/jobs/"+id+"/fail", leaseReport{Token: token, Error: why}, nil)
}

func (c *Client) Release(ctx context.Context, id, token string) error {
	return c.call(ctx, "POST", "/jobs/"+id+"/release", leaseReport{Token: token}, nil)
}

// Events opens the server-sent events at a path of the broker. The caller closes them.
func (c *Client) Events(ctx context.Context, path string) (io.ReadCloser, error) {
	response, err := c.send(ctx, "GET", path, nil)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// call sends in as JSON and reads the answer into out, unless they are nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, longPoll+5*time.Second)
	defer cancel()
	response, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if out != nil && response.StatusCode != http.StatusNoContent {
		err = json.NewDecoder(response.Body).Decode(out)
	}
	io.Copy(io.Discard, response.Body) // to its end, or the connection can't be used again
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// send returns the answer if it is a 2xx, and else the error it stands for.
func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, body)
	if err != nil {
		return nil, err
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	why := strings.TrimSpace(string(text))
	switch response.StatusCode {
	case http.StatusNotFound:
		return nil, ErrNotFound
	case http.StatusConflict:
		if why == ErrState.Error() {
			return nil, ErrState
		}
		return nil, ErrFenced
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("%w: %s", ErrBadJob, why)
	case http.StatusServiceUnavailable:
		if why == ErrBacklogFull.Error() {
			return nil, ErrBacklogFull
		}
		return nil, fmt.Errorf("%w: %s", ErrUnavailable, why)
	}
	return nil, errors.New(response.Status + ": " + why)
}
