package contract

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// NewPostgres makes the server of River: a cluster with data, port and configuration
// of its own. PostgreSQL does not run as root; then another user runs it (see
// unprivileged). By default a commit returns when it is on disk, so the default
// setting is the safe one.
func NewPostgres(dir, _ string, _ bool) (*Server, error) {
	initdb, server, err := findPostgres()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(dir, "postgres") // dir itself may be private to this user
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	prepare, err := unprivileged(home)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(home, "data")
	create := exec.Command(initdb, "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
	create.Dir = home
	prepare(create)
	if out, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	return &Server{At: url, dir: dir, commands: []command{{
		args:    []string{server, "-D", data, "-p", fmt.Sprint(port), "-h", "127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200"},
		prepare: prepare,
		stop:    syscall.SIGINT, // after SIGTERM it would wait until its clients disconnect
		ready: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			conn, err := pgx.Connect(ctx, url)
			if err == nil {
				conn.Close(ctx)
			}
			return err
		},
	}}}, nil
}

// findPostgres returns the paths of initdb and postgres: those on PATH, or those of a
// package that does not put them there, as Debian's and some of Homebrew's.
func findPostgres() (initdb, server string, err error) {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin", `C:\Program Files\PostgreSQL\*\bin`,
	} {
		versions, _ := filepath.Glob(pattern) // the patterns are valid
		slices.Reverse(versions)
		dirs = append(dirs, versions...)
	}
	for _, dir := range dirs {
		initdb, err1 := exec.LookPath(filepath.Join(dir, "initdb"))
		server, err2 := exec.LookPath(filepath.Join(dir, "postgres"))
		if err1 == nil && err2 == nil {
			return initdb, server, nil
		}
	}
	return "", "", &NotInstalledError{"postgresql", "apt-get install postgresql, or brew install postgresql"}
}
