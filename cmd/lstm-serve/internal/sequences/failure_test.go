package sequences

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/store"
	"example.com/lstm/internal/lstmtest"
)

// Steps go on while storing fails, and nothing is lost when it works again.
func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		var log strings.Builder
		s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: time.Second, IdleTime: 20 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		var clients []*client
		for i := range 10 {
			clients = append(clients, newClient(t, n, i, 10))
			clients[i].step(s, 2)
		}
		pass(2 * time.Second)
		disk.fail(errFull)
		for _, c := range clients {
			c.step(s, 2)
			require.EqualValues(t, 2, c.stored)
		}
		pass(2 * time.Second)
		require.NoError(t, s.Ready())
		require.True(t, s.Stats().Failing)
		require.Equal(t, 10, s.Stats().Unstored)
		_, err := s.Export(background, "1", true)
		requireCode(t, codes.Unavailable, err)
		requireCode(t, codes.Unavailable, s.Remove(background, "1"))
		pass(110 * time.Second)
		require.ErrorIs(t, s.Ready(), errFull)
		require.Equal(t, 10, s.Stats().Live, "nothing is evicted")
		require.Equal(t, 2, strings.Count(log.String(), "cannot be stored"), "a line a minute")
		for _, c := range clients {
			c.step(s, 2)
		}
		require.EqualValues(t, 2, disk.step(t, "1"))
		disk.fail(nil)
		pass(2 * time.Second)
		require.NoError(t, s.Ready())
		require.Contains(t, log.String(), "stored again")
		require.EqualValues(t, 6, disk.step(t, "1"))
		require.Zero(t, s.Stats().Unstored)
		pass(time.Minute)
		require.Zero(t, s.Stats().Live)
		for _, c := range clients {
			c.step(s, 2)
			require.EqualValues(t, 6, c.stored)
		}
	})
}

// Where answers wait until steps are stored, they are errors if that fails, and the same
// requests get them afterwards.
func TestDurableStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		s := newSequences(t, n, &Options{Store: disk, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		x := inputs(n, 1, 3)
		r := Request{ID: "a", Start: true, Step: 1, X: part(x, 2, 0, 2)}
		disk.fail(errFull)
		for range 3 {
			_, err := s.Infer(background, r)
			requireStep(t, codes.Unavailable, 2, err)
		}
		disk.fail(nil)
		a, err := s.Infer(background, r)
		require.NoError(t, err)
		require.True(t, a.Repeated)
		require.EqualValues(t, 2, a.StoredStep)
		lstmtest.RequireBits(t, part(outputs(n, x), 2, 0, 2), a.Y, "repeated")

		disk.fail(errFull)
		_, err = s.Infer(background, Request{ID: "a", Step: 3, X: part(x, 2, 2, 3)})
		requireStep(t, codes.Unavailable, 3, err)
		disk.fail(nil)
		pass(2 * time.Second)
		require.EqualValues(t, 3, disk.step(t, "a"), "without a request")
		require.False(t, s.Stats().Failing)
	})
}

func TestCloseFails(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	disk := newMemoryStore()
	s, err := New(n, &Options{Store: disk, CheckpointInterval: time.Hour, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	newClient(t, n, 1, 1).step(s, 1)
	disk.fail(errFull)
	require.ErrorIs(t, s.Close(background), errFull)
}

// While storing fails and memory is full, no sequence starts, and those that are there go on.
func TestMemoryLimitStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		s, err := New(n, &Options{Store: disk, CheckpointInterval: time.Minute, LiveBytes: 20_000, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		require.NoError(t, err)
		disk.fail(errFull)
		x := inputs(n, 1, 1)
		started := 0
		for ; ; started++ {
			if _, err := s.Infer(background, Request{ID: fmt.Sprint(started), Start: true, X: x}); err != nil {
				requireCode(t, codes.ResourceExhausted, err)
				break
			}
			require.Less(t, started, 100)
		}
		for i := range started {
			a, err := s.Infer(background, Request{ID: fmt.Sprint(i), Step: 2, X: x})
			require.NoError(t, err)
			require.EqualValues(t, 2, a.Step)
		}
		disk.fail(nil)
		pass(time.Minute)
		_, err = s.Infer(background, Request{ID: "more", Start: true, X: x})
		require.NoError(t, err)
		require.NoError(t, s.Close(background))
	})
}

func TestDamagedRecord(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	disk := newMemoryStore()
	disk.records["a"], disk.records["b"] = []byte("damaged"), []byte("damaged")
	other := records()[0]
	disk.records["c"] = other.append(nil) // of another sequence
	s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: time.Hour})
	x := inputs(n, 1, 1)
	_, err := s.Infer(background, Request{ID: "a", X: x})
	requireCode(t, codes.DataLoss, err)
	_, err = s.Describe("a")
	requireCode(t, codes.DataLoss, err)
	_, err = s.Infer(background, Request{ID: "c", X: x})
	requireCode(t, codes.DataLoss, err)
	_, err = s.Infer(background, Request{ID: "a", Start: true, X: x})
	require.NoError(t, err)
	require.NoError(t, s.Remove(background, "b"))
	require.NotContains(t, disk.records, "b")
	require.Equal(t, 2, s.Stats().Sequences)
}

// What cannot be read is not taken for absent.
func TestReadFails(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	disk := newMemoryStore()
	o := &Options{Store: disk, CheckpointInterval: time.Hour}
	s, err := New(n, o)
	require.NoError(t, err)
	c := newClient(t, n, 1, 5)
	c.step(s, 1)
	early, err := s.Export(background, "1", false)
	require.NoError(t, err)
	c.step(s, 1)
	require.NoError(t, s.Close(background))

	s = newSequences(t, n, o)
	disk.readErr = errors.New("input/output error")
	for _, start := range []bool{true, false} {
		_, err = s.Infer(background, Request{ID: "1", Start: start, X: c.x})
		requireCode(t, codes.Unavailable, err)
	}
	_, err = s.Describe("1")
	requireCode(t, codes.Unavailable, err)
	_, err = s.Export(background, "1", true)
	requireCode(t, codes.Unavailable, err)
	_, err = s.Import(background, "1", early)
	requireCode(t, codes.Unavailable, err)
	requireCode(t, codes.Unavailable, s.Remove(background, "1"))
	disk.readErr = nil
	_, err = s.Import(background, "1", early)
	requireStep(t, codes.AlreadyExists, 2, err)
	c.step(s, 2)
	require.Equal(t, 1, s.Stats().Sequences)
}

// With a file that cannot grow, steps go on, and what was stored before is there afterwards.
func TestFullFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		folder := t.TempDir()
		var clients []*client
		for i := range 500 {
			clients = append(clients, newClient(t, n, i, 20))
		}
		open := func(bytes int64) (*Sequences, func()) {
			file, err := store.Open(folder, &store.Options{MostBytes: bytes})
			require.NoError(t, err)
			s, err := New(n, &Options{Store: file.Model("m"), CheckpointInterval: time.Minute, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
			require.NoError(t, err)
			return s, func() {
				err := s.Close(background)
				if s.Stats().Failing {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
				}
				require.NoError(t, file.Close())
			}
		}
		s, end := open(1 << 17)
		for _, c := range clients[:20] {
			c.step(s, 2)
		}
		pass(time.Minute)
		require.False(t, s.Stats().Failing)
		for range 2 {
			for _, c := range clients {
				c.step(s, 2)
			}
			pass(2 * time.Minute)
			require.True(t, s.Stats().Failing)
		}
		require.EqualValues(t, 2, clients[0].stored)
		end()

		s, end = open(0)
		for i, c := range clients {
			if i >= 20 {
				c.next = 1
			}
			c.step(s, 2)
			require.Equal(t, i < 20, c.next == 5, "from what was stored")
		}
		end()
	})
}
