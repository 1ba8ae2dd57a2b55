package sequences

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm/batch"
	"example.com/lstm/cmd/lstm-serve/internal/store"
)

// BenchmarkSubmit is the time of a step when 10,000 streams of (64,64) take the next as soon as
// their last has ended: as bare streams of a batcher, as sequences in memory, as sequences
// that are stored in a file every second, and as sequences of which each step is stored
// before it is answered.
func BenchmarkSubmit(b *testing.B) {
	const streams = 10_000
	n := newNetwork(b, 1, 64, 64)
	x := inputs(n, 1, 1)
	loop := func(b *testing.B, submit func(i int, done func())) {
		b.ReportAllocs()
		var left atomic.Int64
		left.Store(int64(b.N))
		var group sync.WaitGroup
		b.ResetTimer()
		for i := range streams {
			group.Add(1)
			var done func()
			done = func() {
				if left.Add(-1) < 0 {
					group.Done()
					return
				}
				submit(i, done)
			}
			done()
		}
		group.Wait()
	}
	b.Run("way=stream", func(b *testing.B) {
		batcher, err := batch.New(n, nil)
		require.NoError(b, err)
		defer batcher.Close()
		all := make([]*batch.Stream, streams)
		ys := make([][]float32, streams)
		dones := make([]func(error), streams)
		for i := range all {
			all[i], ys[i] = batcher.NewStream(), make([]float32, n.OutputSize())
		}
		loop(b, func(i int, done func()) {
			if dones[i] == nil {
				dones[i] = func(error) { done() }
			}
			all[i].Submit(background, x, ys[i], dones[i])
		})
	})
	for _, way := range []struct {
		name     string
		stored   bool
		interval time.Duration
	}{{"sequence", false, 0}, {"stored", true, time.Second}, {"durable", true, 0}} {
		b.Run("way="+way.name, func(b *testing.B) {
			o := &Options{CheckpointInterval: way.interval}
			if way.stored {
				file, err := store.Open(b.TempDir(), nil)
				require.NoError(b, err)
				defer file.Close()
				o.Store = file.Model("m")
			}
			s, err := New(n, o)
			require.NoError(b, err)
			defer s.Close(background)
			ids := make([]string, streams)
			dones := make([]func(Answer, error), streams)
			for i := range ids {
				ids[i] = fmt.Sprint(i)
			}
			steps := make([]uint64, streams)
			loop(b, func(i int, done func()) {
				if dones[i] == nil {
					dones[i] = func(a Answer, err error) {
						steps[i] = a.Step
						done()
					}
				}
				s.Submit(background, Request{ID: ids[i], Start: steps[i] == 0, Step: steps[i] + 1, X: x}, dones[i])
			})
		})
	}
}
