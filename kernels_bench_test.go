package lstm

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// benchShapes are input and hidden sizes on both sides of each cache's size.
var benchShapes = [][2]int{{1, 8}, {1, 20}, {16, 32}, {64, 64}, {64, 128}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024}}

func benchNetwork(b *testing.B, input, hidden int) *Network {
	b.Helper()
	n, err := New(randomModel(lstmtest.NewRand(input, hidden), 0, input, hidden))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkTwoKernels steps with gates and then cells, as formats and cells without
// fused kernels do, in turns with the fused step, and reports the ratio of the
// medians.
func BenchmarkTwoKernels(b *testing.B) {
	for _, s := range benchShapes {
		b.Run(fmt.Sprintf("input=%d/hidden=%d", s[0], s[1]), func(b *testing.B) {
			fused := benchNetwork(b, s[0], s[1])
			benchRatio(b, fused, unfused(fused))
		})
	}
}

// BenchmarkCells is the same for the cells that are not plain.
func BenchmarkCells(b *testing.B) {
	for _, s := range benchShapes {
		for _, v := range cellVariants {
			b.Run(fmt.Sprintf("input=%d/hidden=%d/cell=%s", s[0], s[1], v.name), func(b *testing.B) {
				m := randomModel(lstmtest.NewRand(s[0], s[1]), 0, s[0], s[1])
				plain, err := New(m)
				require.NoError(b, err)
				v.change(lstmtest.NewRand(s[0]), m)
				n, err := New(m)
				require.NoError(b, err)
				benchRatio(b, plain, n)
			})
		}
	}
}

// BenchmarkInt8 is the same for a layer of int8 weights with as many bits of x.
func BenchmarkInt8(b *testing.B) {
	for _, s := range benchShapes {
		for _, bits := range []int{7, 14} {
			b.Run(fmt.Sprintf("input=%d/hidden=%d/bits=%d", s[0], s[1], bits), func(b *testing.B) {
				m := randomModel(lstmtest.NewRand(s[0], s[1]), 0, s[0], s[1])
				n, err := New(m, WithWeights(Int8), WithInputBits(bits))
				require.NoError(b, err)
				benchRatio(b, benchNetwork(b, s[0], s[1]), n)
			})
		}
	}
}

// benchRatio steps two networks in turns and reports the ratio of the medians.
func benchRatio(b *testing.B, first, second *Network) {
	input, output := first.InputSize(), first.OutputSize()
	lstmtest.BenchEachPath(b, func(b *testing.B, _ string) {
		x, y := lstmtest.Normals(lstmtest.NewRand(1), input, 1), make([]float32, output)
		states := [2]*State{first.NewState(), second.NewState()}
		// Of some microseconds, and so many that the first, whose weights the other
		// network may have pushed out of a cache, counts for little.
		steps := max(20, 10_000/output/(input+output))
		var times [2][]time.Duration
		for b.Loop() {
			for i, n := range []*Network{first, second} {
				start := time.Now()
				for range steps {
					n.Step(states[i], x, y)
				}
				times[i] = append(times[i], time.Since(start))
			}
		}
		slices.Sort(times[0])
		slices.Sort(times[1])
		b.ReportMetric(float64(times[1][len(times[1])/2])/float64(times[0][len(times[0])/2]), "ratio")
	})
}

// BenchmarkInput is the part of Forward that is computed for several steps at
// once: the contribution of the inputs.
func BenchmarkInput(b *testing.B) {
	for _, s := range benchShapes {
		b.Run(fmt.Sprintf("input=%d/hidden=%d/steps=%d", s[0], s[1], blockSteps), func(b *testing.B) {
			n := benchNetwork(b, s[0], s[1])
			lstmtest.BenchEachPath(b, func(b *testing.B, _ string) {
				x := rowsOf(lstmtest.Normals(lstmtest.NewRand(1), blockSteps*s[0], 1), s[0])
				width := panel.Gates * panel.PaddedUnits(s[1])
				room := &room{sums: rowsOf(make([]float32, blockSteps*width), width)}
				for b.Loop() {
					n.layers[0].takeInputs(blockSteps, x, room)
				}
				flops := 2 * float64(panel.Gates*s[1]*s[0]*blockSteps*b.N)
				b.ReportMetric(flops/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		})
	}
}

// BenchmarkLongestCall times the longest calls that each kernel is given: as
// many weights or multiplications as the limits in calls.go allow, and as many
// elements. The weights come from the farthest cache, or from memory.
func BenchmarkLongestCall(b *testing.B) {
	for _, c := range longestCalls() {
		b.Run("kernel="+c.name, func(b *testing.B) {
			lstmtest.BenchEachPath(b, func(b *testing.B, _ string) {
				shortest := time.Duration(math.MaxInt64)
				i := 0
				for b.Loop() {
					start := time.Now()
					c.call(i)
					shortest = min(shortest, time.Since(start))
					i++
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e3, "µs/call")
				b.ReportMetric(float64(shortest.Nanoseconds())/1e3, "least-µs/call")
			})
		})
	}
}

type longestCall struct {
	name string
	call func(i int) // i cycles through more weights than a cache holds
}

func longestCalls() []longestCall {
	const size = 1024
	w := randomLayer(lstmtest.NewRand(1), size, size)
	l := packLayer(w, true)
	x, c := lstmtest.Normals(lstmtest.NewRand(2), 2*size, 1), make([]float32, panel.PaddedUnits(size))
	h := make([]float32, size)
	z := make([]float32, panel.MaxColumns*panel.Gates*size)
	y := make([]float32, maxElements)
	manyUnits := make([]float32, 2*maxCallUnits)
	var columns [panel.MaxColumns]column
	for i := range columns {
		columns[i] = column{x: x, c: make([]float32, size), h: make([]float32, size)}
	}

	// The same arithmetic as in calls.go.
	chain := min(len(x), maxStepChain)
	stepUnits := max(1, maxCallFloats/(panel.RowFloats*chain)) * panel.Units
	tileChain := min(len(x), maxTileChain)
	tileUnits := l.panels.tileUnits(panel.MaxColumns, tileChain)
	part := func(i, units int) panels { return l.panels.advance(i * units % size) }
	tile := func(units int) []column {
		list := columns
		for i := range list {
			list[i].x, list[i].c, list[i].h = x[:tileChain], list[i].c[:units], list[i].h[:units]
		}
		return list[:]
	}
	d := packLinear(&Linear{InFeatures: size, OutFeatures: size, Weight: lstmtest.Normals(lstmtest.NewRand(3), size*size, 1)}, false)
	rows := maxCallFloats / size
	return append([]longestCall{
		{fmt.Sprintf("step/weights=%d/units=%d", stepUnits*panel.Gates*chain, stepUnits), func(i int) {
			p := part(i, stepUnits)
			from := chainStart{sums: p.floats, stride: p.stride}
			step(&from, &p, x[:chain], c[:stepUnits], h[:stepUnits])
		}},
		{fmt.Sprintf("stepTile/columns=%d/elements=%d/units=%d", panel.MaxColumns, tileChain, tileUnits), func(i int) {
			p := part(i, tileUnits)
			from := chainStart{sums: p.floats, stride: p.stride}
			stepTile(&from, &p, tile(tileUnits))
		}},
		{fmt.Sprintf("gates/columns=%d/elements=%d/units=%d", panel.MaxColumns, tileChain, tileUnits), func(i int) {
			p := part(i, tileUnits)
			from := chainStart{sums: p.floats, stride: p.stride}
			gates(float32Weights, &from, &p, tile(tileUnits), tileUnits, z, panel.Gates*tileUnits)
		}},
		{fmt.Sprintf("cells/units=%d", maxCallUnits), func(int) {
			columns := [1]column{{c: manyUnits[:maxCallUnits], h: manyUnits[maxCallUnits:]}}
			cells(plainCell, z, len(z), nil, columns[:])
		}},
		{fmt.Sprintf("head/weights=%d", rows*size), func(i int) {
			o := i * rows % size
			head(d.weights[o*size:][:rows*size], d.bias[o:][:rows], x[:size], h[:rows])
		}},
		{fmt.Sprintf("tanh/elements=%d", maxElements), func(int) { elements(tanhFunction, nil, y, y) }},
		{fmt.Sprintf("softplus/elements=%d", maxElements), func(int) { elements(softplusFunction, nil, y, y) }},
	}, longestCallsOfFormats()...)
}

// longestCallsOfFormats are those of weights in float16, and of int8 with an x of one
// whole block.
func longestCallsOfFormats() []longestCall {
	const input, hidden = panel.BlockElements, 512
	w := randomLayer(lstmtest.NewRand(4), input, hidden)
	xh := lstmtest.Normals(lstmtest.NewRand(5), input+hidden, 1)
	c, h := make([]float32, hidden), make([]float32, hidden)
	z := make([]float32, panel.MaxColumns*panel.Gates*hidden)
	w.Format = Float16
	halves := packLayer(w, true)
	halfUnits := maxFloat16Floats / (panel.RowFloats * hidden) * panel.Units
	calls := []longestCall{{fmt.Sprintf("stepFloat16/weights=%d/units=%d", halfUnits*panel.Gates*hidden, halfUnits), func(i int) {
		p := halves.panels.advance(i * halfUnits % hidden)
		p.skip = input
		from := chainStart{sums: p.floats, stride: p.stride}
		stepFloat16(&from, &p, xh[input:], c[:halfUnits], h[:halfUnits])
	}}}
	w.Format = Int8
	for _, bits := range []int{fewInputBits, manyInputBits} {
		w.InputBits = bits
		l := packLayer(w, true)
		q := l.quantised
		memory := aligned.New(q.floats())
		q.x.set(memory, xh[:input])
		q.h.set(memory, xh[input:])
		b := &q.x.blocks[0]
		wide := max(1, byteMACs()/(b.work()*rowBytes))
		var columns [panel.MaxColumns]column
		for i := range columns {
			columns[i].x = b.of(memory)
		}
		part := func(i int) panels { return l.panels.advance(i * panel.Units % hidden) }
		calls = append(calls, longestCall{fmt.Sprintf("gates/bits=%d/columns=%d/elements=%d/units=%d", bits, wide, input, panel.Units), func(i int) {
			p := part(i)
			from := chainStart{sums: p.floats, stride: p.stride}
			gates(b.format, &from, &p, columns[:wide], panel.Units, z, panel.Gates*panel.Units)
		}}, longestCall{fmt.Sprintf("stepInt8/bits=%d/elements=%d/units=%d", bits, input+hidden, panel.Units), func(i int) {
			p := part(i)
			from := chainStart{sums: p.floats, stride: p.stride}
			p.stepInt8(&from, memory, c[:panel.Units], h[:panel.Units])
		}})
	}
	return calls
}
