package sequences

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/store"
	"example.com/lstm/internal/lstmtest"
)

// A memoryStore is a Store that can fail.
type memoryStore struct {
	mutex   sync.Mutex
	records map[string][]byte
	err     error // of Write
	readErr error // of Get
}

func newMemoryStore() *memoryStore { return &memoryStore{records: map[string][]byte{}} }

func (m *memoryStore) Get(id string) ([]byte, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return bytes.Clone(m.records[id]), m.readErr
}

func (m *memoryStore) Write(ids []string, records [][]byte) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.err != nil {
		return m.err
	}
	for i, id := range ids {
		m.records[id] = bytes.Clone(records[i])
		if records[i] == nil {
			delete(m.records, id)
		}
	}
	return nil
}

func (m *memoryStore) Range(after string, most int, visit func(id string, record []byte)) (last string, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	ids := slices.Sorted(maps.Keys(m.records))
	ids = ids[len(ids)-len(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id <= after })):]
	for i, id := range ids {
		if i == most {
			return last, nil
		}
		visit(id, m.records[id])
		last = id
	}
	return "", nil
}

func (m *memoryStore) count() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.records)
}

// fail makes writing fail with err, or not if it is nil.
func (m *memoryStore) fail(err error) {
	m.mutex.Lock()
	m.err = err
	m.mutex.Unlock()
}

// kill is what is left after a sudden end.
func (m *memoryStore) kill() *memoryStore {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return &memoryStore{records: maps.Clone(m.records)}
}

func (m *memoryStore) step(t testing.TB, id string) uint64 {
	data, err := m.Get(id)
	require.NoError(t, err)
	if data == nil {
		return 0
	}
	r, err := decodeRecord(data)
	require.NoError(t, err)
	return r.step
}

var errFull = errors.New("no space left on device")

// A client takes the steps of one sequence, and resumes as the answers tell it.
type client struct {
	t      testing.TB
	n      *lstm.Network
	id     string
	x, y   []float32 // all inputs and all outputs that there should be
	next   uint64    // step to be taken
	stored uint64
}

func newClient(t testing.TB, n *lstm.Network, i, steps int) *client {
	x := inputs(n, i, steps)
	return &client{t: t, n: n, id: fmt.Sprint(i), x: x, y: outputs(n, x), next: 1}
}

// step takes the next steps, as many as that, resuming where the server is.
func (c *client) step(s *Sequences, steps int) {
	i, o := c.n.InputSize(), c.n.OutputSize()
	for {
		from, to := int(c.next)-1, int(c.next)-1+steps
		a, err := s.Infer(background, Request{ID: c.id, Start: c.next == 1, Step: c.next, X: part(c.x, i, from, to)})
		if err == nil {
			require.EqualValues(c.t, to, a.Step)
			lstmtest.RequireBits(c.t, part(c.y, o, from, to), a.Y, "sequence %s, step %d", c.id, c.next)
			require.GreaterOrEqual(c.t, a.StoredStep, c.stored)
			c.next, c.stored = a.Step+1, a.StoredStep
			return
		}
		e := requireCode(c.t, codes.FailedPrecondition, err)
		if c.next > 1 && !e.HasStep {
			require.NoError(c.t, err)
		}
		require.GreaterOrEqual(c.t, e.Step, c.stored, "what is stored stays")
		require.Less(c.t, e.Step, c.next)
		c.next = e.Step + 1
	}
}

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

// With much less memory than they need, thousands of sequences go on bit for bit.
func TestMemoryLimit(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	for _, interval := range []time.Duration{0, time.Hour} {
		disk := newMemoryStore()
		const most = 200_000
		s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: interval, LiveBytes: most})
		var clients []*client
		for i := range 2000 {
			clients = append(clients, newClient(t, n, i, 4))
		}
		for range 4 {
			for _, c := range clients {
				c.step(s, 1)
				require.Less(t, s.Stats().Bytes, int64(most+10_000))
			}
		}
		stats := s.Stats()
		require.Equal(t, 2000, stats.Sequences)
		require.Less(t, stats.Live, 1000)
		require.Greater(t, stats.Live, 10)
		require.EqualValues(t, 8000, stats.Batch.Steps)
		require.Greater(t, stats.Evicted, uint64(6000))
		require.Greater(t, stats.Loaded, uint64(5000))
	}
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

// Sequences leave the memory when they are idle, and the store when they have expired.
func TestIdleStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: time.Second, IdleTime: time.Minute, ExpireTime: time.Hour})
		a, b, c := newClient(t, n, 1, 10), newClient(t, n, 2, 10), newClient(t, n, 3, 10)
		a.step(s, 2)
		b.step(s, 2)
		end := Request{ID: "3", Start: true, Step: 1, End: true, X: part(c.x, 2, 0, 1)}
		_, err := s.Infer(background, end)
		require.NoError(t, err)
		pass(2 * time.Second)
		require.Equal(t, 3, s.Stats().Stored)
		require.Equal(t, 3, disk.count())

		pass(70 * time.Second)
		stats := s.Stats()
		require.Zero(t, stats.Live)
		require.Zero(t, stats.Bytes)
		require.Equal(t, 2, stats.Sequences)
		require.EqualValues(t, 2, stats.Evicted)
		require.Equal(t, 2, disk.count(), "what has ended is gone")
		_, err = s.Infer(background, Request{ID: "3", Step: 2, X: part(c.x, 2, 0, 1)})
		requireStep(t, codes.NotFound, 0, err)
		d, err := s.Describe("1")
		require.NoError(t, err)
		require.Equal(t, Description{ID: "1", Step: 2, StoredStep: 2}, d)

		a.step(s, 2)
		require.EqualValues(t, 2, a.stored)
		require.Equal(t, 1, s.Stats().Live)
		pass(66 * time.Minute)
		stats = s.Stats()
		require.Zero(t, stats.Sequences)
		require.EqualValues(t, 2, stats.Expired)
		require.Zero(t, stats.Stored)
		require.Zero(t, disk.count())
		for i := range s.index.shards {
			require.Empty(t, s.index.shards[i].byID)
		}
	})
}

// Times in records are those of a clock that may jump; a time in the future is now.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		var offset atomic.Int64
		open := func() *Sequences {
			s, err := New(n, &Options{Store: disk, CheckpointInterval: time.Second, IdleTime: time.Minute, ExpireTime: time.Hour,
				wall: func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }})
			require.NoError(t, err)
			return s
		}
		c := newClient(t, n, 1, 50)
		s := open()
		c.step(s, 2)
		for _, jump := range []time.Duration{100 * time.Hour, -300 * time.Hour, 10 * time.Hour} {
			offset.Add(int64(jump))
			pass(30 * time.Second)
			require.Equal(t, 1, s.Stats().Live, "idle is what has lasted long")
			c.step(s, 2)
		}
		pass(2 * time.Second)
		require.NoError(t, s.Close(background))

		offset.Add(-int64(1000 * time.Hour))
		s = open()
		c.step(s, 2)
		require.NoError(t, s.Close(background))
		offset.Add(int64(59 * time.Minute))
		s = open()
		c.step(s, 2)
		require.NoError(t, s.Close(background))
		offset.Add(int64(61 * time.Minute))
		s = open()
		_, err := s.Infer(background, Request{ID: "1", X: c.x})
		requireStep(t, codes.NotFound, 0, err)
		_, err = s.Infer(background, Request{ID: "1", Start: true, X: c.x})
		require.NoError(t, err)
		require.NoError(t, s.Close(background))
		require.Equal(t, 1, s.Stats().Sequences)
	})
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

func TestDamagedRecord(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	disk := newMemoryStore()
	disk.records["a"], disk.records["b"] = []byte("damaged"), []byte("damaged")
	s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: time.Hour})
	x := inputs(n, 1, 1)
	_, err := s.Infer(background, Request{ID: "a", X: x})
	requireCode(t, codes.DataLoss, err)
	_, err = s.Describe("a")
	requireCode(t, codes.DataLoss, err)
	_, err = s.Infer(background, Request{ID: "a", Start: true, X: x})
	require.NoError(t, err)
	require.NoError(t, s.Remove(background, "b"))
	require.NotContains(t, disk.records, "b")
	require.Equal(t, 1, s.Stats().Sequences)
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
