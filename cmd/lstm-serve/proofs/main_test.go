// Package proofs runs lstm-serve as users do, as processes that are killed, restarted,
// moved and starved, and compares every answer to the bit with a network of its own.
package proofs

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// How much is proved: the defaults take seconds, docs/serve.md says how long proofs
// are run.
var (
	sequenceCount = flag.Int("sequences", 200, "sequences at the same time")
	stepCount     = flag.Int("steps", 60, "steps of each sequence")
	killCount     = flag.Int("kills", 3, "how often the process is killed")
)

// program is lstm-serve, built for this machine.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	folder, err := os.MkdirTemp("", "lstm-serve")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if program, err = build(folder, runtime.GOARCH); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build builds lstm-serve for an architecture.
func build(folder, arch string) (string, error) {
	file := filepath.Join(folder, "lstm-serve-"+arch)
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	c := exec.Command("go", "build", "-o", file, "example.com/lstm/cmd/lstm-serve")
	c.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building lstm-serve for %s: %w\n%s", arch, err, out)
	}
	return file, nil
}
