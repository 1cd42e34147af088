package contract

import (
	"testing"
	"time"
)

func TestShortHasThreeDigitsAndAUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                         "0 s",
		999:                       "999 ns",
		1500:                      "1.50 µs",
		41240 * time.Microsecond:  "41.2 ms",
		556 * time.Millisecond:    "556 ms",
		999600 * time.Microsecond: "1.00 s",
		1500 * time.Millisecond:   "1.50 s",
		61400 * time.Millisecond:  "61.4 s",
		150 * time.Second:         "150 s",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
