// Fails with: a fatal error, which no code can recover, ended the whole program: sync: unlock of unlocked mutex

package exercise

import (
	"errors"
	"sync"
)

// ErrUsedUp is the error of an order whose voucher has no uses left.
var ErrUsedUp = errors.New("the voucher is used up")

// Vouchers are the vouchers of a shop. All handlers share them.
type Vouchers struct {
	mu   sync.Mutex // guards left
	left map[string]int
}

// NewVouchers returns vouchers with their number of uses left, by code.
func NewVouchers(left map[string]int) *Vouchers { return &Vouchers{left: left} }

// Redeem uses a voucher once and returns the discount in cents. If discount panics,
// the panic goes on to net/http, which logs it, and the voucher is not used.
func (v *Vouchers) Redeem(code string, discount func(code string) int) (cents int, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left[code] == 0 {
		v.mu.Unlock()
		return 0, ErrUsedUp
	}
	cents = discount(code)
	v.left[code]--
	return cents, nil
}
