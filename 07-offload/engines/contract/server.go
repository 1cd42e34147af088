package contract

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A Server is a private one, of one system, with its data in a directory of its own.
type Server struct {
	At string // as the programs' flag has it
	Is string // its name and version, if the demo prints them

	canceled <-chan struct{} // when it is closed, Start returns an error; may be nil

	dir      string
	leaves   string // a file elsewhere, to be removed
	commands []command
	running  []*exec.Cmd
	ended    []chan struct{} // one for each of running, closed when it has ended
}

// A command is a process of a server.
type command struct {
	args  []string
	env   []string
	ready func() error // nil when it answers

	prepare func(*exec.Cmd) // before it starts; may be nil
	stop    syscall.Signal  // asks it to end; by default SIGTERM
}

// A NotInstalledError says what is needed and how to get it.
type NotInstalledError struct{ What, How string }

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("needs %s: %s", e.What, e.How)
}

// Start starts it, also after a Kill or a Stop.
func (s *Server) Start() error {
	for _, c := range s.commands {
		log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		cmd := exec.Command(c.args[0], c.args[1:]...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
		cmd.Env = append(os.Environ(), c.env...)
		ownGroup(cmd)
		if c.prepare != nil {
			c.prepare(cmd)
		}
		err = cmd.Start()
		log.Close()
		if err != nil {
			return err
		}
		ended := make(chan struct{})
		go func() {
			cmd.Wait()
			close(ended)
		}()
		s.running, s.ended = append(s.running, cmd), append(s.ended, ended)
		for limit := time.Now().Add(3 * time.Minute); ; { // a RabbitMQ on a busy machine takes more than one
			err := c.ready()
			if err == nil {
				break
			}
			gone := false
			select {
			case <-ended:
				gone = true
			case <-s.canceled:
				return errors.New("canceled during the start")
			case <-time.After(50 * time.Millisecond):
			}
			if gone || time.Now().After(limit) {
				text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
				return fmt.Errorf("%s does not answer: %w\n%s", filepath.Base(c.args[0]), err, text)
			}
		}
	}
	return nil
}

// Kill ends it as a crash does.
func (s *Server) Kill() {
	for _, cmd := range s.running {
		killAll(cmd)
	}
	s.gone(10 * time.Second)
}

// Stop asks it to end.
func (s *Server) Stop() {
	if runtime.GOOS == "windows" { // which has no SIGTERM
		s.Kill()
	}
	for i, cmd := range slices.Backward(s.running) {
		cmd.Process.Signal(cmp.Or(s.commands[i].stop, syscall.SIGTERM))
		if i > 0 { // those before are what it needs to end well
			for limit := time.Now().Add(20 * time.Second); cmd.Process.Signal(syscall.Signal(0)) == nil && time.Now().Before(limit); {
				<-time.After(20 * time.Millisecond)
			}
		}
	}
	s.gone(20 * time.Second)
	for _, cmd := range s.running {
		killGroup(cmd)
	}
	s.running, s.ended = nil, nil
	if s.leaves != "" {
		os.Remove(s.leaves)
	}
}

// gone waits until the processes are.
func (s *Server) gone(timeout time.Duration) {
	limit := time.After(timeout)
	for _, ended := range s.ended {
		select {
		case <-ended:
		case <-limit:
			return
		}
	}
	s.running, s.ended = nil, nil
}

// A server takes a while to start, and comes back at its port after a Kill. Ports that
// the system assigns (from 32768 or 49152 on) may be in use by then. So
// each process has its own hundred below those.
var ports = struct {
	sync.Mutex
	next int // guarded by Mutex
}{next: 10_000 + os.Getpid()%200*100}

// freePort returns a port at which no process listens, and never the same one twice.
func freePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	for range 100 {
		port := ports.next
		ports.next++
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no port below %d is free", ports.next)
}

// greets returns a function that sends say to an address and fails unless the answer begins with want.
func greets(network, addr, say, want string) func() error {
	return func() error {
		conn, err := net.DialTimeout(network, addr, time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := io.WriteString(conn, say); err != nil {
			return err
		}
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if !strings.HasPrefix(answer, want) {
			return errors.Join(err, fmt.Errorf("it answers %q", answer))
		}
		return nil
	}
}

var noRedis = &NotInstalledError{"redis-server", "apt-get install redis-server, or brew install redis"}

// NewRedis makes the server of Asynq. By default it keeps snapshots: after 3,600 s if
// one key has changed, after 300 s if 100 have, after 60 s if 10,000 have (Redis 7.0).
func NewRedis(dir, _ string, defaults bool) (*Server, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, noRedis
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	at := fmt.Sprint("127.0.0.1:", port)
	args := []string{program, "--dir", dir, "--bind", "127.0.0.1", "--port", fmt.Sprint(port)}
	if !defaults {
		args = append(args, "--appendonly", "yes", "--appendfsync", "always")
	}
	return &Server{At: at, dir: dir, commands: []command{{args: args, ready: greets("tcp", at, "PING\r\n", "+PONG")}}}, nil
}

// NewFaktory makes a Faktory server. It starts a Redis of its own, which keeps
// snapshots. Without defaults, a script of that name starts a Redis that syncs each change.
func NewFaktory(dir, _ string, defaults bool) (*Server, error) {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, noRedis
	}
	path, err := exec.Command("go", "tool", "-n", "faktory").Output() // which builds it, if need be
	if err != nil {
		return nil, &NotInstalledError{"the Faktory server", "run this in the folder engines, where go tool faktory builds it"}
	}
	env := []string{"HOME=" + dir}
	if !defaults {
		bin := filepath.Join(dir, "bin")
		script := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\" --appendonly yes --appendfsync always\n", redis)
		if err := errors.Join(os.Mkdir(bin, 0o700), os.WriteFile(filepath.Join(bin, "redis-server"), []byte(script), 0o700)); err != nil {
			return nil, err
		}
		env = append(env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	page, err := freePort()
	if err != nil {
		return nil, err
	}
	at := fmt.Sprint("127.0.0.1:", port)
	s := &Server{At: at, dir: dir, commands: []command{{
		args:  []string{strings.TrimSpace(string(path)), "-b", at, "-w", fmt.Sprint("127.0.0.1:", page), "-d", dir, "-c", dir, "-l", "warn"},
		env:   env,
		ready: greets("tcp", at, "", "+HI"),
	}}}
	const conf = "/tmp/redis.conf" // it writes that there, wherever its directory is
	if _, err := os.Stat(conf); err != nil {
		s.leaves = conf
	}
	return s, nil
}

// NewRabbitMQ makes a RabbitMQ with names, ports and directories of its own.
func NewRabbitMQ(dir, _ string, _ bool) (*Server, error) {
	program := "/usr/lib/rabbitmq/bin/rabbitmq-server" // Debian's other one changes to the user rabbitmq
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("rabbitmq-server"); err != nil {
			return nil, &NotInstalledError{"rabbitmq-server", "apt-get install rabbitmq-server, or brew install rabbitmq"}
		}
	}
	epmd, err := exec.LookPath("epmd") // by which Erlang's nodes find each other
	if err != nil {
		return nil, &NotInstalledError{"epmd", "it belongs to Erlang, which comes with rabbitmq-server"}
	}
	var own [3]int
	for i := range own {
		if own[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	config := filepath.Join(dir, "rabbitmq.conf")
	// With less free space on the disk it accepts no messages.
	text := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\ndisk_free_limit.absolute = 50MB\n", own[0])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	env := []string{
		"HOME=" + dir, "ERL_EPMD_ADDRESS=127.0.0.1", fmt.Sprint("ERL_EPMD_PORT=", own[1]),
		fmt.Sprintf("RABBITMQ_NODENAME=engines%d@localhost", own[0]),
		"RABBITMQ_CONFIG_FILE=" + config,
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "mnesia"),
		"RABBITMQ_LOG_BASE=" + filepath.Join(dir, "logs"),
		"RABBITMQ_FEATURE_FLAGS_FILE=" + filepath.Join(dir, "feature_flags"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "plugins"),
		"RABBITMQ_PID_FILE=" + filepath.Join(dir, "pid"),
		fmt.Sprint("RABBITMQ_DIST_PORT=", own[2]),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
	}
	url := fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d", own[0])
	return &Server{At: url, dir: dir, commands: []command{
		{args: []string{epmd}, env: env, ready: listens(fmt.Sprint("127.0.0.1:", own[1]))},
		{args: []string{program}, env: env, ready: func() error {
			conn, err := amqp.DialConfig(url, amqp.Config{Dial: amqp.DefaultDial(2 * time.Second)})
			if err == nil {
				conn.Close()
			}
			return err
		}},
	}}, nil
}

func listens(at string) func() error {
	return func() error {
		conn, err := net.DialTimeout("tcp", at, time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	}
}

// NewBroker makes chapter 07's own.
func NewBroker(dir, program string, _ bool) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	at := fmt.Sprint("127.0.0.1:", port)
	args := []string{program, "broker", "-addr", at, "-data", filepath.Join(dir, "jobs"), "-lease", "3s"}
	return &Server{At: "http://" + at, dir: dir, commands: []command{{args: args, ready: listens(at)}}}, nil
}
