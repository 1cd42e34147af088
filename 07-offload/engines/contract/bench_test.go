package contract

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkSystems measures all six on this machine, each with the setting that
// loses nothing and with its default one: how many sign-ups are accepted in a
// second, from one client and from 64, and how long it takes from the answer to the
// mail when there is nothing else to do. -update writes the table into the README.
//
//	go test -run '^$' -bench . ./contract
func BenchmarkSystems(b *testing.B) {
	rows := make(map[string][]string)
	for _, s := range Systems {
		for _, defaults := range []bool{false, true} {
			if defaults && s.Default == "" {
				continue
			}
			setting := "durable"
			if defaults {
				setting = "default"
			}
			b.Run(s.String()+"/"+setting, func(b *testing.B) {
				program := build(b, s)
				server := private(b, s, program, defaults)
				var flags []string
				if defaults {
					flags = s.defaultFlags
				}
				web, err := s.StartWeb(program, server.At, flags...)
				if err != nil {
					b.Fatal(err)
				}
				defer web.Kill()
				mail := Mailbox(filepath.Join(b.TempDir(), "mail"))
				worker, err := s.StartWorker(program, server.At, mail, 4, flags...)
				if err != nil {
					b.Fatal(err)
				}
				defer worker.Kill()
				var one, many float64
				var idle time.Duration
				for b.Loop() { // once: it takes longer than a benchmark has to
					idle = latency(b, web, mail)
					worker.Stop(20 * time.Second)
					one = accepted(b, web, 1)
					many = accepted(b, web, 64)
				}
				b.ReportMetric(0, "ns/op") // says nothing here
				b.ReportMetric(one, "accepted/s-1-client")
				b.ReportMetric(many, "accepted/s-64-clients")
				b.ReportMetric(float64(idle)/1e6, "ms-to-the-mail")
				rows[s.Folder+setting] = []string{s.Name, setting, figure(one), figure(many), short(idle)}
			})
		}
	}
	var table strings.Builder
	table.WriteString("| system | setting | accepted/s, 1 client | 64 clients | to the mail, idle |\n|---|---|---:|---:|---:|\n")
	for _, s := range Systems {
		for _, setting := range []string{"durable", "default"} {
			if row := rows[s.Folder+setting]; row != nil {
				fmt.Fprintf(&table, "| %s |\n", strings.Join(row, " | "))
			}
		}
	}
	b.Log("\n" + table.String())
	if *update {
		holdReadme(b, "measured", table.String())
	}
}

// accepted counts the 202s of so many clients in two seconds.
func accepted(b *testing.B, web *Process, clients int) (perSecond float64) {
	began := time.Now()
	counts := make([]int, clients)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			for time.Since(began) < 2*time.Second {
				_, status, err := web.Signup("ada@example.com", "", "")
				if err != nil || status != http.StatusAccepted {
					b.Errorf("a sign-up was answered with %d, %v", status, err)
					return
				}
				counts[i]++
			}
		})
	}
	group.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds()
}

// latency returns the median time from the answer to the mail.
func latency(b *testing.B, web *Process, mail Mailbox) time.Duration {
	var took []time.Duration
	for i := range 12 {
		id, status, err := web.Signup("ada@example.com", "", "")
		answered := time.Now()
		if err != nil || status != http.StatusAccepted {
			b.Fatalf("a sign-up was answered with %d, %v", status, err)
		}
		for {
			if _, ok := mail.Has(id); ok {
				break
			}
			if time.Since(answered) > time.Minute {
				b.Fatal("no mail within a minute")
			}
			<-time.After(200 * time.Microsecond)
		}
		if i > 0 { // the first one finds everything cold
			took = append(took, time.Since(answered))
		}
		<-time.After(300 * time.Millisecond) // idle again, and not in step with anybody's interval
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func figure(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	if len(s) > 3 {
		s = s[:len(s)-3] + "," + s[len(s)-3:]
	}
	return s
}
