package fixes

// temporary shim
import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

type task struct {
	name, file, source string
	untouched          uint32
	solution, learned  string
}

func alone(t *testing.T, look string, check func(t *testing.T)) {
	if os.Getenv("EXERCISE_CHECK") != "" {
		check(t)
		return
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=5s")
	cmd.Env = append(os.Environ(), "EXERCISE_CHECK=1", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s := string(out)
		if len(s) > 3000 {
			s = s[:3000]
		}
		t.Error(strings.ReplaceAll(s, "\n", "\n    ") + "\n→ look at " + look)
	}
}

var _ = tasks
