package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// VerifyUnclosed asks another service whether it knows an address. It is wrong
// twice. It does not close the response's body, so the connection and its two
// goroutines stay. And with http.DefaultClient, as http.Get uses it, nothing
// limits the time: if the service never answers, VerifyUnclosed never returns.
func VerifyUnclosed(client *http.Client, url string) (known bool, err error) {
	resp, err := client.Get(url)
	if err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusOK, nil
}

// Verify asks the same, and returns an error when ctx is done, or when the service
// answers neither 200 nor 404. It reads the body to its end and closes it, so that the
// next call can use the connection.
func Verify(ctx context.Context, client *http.Client, url string) (known bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body) // to its end
	if err == nil && resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("the service answers %d", resp.StatusCode)
	}
	return resp.StatusCode == http.StatusOK, err
}
