package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

func TestVerify(t *testing.T) {
	r := lstmWith(t, "", "verify")
	require.Zero(t, r.code, r.err)
	require.Empty(t, r.err)
	require.Len(t, r.lines(), len(lstm.Paths()))
	for i, path := range lstm.Paths() {
		require.Regexp(t, fmt.Sprintf("^%s +[0-9]+ cases as in the table of contract %d$", path, lstm.Contract), r.lines()[i])
	}
}

func TestVerifyUsage(t *testing.T) {
	r := lstmWith(t, "", "verify", "everything")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, `unexpected argument "everything"`)
	require.Contains(t, r.err, "usage: lstm verify [-exhaustive]")
}

func TestVerifyInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err bytes.Buffer
	require.Equal(t, exitInterrupted, execute(ctx, []string{"lstm", "verify"}, strings.NewReader(""), &out, &err))
	std := streams{nil, &out, &err}
	require.ErrorIs(t, verifyActivations(ctx, std), context.Canceled)
	require.Empty(t, out.String())
}

// One wrong bit in a kernel ends the command with an error that names the case
// and the number. The bit is in a copy of the module.
func TestVerifyFindsAFault(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	oracle := readFile(t, filepath.Join(root, "kernels_generic.go"))
	faulty := strings.Replace(oracle, "return fma(g, y, y)", "return math.Float32frombits(math.Float32bits(fma(g, y, y)) ^ 1)", 1)
	require.NotEqual(t, oracle, faulty)
	overlay := writeFile(t, "overlay.json",
		`{"Replace": {"`+filepath.ToSlash(filepath.Join(root, "kernels_generic.go"))+`": "`+filepath.ToSlash(writeFile(t, "faulty.go", faulty))+`"}}`)
	program := filepath.Join(t.TempDir(), "lstm.exe")
	build := exec.Command("go", "build", "-tags", "purego", "-overlay", overlay, "-o", program, ".")
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))

	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program, "verify")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	require.Equal(t, exitFailure, exit.ExitCode())
	require.Empty(t, stdout.String())
	require.Regexp(t, `^lstm: path generic: case network 1-1, ordinary, 25 steps: steps: digest is [0-9a-f]{16}, want [0-9a-f]{16}; path generic computes the same`, stderr.String())
}
