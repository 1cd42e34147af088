package exercise_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	. "concurrency/03-net-http-per-request/fixes"
)

// order redeems a voucher as a handler does: what panics is recovered by net/http.
func order(v *Vouchers, code string, discount func(string) int) (cents int, panicked any, err error) {
	defer func() { panicked = recover() }()
	cents, err = v.Redeem(code, discount)
	return cents, nil, err
}

func half(string) int      { return 50 }
func meet(string) int      { settle(); return 50 } // when all other orders are in discount, or block
func broken(string) int    { panic("no such discount") }
func some(n int) *Vouchers { return NewVouchers(map[string]int{"SPRING": n}) }

func TestVoucherCanBeRedeemedAfterAPanic(t *testing.T) {
	alone(t, "section 3.10: what unlocks when discount panics?", func(t *testing.T) {
		v := some(1)
		if _, panicked, _ := order(v, "SPRING", broken); panicked == nil {
			t.Fatal("discount panicked, and Redeem returned: its handler sends a response as if nothing had happened")
		}
		otherwise("discount panicked for one order, and the next order blocks forever")
		if cents, _, err := order(v, "SPRING", half); cents != 50 || err != nil {
			t.Errorf("the voucher had 1 use left, and discount panicked: the next order got %d cents and the error %v, want 50", cents, err)
		}
	})
}

func TestVoucherIsRefusedWhenUsedUp(t *testing.T) {
	alone(t, "section 3.10: each way out of Redeem must unlock, once", func(t *testing.T) {
		v := some(1)
		for i, want := range []struct {
			cents int
			err   error
		}{{50, nil}, {0, ErrUsedUp}, {0, ErrUsedUp}} {
			otherwise("order %d for a voucher with 1 use blocks forever", i+1)
			if cents, panicked, err := order(v, "SPRING", half); cents != want.cents || !errors.Is(err, want.err) || panicked != nil {
				t.Fatalf("order %d for a voucher with 1 use: got %d cents, error %v, panic %v; want %d, %v", i+1, cents, err, panicked, want.cents, want.err)
			}
		}
	})
}

func TestVoucherIsNotOverdrawn(t *testing.T) {
	alone(t, "section 2.8: check and change the number of uses in one critical section", func(t *testing.T) {
		v := some(3)
		var redeemed atomic.Int64
		var orders sync.WaitGroup
		for range 20 {
			orders.Go(func() {
				if _, _, err := order(v, "SPRING", meet); err == nil {
					redeemed.Add(1)
				}
			})
		}
		orders.Wait()
		if n := redeemed.Load(); n != 3 {
			t.Fatalf("20 concurrent orders for a voucher with 3 uses: %d were redeemed, want 3", n)
		}
	})
}
