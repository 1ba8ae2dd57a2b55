//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A checkpoint may come through a pipe, though it is read from its end.
func TestCheckpointInPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	content, err := os.ReadFile(torchFile("lstm.pt"))
	require.NoError(t, err)
	written := make(chan error)
	go func() { written <- os.WriteFile(pipe, content, 0) }()
	table, want := goldenTable(t, torchFile("expected.json"), "lstm")
	requireRows(t, want, lstmWith(t, table, "run", "-model", pipe))
	require.NoError(t, <-written)
}
