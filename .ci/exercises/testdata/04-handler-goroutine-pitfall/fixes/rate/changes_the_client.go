// Fails with: Rate changed the client

package exercise

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Rate asks the service at url for an exchange rate. The service answers with
// status 200 and JSON, such as {"rate":1.25}; anything else is an error. Rate
// returns when ctx is done, at the latest.
func Rate(ctx context.Context, client *http.Client, url string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	client.Timeout = 10 * time.Second
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the service answers %d", resp.StatusCode)
	}
	var answer struct{ Rate float64 }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("the answer is not a rate: %w", err)
	}
	return answer.Rate, nil
}
