package proofs

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// While the disk is full, sequences go on from memory, and say that their steps are not
// stored; when it is not any longer, they are, and nothing has been lost.
func TestDiskFull(t *testing.T) {
	store := smallDisk(t)
	s := newServer(t, []string{program}, "-store", store, "-checkpoint-interval", "10ms")
	client := s.dial(t)
	s.waitReady(t, client)
	network, err := lstm.New(randomModel)
	require.NoError(t, err)
	const steps = 50_000 // more than are taken
	a := newAudit(network, 0, steps, client, newTotals())
	step := 1
	// until takes steps until a condition holds, which must be soon.
	until := func(what string, holds func() bool) {
		t.Helper()
		for !holds() {
			require.Less(t, step, steps, "%s, in %d steps", what, steps)
			next, err := a.take(t.Context(), step)
			require.NoError(t, err)
			require.Equal(t, step+1, next)
			step = next
		}
	}
	ready := func() bool {
		r, err := client.ServerReady(t.Context(), &inference.ServerReadyRequest{})
		require.NoError(t, err)
		return r.Ready
	}

	until("a step is stored", func() bool { return a.stored > 0 })
	filler := filepath.Join(store, "filler")
	fill(t, filler)
	// What is stored over and over again finds room in the file: it is new sequences that
	// have none.
	others := 0
	until("the server is not ready", func() bool {
		others++
		_, err := newAudit(network, others, 2, client, a.totals).take(t.Context(), 1)
		require.NoError(t, err)
		return !ready()
	})
	stored := a.stored
	until("a hundred steps more", func() bool { return step > stored+100 })
	require.Equal(t, stored, a.stored, "a step has been stored on a full disk")

	require.NoError(t, os.Remove(filler))
	until("later steps are stored", func() bool { return a.stored > stored })
	until("the server is ready", ready)
	s.stop(t)
	s.start(t)
	s.waitReady(t, client)
	last := step + 10
	until("it goes on", func() bool { return step == last })
	require.Zero(t, a.totals.rewinds.Load())
}

// smallDisk returns a folder that is a disk of its own, of two megabytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=2m"); err != nil {
		require.Empty(t, os.Getenv("LSTM_REQUIRE_MOUNT"), "LSTM_REQUIRE_MOUNT is set: %v", err)
		t.Skipf("mounting a small disk: %v", err)
	}
	// After the server, which is cleaned up first, has ended.
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(folder, 0)) })
	return folder
}

// fill makes a file of all the space that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
}
