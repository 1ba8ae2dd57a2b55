package bench

import (
	"runtime"
	"slices"
	"time"

	"example.com/lstm"
)

// AddMemory makes networks of the shapes and adds what they took.
func (r *Report) AddMemory(shapes []Shape) error {
	for _, s := range shapes {
		m, err := s.measureMemory()
		if err != nil {
			return err
		}
		r.Memory = append(r.Memory, m)
	}
	return nil
}

// measureMemory makes networks of the shape and says what they took.
func (s Shape) measureMemory() (Memory, error) {
	const networks = 11
	elsewhere := make([]byte, 32<<20)
	model := s.Model()
	var makes, firsts, warms []float64
	var m Memory
	for range networks {
		// A collection while New runs would count, and so would its garbage.
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		n, err := lstm.New(model)
		made := time.Since(start)
		if err != nil {
			return Memory{}, err
		}
		runtime.ReadMemStats(&after)

		state, x, y := n.NewState(), s.Inputs(1), make([]float32, s.Hidden)
		emptyCaches(elsewhere)
		start = time.Now()
		n.Step(state, x, y)
		first := time.Since(start)
		for range 10 {
			n.Step(state, x, y)
		}
		start = time.Now()
		n.Step(state, x, y)
		warm := time.Since(start)

		makes = append(makes, float64(made))
		firsts = append(firsts, float64(first))
		warms = append(warms, float64(warm))
		m = Memory{
			Input: s.Input, Hidden: s.Hidden,
			Parameters: n.Parameters(),
			Network:    n.MemorySize(),
			Stream:     state.MemorySize(),
			NewAllocs:  int(after.Mallocs - before.Mallocs),
			NewBytes:   int(after.TotalAlloc - before.TotalAlloc),
		}
	}
	for _, times := range [][]float64{makes, firsts, warms} {
		slices.Sort(times)
	}
	m.NewTime, m.FirstStep, m.WarmStep = median(makes), median(firsts), median(warms)
	return m, nil
}

// emptyCaches writes to memory that is larger than the second-level cache of any
// processor so far, so that nothing else stays in the caches of the core.
func emptyCaches(memory []byte) {
	for i := 0; i < len(memory); i += 64 {
		memory[i]++
	}
}
