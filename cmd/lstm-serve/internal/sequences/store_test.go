package sequences

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/store"
	"example.com/lstm/internal/lstmtest"
)

func TestKill(t *testing.T) {
	for _, interval := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, 1, 2, 8)
			o := &Options{CheckpointInterval: interval}
			var clients []*client
			for i := range 20 {
				clients = append(clients, newClient(t, n, i, 200))
			}
			disk := newMemoryStore()
			for range 4 {
				o.Store = disk
				s, err := New(n, o)
				require.NoError(t, err)
				for round := range 8 {
					for i, c := range clients {
						for range 1 + i%3 {
							c.step(s, 1+round%2)
						}
						require.True(t, interval != 0 || c.stored == c.next-1)
					}
					if round == 5 {
						pass(time.Minute)
					}
				}
				for _, c := range clients {
					d, err := s.Describe(c.id)
					require.NoError(t, err)
					require.Equal(t, c.next-1, d.Step)
					require.Less(t, uint64(1), d.StoredStep)
				}
				killed := disk.kill()
				require.NoError(t, s.Close(background))
				for _, c := range clients {
					require.Equal(t, c.next-1, disk.step(t, c.id), "Close stores")
				}
				disk = killed
			}
		})
	}
}

// An answer is given after its step is stored, and a start after what was there before is
// not.
func TestStoredBeforeAnswered(t *testing.T) {
	for _, interval := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, 1, 2, 8)
			disk := newMemoryStore()
			s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: interval})
			x := inputs(n, 1, 3)
			infer := func(r Request) (a Answer, stored uint64) {
				done := make(chan struct{})
				s.Submit(background, r, func(answer Answer, err error) {
					a, stored = answer, disk.step(t, "a")
					if err != nil {
						t.Error(err)
					}
					close(done)
				})
				<-done
				return a, stored
			}
			for range 3 {
				a, stored := infer(Request{ID: "a", Start: true, Step: 1, X: part(x, 2, 0, 2)})
				if interval == 0 {
					require.EqualValues(t, 2, stored)
					require.EqualValues(t, 2, a.StoredStep)
				} else {
					require.Zero(t, stored)
					require.Zero(t, a.StoredStep)
				}
				infer(Request{ID: "a", X: part(x, 2, 2, 3)})
				if interval != 0 {
					pass(time.Minute)
				}
				require.EqualValues(t, 3, disk.step(t, "a"))
			}
			_, stored := infer(Request{ID: "a", Step: 4, End: true, X: part(x, 2, 2, 3)})
			require.EqualValues(t, map[bool]int{true: 4, false: 3}[interval == 0], stored)
			_, err := s.Infer(background, Request{ID: "a", X: x})
			requireStep(t, codes.NotFound, 0, err)
			a, _ := infer(Request{ID: "a", Step: 4, End: true, X: part(x, 2, 2, 3)})
			require.True(t, a.Repeated)
		})
	}
}

// What is stored of another network of the same sizes goes on; of other sizes it does not.
func TestStoredOfAnotherNetwork(t *testing.T) {
	n, other, larger := newNetwork(t, 1, 2, 8), newNetwork(t, 2, 2, 8), newNetwork(t, 1, 2, 9)
	disk := newMemoryStore()
	x := inputs(n, 1, 3)
	open := func(n *lstm.Network) *Sequences {
		s, err := New(n, &Options{Store: disk, CheckpointInterval: time.Hour, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		require.NoError(t, err)
		return s
	}
	s := open(n)
	first := Request{ID: "a", Start: true, Step: 1, X: part(x, 2, 0, 2)}
	want, err := s.Infer(background, first)
	require.NoError(t, err)
	require.NoError(t, s.Close(background))

	s = open(larger)
	_, err = s.Infer(background, Request{ID: "a", X: x})
	requireStep(t, codes.FailedPrecondition, 2, err)
	_, err = s.Export(background, "a", true)
	requireStep(t, codes.FailedPrecondition, 2, err)
	require.NoError(t, s.Close(background))

	s = open(other)
	got, err := s.Infer(background, first)
	require.NoError(t, err)
	require.True(t, got.Repeated)
	lstmtest.RequireBits(t, want.Y, got.Y, "last answer")
	state := n.NewState()
	n.Forward(state, part(x, 2, 0, 2), nil)
	require.NoError(t, other.Adopt(state))
	y := make([]float32, 2)
	other.Step(state, part(x, 2, 2, 3), y)
	got, err = s.Infer(background, Request{ID: "a", Step: 3, X: part(x, 2, 2, 3)})
	require.NoError(t, err)
	lstmtest.RequireBits(t, y, got.Y, "with the other network")
	require.EqualValues(t, 1, s.Stats().Adopted)
	require.NoError(t, s.Close(background))

	s = open(larger)
	_, err = s.Infer(background, Request{ID: "a", Start: true, X: x})
	require.NoError(t, err, "it may start again")
	require.Equal(t, 1, s.Stats().Sequences)
	require.NoError(t, s.Close(background))
}

// A sequence that has moved has moved after a sudden end, too, and one that has been imported
// is there.
func TestMoveStored(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	from, to := newMemoryStore(), newMemoryStore()
	o := Options{CheckpointInterval: time.Hour}
	open := func(disk *memoryStore) *Sequences {
		o.Store = disk.kill()
		return newSequences(t, n, &o)
	}
	c := newClient(t, n, 1, 10)
	o.Store = from
	s := newSequences(t, n, &o)
	c.step(s, 3)
	record, err := s.Export(background, "1", true)
	require.NoError(t, err)
	s = open(from)
	_, err = s.Infer(background, Request{ID: "1", Step: 4, X: c.x[:2]})
	requireStep(t, codes.FailedPrecondition, 3, err)
	again, err := s.Export(background, "1", false)
	require.NoError(t, err)
	require.Equal(t, len(record), len(again))

	o.Store = to
	_, err = newSequences(t, n, &o).Import(background, "1", record)
	require.NoError(t, err)
	s = open(to)
	d, err := s.Describe("1")
	require.NoError(t, err)
	require.Equal(t, Description{ID: "1", Step: 3, StoredStep: 3}, d)
	c.step(s, 2)
	require.EqualValues(t, 3, c.stored)
}

// The same with a file.
func TestFile(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	folder := t.TempDir()
	var clients []*client
	for i := range 50 {
		clients = append(clients, newClient(t, n, i, 20))
	}
	for round := range 3 {
		file, err := store.Open(folder, nil)
		require.NoError(t, err)
		s, err := New(n, &Options{Store: file.Model("m"), CheckpointInterval: time.Hour, LiveBytes: 20_000})
		require.NoError(t, err)
		require.Equal(t, min(round, 1)*50, s.Stats().Sequences)
		for range 2 {
			for _, c := range clients {
				c.step(s, 2)
			}
		}
		require.NoError(t, s.Close(background))
		require.NoError(t, file.Close())
	}
}

// Everything at the same time, for the race detector.
func TestManyGoroutinesStored(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	for _, interval := range []time.Duration{0, time.Millisecond} {
		disk := newMemoryStore()
		s, err := New(n, &Options{Store: disk, CheckpointInterval: interval, LiveBytes: 10_000, IdleTime: 2 * time.Millisecond,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		require.NoError(t, err)
		var group sync.WaitGroup
		for g := range 8 {
			group.Go(func() {
				c := newClient(t, n, g, 100)
				for i := range 100 {
					c.step(s, 1)
					shared := fmt.Sprint("shared", i%7)
					s.Infer(background, Request{ID: shared, Start: i%3 == 0, End: i%5 == 0, X: c.x[:4]})
					s.Describe(shared)
					if i%10 == 0 {
						if record, err := s.Export(background, shared, i%20 == 0); err == nil {
							s.Import(background, shared, record)
						}
						s.Remove(background, fmt.Sprint("shared", (i/10+g)%7))
						s.Stats()
					}
				}
			})
		}
		group.Wait()
		require.NoError(t, s.Close(background))
		require.Equal(t, len(disk.records), s.Stats().Stored)
		require.Equal(t, len(disk.records), s.Stats().Sequences)
		for g := range 8 {
			require.EqualValues(t, 100, disk.step(t, fmt.Sprint(g)))
		}
	}
}
