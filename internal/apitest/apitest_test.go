// Package apitest tests what users of package lstm see, through its exported
// names only. What needs more is tested beside the code.
package apitest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// newNetwork makes a network with random parameters.
func newNetwork(t testing.TB, outputs int, sizes ...int) *lstm.Network {
	t.Helper()
	n, err := lstm.New(lstm.RandomModel(1, outputs, sizes...))
	require.NoError(t, err)
	return n
}

// weightsOf is a layer of a model of LSTM layers, headOf the one layer of its head.
func weightsOf(m *lstm.Model, layer int) *lstm.Weights { return m.Layers[layer].(*lstm.Weights) }
func headOf(m *lstm.Model) *lstm.Linear                { return m.Heads[0].Layers[0].(*lstm.Linear) }

// variants are models that RandomModel does not make: what they change in one that it
// has made.
var variants = []struct {
	name   string
	change func(m *lstm.Model)
}{
	{"plain", func(*lstm.Model) {}},
	{"projection", func(m *lstm.Model) {
		for l := range m.Layers {
			project(m, l, 1+weightsOf(m, l).HiddenSize/2)
		}
	}},
	{"residual", makeResidual},
	{"projection with clip", func(m *lstm.Model) {
		for l := range m.Layers {
			project(m, l, 3)
			weightsOf(m, l).Cell.ProjClip = 0.3
		}
	}},
	{"initial h", func(m *lstm.Model) {
		for l := range m.Layers {
			weightsOf(m, l).InitialH = lstmtest.Normals(lstmtest.NewRand(l), weightsOf(m, l).HiddenSize, 0.5)
		}
	}},
	{"projection and initial h and c", func(m *lstm.Model) {
		r := lstmtest.NewRand(1)
		for l := range m.Layers {
			project(m, l, 2)
			weightsOf(m, l).InitialH = lstmtest.Normals(r, 2, 0.5)
			weightsOf(m, l).InitialC = lstmtest.Normals(r, weightsOf(m, l).HiddenSize, 0.5)
		}
	}},
}

// project gives a layer a projection of that size.
func project(m *lstm.Model, l, size int) {
	r := lstmtest.NewRand(l, size)
	w := weightsOf(m, l)
	w.ProjSize = size
	w.WeightHH = lstmtest.Normals(r, 4*w.HiddenSize*size, 0.3)
	w.WeightHR = lstmtest.Normals(r, size*w.HiddenSize, 0.3)
	if l+1 < len(m.Layers) {
		above := weightsOf(m, l+1)
		above.InputSize = size
		above.WeightIH = lstmtest.Normals(r, 4*above.HiddenSize*size, 0.3)
	} else if m.Heads != nil {
		d := headOf(m)
		d.InFeatures = size
		d.Weight = lstmtest.Normals(r, d.OutFeatures*size, 0.3)
	}
}

// makeResidual makes all layers residual, with a projection where h is not as long as x.
func makeResidual(m *lstm.Model) {
	for l := range m.Layers {
		w := weightsOf(m, l)
		if w.InputSize != w.HiddenSize {
			project(m, l, w.InputSize)
		}
		w.Residual = true
	}
}

// newVariant makes a network of a variant of a random model.
func newVariant(t testing.TB, change func(m *lstm.Model), seed uint64, outputs int, sizes ...int) *lstm.Network {
	t.Helper()
	m := lstm.RandomModel(seed, outputs, sizes...)
	change(m)
	n, err := lstm.New(m)
	require.NoError(t, err)
	return n
}

// advance runs some random steps, so that the state is not that of a beginning
// and its buffers have changed places an odd number of times or an even one.
func advance(n *lstm.Network, s *lstm.State, seed, steps int) {
	r := lstmtest.NewRand(seed)
	for range steps {
		n.Step(s, lstmtest.Normals(r, n.InputSize(), 1), nil)
	}
}

// requireSameFuture steps both states and compares.
func requireSameFuture(t testing.TB, n *lstm.Network, a *lstm.State, m *lstm.Network, b *lstm.State, what string, args ...any) {
	t.Helper()
	r := lstmtest.NewRand(8)
	for range 3 {
		x := lstmtest.Normals(r, n.InputSize(), 1)
		ya, yb := make([]float32, n.OutputSize()), make([]float32, m.OutputSize())
		n.Step(a, x, ya)
		m.Step(b, x, yb)
		lstmtest.RequireBits(t, ya, yb, what, args...)
		lstmtest.RequireValues(t, lstmtest.Values(a, n.Layers()), b, what, args...)
	}
}
