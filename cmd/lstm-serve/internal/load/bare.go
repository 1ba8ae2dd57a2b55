package load

import (
	"runtime"
	"sync"
	"time"

	"example.com/lstm"
)

// Bare is how many steps a second StepBatch takes, without anything around it: 32 at a
// time of that many streams, on every processor.
func Bare(n *lstm.Network, streams int, period time.Duration) float64 {
	const size = 32
	goroutines := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	steps := make([]int, goroutines)
	begin := time.Now()
	for g := range goroutines {
		part := max(1, streams*(g+1)/goroutines-streams*g/goroutines)
		group.Go(func() {
			states := make([]*lstm.State, part)
			xs, ys := make([][]float32, part), make([][]float32, part)
			for i := range part {
				states[i] = n.NewState()
				xs[i], ys[i] = make([]float32, n.InputSize()), make([]float32, n.OutputSize())
			}
			for time.Since(begin) < period {
				for i := 0; i < part; i += size {
					j := min(i+size, part)
					n.StepBatch(states[i:j], xs[i:j], ys[i:j])
				}
				steps[g] += part
			}
		})
	}
	group.Wait()
	total := 0
	for _, n := range steps {
		total += n
	}
	return float64(total) / time.Since(begin).Seconds()
}
