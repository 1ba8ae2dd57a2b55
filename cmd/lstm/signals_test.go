//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The first signal ends a command that waits for a file, wherever it does.
func TestFirstSignalEndsIt(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	program := buildProgram(t)
	plain := writeModel(t, randomModel(2, 1, nil))
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))

	for name, args := range map[string][]string{
		"info":          {"info", pipe},
		"bench":         {"bench", "-from", pipe},
		"model of run":  {"run", "-model", pipe},
		"header of run": {"run", "-model", plain, "-in", pipe, "-out", filepath.Join(t.TempDir(), "out.csv")},
	} {
		for signal, code := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
			t.Run(name+", "+signal.String(), func(t *testing.T) {
				// The time is only for a command that never ends.
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, program, args...)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				require.NoError(t, cmd.Start())
				// This returns once the command has opened the pipe, and waits for it.
				writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
				require.NoError(t, err)
				defer writer.Close()
				require.NoError(t, cmd.Process.Signal(signal))
				require.Error(t, cmd.Wait())
				require.Equal(t, code, cmd.ProcessState.ExitCode(), stderr.String())
				require.Regexp(t, `interrupted\n$`, stderr.String())
				if name == "header of run" {
					require.NoFileExists(t, args[len(args)-1])
				}
			})
		}
	}
}
