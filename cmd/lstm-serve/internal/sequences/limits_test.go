package sequences

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

func TestLimits(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	x := inputs(n, 1, 1)
	t.Run("sequences", func(t *testing.T) {
		s := newSequences(t, n, &Options{MostSequences: 2})
		start := func(id string) error {
			_, err := s.Infer(background, Request{ID: id, Start: true, X: x})
			return err
		}
		require.NoError(t, start("a"))
		require.NoError(t, start("b"))
		requireCode(t, codes.ResourceExhausted, start("c"))
		require.NoError(t, start("a"), "it is there")
		require.NoError(t, s.Remove(background, "a"))
		requireStep(t, codes.NotFound, 0, s.Remove(background, "a"))
		require.NoError(t, start("c"))
	})
	t.Run("memory", func(t *testing.T) {
		s := newSequences(t, n, &Options{LiveBytes: 10_000})
		started := 0
		for ; ; started++ {
			_, err := s.Infer(background, Request{ID: fmt.Sprint(started), Start: true, X: x})
			if err != nil {
				requireCode(t, codes.ResourceExhausted, err)
				break
			}
		}
		require.GreaterOrEqual(t, s.Stats().Bytes, int64(10_000))
		require.Less(t, s.Stats().Bytes, int64(12_000))
		for i := range started {
			_, err := s.Infer(background, Request{ID: fmt.Sprint(i), End: true, X: x})
			require.NoError(t, err)
		}
		require.Zero(t, s.Stats().Bytes)
	})
	t.Run("waiting", func(t *testing.T) {
		s := newSequences(t, n, &Options{MostWaiting: 3})
		_, err := s.Infer(background, Request{ID: "a", Start: true, X: x})
		require.NoError(t, err)
		q, failed := s.holdExisting(background, "a")
		require.Nil(t, failed)
		var group sync.WaitGroup
		for range 3 {
			group.Add(1)
			s.Submit(background, Request{ID: "a", X: x}, func(a Answer, err error) { group.Done() })
		}
		_, err = s.Infer(background, Request{ID: "a", X: x})
		requireCode(t, codes.ResourceExhausted, err)
		_, err = s.Infer(background, Request{ID: "b", Start: true, X: x})
		requireCode(t, codes.ResourceExhausted, err)
		q.release()
		group.Wait()
		d, err := s.Describe("a")
		require.NoError(t, err)
		require.Equal(t, Description{ID: "a", Step: 4, Live: true}, d)
	})
}

// Kept answers of sequences that have ended do not keep others from starting.
func TestManyShort(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	x := inputs(n, 1, 1)
	for name, o := range map[string]*Options{
		"number":               {MostSequences: 10},
		"memory":               {LiveBytes: 10_000},
		"number, stored":       {MostSequences: 10, Store: newMemoryStore()},
		"number, stored later": {MostSequences: 10, Store: newMemoryStore(), CheckpointInterval: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSequences(t, n, o)
			for i := range 100 {
				_, err := s.Infer(background, Request{ID: fmt.Sprint(i), Start: true, Step: 1, End: true, X: x})
				require.NoError(t, err)
			}
			a, err := s.Infer(background, Request{ID: "99", Start: true, Step: 1, End: true, X: x})
			require.NoError(t, err)
			require.True(t, a.Repeated)
			require.LessOrEqual(t, s.Stats().Sequences, 20)
			require.NoError(t, s.Close(background))
			if disk, ok := o.Store.(*memoryStore); ok {
				require.Equal(t, s.Stats().Sequences, disk.count())
			}
		})
	}
}

// Sequences that nobody keeps do not stay in the index.
func TestIndexForgets(t *testing.T) {
	n := newNetwork(t, 1, 2, 4)
	s := newSequences(t, n, nil)
	x := inputs(n, 1, 1)
	for i := range 100 {
		_, err := s.Infer(background, Request{ID: fmt.Sprint(i), X: x})
		requireStep(t, codes.NotFound, 0, err)
		_, err = s.Infer(background, Request{ID: fmt.Sprint(i), Start: true, End: true, X: x})
		require.NoError(t, err)
		_, err = s.Describe(fmt.Sprint(i))
		requireStep(t, codes.NotFound, 0, err)
	}
	require.NoError(t, s.Close(background))
	for i := range s.index.shards {
		require.Empty(t, s.index.shards[i].byID)
		require.Nil(t, s.index.shards[i].first)
	}
	require.Zero(t, s.Stats().Bytes)
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 4)
		s := newSequences(t, n, &Options{IdleTime: time.Minute, ExpireTime: time.Hour})
		x := inputs(n, 1, 1)
		infer := func(id string, step uint64, end bool) error {
			_, err := s.Infer(background, Request{ID: id, Start: step == 1, Step: step, End: end, X: x})
			return err
		}
		require.NoError(t, infer("used", 1, false))
		require.NoError(t, infer("unused", 1, false))
		require.NoError(t, infer("ended", 1, true))
		require.Equal(t, 3, s.Stats().Sequences)
		pass(59 * time.Second)
		require.NoError(t, infer("ended", 1, true), "repeated")
		pass(59 * time.Second)
		require.NoError(t, infer("ended", 1, true), "repeated, and so not idle")
		pass(70 * time.Second)
		require.Equal(t, 2, s.Stats().Sequences)
		require.NoError(t, infer("used", 2, false))
		pass(59 * time.Minute)
		require.NoError(t, infer("used", 3, false))
		requireStep(t, codes.NotFound, 0, infer("unused", 2, false))
		require.EqualValues(t, 1, s.Stats().Expired)
	})
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
		require.Equal(t, stats.Live, stats.Batch.Streams)
		require.Greater(t, stats.Live, 10)
		require.EqualValues(t, 8000, stats.Batch.Steps)
		require.Greater(t, stats.Evicted, uint64(6000))
		require.Greater(t, stats.Loaded, uint64(5000))
	}
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
