package lstm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/guard"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// randomLayers makes layers from words, "lstm 9", "projected 4", "residual", "linear 5"
// or the name of an activation, that read an input of that many elements. It returns the number of
// elements of their output, too.
func randomLayers(r *rand.Rand, input int, text string) (layers []Layer, output int) {
	for word := range strings.SplitSeq(text, ", ") {
		var kind string
		var size int
		if _, err := fmt.Sscanf(word, "%s %d", &kind, &size); err != nil {
			kind = word
		}
		switch kind {
		case "lstm":
			layers = append(layers, randomLayer(r, input, size))
			input = size
		case "projected", "residual":
			if kind == "residual" {
				size = input
			}
			m := &Model{Layers: []Layer{randomLayer(r, input, size+3)}}
			project(r, m, 0, size)
			m.Layers[0].(*Weights).Residual = kind == "residual"
			layers = append(layers, m.Layers...)
			input = size
		case "linear":
			layers = append(layers, randomLinear(r, input, size))
			input = size
		default:
			layers = append(layers, activationNamed(kind))
		}
	}
	return layers, input
}

// randomLinear makes a layer whose outputs are about as large as its inputs.
func randomLinear(r *rand.Rand, input, output int) *Linear {
	return &Linear{
		InFeatures:  input,
		OutFeatures: output,
		Weight:      lstmtest.Normals(r, output*input, 2/math.Sqrt(float64(input))),
		Bias:        lstmtest.Normals(r, output, 0.5),
	}
}

func activationNamed(name string) Activation {
	for f := range ActivationFunction(len(activationTable)) {
		if f.String() == name {
			return f.WithDefaults()
		}
	}
	panic("no activation " + name)
}

// A denseModel is a model with layers that are no LSTM layers, as text.
type denseModel struct {
	input  int
	layers string
	heads  []string
}

func (d denseModel) String() string {
	return fmt.Sprintf("%d, %s; %s", d.input, d.layers, strings.Join(d.heads, "; "))
}

func (d denseModel) make(r *rand.Rand) *Model {
	m := &Model{}
	var top int
	m.Layers, top = randomLayers(r, d.input, d.layers)
	for _, head := range d.heads {
		layers, _ := randomLayers(r, top, head)
		m.Heads = append(m.Heads, Head{Layers: layers})
	}
	return m
}

// denseModels have such layers before, between and after LSTM layers of sizes that
// are whole vectors and are not, and all kinds of heads.
var denseModels = []denseModel{
	{3, "linear 5, lstm 9", nil},
	{17, "tanh, lstm 8", []string{"linear 2"}},
	{1, "linear 16, tanh, lstm 16, linear 20, sigmoid, lstm 7", []string{"linear 3"}},
	{20, "linear 33, linear 2, lstm 17", nil},
	{4, "sigmoid, tanh, lstm 5, tanh, lstm 12, identity, linear 1, lstm 30", []string{"tanh"}},
	{9, "lstm 25, linear 8, tanh, linear 19", nil},
	{9, "lstm 25, tanh", nil},
	{2, "lstm 32, linear 18, sigmoid", []string{"linear 3", "tanh", "linear 40, tanh, linear 5, sigmoid", "linear 16, linear 17, linear 1"}},
	{64, "lstm 40", []string{"linear 1, sigmoid", "linear 7"}},
	{31, "lstm 33, lstm 6", []string{"identity", "sigmoid, linear 34, tanh, tanh"}},
	{5, "linear 12, residual, linear 7, residual, residual", []string{"linear 2"}},
	{9, "residual, tanh, projected 17, sigmoid", []string{"linear 1", "tanh, linear 3"}},
	{3, "projected 18, linear 33, projected 15, residual", nil},
	{8, "linear 64, lstm 64, linear 64, lstm 64", []string{"linear 64"}},
	{4, "relu, linear 9, leaky_relu, lstm 18, softsign, linear 16, elu", []string{"linear 3, softmax", "softplus", "linear 17, hard_sigmoid"}},
	{19, "affine, lstm 9, thresholded_relu, linear 33, scaled_tanh", []string{"softmax", "linear 40, softmax, linear 2"}},
	{3, "softmax, lstm 16, linear 1, softmax, lstm 20, linear 50, softmax", nil},
}

func TestDenseLayersAreTheFormula(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for i, d := range denseModels {
			m := d.make(lstmtest.NewRand(31, i))
			n, err := New(m)
			require.NoError(t, err, d)
			testWays(t, m, n, []int{d.input, i}, 5)
			testWays(t, m, unfused(n), []int{d.input, i}, 5)
		}
	})
}

func TestDenseLayersOneAnswer(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for i, d := range denseModels {
			r := lstmtest.NewRand(32, i)
			m := d.make(r)
			single, err := New(m)
			require.NoError(t, err, d)
			ways := []*Network{single, unfused(single), inStages(t, m)}
			if inPart() {
				ways = ways[i%len(ways):][:1]
			}
			for _, n := range ways {
				testOneAnswer(t, r, single, n, d.String())
			}
		}
	})
}

// Tiny results are zero where another layer reads them, and not where they are the
// network's output.
func TestDenseLayersFlush(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		// An output gate that is open, and linear layers that make its h tiny and large
		// again.
		scaled := func(scale float32) *Linear { return &Linear{InFeatures: 1, OutFeatures: 1, Weight: []float32{scale}} }
		lstm := &Weights{InputSize: 1, HiddenSize: 1, WeightIH: []float32{1, 1, 1, 1}, WeightHH: make([]float32, 4)}
		small, large := scaled(0x1p-63), scaled(0x1p62)
		for _, c := range []struct {
			m    *Model
			zero bool
		}{
			{&Model{Layers: []Layer{lstm, small}}, false},
			{&Model{Layers: []Layer{lstm}, Heads: []Head{{Layers: []Layer{small}}}}, false},
			{&Model{Layers: []Layer{lstm}, Heads: []Head{{Layers: []Layer{small, large}}}}, true},
			{&Model{Layers: []Layer{lstm}, Heads: []Head{{Layers: []Layer{small, Activation{Function: ActivationTanh}}}}}, true},
			{&Model{Layers: []Layer{lstm, small}, Heads: []Head{{Layers: []Layer{large}}}}, true},
			{&Model{Layers: []Layer{lstm, small, large}}, true},
		} {
			n, err := New(c.m)
			require.NoError(t, err)
			y := []float32{77}
			n.Step(n.NewState(), []float32{1}, y)
			lstmtest.RequireBits(t, newReference(c.m).step([]float32{1}), y, "%+v", c.m)
			require.Equal(t, c.zero, y[0] == 0)
		}
		before := &Model{Layers: []Layer{small, lstm}}
		n, err := New(before)
		require.NoError(t, err)
		s, zero := n.NewState(), n.NewState()
		n.Step(s, []float32{0.25}, nil)
		n.Step(zero, []float32{0}, nil)
		lstmtest.RequireValues(t, lstmtest.Values(zero, 1), s, "before an LSTM layer")
	})
}

// Linear layers with more weights than one call reads, before and between.
func TestLargeLinearLayers(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for i, d := range []denseModel{
			{maxCallFloats/48 + 3, "linear 50, lstm 9", nil},
			{5, fmt.Sprintf("lstm 33, linear %d, lstm 3, linear %d, linear 3", maxCallFloats/48+1, 2*maxCallFloats/16+3), nil},
		} {
			m := d.make(lstmtest.NewRand(33, i))
			n, err := New(m)
			require.NoError(t, err)
			testWays(t, m, n, []int{d.input, i}, 2)
		}
	})
}

// A state goes on with networks whose other layers and heads are larger than those
// that it was made for.
func TestAdoptWithDenseLayers(t *testing.T) {
	r := lstmtest.NewRand(34)
	models := []*Model{
		denseModel{4, "linear 9, lstm 8, lstm 5", nil}.make(r),
		denseModel{4, "linear 70, tanh, linear 9, lstm 8, lstm 5, linear 4", []string{"linear 300, linear 2", "tanh"}}.make(r),
		denseModel{4, "linear 9, lstm 8, lstm 5", []string{"linear 1"}}.make(r),
	}
	var networks []*Network
	for _, m := range models {
		n, err := New(m)
		require.NoError(t, err)
		networks = append(networks, n)
	}
	s := networks[0].NewState()
	for step := range 12 {
		n := networks[step%len(networks)]
		values := lstmtest.Values(s, 2)
		require.NoError(t, n.Adopt(s))
		fresh := n.NewState()
		for l := range 2 {
			copy(fresh.H(l), values[2*l])
			copy(fresh.C(l), values[2*l+1])
		}
		x := lstmtest.Normals(r, 4, 1)
		want, got := make([]float32, n.OutputSize()), make([]float32, n.OutputSize())
		n.Step(fresh, x, want)
		n.Step(s, x, got)
		lstmtest.RequireBits(t, want, got, "step %d", step)
		lstmtest.RequireValues(t, lstmtest.Values(fresh, 2), s, "step %d", step)
	}
	require.Zero(t, testing.AllocsPerRun(3, func() { _, _ = networks[0].Adopt(s), networks[1].Adopt(s) }))

	for _, c := range []struct {
		model denseModel
		want  string
	}{
		{denseModel{5, "linear 9, lstm 8, lstm 5", nil}, "lstm: Adopt: s has input size 4, want 5"},
		{denseModel{4, "linear 7, lstm 8, lstm 5", nil}, "lstm: Adopt: layer 0 of s has input size 9 and hidden size 8, want 7 and 8"},
		{denseModel{4, "linear 9, lstm 8, tanh, lstm 5", nil}, "lstm: Adopt: layer 1 of s has no other layers right before it, want some"},
	} {
		n, err := New(c.model.make(r))
		require.NoError(t, err)
		err = n.Adopt(s)
		require.EqualError(t, err, c.want)
		require.ErrorIs(t, err, ErrShape)
	}
	n, err := New(denseModel{9, "lstm 8, lstm 5", nil}.make(r))
	require.NoError(t, err)
	plain := n.NewState()
	require.EqualError(t, networks[0].Adopt(plain), "lstm: Adopt: layer 0 of s has no other layers right before it, want some")
	between, err := New(denseModel{9, "tanh, lstm 8, lstm 5", nil}.make(r))
	require.NoError(t, err)
	require.EqualError(t, between.Adopt(plain), "lstm: Adopt: layer 0 of s has no other layers right before it, want some")
	require.EqualError(t, n.Adopt(between.NewState()), "lstm: Adopt: layer 0 of s has other layers right before it, want none")
}

// Nothing before or after inputs, outputs and what is between layers is read or
// written.
func TestDenseLayersStayWithin(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for i, d := range denseModels {
			m := d.make(lstmtest.NewRand(37, i))
			n, err := New(m)
			require.NoError(t, err)
			const steps = minBlock + 1
			in, out := n.InputSize(), n.OutputSize()
			numbers, want := lstmtest.Normals(lstmtest.NewRand(38, i), steps*in, 1), []float32(nil)
			for r, step := newReference(m), 0; step < steps; step++ {
				want = append(want, r.step(numbers[step*in:][:in])...)
			}
			for name, place := range map[string]func(b *guard.Buffer, n int) []float32{"first": (*guard.Buffer).First, "last": (*guard.Buffer).Last} {
				for _, whole := range []bool{false, true} {
					buffers := []*guard.Buffer{guard.New(steps * in), guard.New(steps * out), guard.New(n.stateSize.scratch)}
					x, y := place(buffers[0], steps*in), place(buffers[1], steps*out)
					copy(x, numbers)
					s := n.NewState()
					s.scratch = place(buffers[2], n.stateSize.scratch)
					if whole {
						n.Forward(s, x, y)
					} else {
						for step := range steps {
							n.Step(s, x[step*in:][:in], y[step*out:][:out])
						}
					}
					lstmtest.RequireBits(t, want, y, "%v at the %s float", d, name)
					for j, b := range buffers {
						_, before := b.Intact(-1<<10, 0)
						_, after := b.Intact(b.Len(), b.Len()+1<<10)
						require.True(t, before && after, "%v at the %s float, buffer %d", d, name, j)
						b.Release()
					}
				}
			}
		}
	})
}

// Nothing is allocated by networks with such layers.
func TestDenseLayersAllocateNothing(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for i, d := range denseModels {
			n, err := New(d.make(lstmtest.NewRand(35, i)))
			require.NoError(t, err)
			in, out := n.InputSize(), n.OutputSize()
			const steps, streams = 2*blockSteps + 1, panel.MaxColumns + 1
			s, x := n.NewState(), lstmtest.Normals(lstmtest.NewRand(36), steps*in, 1)
			y := make([]float32, steps*out)
			var states []*State
			var xs, ys [][]float32
			for range streams {
				states, xs, ys = append(states, n.NewState()), append(xs, x[:in]), append(ys, make([]float32, out))
			}
			for what, call := range map[string]func(){
				"Step":          func() { n.Step(s, x[:in], y[:out]) },
				"Forward":       func() { n.Forward(s, x, y) },
				"StepBatch":     func() { n.StepBatch(states, xs, ys) },
				"StepBatchFlat": func() { n.StepBatchFlat(states, x[:streams*in], y[:streams*out]) },
				"ForwardBatch":  func() { n.ForwardBatch(states, xs, ys) },
			} {
				require.Zero(t, testing.AllocsPerRun(3, call), "%s of %v", what, d)
			}
		}
	})
}

// A softmax of every length is the formula, whatever the numbers, also in place, and
// its elements add up to 1.
func TestSoftmax(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		r := lstmtest.NewRand(39)
		for _, n := range []int{1, 2, 15, 16, 17, 31, 32, 33, 100, maxElements + 17} {
			for _, x := range [][]float32{
				lstmtest.Normals(r, n, 1), lstmtest.Normals(r, n, 40), lstmtest.Normals(r, n, 1e38), lstmtest.Awkwards(r, n, 4), make([]float32, n),
			} {
				want, y := referenceSoftmax(x), make([]float32, n+1)
				y[n] = 77
				softmax(y[:n], x)
				lstmtest.RequireBits(t, append(want, 77), y, "softmax of %d", n)
				softmax(x, x)
				lstmtest.RequireBits(t, want, x, "softmax of %d in place", n)
				if sum := y[0]; sum == sum {
					total := 0.0
					for _, v := range y[:n] {
						require.True(t, v == 0 || v >= 0x1p-126, v)
						total += float64(v)
					}
					require.InDelta(t, 1, total, 0x1p-20, "softmax of %d", n)
				}
			}
		}
	})
}

func TestSoftmaxOfSpecialNumbers(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, c := range []struct{ x, want []float32 }{
			{[]float32{-3}, []float32{1}},
			{[]float32{5, 5, 5, 5}, []float32{0.25, 0.25, 0.25, 0.25}},
			{[]float32{0, negativeZero}, []float32{0.5, 0.5}},
			{[]float32{maxFloat, -maxFloat}, []float32{1, 0}},
			{[]float32{1, -inf}, []float32{1, 0}},
			{[]float32{0, -65}, []float32{1, exp(-65)}},
			{[]float32{0, -66}, []float32{1, 0}},
			{[]float32{1, nan, 2}, []float32{nan, nan, nan}},
			{[]float32{nan, inf}, []float32{nan, nan}},
			{[]float32{-inf, nan}, []float32{nan, nan}},
			{[]float32{1, inf}, []float32{nan, nan}},
			{[]float32{-inf, -inf}, []float32{nan, nan}},
		} {
			y := make([]float32, len(c.x))
			softmax(y, c.x)
			lstmtest.RequireBits(t, c.want, y, "softmax of %v", c.x)
			lstmtest.RequireBits(t, c.want, referenceSoftmax(c.x), "the reference, of %v", c.x)
		}
	})
}
