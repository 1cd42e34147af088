package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// sellTo sends an order to a shop and returns its status; 0 if the handler panics.
func sellTo(shop http.Handler, method, path string) (status int, body string) {
	defer func() { recover() }() // as net/http does
	rec := httptest.NewRecorder()
	shop.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec.Code, rec.Body.String()
}

// TestDeferredUnlockSurvivesPanicAndEarlyReturn: the lock is free after each way out
// of Sell (claim 3.10).
func TestDeferredUnlockSurvivesPanicAndEarlyReturn(t *testing.T) {
	tickets := NewTickets("concert", 1)
	shop := Shop(tickets.Sell)
	for _, order := range []struct {
		path   string
		status int
		says   string
	}{
		{"/tickets/concert", 200, "0 left"},
		{"/tickets/concert", 409, "sold out"},
		{"/tickets/unknown", 0, ""}, // panics
		{"/tickets/concert", 409, "sold out"},
	} {
		if status, body := sellTo(shop, "POST", order.path); status != order.status || !strings.Contains(body, order.says) {
			t.Errorf("an order for %s: got %d %q, want %d %q", order.path, status, body, order.status, order.says)
		}
		if !tickets.mu.TryLock() {
			t.Fatalf("after an order for %s the lock is still locked; every later order blocks", order.path)
		}
		tickets.mu.Unlock()
	}
}

// TestConcurrentOrdersSellEachTicketOnce: 50 orders for 20 tickets (claim 3.10).
func TestConcurrentOrdersSellEachTicketOnce(t *testing.T) {
	tickets := NewTickets("concert", 20)
	errs := make([]error, 50)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = tickets.Sell("concert") })
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if errors.Is(err, ErrSoldOut) {
			refused++
		}
	}
	if left := *tickets.left["concert"]; left != 0 || refused != 30 {
		t.Errorf("50 orders for 20 tickets: %d left, %d refused; want 0 and 30", left, refused)
	}
}

// TestForgottenUnlockBlocksEveryLaterRequest: after a panic, or an early return,
// with the lock held, every later order blocks in Lock; the health check answers 200,
// and the log has no word about it (negative control of 3.10).
func TestForgottenUnlockBlocksEveryLaterRequest(t *testing.T) {
	for _, first := range []struct {
		order, event string
		tickets      int
		logged       int
	}{{"unknown", "a panic", 100, 1}, {"concert", "an early return", 0, 0}} {
		const later = 5
		tickets := NewTickets("concert", first.tickets)
		srv := NewServer(Shop(tickets.SellForgetting))
		srv.ReadHeaderTimeout, srv.ReadTimeout = 0, 0
		logged := make(Log, 10)
		srv.ErrorLog = log.New(logged, "", 0)
		addr, err := Start(srv)
		if err != nil {
			t.Fatal(err)
		}
		order := func(event string) error {
			_, err := Send(t.Context(), newClients(), "POST", "http://"+addr+"/tickets/"+event, nil)
			return err
		}
		if err := order(first.order); err == nil {
			t.Errorf("an order that ends in %s was answered with 200", first.event)
		}
		answers := make(chan error, later)
		for range later {
			go func() { answers <- order("concert") }()
		}
		for len(answers) == 0 && Blocked(".(*Tickets).SellForgetting")["sync.Mutex.Lock"] < later {
			runtime.Gosched()
		}
		blocked := len(answers) == 0
		if !blocked {
			t.Errorf("after %s with the lock held, an order was answered; want all blocked in Lock", first.event)
		}
		t.Logf("after %s: %d goroutines in [sync.Mutex.Lock]", first.event, Blocked(".(*Tickets).SellForgetting")["sync.Mutex.Lock"])
		if body, err := Get(t.Context(), newClients(), "http://"+addr+"/health"); body != "ok\n" || err != nil {
			t.Errorf("GET /health got %q, %v; want ok", body, err)
		}
		if len(logged) != first.logged {
			t.Errorf("the server's log has %d entries, want %d", len(logged), first.logged)
		}
		srv.Close()
		if blocked { // the lock is still locked: let the blocked goroutines end
			*tickets.left["concert"] = later
			tickets.mu.Unlock()
		}
		for range later {
			<-answers
		}
	}
}

// TestBothSellTheSame: as long as no sale fails, the wrong version is right. The first that
// fails has the same error.
func TestBothSellTheSame(t *testing.T) {
	right, forgetful := NewTickets("concert", 2), NewTickets("concert", 2)
	for _, want := range []int{1, 0} {
		a, err := right.Sell("concert")
		b, err2 := forgetful.SellForgetting("concert")
		if a != want || b != want || err != nil || err2 != nil {
			t.Errorf("Sell returns %d, %v and SellForgetting %d, %v; want %d left", a, err, b, err2, want)
		}
	}
	_, err := right.Sell("concert")
	_, err2 := forgetful.SellForgetting("concert")
	if !errors.Is(err, ErrSoldOut) || !errors.Is(err2, ErrSoldOut) {
		t.Errorf("without a ticket left Sell returns %#v and SellForgetting %#v, want ErrSoldOut from both", err, err2)
	}
}

// TestOnlyPostSells: another method gets 405 with Allow, and sells nothing.
func TestOnlyPostSells(t *testing.T) {
	tickets := NewTickets("concert", 1)
	shop := Shop(tickets.Sell)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		rec := httptest.NewRecorder()
		shop.ServeHTTP(rec, httptest.NewRequest(method, "/tickets/concert", strings.NewReader("x")))
		if rec.Code != 405 || rec.Header().Get("Allow") != "POST" {
			t.Errorf("%s: got %d, Allow %q; want 405, Allow POST", method, rec.Code, rec.Header().Get("Allow"))
		}
		io.Copy(io.Discard, rec.Body)
	}
	if left := *tickets.left["concert"]; left != 1 {
		t.Errorf("%d tickets left, want 1", left)
	}
}
