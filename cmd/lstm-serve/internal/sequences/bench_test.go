package sequences

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm/batch"
)

// BenchmarkSubmit is the time of a step when 10,000 streams of (64,64) take the next as soon as
// their last has ended: as sequences, with and without a store, and as bare streams of a
// batcher.
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
	for name, o := range map[string]*Options{
		"sequence": {},
		"stored":   {Store: newMemoryStore(), CheckpointInterval: time.Second},
	} {
		b.Run("way="+name, func(b *testing.B) {
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
