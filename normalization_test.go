package lstm

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/lstmtest"
)

// Layers whose sums take several calls, in every way to run them.
func TestLargeNormalizedLayers(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, v := range cellVariants {
			for _, sizes := range [][]int{{40, 330}, {maxTileChain - 5, 9}, {maxStepChain + 1, 17}} {
				m := &Model{Layers: []Layer{sparseLayer(sizes[0], sizes[1])}}
				v.change(lstmtest.NewRand(sizes...), m)
				if m.Layers[0].(*Weights).NormI != nil {
					n, err := New(m)
					require.NoError(t, err)
					testWays(t, m, n, sizes, 2)
				}
			}
		}
		if !testing.Short() {
			m := &Model{Layers: []Layer{sparseLayer(3, maxCallUnits+40)}}
			withNormalization(lstmtest.NewRand(34), m)
			n, err := New(m)
			require.NoError(t, err)
			testWays(t, m, n, []int{3, maxCallUnits + 40}, 1)
		}
	})
}

// A batch of more streams than there are rows for sums, in a network whose layers
// have different sizes.
func TestNormalizedBatch(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, streams := range []int{1, 2, 3, maxNormalized - 1, maxNormalized, maxNormalized + 1, 2*maxNormalized + 7} {
			r := lstmtest.NewRand(35, streams)
			m := randomModel(r, 3, 20, 33, 90)
			withPeepholes(r, m)
			withNormalization(r, m)
			n, err := New(m)
			require.NoError(t, err)
			x, y := lstmtest.Normals(r, streams*n.InputSize(), 1), make([]float32, streams*n.OutputSize())
			var states, alone []*State
			for range streams {
				states, alone = append(states, n.NewState()), append(alone, n.NewState())
			}
			for range 2 {
				n.StepBatchFlat(states, x, y)
				for i := range streams {
					want := make([]float32, n.OutputSize())
					n.Step(alone[i], x[i*n.InputSize():][:n.InputSize()], want)
					lstmtest.RequireBits(t, want, y[i*n.OutputSize():][:n.OutputSize()], "stream %d of %d", i, streams)
					lstmtest.RequireValues(t, lstmtest.Values(alone[i], 2), states[i], "stream %d of %d", i, streams)
				}
			}
		}
	})
}

// The results are near those of the formula in float64, which is TensorFlow Lite's:
//
//	gate = activation(γ·(s - mean) / √(variance + ε) + bias)
func TestNormalizationIsNearTheFormula(t *testing.T) {
	const input, hidden, steps = 12, 40, 30
	for _, peephole := range []bool{false, true} {
		r := lstmtest.NewRand(36)
		m := randomModel(r, 0, input, hidden)
		withNormalization(r, m)
		if peephole {
			withPeepholes(r, m)
		}
		w := m.Layers[0].(*Weights)
		n, err := New(m)
		require.NoError(t, err)
		s, y := n.NewState(), make([]float32, hidden)
		h, c := make([]float64, hidden), make([]float64, hidden)
		gate := func(gate int, x []float32, gammas, peepholes []float32) []float64 {
			z, mean, variance := make([]float64, hidden), 0.0, 0.0
			for u := range z {
				row := gate*hidden + u
				for k, v := range x {
					z[u] += float64(w.WeightIH[row*input+k]) * float64(v)
				}
				for k, v := range h {
					z[u] += float64(w.WeightHH[row*hidden+k]) * v
				}
				if peepholes != nil {
					z[u] += float64(peepholes[u]) * c[u]
				}
				mean += z[u] / hidden
			}
			for _, v := range z {
				variance += (v - mean) * (v - mean) / hidden
			}
			for u, v := range z {
				row := gate*hidden + u
				z[u] = float64(gammas[u])*(v-mean)/math.Sqrt(variance+1e-8) + float64(w.BiasIH[row]) + float64(w.BiasHH[row])
			}
			return z
		}
		sigma := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
		for step := range steps {
			x := lstmtest.Normals(r, input, 1)
			n.Step(s, x, y)
			i, f, g := gate(0, x, w.NormI, w.PeepholeI), gate(1, x, w.NormF, w.PeepholeF), gate(2, x, w.NormG, nil)
			newC := make([]float64, hidden)
			for u := range c {
				newC[u] = sigma(f[u])*c[u] + sigma(i[u])*math.Tanh(g[u])
			}
			c = newC
			o := gate(3, x, w.NormO, w.PeepholeO)
			for u := range h {
				o[u] = sigma(o[u]) * math.Tanh(c[u])
			}
			h = o
			for u := range h {
				require.InDelta(t, h[u], y[u], 1e-5, "h of unit %d, step %d", u, step)
				require.InDelta(t, c[u], s.C(0)[u], 1e-5, "c of unit %d, step %d", u, step)
			}
		}
	}
}

// Sums that are all the same leave nothing but the bias, and so does the one sum of
// a single unit. Large and small numbers are in the formula, too.
func TestNormalizationOfExtremes(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, hidden := range []int{1, 5, 16, 40} {
			for _, x := range []float32{0, 1, -3, 0x1p-64, 1e-30, 1e18, 1e30, lstmtest.MaxFloat} {
				for _, same := range []bool{true, false} {
					name := fmt.Sprintf("%d units, %v, %v", hidden, x, same)
					r := lstmtest.NewRand(37, hidden)
					m := randomModel(r, 0, 1, hidden)
					withNormalization(r, m)
					w := m.Layers[0].(*Weights)
					w.WeightHH = make([]float32, len(w.WeightHH))
					if same {
						w.WeightIH = slices.Repeat([]float32{0.375}, len(w.WeightIH))
					}
					n, err := New(m)
					require.NoError(t, err)
					s, want := n.NewState(), newReference(m)
					n.Step(s, []float32{x}, nil)
					want.step([]float32{x})
					requireState(t, want, s, name)
					if (same || hidden == 1) && x <= 1e30 {
						for u := range hidden {
							bias := func(gate int) float32 { return w.BiasIH[gate*hidden+u] + w.BiasHH[gate*hidden+u] }
							c := float32(sigmoid(bias(0)) * tanh(bias(2)))
							require.Equal(t, c, s.C(0)[u], name)
							require.Equal(t, float32(sigmoid(bias(3))*tanh(c)), s.H(0)[u], name)
						}
					}
				}
			}
		}
	})
}

// A state of a network without normalization goes on in one with it, which needs
// more room in it.
func TestNormalizedNetworkAdopts(t *testing.T) {
	r := lstmtest.NewRand(38)
	m := randomModel(r, 2, 5, 33)
	plain, err := New(m)
	require.NoError(t, err)
	withNormalization(r, m)
	n, err := New(m)
	require.NoError(t, err)
	require.Equal(t, plain.MemorySize()+4*(7+4)*40, n.MemorySize(), "seven vectors of a cell in stages, and four of factors")
	s, want := plain.NewState(), newReference(m)
	copy(s.C(0), lstmtest.Normals(r, 33, 1))
	copy(want.c[0], s.C(0))
	require.NoError(t, n.Adopt(s))
	for range 3 {
		x, y := lstmtest.Normals(r, 5, 1), make([]float32, 2)
		n.Step(s, x, y)
		lstmtest.RequireBits(t, want.step(x), y, "output")
		requireState(t, want, s, "adopted")
	}
}

// Both directions of a sequence, of several lengths.
func TestNormalizedSequences(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		const input, hidden = 9, 20
		r := lstmtest.NewRand(39)
		forward, backward := randomModel(r, 0, input, hidden), randomModel(r, 0, input, hidden)
		for _, m := range []*Model{forward, backward} {
			withPeepholes(r, m)
			withNormalization(r, m)
		}
		n, err := NewSequenceNetwork(&Model{Layers: []Layer{&Bidirectional{Forward: forward.Layers[0].(*Weights), Backward: backward.Layers[0].(*Weights)}}})
		require.NoError(t, err)
		var xs, ys, wants [][]float32
		for steps := range 9 {
			x := lstmtest.Normals(r, steps*input, 1)
			want := make([]float32, steps*2*hidden)
			up, down := newReference(forward), newReference(backward)
			for t := range steps {
				copy(want[t*2*hidden:], up.step(x[t*input:][:input]))
				back := steps - 1 - t
				copy(want[back*2*hidden+hidden:][:hidden], down.step(x[back*input:][:input]))
			}
			xs, ys, wants = append(xs, x), append(ys, make([]float32, len(want))), append(wants, want)
		}
		n.ForwardBatch(xs, ys, nil, nil)
		for i := range ys {
			lstmtest.RequireBits(t, wants[i], ys[i], "sequence %d", i)
		}
	})
}
