package contract

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Demo runs a program's demo: a server of its own (unless there is one at at), a web
// process and workers, a worker killed during a task, and the total. It ends the
// process: with status 0 if nothing was lost.
func Demo(s System, at string) {
	err := demo(s, at)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.Folder, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// timeout is for what takes a second or two: a machine that stalls must not fail the demo.
const timeout = 2 * time.Minute

func demo(s System, at string) (err error) {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "engines") // short: the path of a socket may have 100 characters
	if err != nil {
		return err
	}
	var processes []*Process
	var server *Server
	var life sync.Mutex // held while something starts, and forever once cleanup has begun
	cleanup := func() {
		life.Lock()
		for _, p := range processes {
			p.Kill()
		}
		if server != nil {
			server.Stop()
		}
		os.RemoveAll(dir)
	}
	defer cleanup()
	interrupted, canceled := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE) // SIGPIPE: as in | head
	go func() {
		<-interrupted
		signal.Reset(os.Interrupt, syscall.SIGTERM) // a second one ends the program immediately
		close(canceled)
		cleanup()
		os.Exit(1)
	}()

	began := time.Now()
	imitation := "" // in every heading
	if at == "" {
		life.Lock()
		server, imitation, err = s.forDemo(dir, program)
		life.Unlock()
		if err != nil {
			return err
		}
		server.canceled = canceled
	}
	fmt.Printf("Chapter 07's sign-up on %s%s\n\n", s.Name, imitation)
	if at == "" {
		life.Lock()
		err := server.Start()
		life.Unlock()
		if err != nil {
			return err
		}
		at = server.At
		fmt.Printf("     a server of its own      ready after %s\n", short(time.Since(began)))
		if server.Is != "" {
			fmt.Printf("     which is                 %s\n", server.Is)
		}
	} else if strings.ContainsAny(at, " \n") {
		return errors.New("no such address: " + at)
	}
	mail := Mailbox(filepath.Join(dir, "mail"))
	start := func(role func() (*Process, error)) (*Process, error) {
		life.Lock()
		defer life.Unlock()
		p, err := role()
		if err == nil {
			processes = append(processes, p)
		}
		return p, err
	}
	worker := func() (*Process, error) { return s.StartWorker(program, at, mail, 2) }
	web, err := start(func() (*Process, error) { return s.StartWeb(program, at) })
	if err != nil {
		return err
	}
	first, err := start(worker)
	if err != nil {
		return err
	}

	fmt.Printf("\n  1  The answer does not wait for the work.%s\n\n", imitation)
	var ids []string
	var took []time.Duration
	began = time.Now()
	for range 6 {
		asked := time.Now()
		id, status, err := web.Signup("ada@slow.test", "", "")
		if err != nil || status != 202 {
			return fmt.Errorf("a sign-up was answered with %d, %v\n%s", status, err, web.Log())
		}
		ids, took = append(ids, id), append(took, time.Since(asked))
	}
	slices.Sort(took)
	if missing := mail.Wait(ids, timeout); len(missing) > 0 {
		return fmt.Errorf("%d emails never arrived\n%s", len(missing), first.Log())
	}
	fmt.Printf("     6 sign-ups, each 1 s of work    answered in %s (median)\n", short(took[len(took)/2]))
	fmt.Printf("     1 worker, 2 tasks at a time     all delivered after %s\n", short(time.Since(began)))

	fmt.Printf("\n  2  A task that fails is retried, with a delay.%s\n\n", imitation)
	if s.Backoff > 10*time.Second {
		fmt.Printf("     The first retry is after at least 15 s here: not shown. The contract waits for it.\n")
	} else {
		id, _, err := web.Signup("ada@flaky.test", "", "")
		if err != nil {
			return err
		}
		var attempts [3]time.Time
		for i := range attempts {
			if attempts[i], err = first.Begun(id, i+1, s.Retried); err != nil {
				return err
			}
		}
		ids = append(ids, id)
		fmt.Printf("     attempts    immediately, after %s, after %s\n", short(attempts[1].Sub(attempts[0])), short(attempts[2].Sub(attempts[0])))
		fmt.Printf("     done        at the third attempt\n")
	}

	fmt.Printf("\n  3  A worker is killed during a task. Another worker does the task.%s\n\n", imitation)
	id, _, err := web.Signup("grace@slow.test", "", "")
	if err != nil {
		return err
	}
	if _, err := first.Begun(id, 1, timeout); err != nil {
		return err
	}
	first.Kill()
	killed := time.Now()
	if _, ok := mail.Has(id); ok {
		return errors.New("the task was done before its worker could be killed")
	}
	ids = append(ids, id)
	fmt.Printf("     killed with SIGKILL             no email was delivered\n")
	second, err := start(worker)
	if err != nil {
		return err
	}
	if s.Lost > 30*time.Second {
		fmt.Printf("     this takes a while              up to %s\n", short(s.Lost))
	}
	if missing := mail.Wait([]string{id}, s.Lost); len(missing) > 0 {
		return fmt.Errorf("no worker did the dead worker's task in %v\n%s", s.Lost, second.Log())
	}
	fmt.Printf("     done by another worker          after %s\n", short(time.Since(killed)))
	fmt.Printf("%s\n", wrap("What decides: "+s.Decides.String()))

	fmt.Printf("\n  4  After SIGTERM, a worker finishes the tasks that it has begun.%s\n\n", imitation)
	if id, _, err = web.Signup("edsger@slow.test", "", ""); err != nil {
		return err
	}
	if _, err := second.Begun(id, 1, timeout); err != nil {
		return err
	}
	ids = append(ids, id)
	status, drained := second.Stop(20 * time.Second)
	if status != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("after SIGTERM, the worker ended with status %d\n%s", status, second.Log())
	}
	if runtime.GOOS == "windows" {
		fmt.Printf("     Windows has no SIGTERM: the worker was killed\n")
	} else {
		fmt.Printf("     SIGTERM during a task           ended with status 0 after %s\n", short(drained))
	}
	if len(mail.Missing([]string{id})) > 0 { // returned to the queue
		third, err := start(worker)
		if err != nil {
			return err
		}
		if missing := mail.Wait([]string{id}, s.Lost); len(missing) > 0 {
			return fmt.Errorf("the task of the stopped worker is lost\n%s", third.Log())
		}
	}

	lost := len(mail.Missing(ids))
	fmt.Printf("\n     accepted %d = delivered %d    lost %d    twice %d\n", len(ids), len(ids)-lost, lost, mail.Count()-(len(ids)-lost))
	if lost > 0 || mail.Count() != len(ids) {
		return errors.New("the total is wrong: a task was lost or done twice")
	}
	fmt.Printf("\nTest:  go test -race -v -run 'Contract/all/%s' ./contract\n", s.Folder)
	return nil
}

// wrap breaks a text into lines that are not too long.
func wrap(text string) string {
	out, column := "    ", 4
	for word := range strings.FieldsSeq(text) {
		if column+1+len(word) > 76 {
			out, column = out+"\n    ", 4
		}
		out, column = out+" "+word, column+1+len(word)
	}
	return strings.ReplaceAll(out, "`", "")
}

// short writes d with three digits and its unit, as the chapters' programs do.
func short(d time.Duration) string {
	if d == 0 {
		return "0 s"
	}
	value, units := float64(d), []string{"ns", "µs", "ms", "s"}
	for ; value >= 999.5 && len(units) > 1; value /= 1000 {
		units = units[1:]
	}
	digits := 0
	for limit := 99.95; digits < 2 && value < limit; limit /= 10 {
		digits++
	}
	return fmt.Sprintf("%.*f %s", digits, value, units[0])
}
