package contract

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"concurrency/07-offload/engines/signup"
)

// BenchmarkSystems measures all six on this machine, each with the setting that loses
// nothing and with its default one: how many sign-ups are accepted in a second, from
// one client and from 64; the CPU time that the web process, the servers and the client
// take for each; what limits the rate; and the time from the answer to the email when
// there is no other work. The first rows are a web process without a system: more than
// that the client cannot measure. The speed of a machine varies, so there are three
// rounds, each of which starts every system again and warms it up; a row is the round
// with the median rate.
// -update writes the table into the README.
//
//	go test -run '^$' -bench . ./contract
//	go test -run '^$' -bench 'Systems/(chapter07|faktory)/durable' ./contract
func BenchmarkSystems(b *testing.B) {
	rounds := make(map[row][]sample)
	var order []row                         // as they are first measured
	idle := make(map[row]string)            // the time to the email
	programs, all := map[string]string{}, b // by folder; all rounds use them
	measure := func(b *testing.B, name, setting string, web *Process, servers []int) {
		for b.Loop() { // once: it takes longer than a benchmark has to
			load(b, web, 64, 2*time.Second, nil) // warms up: a JVM, above all, is slow at first
			for _, clients := range []int{1, 64} {
				load(b, web, clients, 300*time.Millisecond, nil)
				l := load(b, web, clients, 1500*time.Millisecond, servers)
				b.ReportMetric(l.rate(), fmt.Sprint("accepted/s-", clients))
				b.Logf("%d clients: other processes took %.0f%% of the CPUs; %d sign-ups were refused", clients, 100*l.others, l.refused)
				r := row{name, setting, clients}
				if rounds[r] == nil {
					order = append(order, r)
				}
				rounds[r] = append(rounds[r], l)
			}
		}
		b.ReportMetric(0, "ns/op") // says nothing here
	}
	for range 3 {
		b.Run("none", func(b *testing.B) {
			program, err := os.Executable()
			if err != nil {
				b.Fatal(err)
			}
			web, err := Start(program, webAlone)
			if err != nil {
				b.Fatal(err)
			}
			defer web.Kill()
			measure(b, noSystem, "", web, nil)
		})
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
					if programs[s.Folder] == "" {
						programs[s.Folder] = build(all, s)
					}
					program := programs[s.Folder]
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
					if s.Default == "" {
						setting += ", the default"
					}
					if r := (row{s.Name, setting, 1}); rounds[r] == nil { // the first round
						mail := Mailbox(filepath.Join(b.TempDir(), "mail"))
						worker, err := s.StartWorker(program, server.At, mail, 4, flags...)
						if err != nil {
							b.Fatal(err)
						}
						defer worker.Kill()
						idle[r] = short(latency(b, web, mail))
						worker.Stop(20 * time.Second)
					}
					var pids []int
					for _, cmd := range server.running {
						pids = append(pids, cmd.Process.Pid)
					}
					measure(b, s.Name, setting, web, pids)
				})
			}
		}
	}
	median := func(r row) sample {
		all := slices.SortedFunc(slices.Values(rounds[r]), func(a, b sample) int { return cmp.Compare(a.rate(), b.rate()) })
		return append(all, sample{})[len(all)/2] // empty if there was no round
	}
	var table strings.Builder
	table.WriteString("| system | setting | clients | accepted/s | CPU, web | servers | client | limited by | to the email, idle |\n|---|---|---:|---:|---:|---:|---:|---|---:|\n")
	for _, r := range order {
		l, ceiling := median(r), sample{}
		if r.name != noSystem {
			ceiling = median(row{noSystem, "", r.clients})
		}
		fmt.Fprintf(&table, "| %s | %s | %d | %s | %s | %s | %s | %s | %s |\n", r.name, r.setting, r.clients, figure(l.rate()),
			l.per(l.web), l.per(l.servers), l.per(l.client), l.limit(r.clients, ceiling.rate()), idle[r])
	}
	fmt.Printf("\n%s\n", table.String())
	if *update {
		holdReadme(b, "measured", table.String())
	}
}

// webAlone is an argument of the test's own program: it makes it a web process that
// accepts sign-ups and drops them.
const webAlone = "web-alone"

const noSystem = "no system"

// A row of the table.
type row struct {
	name, setting string
	clients       int
}

type nowhereSystem struct{}

func (nowhereSystem) Enqueue(context.Context, signup.Task) error { return nil }
func (nowhereSystem) Dead(context.Context) (int, error)          { return 0, nil }
func (nowhereSystem) Requeue(context.Context) error              { return nil }

// A sample is what clients measured in some time.
type sample struct {
	took                 time.Duration
	accepted, refused    int64
	web, servers, client time.Duration // CPU time; negative if it cannot be measured here
	busy, others         float64       // of all the CPUs of the machine: by any process, by other processes than these three
}

// load sends sign-ups for some time, each client one at a time.
func load(b *testing.B, web *Process, clients int, lasts time.Duration, servers []int) sample {
	var accepted, refused atomic.Int64
	var s sample
	processes := [][]int{{web.cmd.Process.Pid}, servers, {os.Getpid()}}
	before, machine := cpuTimes(processes), readMachine()
	began := time.Now()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for time.Since(began) < lasts {
				switch _, status, err := web.Signup("ada@example.com", "", ""); {
				case err == nil && status == http.StatusAccepted:
					accepted.Add(1)
				case status == http.StatusServiceUnavailable:
					refused.Add(1)
				default:
					b.Errorf("a sign-up was answered with %d, %v", status, err)
					return
				}
			}
		})
	}
	group.Wait()
	s.took = time.Since(began)
	after := cpuTimes(processes)
	s.busy, s.others = machine.since(after[0] + after[1] + after[2] - before[0] - before[1] - before[2])
	s.accepted, s.refused = accepted.Load(), refused.Load()
	s.web, s.servers, s.client = after[0]-before[0], after[1]-before[1], after[2]-before[2]
	return s
}

func (s sample) rate() float64 { return float64(s.accepted) / s.took.Seconds() }

// per returns the CPU time for each sign-up.
func (s sample) per(cpu time.Duration) string {
	if runtime.GOOS != "linux" || s.accepted == 0 {
		return "—"
	}
	return figure(float64(cpu.Microseconds())/float64(s.accepted)) + " µs"
}

// limit names what kept the rate from being higher: the client, if the rate is close to
// that of a web process without a system; otherwise the largest user of the CPUs if
// those were busy; otherwise a wait, for a disk, a lock or a timer.
func (s sample) limit(clients int, ceiling float64) string {
	switch {
	case ceiling > 0 && s.rate() >= 0.8*ceiling:
		return fmt.Sprintf("the client: %.0f%% of no system", 100*s.rate()/ceiling)
	case clients == 1:
		return "the wait for each answer"
	case runtime.GOOS != "linux":
		return "—"
	case s.busy < 0.85:
		return fmt.Sprintf("waiting: the CPUs were %.0f%% busy", 100*s.busy)
	case s.others >= 0.5:
		return fmt.Sprintf("other processes: %.0f%% of the CPUs", 100*s.others)
	}
	name, most := "CPU of the client", s.client
	if s.web > most {
		name, most = "CPU of the web process", s.web
	}
	if s.servers > most {
		name = "CPU of the servers"
	}
	return name
}

// latency returns the median time from the answer to the email.
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
				b.Fatal("no email within a minute")
			}
			<-time.After(200 * time.Microsecond)
		}
		if i > 0 { // the first one opens connections
			took = append(took, time.Since(answered))
		}
		<-time.After(300 * time.Millisecond) // idle again, and not in step with an interval of the system
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
