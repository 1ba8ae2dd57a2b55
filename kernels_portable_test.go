package lstm

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// One sum that must not be rounded twice, in each row and at each element of chains
// that are ordinary otherwise.
func TestPortableChainTraps(t *testing.T) {
	const elements = 5
	for _, c := range []struct {
		name         string
		sum          float32
		weightScale  float32
		elementScale float32 // a power of two
	}{
		{"normal", 1, 0x1p-5, 0x1p-5},
		{"subnormal", 0x1p-128, 0x1p-69, 0x1p-69},
		{"huge", maxFloat, 0x1p+50, 0x1p+40},
	} {
		for _, trap := range []string{"half-way", "infinite", "NaN", "zero"} {
			for at := range elements * portableRows {
				row, element := at%portableRows, at/portableRows
				what := fmt.Sprintf("%s, %s in row %d at element %d", c.name, trap, row, element)
				r := lstmtest.NewRand(131, at)
				sums := slices.Repeat([]float32{c.sum}, portableRows)
				weights, x := make([]float32, elements*portableRows), make([]float32, elements)
				for i := range weights {
					weights[i] = normal(r) * c.weightScale
				}
				for k := range x {
					x[k] = normal(r) * c.elementScale
				}
				before := slices.Clone(sums)
				chain(before, weights, x[:element])
				weight, z := &weights[element*portableRows+row], before[row]
				switch trap {
				case "half-way":
					// Half of the distance to the next float32, less or more by so little that
					// float64 does not show it, and that to even would be the other way.
					f, g := float32(1+0x1p-12), float32(1-0x1p-12+0x1p-24) // f·g = 1 + 2^-36
					if math.Float32bits(z)&1 == 1 {
						f, g = 1+0x1p-23, 1-0x1p-23 // f·g = 1 - 2^-46
					}
					half := math.Copysign(math.Ldexp(1, unitExponent(float64(z))-1), float64(z))
					*weight = float32(half/float64(c.elementScale)) * f
					x[element] = c.elementScale * g
					s := float64(*weight)*float64(x[element]) + float64(z)
					require.NotEqual(t, float32(s), fma(*weight, x[element], z), what)
				case "infinite":
					*weight = inf
				case "NaN":
					*weight = nan
				case "zero":
					x[element] = negativeZero
				}
				require.Less(t, chainRows((*[portableRows]float32)(slices.Clone(sums)), weights, portableRows, x), elements, what)
				want, got := slices.Clone(sums), slices.Clone(sums)
				chain(want, weights, x)
				chainPortable(got, weights, x)
				lstmtest.RequireBits(t, want, got, "%s", what)
			}
		}
	}
}

// The numbers of the kernels' tests meet both branches of a chain.
func TestKindsOfPortableChains(t *testing.T) {
	const elements, tries = 9, 200
	for i := range kinds {
		k := &kinds[i]
		r := lstmtest.NewRand(132, i)
		stopped := 0
		for range tries {
			var sums [portableRows]float32
			copy(sums[:], numbers(r, portableRows, elements, k.sum))
			weights, x := numbers(r, elements*portableRows, elements, k.weight), numbers(r, elements, elements, k.x)
			if chainRows(&sums, weights, portableRows, x) < elements {
				stopped++
			}
		}
		switch k.name {
		case "ordinary":
			require.Zero(t, stopped)
		case "tiny":
			// Sums that vanish beside a subnormal number are rare.
		default:
			require.Positive(t, stopped, k.name)
		}
	}
}

// BenchmarkPortable steps in turns with pure Go's two paths and with what a Go
// programmer writes first, and reports the least time of each as a ratio to the
// last.
func BenchmarkPortable(b *testing.B) {
	for _, s := range [][2]int{{16, 32}, {64, 64}, {128, 128}, {256, 256}} {
		b.Run(fmt.Sprintf("input=%d/hidden=%d", s[0], s[1]), func(b *testing.B) {
			n := benchNetwork(b, s[0], s[1])
			w := randomLayer(lstmtest.NewRand(s[0], s[1]), s[0], s[1])
			x, y := lstmtest.Normals(lstmtest.NewRand(1), s[0], 1), make([]float32, s[1])
			state, c, h, sums := n.NewState(), make([]float32, s[1]), make([]float32, s[1]), make([]float32, panel.Gates*s[1])
			steps := max(1, 100_000/s[1]/(s[0]+s[1])) // of less than a millisecond
			var least [3]time.Duration
			measure := func(i int, step func()) {
				start := time.Now()
				for range steps {
					step()
				}
				if took := time.Since(start); least[i] == 0 || took < least[i] {
					least[i] = took
				}
			}
			lstmtest.UsePath(b, "generic")
			for b.Loop() {
				for i, path := range []string{"generic", "portable"} {
					require.NoError(b, dispatch.Set(path))
					measure(i, func() { n.Step(state, x, y) })
				}
				measure(2, func() { plainStep(w, x, c, h, sums) })
			}
			b.ReportMetric(float64(least[1].Nanoseconds())/float64(steps), "least-ns/step")
			b.ReportMetric(float64(least[0])/float64(least[2]), "generic/plain")
			b.ReportMetric(float64(least[1])/float64(least[2]), "portable/plain")
		})
	}
}

// plainStep is loops over rows, and package math.
func plainStep(w *Weights, x, c, h, sums []float32) {
	hidden := len(h)
	for row := range sums {
		sum := w.BiasIH[row] + w.BiasHH[row]
		for k, v := range w.WeightIH[row*len(x):][:len(x)] {
			sum += v * x[k]
		}
		for k, v := range w.WeightHH[row*hidden:][:hidden] {
			sum += v * h[k]
		}
		sums[row] = sum
	}
	sigmoid := func(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
	tanh := func(x float32) float32 { return float32(math.Tanh(float64(x))) }
	for u := range h {
		in := sigmoid(sums[u]) * tanh(sums[2*hidden+u])
		c[u] = sigmoid(sums[hidden+u])*c[u] + in
		h[u] = sigmoid(sums[3*hidden+u]) * tanh(c[u])
	}
}
