package lstm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// randomLayer makes weights with both biases, large enough to move the gates.
func randomLayer(r *rand.Rand, input, hidden int) *Weights {
	scale := 2 / math.Sqrt(float64(input+hidden))
	return &Weights{
		InputSize:  input,
		HiddenSize: hidden,
		WeightIH:   lstmtest.Normals(r, panel.Gates*hidden*input, scale),
		WeightHH:   lstmtest.Normals(r, panel.Gates*hidden*hidden, scale),
		BiasIH:     lstmtest.Normals(r, panel.Gates*hidden, 0.5),
		BiasHH:     lstmtest.Normals(r, panel.Gates*hidden, 0.5),
	}
}

// randomModel makes a stack of layers: sizes are the input size and the hidden
// sizes from the input up. outputs is the head's size, 0 for none.
func randomModel(r *rand.Rand, outputs int, sizes ...int) *Model {
	m := &Model{}
	for l := 1; l < len(sizes); l++ {
		m.Layers = append(m.Layers, randomLayer(r, sizes[l-1], sizes[l]))
	}
	if outputs > 0 {
		top := sizes[len(sizes)-1]
		m.Heads = []Head{{Layers: []Layer{&Linear{
			InFeatures:  top,
			OutFeatures: outputs,
			Weight:      lstmtest.Normals(r, outputs*top, 1),
			Bias:        lstmtest.Normals(r, outputs, 1),
		}}}}
	}
	return m
}

// cellVariants are the cells that a layer can have besides PyTorch's: what they
// change in a model.
var cellVariants = []struct {
	name   string
	change func(r *rand.Rand, m *Model)
}{
	{"clip", func(_ *rand.Rand, m *Model) { eachCell(m, func(c *Cell) { c.Clip, c.CellClip = 0.7, 0.8 }) }},
	{"peephole", withPeepholes},
	{"coupled", func(_ *rand.Rand, m *Model) { eachCell(m, func(c *Cell) { c.Coupled = true }) }},
	{"coupled peephole", func(r *rand.Rand, m *Model) {
		withPeepholes(r, m)
		eachCell(m, func(c *Cell) { c.Coupled = true })
	}},
	{"peephole with clip", func(r *rand.Rand, m *Model) {
		withPeepholes(r, m)
		eachCell(m, func(c *Cell) { c.Clip, c.CellClip = 0.9, 0.6 })
	}},
	{"coupled peephole with cell clip", func(r *rand.Rand, m *Model) {
		withPeepholes(r, m)
		eachCell(m, func(c *Cell) { c.Coupled, c.CellClip = true, 0.5 })
	}},
	{"coupled with large clip", func(_ *rand.Rand, m *Model) { eachCell(m, func(c *Cell) { c.Coupled, c.Clip = true, 50 }) }},

	{"hard sigmoid gates", func(_ *rand.Rand, m *Model) {
		eachCell(m, func(c *Cell) { c.Gate = ActivationHardSigmoid.WithDefaults() })
	}},
	{"relu candidate and output, coupled", func(_ *rand.Rand, m *Model) {
		eachCell(m, func(c *Cell) {
			c.Coupled, c.Candidate.Function, c.Output.Function = true, ActivationReLU, ActivationReLU
		})
	}},
	{"tanh gates and softsign candidate, peephole", func(r *rand.Rand, m *Model) {
		withPeepholes(r, m)
		eachCell(m, func(c *Cell) { c.Gate.Function, c.Candidate.Function = ActivationTanh, ActivationSoftsign })
	}},
	{"elu candidate and affine output, coupled peephole with both clips", func(r *rand.Rand, m *Model) {
		withPeepholes(r, m)
		eachCell(m, func(c *Cell) {
			c.Coupled, c.Clip, c.CellClip = true, 1.5, 0.9
			c.Candidate, c.Output = ActivationELU.WithDefaults(), Activation{ActivationAffine, 0.75, -0x1p-20}
		})
	}},
	{"softplus gates and scaled tanh output with both clips", func(_ *rand.Rand, m *Model) {
		eachCell(m, func(c *Cell) {
			c.Clip, c.CellClip, c.Gate.Function, c.Output = 0.8, 2, ActivationSoftplus, Activation{ActivationScaledTanh, 1.7159, 2.0 / 3}
		})
	}},
	{"leaky relu gates, sigmoid candidate and thresholded relu output", func(_ *rand.Rand, m *Model) {
		eachCell(m, func(c *Cell) {
			c.Gate, c.Candidate.Function, c.Output = Activation{ActivationLeakyReLU, 0.1, 0}, ActivationSigmoid, Activation{ActivationThresholdedReLU, 0.25, 0}
		})
	}},
	{"identity everywhere", func(_ *rand.Rand, m *Model) {
		eachCell(m, func(c *Cell) {
			c.Gate.Function, c.Candidate.Function, c.Output.Function = ActivationIdentity, ActivationIdentity, ActivationIdentity
		})
	}},

	{"normalized", withNormalization},
	{"normalized peephole with both clips", func(r *rand.Rand, m *Model) {
		withPeepholes(r, m)
		withNormalization(r, m)
		eachCell(m, func(c *Cell) { c.Clip, c.CellClip, c.NormEpsilon = 0.9, 0.6, 1e-3 })
	}},
	{"normalized coupled", func(r *rand.Rand, m *Model) {
		withNormalization(r, m)
		eachCell(m, func(c *Cell) { c.Coupled, c.NormEpsilon = true, 0x1p-40 })
	}},
	{"normalized coupled peephole, hard sigmoid gates and relu output", func(r *rand.Rand, m *Model) {
		withPeepholes(r, m)
		withNormalization(r, m)
		eachCell(m, func(c *Cell) {
			c.Coupled, c.Gate, c.Output.Function = true, ActivationHardSigmoid.WithDefaults(), ActivationReLU
		})
	}},
}

func eachCell(m *Model, change func(c *Cell)) {
	for l := range m.Layers {
		change(&m.Layers[l].(*Weights).Cell)
	}
}

func withPeepholes(r *rand.Rand, m *Model) {
	for l := range m.Layers {
		w := m.Layers[l].(*Weights)
		w.PeepholeI = lstmtest.Normals(r, w.HiddenSize, 1)
		w.PeepholeF = lstmtest.Normals(r, w.HiddenSize, 1)
		w.PeepholeO = lstmtest.Normals(r, w.HiddenSize, 1)
	}
}

func withNormalization(r *rand.Rand, m *Model) {
	for l := range m.Layers {
		w := m.Layers[l].(*Weights)
		for _, gammas := range []*[]float32{&w.NormI, &w.NormF, &w.NormG, &w.NormO} {
			*gammas = lstmtest.Normals(r, w.HiddenSize, 1)
		}
	}
}

// variants are networks that differ in more than their sizes: what they change in a
// model of layers as nn.LSTM has them.
var variants = []struct {
	name   string
	change func(r *rand.Rand, m *Model)
}{
	{"plain", func(*rand.Rand, *Model) {}},
	{"projection", func(r *rand.Rand, m *Model) {
		for l := range m.Layers {
			project(r, m, l, 1+r.IntN(m.Layers[l].(*Weights).HiddenSize))
		}
	}},
	{"residual", withResiduals},
	{"projection with clip", func(r *rand.Rand, m *Model) {
		for l := range m.Layers {
			project(r, m, l, 1+r.IntN(70))
			m.Layers[l].(*Weights).Cell.ProjClip = 0.3
		}
	}},
	{"residual with another cell", func(r *rand.Rand, m *Model) {
		withResiduals(r, m)
		withPeepholes(r, m)
		for l := range m.Layers {
			w := m.Layers[l].(*Weights)
			w.Cell = Cell{Coupled: true, Clip: 0.9, CellClip: 0.6}
			if w.ProjSize > 0 {
				w.Cell.ProjClip = 0.4
			}
		}
	}},
	{"projection with initial states", func(r *rand.Rand, m *Model) {
		for l := range m.Layers {
			project(r, m, l, 1+r.IntN(20))
			w := m.Layers[l].(*Weights)
			w.InitialH = lstmtest.Awkwards(r, w.ProjSize, 0.5)
			w.InitialC = lstmtest.Normals(r, w.HiddenSize, 0.5)
			for i, v := range w.InitialH {
				if v-v != 0 {
					w.InitialH[i] = contract.Tiny / 2
				}
			}
			w.InitialC[0] = -contract.Tiny / 2
		}
	}},
}

// project gives a layer of a model a projection of that size.
func project(r *rand.Rand, m *Model, l, size int) {
	w := m.Layers[l].(*Weights)
	w.ProjSize = size
	scale := 2 / math.Sqrt(float64(w.InputSize+size))
	w.WeightHH = lstmtest.Normals(r, panel.Gates*w.HiddenSize*size, scale)
	w.WeightHR = lstmtest.Normals(r, size*w.HiddenSize, 2/math.Sqrt(float64(w.HiddenSize)))
	if l+1 < len(m.Layers) {
		above := m.Layers[l+1].(*Weights)
		above.InputSize = size
		above.WeightIH = lstmtest.Normals(r, panel.Gates*above.HiddenSize*size, scale)
	} else if m.Heads != nil {
		d := m.Heads[0].Layers[0].(*Linear)
		d.InFeatures = size
		d.Weight = lstmtest.Normals(r, d.OutFeatures*size, 1)
	}
}

// withResiduals makes all layers residual, with a projection where h is not as long
// as x.
func withResiduals(r *rand.Rand, m *Model) {
	for l := range m.Layers {
		w := m.Layers[l].(*Weights)
		if w.InputSize != w.HiddenSize {
			project(r, m, l, w.InputSize)
		}
		w.Residual = true
	}
}

// sparseLayer makes a layer of any size quickly: most weights are zero.
func sparseLayer(input, hidden int) *Weights {
	w := &Weights{
		InputSize:  input,
		HiddenSize: hidden,
		WeightIH:   make([]float32, panel.Gates*hidden*input),
		WeightHH:   make([]float32, panel.Gates*hidden*hidden),
		BiasIH:     lstmtest.Normals(lstmtest.NewRand(13), panel.Gates*hidden, 1),
	}
	r := lstmtest.NewRand(14)
	for _, tensor := range [][]float32{w.WeightIH, w.WeightHH} {
		for i := r.IntN(40); i < len(tensor); i += 1 + r.IntN(40) {
			tensor[i] = float32(r.NormFloat64())
		}
	}
	return w
}

// reference computes a network straight from the contract's formulas and from
// the weights as PyTorch lays them out. It shares nothing with the package but
// the four functions that the contract names: fma, flush, sigmoid and tanh.
type reference struct {
	model *Model
	h, c  [][]float32
	raw   bool // the model's x is that of a network, and not of a layer below
}

func newReference(m *Model) *reference {
	r := &reference{model: m, raw: true}
	for _, layer := range m.Layers {
		if w, ok := layer.(*Weights); ok {
			r.h = append(r.h, referenceInitial(w.InitialH, len(w.WeightHH)/(panel.Gates*w.HiddenSize)))
			r.c = append(r.c, referenceInitial(w.InitialC, w.HiddenSize))
		}
	}
	return r
}

func referenceInitial(initial []float32, n int) []float32 {
	values := make([]float32, n)
	for i := range initial {
		values[i] = contract.Flush(initial[i])
	}
	return values
}

func (r *reference) step(x []float32) []float32 {
	x = referenceFlush(x)
	recurrent := 0
	for i, layer := range r.model.Layers {
		if w, ok := layer.(*Weights); ok {
			x = r.stepLayer(recurrent, w, x, r.raw && i == 0)
			recurrent++
			continue
		}
		if x = referenceDense(layer, x, r.raw && i == 0); i < len(r.model.Layers)-1 || r.model.Heads != nil {
			x = referenceFlush(x)
		}
	}
	if r.model.Heads == nil {
		return x
	}
	return referenceHeads(r.model.Heads, x)
}

// referenceHeads computes heads of what the last layer has put out, flushed.
func referenceHeads(heads []Head, x []float32) (y []float32) {
	for _, head := range heads {
		out := x
		for i, layer := range head.Layers {
			if out = referenceDense(layer, out, false); i < len(head.Layers)-1 {
				out = referenceFlush(out)
			}
		}
		y = append(y, out...)
	}
	return y
}

func referenceFlush(x []float32) []float32 {
	flushed := make([]float32, len(x))
	for i := range x {
		flushed[i] = contract.Flush(x[i])
	}
	return flushed
}

// stepLayer is one step of LSTM layer l, which is w. raw: x is that of the network.
func (r *reference) stepLayer(l int, w *Weights, x []float32, raw bool) []float32 {
	gate := func(z float32) float32 {
		const shut = -42 // as the contract says
		switch {
		case w.Cell.Gate.Function != ActivationDefault && w.Cell.Gate.Function != ActivationSigmoid:
			return contract.Flush(referenceFunction(w.Cell.Gate, z))
		case z < shut:
			z = shut
		}
		return sigmoid(z)
	}
	candidate := func(z float32) float32 {
		if f := w.Cell.Candidate.Function; f == ActivationDefault || f == ActivationTanh {
			return tanh(z)
		}
		return contract.Flush(referenceFunction(w.Cell.Candidate, z))
	}
	output := func(c float32) float32 {
		if w.Cell.Output.Function == ActivationDefault {
			return tanh(c)
		}
		return contract.Flush(referenceFunction(w.Cell.Output, c))
	}
	clip := func(v, limit float32) float32 {
		switch {
		case limit == 0:
		case v > limit:
			v = limit
		case v < -limit:
			v = -limit
		}
		return v
	}
	h, c := r.h[l], r.c[l]
	ofX := newReferenceProduct(w.Format, w.WeightIH, w.ScaleIH, x, w.InputBits == 14 || w.InputBits == 0 && raw)
	ofH := newReferenceProduct(w.Format, w.WeightHH, w.ScaleHH, h, false)
	next := make([]float32, w.HiddenSize)
	normalized := w.NormI != nil
	var z, biases [4][]float32 // i, f, g, o
	for g := range z {
		for u := range next {
			row := g*w.HiddenSize + u
			var bih, bhh, sum float32
			if w.BiasIH != nil {
				bih = w.BiasIH[row]
			}
			if w.BiasHH != nil {
				bhh = w.BiasHH[row]
			}
			bias := contract.Flush(bih + bhh)
			if !normalized {
				sum = bias
			}
			sum = ofH.sum(row, ofX.sum(row, sum))
			z[g], biases[g] = append(z[g], sum), append(biases[g], bias)
		}
	}
	if w.PeepholeI != nil {
		for u := range next {
			z[0][u] = fma(contract.Flush(w.PeepholeI[u]), c[u], z[0][u])
			z[1][u] = fma(contract.Flush(w.PeepholeF[u]), c[u], z[1][u])
		}
	}
	if normalized {
		referenceNormalization(w, z[0], w.NormI, biases[0])
		referenceNormalization(w, z[1], w.NormF, biases[1])
		referenceNormalization(w, z[2], w.NormG, biases[2])
	}
	for u := range next {
		i := gate(clip(z[0][u], w.Cell.Clip))
		f := gate(clip(z[1][u], w.Cell.Clip))
		if w.Cell.Coupled {
			f = 1 - i
		}
		c[u] = fma(f, c[u], float32(i*candidate(clip(z[2][u], w.Cell.Clip))))
		c[u] = contract.Flush(clip(c[u], w.Cell.CellClip))
		if w.PeepholeO != nil {
			z[3][u] = fma(contract.Flush(w.PeepholeO[u]), c[u], z[3][u])
		}
	}
	if normalized {
		referenceNormalization(w, z[3], w.NormO, biases[3])
	}
	for u := range next {
		next[u] = contract.Flush(float32(gate(clip(z[3][u], w.Cell.Clip)) * output(c[u])))
	}
	if w.ProjSize > 0 {
		next = referenceProjection(w, next)
	}
	r.h[l] = next
	if w.Residual {
		next = slices.Clone(next)
		for j := range next {
			next[j] = contract.Flush(x[j] + next[j])
		}
	}
	return next
}

// referenceNormalization normalizes the sums of a gate in place.
func referenceNormalization(w *Weights, s, gammas, biases []float32) {
	epsilon := w.Cell.NormEpsilon
	if epsilon == 0 {
		epsilon = 1e-8
	}
	count := float32(len(s))
	var part [16]float32
	for k, v := range s {
		part[k%16] += v
	}
	mean := contract.Flush(referencePairs(part) / count)
	for k := range part {
		part[k] = 0x1p-60 // Square.Least
	}
	for k := range s {
		s[k] = contract.Flush(s[k] - mean)
		part[k%16] = fma(s[k], s[k], part[k%16])
	}
	variance := referencePairs(part) / count
	r := 1 / float32(math.Sqrt(float64(variance+epsilon)))
	for k := range s {
		s[k] = fma(contract.Flush(float32(s[k]*r)), contract.Flush(gammas[k]), biases[k])
	}
}

func referenceProjection(w *Weights, u []float32) []float32 {
	h := make([]float32, w.ProjSize)
	product := newReferenceProduct(w.Format, w.WeightHR, w.ScaleHR, u, false)
	for j := range h {
		sum := product.sum(j, 0)
		if clip := w.Cell.ProjClip; clip > 0 && sum == sum {
			sum = min(clip, max(-clip, sum))
		}
		h[j] = contract.Flush(sum)
	}
	return h
}

// referenceDense is a layer that is no LSTM layer. raw: x is that of the network.
func referenceDense(layer Layer, x []float32, raw bool) []float32 {
	if d, ok := layer.(*Linear); ok {
		return referenceLinear(d, x, raw)
	}
	a := layer.(Activation)
	if a.Function == ActivationSoftmax {
		return referenceSoftmax(x)
	}
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = referenceFunction(a, v)
	}
	return y
}

func referenceSoftmax(x []float32) []float32 {
	most := -lstmtest.Inf
	for _, v := range x {
		if v > most || v != v {
			most = v
		}
	}
	y := make([]float32, len(x))
	var part [16]float32
	for k, v := range x {
		y[k] = exp(v - most)
		part[k%16] += y[k]
	}
	sum := referencePairs(part)
	for k := range y {
		y[k] /= sum
	}
	return y
}

// referenceFunction is a(x) of the contract.
func referenceFunction(a Activation, x float32) float32 {
	alpha, beta := contract.Flush(a.Alpha), contract.Flush(a.Beta)
	switch a.Function {
	case ActivationSigmoid:
		return sigmoid(x)
	case ActivationTanh:
		return tanh(x)
	case ActivationHardSigmoid:
		return limit(fma(alpha, x, beta), 0, 1)
	case ActivationReLU:
		return limit(x, 0, lstmtest.Inf)
	case ActivationLeakyReLU:
		if x < 0 {
			return float32(alpha * x)
		}
		return x
	case ActivationThresholdedReLU:
		if x <= alpha {
			return 0
		}
		return x
	case ActivationSoftsign:
		if math.IsInf(float64(x), 0) {
			return float32(math.Copysign(1, float64(x)))
		}
		return x / (1 + float32(math.Abs(float64(x))))
	case ActivationELU:
		if x < 0 {
			return float32(alpha * expMinusOne(x))
		}
		return x
	case ActivationScaledTanh:
		return float32(alpha * tanh(float32(beta*x)))
	case ActivationAffine:
		return fma(alpha, x, beta)
	case ActivationSoftplus:
		return softplus(x)
	case ActivationIdentity:
		return x
	}
	panic("no reference for " + a.String())
}

// referencePairs adds 16 parts in pairs a half, a quarter, an eighth and a sixteenth
// apart.
func referencePairs(part [16]float32) float32 {
	for _, apart := range []int{8, 4, 2, 1} {
		for i := range apart {
			part[i] += part[i+apart]
		}
	}
	return part[0]
}

// referenceLinear sums a row in 16 parts, element k in part k mod 16, or, where weights
// are int8, from the bias on.
func referenceLinear(d *Linear, x []float32, raw bool) []float32 {
	y := make([]float32, d.OutFeatures)
	product := newReferenceProduct(d.Format, d.Weight, d.Scale, x, raw)
	for o := range y {
		if d.Format == Int8 {
			if d.Bias != nil {
				y[o] = contract.Flush(d.Bias[o])
			}
			y[o] = product.sum(o, y[o])
			continue
		}
		var part [16]float32
		for k, v := range x {
			part[k%16] = fma(product.weight(o, k), v, part[k%16])
		}
		y[o] = referencePairs(part)
		if d.Bias != nil {
			y[o] += contract.Flush(d.Bias[o])
		} else {
			y[o] += 0
		}
	}
	return y
}

// requireState fails unless s holds the reference's h and c.
func requireState(t testing.TB, want *reference, s *State, what string, args ...any) {
	t.Helper()
	for l := range want.h {
		lstmtest.RequireBits(t, want.h[l], s.H(l), what+fmt.Sprintf(": h of layer %d", l), args...)
		lstmtest.RequireBits(t, want.c[l], s.C(l), what+fmt.Sprintf(": c of layer %d", l), args...)
	}
}

// unfused is a network with the same weights, whose layers run in two kernels,
// gates and cells, as those do of which format and cell have none together.
func unfused(n *Network) *Network {
	two := &Network{
		layers: slices.Clone(n.layers), outputs: n.outputs,
		parameters: n.parameters, stateSize: n.stateSize, block: n.block,
	}
	for l := range two.layers {
		two.layers[l].fused, two.layers[l].inOneCall, two.layers[l].ofFormat = false, false, false
	}
	return two
}

// inStages is a network of m, all of whose cells run in stages.
func inStages(t testing.TB, m *Model) *Network {
	t.Helper()
	n, err := New(m)
	require.NoError(t, err)
	n = unfused(n)
	l := 0
	for _, layer := range m.Layers {
		if w, ok := layer.(*Weights); ok {
			n.layers[l].peepholes = nil
			n.layers[l].setStages(w)
			l++
		}
	}
	return n
}

func TestStepIsTheFormula(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, shape := range lstmtest.Shapes {
			for _, variant := range variants {
				r := lstmtest.NewRand(1, shape.Sizes[0], shape.Sizes[1])
				m := randomModel(r, shape.Outputs, shape.Sizes...)
				variant.change(r, m)
				testFormula(t, m, fmt.Sprintf("%v, %s", shape, variant.name))
			}
		}
	})
}

// The cells that are not PyTorch's, in networks of every shape.
func TestCellsAreTheFormula(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, shape := range lstmtest.Shapes {
			for _, v := range cellVariants {
				r := lstmtest.NewRand(3, shape.Sizes[0], shape.Sizes[1])
				m := randomModel(r, shape.Outputs, shape.Sizes...)
				v.change(r, m)
				n, err := New(m)
				require.NoError(t, err)
				staged := inStages(t, m)
				s, sStaged, want := n.NewState(), staged.NewState(), newReference(m)
				y := make([]float32, n.OutputSize())
				for step := range 6 {
					x := lstmtest.Normals(r, n.InputSize(), 2)
					if step == 5 {
						x = lstmtest.Awkwards(r, n.InputSize(), 2)
					}
					n.Step(s, x, y)
					wantY := want.step(x)
					lstmtest.RequireBits(t, wantY, y, "%s of %v step %d", v.name, shape, step)
					requireState(t, want, s, "%s of %v step %d", v.name, shape, step)
					staged.Step(sStaged, x, y)
					lstmtest.RequireBits(t, wantY, y, "%s of %v step %d, in stages", v.name, shape, step)
					requireState(t, want, sStaged, "%s of %v step %d, in stages", v.name, shape, step)
				}
			}
		}
	})
}

// Limits that are none, and peepholes of 0 as long as numbers are finite, change
// no bit.
func TestCellsWithoutEffect(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for name, change := range map[string]func(w *Weights){
			"clip":      func(w *Weights) { w.Cell.Clip = lstmtest.MaxFloat },
			"cell clip": func(w *Weights) { w.Cell.CellClip = lstmtest.MaxFloat },
			"peepholes": func(w *Weights) {
				w.PeepholeI, w.PeepholeF, w.PeepholeO = make([]float32, w.HiddenSize), make([]float32, w.HiddenSize), make([]float32, w.HiddenSize)
			},
		} {
			m := randomModel(lstmtest.NewRand(21), 2, 3, 20, 9)
			plain, err := New(m)
			require.NoError(t, err)
			for l := range m.Layers {
				change(m.Layers[l].(*Weights))
			}
			n, err := New(m)
			require.NoError(t, err)
			s, want := n.NewState(), plain.NewState()
			for step := range 20 {
				x := lstmtest.Normals(lstmtest.NewRand(22, step), 3, 3)
				n.Step(s, x, nil)
				plain.Step(want, x, nil)
				lstmtest.RequireValues(t, lstmtest.Values(want, 2), s, "%s, step %d", name, step)
			}
		}
	})
}

func testFormula(t *testing.T, m *Model, name string) {
	t.Helper()
	n, err := New(m)
	require.NoError(t, err)
	two := unfused(n)
	s, sTwo, want := n.NewState(), two.NewState(), newReference(m)
	y := make([]float32, n.OutputSize())
	r := lstmtest.NewRand(18, n.InputSize())
	for step := range 6 {
		x := lstmtest.Normals(r, n.InputSize(), 1)
		n.Step(s, x, y)
		wantY := want.step(x)
		lstmtest.RequireBits(t, wantY, y, "%s, step %d", name, step)
		requireState(t, want, s, "%s, step %d", name, step)
		two.Step(sTwo, x, y)
		lstmtest.RequireBits(t, wantY, y, "%s, step %d, in two kernels", name, step)
		requireState(t, want, sTwo, "%s, step %d, in two kernels", name, step)
	}
}

// inPart reports whether a part of a test's cases is enough: in a short run, and with
// the oracle in tests of how a network is run, since all but its kernels is the same on
// other paths.
func inPart() bool { return testing.Short() || dispatch.Active() == dispatch.Generic }

// Many streams go on through steps, batches and sequences in random order, and
// always agree with others that are only stepped. Now and then an input is
// awkward; a stream that it has turned to NaN begins again, because nothing
// could be told apart in it any more.
func TestOneAnswer(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for s, shape := range lstmtest.Shapes {
			for v, variant := range variants {
				if inPart() && v > 0 && (s+v)%4 != 0 {
					continue
				}
				r := lstmtest.NewRand(2, v, shape.Sizes[0], shape.Sizes[1])
				m := randomModel(r, shape.Outputs, shape.Sizes...)
				variant.change(r, m)
				if r.IntN(3) == 0 {
					cellVariants[r.IntN(len(cellVariants))].change(r, m)
				}
				single, err := New(m)
				require.NoError(t, err)
				// The streams that are stepped alone use the fused kernels, if their cells
				// have such, the others those, or gates and cells, or stages.
				n := []*Network{single, unfused(single), inStages(t, m)}[r.IntN(3)]
				testOneAnswer(t, r, single, n, fmt.Sprintf("%v, %s", shape, variant.name))
			}
		}
	})
}

// testOneAnswer compares streams of n with those of single, which computes the same.
func testOneAnswer(t *testing.T, r *rand.Rand, single, n *Network, name string) {
	t.Helper()
	const streams = 15
	var states, alone []*State
	for range streams {
		states = append(states, n.NewState())
		alone = append(alone, single.NewState())
	}
	inputs := func(steps int) []float32 {
		if r.IntN(20) == 0 {
			return lstmtest.Awkwards(r, steps*n.InputSize(), 1)
		}
		return lstmtest.Normals(r, steps*n.InputSize(), 1)
	}
	stepAlone := func(i int, x []float32) []float32 {
		y := make([]float32, n.OutputSize())
		single.Step(alone[i], x, y)
		return y
	}
	steps, restarts := 0, 0
	for range 16 {
		switch r.IntN(3) {
		case 0:
			batch := r.Perm(streams)[:r.IntN(streams+1)]
			var ss []*State
			var xs, ys, want [][]float32
			for _, i := range batch {
				ss = append(ss, states[i])
				xs = append(xs, inputs(1))
				ys = append(ys, make([]float32, n.OutputSize()))
				want = append(want, stepAlone(i, xs[len(xs)-1]))
			}
			n.StepBatch(ss, xs, ys)
			for j := range batch {
				lstmtest.RequireBits(t, want[j], ys[j], "%s: stream %d in a batch of %d", name, j, len(batch))
			}
			steps += len(batch)
		case 1:
			batch := r.Perm(streams)[:r.IntN(streams+1)]
			var ss []*State
			var xs, ys, want [][]float32
			for _, i := range batch {
				length := r.IntN(10)
				x, y := inputs(length), []float32{}
				for step := range length {
					y = append(y, stepAlone(i, x[step*n.InputSize():][:n.InputSize()])...)
				}
				ss, xs, want = append(ss, states[i]), append(xs, x), append(want, y)
				ys = append(ys, make([]float32, len(y)))
				steps += length
			}
			n.ForwardBatch(ss, xs, ys)
			for j := range batch {
				lstmtest.RequireBits(t, want[j], ys[j], "%s: sequence %d of %d", name, j, len(batch))
			}
		case 2:
			i, length := r.IntN(streams), r.IntN(30)
			if r.IntN(8) == 0 {
				length += blockSteps // more than a block
			}
			x := inputs(length)
			y := make([]float32, length*n.OutputSize())
			n.Forward(states[i], x, y)
			for step := range length {
				want := stepAlone(i, x[step*n.InputSize():][:n.InputSize()])
				lstmtest.RequireBits(t, want, y[step*n.OutputSize():][:n.OutputSize()], "%s: step %d of %d", name, step, length)
			}
			steps += length
		}
		for i := range states {
			lstmtest.RequireValues(t, lstmtest.Values(alone[i], n.Layers()), states[i], "%s: stream %d", name, i)
			if hasNaN(n, states[i]) {
				states[i].Reset()
				alone[i].Reset()
				restarts++
			}
		}
	}
	require.Less(t, 4*restarts, steps, "%s: too many streams turned NaN for the test to tell much", name)
}

func hasNaN(n *Network, s *State) bool {
	for _, part := range lstmtest.Values(s, n.Layers()) {
		for _, v := range part {
			if v != v {
				return true
			}
		}
	}
	return false
}

// A chain that is too long for one kernel call stops over in memory. It must
// not show: lengths on both sides of every limit, few units.
func TestLongChains(t *testing.T) {
	lengths := map[int]bool{
		maxTileChain - 1: true, maxTileChain: true, maxTileChain + 1: true, 2*maxTileChain + 1: true,
		maxStepChain - 1: true, maxStepChain: true, maxStepChain + 1: true, maxStepChain + 52: true,
	}
	lstmtest.EachPath(t, func(t *testing.T) {
		for length := range lengths {
			// The chain is [x; h]: the limits lie in the input, or at its end,
			// or in what follows.
			for i, sizes := range [][]int{{length, 17}, {length - 17, 17}, {length - 5, 9}, {length - 1, 1}} {
				if dispatch.Active() == dispatch.Generic && i != length%4 {
					continue // see inPart
				}
				testEveryWay(t, sizes, 2)
			}
		}
	})
}

// A layer of many units takes several calls a step, and a hidden state that is
// too long for one call splits the recurrent chain as well.
func TestManyUnits(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, sizes := range [][]int{
			{1, 300},
			{40, 330},
			{maxStepChain - 200, 200 - panel.Units + 1}, // the longest chain of step, one unit more than panels
		} {
			testEveryWay(t, sizes, 2)
		}
		if !inPart() {
			testEveryWay(t, []int{9, maxStepChain + 40}, 1)
		}
	})
}

// No call updates more units than are allowed, however short their chains, and
// calls begin at panels.
func TestCellUnits(t *testing.T) {
	var p panels
	for columns := 1; columns <= panel.MaxColumns; columns++ {
		for chain := 1; chain <= maxTileChain; chain++ {
			units := p.cellUnits(columns, chain)
			require.Positive(t, units)
			require.Zero(t, units%panel.Units)
			require.LessOrEqual(t, columns*units, maxCallUnits)
			require.LessOrEqual(t, units, p.tileUnits(columns, chain))
		}
	}
}

// Projections of more rows and more units than one call takes, and longer residuals
// than a vector.
func TestLargeProjections(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, c := range []struct{ input, hidden, size int }{
			{1, maxTileChain, 5},
			{1, maxTileChain + 1, 33},
			{2, 2*maxTileChain + 3, 65},
			{maxStepChain - 60, 9, 60},
			{3, 20, 900},
			{130, 24, 130},
			{1, maxCallUnits + 9, 1},
			{70, 300, 70},
		} {
			r := lstmtest.NewRand(19, c.input, c.hidden)
			m := &Model{Layers: []Layer{sparseLayer(c.input, c.hidden)}}
			project(r, m, 0, c.size)
			m.Layers[0].(*Weights).Residual = c.input == c.size
			testModelEveryWay(t, m, []int{c.input, c.hidden, c.size}, 2)
		}
	})
}

// A head with more weights than one call reads.
func TestLargeHead(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		const hidden = 33
		for _, outputs := range []int{maxCallFloats / 48, maxCallFloats/48 + 1, 2*maxCallFloats/48 + 3} {
			r := lstmtest.NewRand(15, outputs)
			m := randomModel(r, outputs, 1, hidden)
			n, err := New(m)
			require.NoError(t, err)
			x, y := []float32{0.5}, make([]float32, outputs)
			n.Step(n.NewState(), x, y)
			lstmtest.RequireBits(t, newReference(m).step(x), y, "%d outputs", outputs)
		}
	})
}

// testEveryWay compares Step, StepBatch, Forward and ForwardBatch with the
// reference.
func testEveryWay(t *testing.T, sizes []int, steps int) {
	t.Helper()
	testModelEveryWay(t, &Model{Layers: []Layer{sparseLayer(sizes[0], sizes[1])}}, sizes, steps)
}

func testModelEveryWay(t *testing.T, m *Model, sizes []int, steps int) {
	t.Helper()
	fused, err := New(m)
	require.NoError(t, err)
	testWays(t, m, fused, sizes, steps)
	testWays(t, m, unfused(fused), sizes, steps)
	testWays(t, m, inStages(t, m), sizes, steps)
	cellVariants[(sizes[0]+sizes[1])%len(cellVariants)].change(lstmtest.NewRand(sizes...), m)
	variant, err := New(m)
	require.NoError(t, err)
	testWays(t, m, variant, sizes, steps)
	testWays(t, m, inStages(t, m), sizes, steps)
}

func testWays(t *testing.T, m *Model, n *Network, sizes []int, steps int) {
	t.Helper()
	r := lstmtest.NewRand(sizes...)
	input, output := n.InputSize(), n.OutputSize()
	// One more than a tile has columns. They get the same input, except one that
	// must not be mistaken for its neighbours.
	const streams = panel.MaxColumns + 1
	initial := lstmtest.Normals(r, output, 0.3)
	begin := func() *State {
		s := n.NewState()
		copy(s.H(0), initial)
		return s
	}
	want, steply, whole := newReference(m), begin(), begin()
	copy(want.h[0], initial)
	var batch []*State
	for range streams {
		batch = append(batch, begin())
	}
	x, y := lstmtest.Normals(r, steps*input, 1), make([]float32, steps*output)
	got, other := make([]float32, output), make([]float32, output)
	for step := range steps {
		xt, yt := x[step*input:][:input], y[step*output:][:output]
		copy(yt, want.step(xt))
		n.Step(steply, xt, got)
		lstmtest.RequireBits(t, yt, got, "Step of %v", sizes)
		requireState(t, want, steply, "Step of %v", sizes)

		xs, ys := make([][]float32, streams), make([][]float32, streams)
		for i := range streams {
			xs[i], ys[i] = xt, make([]float32, output)
		}
		xs[1] = lstmtest.Normals(r, input, 1)
		alone := batch[1].Clone()
		n.Step(alone, xs[1], other)
		n.StepBatch(batch, xs, ys)
		for i := range streams {
			if i == 1 {
				lstmtest.RequireBits(t, other, ys[i], "StepBatch of %v, column %d", sizes, i)
				lstmtest.RequireValues(t, lstmtest.Values(alone, n.Layers()), batch[i], "StepBatch of %v, column %d", sizes, i)
				continue
			}
			lstmtest.RequireBits(t, yt, ys[i], "StepBatch of %v, column %d", sizes, i)
			requireState(t, want, batch[i], "StepBatch of %v, column %d", sizes, i)
		}
	}
	all := make([]float32, len(y))
	n.Forward(whole, x, all)
	lstmtest.RequireBits(t, y, all, "Forward of %v", sizes)
	requireState(t, want, whole, "Forward of %v", sizes)

	var xs, ys [][]float32
	for i := range batch {
		batch[i] = begin()
		xs, ys = append(xs, x), append(ys, make([]float32, len(y)))
	}
	n.ForwardBatch(batch, xs, ys)
	for i := range batch {
		lstmtest.RequireBits(t, y, ys[i], "ForwardBatch of %v, sequence %d", sizes, i)
		requireState(t, want, batch[i], "ForwardBatch of %v, sequence %d", sizes, i)
	}
}

// Any number of goroutines use one network, each with streams of its own, and
// get the bits that they would get alone.
func TestConcurrency(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		const goroutines, steps = 8, 20
		m := randomModel(lstmtest.NewRand(16), 3, 9, 33, 17, 20)
		m.Layers[1].(*Weights).Format, m.Layers[2].(*Weights).Format = Int8, Float16
		m.Heads[0].Layers[0].(*Linear).Format = Int8
		n, err := New(m)
		require.NoError(t, err)
		input, output := n.InputSize(), n.OutputSize()
		var group sync.WaitGroup
		for g := range goroutines {
			// What goroutine g must get, computed before the others run.
			r := lstmtest.NewRand(17, g)
			x := lstmtest.Normals(r, steps*input, 1)
			want, end := make([]float32, steps*output), n.NewState()
			for step := range steps {
				n.Step(end, x[step*input:][:input], want[step*output:][:output])
			}
			group.Go(func() {
				for range 5 {
					got := make([]float32, steps*output)
					at := func(step int) (in, out []float32) {
						return x[step*input:][:input], got[step*output:][:output]
					}
					s, other, third := n.NewState(), n.NewState(), n.NewState()
					for step := 0; step < steps; {
						switch r.IntN(4) {
						case 0:
							in, out := at(step)
							n.Step(s, in, out)
							step++
						case 1:
							in, out := at(step)
							n.StepBatch([]*State{other, s}, [][]float32{in, in}, [][]float32{nil, out})
							step++
						case 2:
							end := min(steps, step+1+r.IntN(5))
							n.Forward(s, x[step*input:end*input], got[step*output:end*output])
							step = end
						case 3:
							end := min(steps, step+1+r.IntN(5))
							in, _ := at(step)
							n.ForwardBatch([]*State{other, s, third}, [][]float32{in, x[step*input : end*input], in},
								[][]float32{nil, got[step*output : end*output], nil})
							step = end
						}
					}
					assertSameBits(t, want, got)
					for i, part := range lstmtest.Values(end, n.Layers()) {
						assertSameBits(t, part, lstmtest.Values(s, n.Layers())[i])
					}
				}
			})
		}
		group.Wait()
	})
}

// assertSameBits is requireBits for goroutines, which must not end the test.
func assertSameBits(t *testing.T, want, got []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			t.Errorf("element %d is %x, want %x", i, got[i], want[i])
			return
		}
	}
}
