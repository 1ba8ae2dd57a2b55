package digest

import (
	"fmt"
	"math"

	"example.com/lstm"
)

// Cases returns all cases. A name says everything about a case; cases that
// differ in the last part only, the way a network is run, have the same result.
func Cases() []Case {
	var cases []Case
	for _, s := range shapes {
		cases = append(cases, s.cases("ordinary", (*generator).ordinary)...)
	}
	for _, s := range []shape{
		{sizes: []int{5, 20}, outputs: 3}, {sizes: []int{16, 32, 9}},
		{sizes: []int{5, 20}, projections: []int{7}, outputs: 3},
		{sizes: []int{33, 40, 24}, projections: []int{33, 33}, residual: true, projClip: 0x1p+4},
	} {
		cases = append(cases, s.cases("awkward", (*generator).awkwardInput)...)
		cases = append(cases, s.cases("tiny", (*generator).tiny)...)
		cases = append(cases, s.cases("huge", (*generator).huge)...)
	}
	cases = append(cases, cellCases()...)
	cases = append(cases, sequenceCases()...)
	cases = append(cases, denseCases()...)
	cases = append(cases, formatCases()...)
	cases = append(cases, decayCase(), fadingCase())
	for _, f := range []struct {
		name  string
		apply func(dst, x []float32)
	}{{"sigmoid", lstm.Sigmoid}, {"tanh", lstm.Tanh}} {
		cases = append(cases, sliceCases(f.name, f.apply)...)
	}
	for _, a := range activations {
		cases = append(cases, activationCase(a))
	}
	return cases
}

// activations are the others, some with two sets of parameters. They are named by
// their function and parameters.
var activations = []lstm.Activation{
	lstm.ActivationHardSigmoid.WithDefaults(),
	{Function: lstm.ActivationHardSigmoid, Alpha: -1.5, Beta: 0.25},
	lstm.ActivationReLU.WithDefaults(),
	lstm.ActivationLeakyReLU.WithDefaults(),
	{Function: lstm.ActivationLeakyReLU, Alpha: -2},
	lstm.ActivationThresholdedReLU.WithDefaults(),
	{Function: lstm.ActivationThresholdedReLU, Alpha: -0.5},
	lstm.ActivationSoftsign.WithDefaults(),
	lstm.ActivationELU.WithDefaults(),
	{Function: lstm.ActivationELU, Alpha: 0.3},
	{Function: lstm.ActivationScaledTanh, Alpha: 1.7159, Beta: 2.0 / 3},
	{Function: lstm.ActivationAffine, Alpha: -0.7, Beta: 1.25},
	lstm.ActivationSoftplus.WithDefaults(),
}

// A shape is the input size and the hidden sizes of a network from the input up,
// and the size of its head, 0 for none.
type shape struct {
	sizes   []int
	outputs int
	steps   int // 0 for the usual number

	projections []int // sizes of the layers' projections, 0 for none; nil for none at all
	projClip    float32
	residual    bool // the layers whose h is as long as x are residual
	initial     bool // the layers have initial states
}

const usualSteps = 25

var shapes = []shape{
	{sizes: []int{1, 1}},
	{sizes: []int{1, 8}, outputs: 1},
	{sizes: []int{2, 7}},
	{sizes: []int{3, 9}, outputs: 2},
	{sizes: []int{1, 15}},
	{sizes: []int{1, 16}, outputs: 4},
	{sizes: []int{7, 17}},
	{sizes: []int{1, 20}, outputs: 1},
	{sizes: []int{16, 24}, outputs: 5},
	{sizes: []int{9, 25}},
	{sizes: []int{31, 31}, outputs: 9},
	{sizes: []int{16, 32}, outputs: 16},
	{sizes: []int{33, 40}},
	{sizes: []int{64, 64}, outputs: 33},
	{sizes: []int{100, 100}, outputs: 17},
	{sizes: []int{128, 130}},
	{sizes: []int{4, 16, 16}, outputs: 3},
	{sizes: []int{3, 17, 5, 33}, outputs: 2},
	{sizes: []int{20, 8, 30, 1, 12}},
	// Layers that take several kernel calls: by their weights, by the length of
	// their chains, and by both.
	{sizes: []int{30, 300}, steps: 4},
	{sizes: []int{1500, 20}, steps: 8},
	{sizes: []int{2500, 17}, outputs: 3, steps: 4},
	{sizes: []int{256, 512}, steps: 2},

	// Projections of less and of more than a panel of 64 rows, and of several calls.
	{sizes: []int{1, 8}, projections: []int{1}, outputs: 1},
	{sizes: []int{3, 17}, projections: []int{5}},
	{sizes: []int{9, 40}, projections: []int{32}, projClip: 0x1p-2, outputs: 2},
	{sizes: []int{16, 64}, projections: []int{33}, initial: true},
	{sizes: []int{64, 100}, projections: []int{64}, residual: true},
	{sizes: []int{20, 96}, projections: []int{65}, outputs: 3},
	{sizes: []int{7, 12}, projections: []int{150}},
	{sizes: []int{4, 30, 20, 9}, projections: []int{10, 0, 3}, projClip: 0x1p-1, outputs: 2},
	{sizes: []int{5, 1400}, projections: []int{70}, steps: 3},
	{sizes: []int{40, 300}, projections: []int{200}, steps: 4},
	{sizes: []int{17, 17, 17, 5}, residual: true, outputs: 3},
	{sizes: []int{32, 50, 70}, projections: []int{32, 32}, residual: true},
	{sizes: []int{3, 9, 20}, initial: true, outputs: 1},
	{sizes: []int{24, 24}, residual: true, initial: true},
}

// projection is the size of the projection of layer l, counted from 1, or 0.
func (s shape) projection(l int) int {
	if s.projections == nil {
		return 0
	}
	return s.projections[l-1]
}

// output is the number of elements of the output of layer l, counted from 1, or of
// the input.
func (s shape) output(l int) int {
	if l > 0 && s.projection(l) > 0 {
		return s.projection(l)
	}
	return s.sizes[l]
}

func (s shape) String() string {
	name := ""
	for i, size := range s.sizes {
		if i > 0 {
			name += "-"
		}
		name += fmt.Sprint(size)
	}
	if s.projections != nil {
		name += fmt.Sprintf(" projections %v", s.projections)
	}
	if s.projClip > 0 {
		name += fmt.Sprintf(" within %v", s.projClip)
	}
	if s.residual {
		name += " residual"
	}
	if s.initial {
		name += " initial states"
	}
	if s.outputs > 0 {
		name += fmt.Sprintf(" head %d", s.outputs)
	}
	return name
}

// A maker makes the model of a shape and the inputs of one stream.
type maker func(g *generator, s shape, inputs int) (*lstm.Model, []float32)

// cases are the same streams in different ways.
func (s shape) cases(kind string, make maker) []Case {
	if s.steps == 0 {
		s.steps = usualSteps
	}
	name := fmt.Sprintf("network %s, %s, %d steps", s, kind, s.steps)
	run := func(way func(st *stream)) func(emit func(string, []float32)) {
		return func(emit func(string, []float32)) {
			model, x := make(newGenerator(name), s, s.steps*s.sizes[0])
			net, err := lstm.New(model)
			if err != nil {
				panic("digest: " + err.Error())
			}
			st := &stream{
				net:   net,
				state: net.NewState(),
				x:     x,
				y:     newFloats(s.steps * net.OutputSize()),
				steps: s.steps,
			}
			way(st)
			st.emit(emit)
		}
	}
	cases := []Case{{name + ": steps", run((*stream).stepThrough)}}
	for _, cuts := range [][]int{{}, {1}, {2, 5}, {13}} {
		way := "in one"
		if len(cuts) > 0 {
			way = fmt.Sprintf("cut at %v", cuts)
		}
		if len(cuts) > 0 && cuts[len(cuts)-1] >= s.steps {
			continue
		}
		cases = append(cases, Case{name + ": sequence " + way, run(func(st *stream) { st.forward(cuts) })})
	}
	for _, batch := range []int{1, 2, 3, 6, 7, 13} {
		if batch > 3 && s.steps < usualSteps && batch != 7 {
			continue // a large one
		}
		cases = append(cases, Case{fmt.Sprintf("%s: batch of %d", name, batch), run(func(st *stream) { st.inBatch(batch) })})
	}
	cases = append(cases, Case{name + ": sequences of different lengths", run((*stream).amongSequences)})
	return cases
}

// newFloats is make under a name that the parameter make does not hide.
func newFloats(n int) []float32 { return make([]float32, n) }

// A stream is what is run through a network.
type stream struct {
	net   *lstm.Network
	state *lstm.State
	x, y  []float32
	steps int
}

func (st *stream) input(t int) []float32 { n := st.net.InputSize(); return st.x[t*n : (t+1)*n] }

func (st *stream) output(t int) []float32 { n := st.net.OutputSize(); return st.y[t*n : (t+1)*n] }

func (st *stream) stepThrough() {
	for t := range st.steps {
		st.net.Step(st.state, st.input(t), st.output(t))
	}
}

// forward runs the sequence in parts that end at cuts.
func (st *stream) forward(cuts []int) {
	start := 0
	for _, end := range append(cuts[:len(cuts):len(cuts)], st.steps) {
		in, out := st.net.InputSize(), st.net.OutputSize()
		st.net.Forward(st.state, st.x[start*in:end*in], st.y[start*out:end*out])
		start = end
	}
}

// inBatch steps the stream as the last but one of a batch, whose others run the
// same sequence from its end to its beginning.
func (st *stream) inBatch(size int) {
	place := max(size-2, 0)
	var states []*lstm.State
	xs, ys := make([][]float32, size), make([][]float32, size)
	for i := range size {
		states = append(states, st.net.NewState())
		ys[i] = make([]float32, st.net.OutputSize())
	}
	states[place] = st.state
	for t := range st.steps {
		for i := range xs {
			xs[i] = st.input((st.steps - 1 - t + i) % st.steps)
		}
		xs[place], ys[place] = st.input(t), st.output(t)
		st.net.StepBatch(states, xs, ys)
	}
}

// amongSequences runs the sequence beside its first steps, from none to nearly all
// of them, as other streams.
func (st *stream) amongSequences() {
	const others = 9
	states, xs, ys := []*lstm.State{st.state}, [][]float32{st.x}, [][]float32{st.y}
	for i := range others {
		steps := st.steps * i / others
		states = append(states, st.net.NewState())
		xs = append(xs, st.x[:steps*st.net.InputSize()])
		ys = append(ys, make([]float32, steps*st.net.OutputSize()))
	}
	st.net.ForwardBatch(states, xs, ys)
}

func (st *stream) emit(emit func(piece string, values []float32)) {
	for t := range st.steps {
		emit(fmt.Sprintf("output of step %d", t), st.output(t))
	}
	for l := range st.net.Layers() {
		emit(fmt.Sprintf("h of layer %d", l), st.state.H(l))
		emit(fmt.Sprintf("c of layer %d", l), st.state.C(l))
	}
}

// model makes parameters from -scale to scale, but the weights of long chains
// smaller, so that the gates stay away from their ends.
func (g *generator) model(s shape, scale float32) *lstm.Model {
	m := &lstm.Model{}
	for l := 1; l < len(s.sizes); l++ {
		in, hidden, out := s.output(l-1), s.sizes[l], s.output(l)
		weights := longer(scale, in+out)
		w := &lstm.Weights{
			InputSize:  in,
			HiddenSize: hidden,
			WeightIH:   g.uniform(4*hidden*in, weights),
			WeightHH:   g.uniform(4*hidden*out, weights),
			BiasIH:     g.uniform(4*hidden, scale/2),
			BiasHH:     g.uniform(4*hidden, scale/2),
			Residual:   s.residual && in == out,
		}
		if p := s.projection(l); p > 0 {
			w.ProjSize, w.WeightHR = p, g.uniform(p*hidden, longer(scale, hidden))
			w.Cell.ProjClip = s.projClip
		}
		if s.initial {
			w.InitialH, w.InitialC = g.uniform(out, 1), g.uniform(hidden, 2)
		}
		m.Layers = append(m.Layers, w)
	}
	if s.outputs > 0 {
		top := s.output(len(s.sizes) - 1)
		m.Heads = []lstm.Head{{Layers: []lstm.Layer{&lstm.Linear{
			InFeatures:  top,
			OutFeatures: s.outputs,
			Weight:      g.uniform(s.outputs*top, scale),
			Bias:        g.uniform(s.outputs, scale),
		}}}}
	}
	return m
}

// longer is scale for the weights of chains of n elements, about 1/√n of it.
func longer(scale float32, n int) float32 {
	for ; n > 4; n /= 4 {
		scale /= 2
	}
	return scale
}

func (g *generator) ordinary(s shape, inputs int) (*lstm.Model, []float32) {
	return g.model(s, 4), g.uniform(inputs, 2)
}

// awkwardInput meets awkward numbers in the end: one NaN, or an infinity minus
// another, and a network has nothing but NaNs to say.
func (g *generator) awkwardInput(s shape, inputs int) (*lstm.Model, []float32) {
	m, x := g.model(s, 4), g.uniform(inputs, 2)
	g.withAwkward(x[inputs/2:inputs*7/8], inputs/20)
	g.withAwkward(x[inputs*7/8:], 4)
	return m, x
}

// tiny has weights and states about the least magnitude that counts, so that
// some of them do not, and products that are subnormal.
func (g *generator) tiny(s shape, inputs int) (*lstm.Model, []float32) {
	m := g.model(s, 0x1p-60)
	clearBiases(m)
	return m, g.uniform(inputs, 0x1p-1)
}

// clearBiases makes the biases of all layers zero.
func clearBiases(m *lstm.Model) {
	for _, layer := range m.Layers {
		w := layer.(*lstm.Weights)
		clear(w.BiasIH)
		clear(w.BiasHH)
	}
}

// huge has sums that overflow, to infinities of both signs and NaN.
func (g *generator) huge(s shape, inputs int) (*lstm.Model, []float32) {
	return g.model(s, 0x1p+64), g.uniform(inputs, 0x1p+63)
}

// decayCase is a cell that forgets half of what it holds in every step, from
// the largest number down to the least that counts, and zero.
func decayCase() Case {
	const hidden = 20
	return Case{"state decaying to nothing", func(emit func(string, []float32)) {
		w := &lstm.Weights{
			InputSize:  1,
			HiddenSize: hidden,
			WeightIH:   make([]float32, 4*hidden),
			WeightHH:   make([]float32, 4*hidden*hidden),
			BiasIH:     make([]float32, 4*hidden),
		}
		for u := range hidden {
			w.BiasIH[u] = -104                        // the input gate is shut
			w.BiasIH[hidden+u] = float32(u) * -0x1p-4 // σ(zf) is 1/2 and less
		}
		net, err := lstm.New(&lstm.Model{Layers: []lstm.Layer{w}})
		if err != nil {
			panic("digest: " + err.Error())
		}
		s := net.NewState()
		for u := range s.C(0) {
			s.C(0)[u] = math.MaxFloat32
		}
		x := []float32{0}
		for t := range 300 {
			net.Step(s, x, nil)
			emit(fmt.Sprintf("c of step %d", t), s.C(0))
			emit(fmt.Sprintf("h of step %d", t), s.H(0))
		}
	}}
}

// fadingCase has inputs that become smaller and smaller, and no bias.
func fadingCase() Case {
	const name = "inputs fading to nothing"
	s := shape{sizes: []int{3, 17}, outputs: 2}
	return Case{name, func(emit func(string, []float32)) {
		g := newGenerator(name)
		m := g.model(s, 1)
		clearBiases(m)
		clear(m.Heads[0].Layers[0].(*lstm.Linear).Bias)
		net, err := lstm.New(m)
		if err != nil {
			panic("digest: " + err.Error())
		}
		state, y, scale := net.NewState(), make([]float32, 2), float32(1)
		for t := range 160 {
			net.Step(state, g.uniform(3, scale), y)
			emit(fmt.Sprintf("output of step %d", t), y)
			scale /= 2
		}
		emit("h", state.H(0))
		emit("c", state.C(0))
	}}
}

// sliceInputs are what activations are tried on.
var sliceInputs = []struct {
	what string
	make func(g *generator) []float32
}{
	{"all multiples of 2^15 as bits", func(*generator) []float32 {
		x := make([]float32, 1<<17)
		for i := range x {
			x[i] = math.Float32frombits(uint32(i) << 15)
		}
		return x
	}},
	{"awkward numbers and their neighbours", func(*generator) []float32 {
		var x []float32
		for _, bits := range awkward {
			for i := range uint32(129) {
				x = append(x, math.Float32frombits(bits+i-64))
			}
		}
		return x
	}},
	{"100000 numbers with random bits", func(g *generator) []float32 { return g.anything(100_000) }},
	{"100000 numbers from -16 to 16", func(g *generator) []float32 { return g.uniform(100_000, 16) }},
	{"10000 numbers from -128 to 128", func(g *generator) []float32 { return g.uniform(10_000, 128) }},
}

// sliceCases are σ or tanh of slices.
func sliceCases(name string, apply func(dst, x []float32)) []Case {
	results := func(x func(g *generator) []float32) func(emit func(string, []float32)) {
		return func(emit func(string, []float32)) {
			in := x(newGenerator(name))
			dst := make([]float32, len(in))
			apply(dst, in)
			emit("the result", dst)
		}
	}
	var cases []Case
	for _, s := range sliceInputs {
		cases = append(cases, Case{name + " of " + s.what, results(s.make)})
	}
	for _, n := range []int{1, 7, 8, 9, 15, 16, 17, 31, 33} {
		cases = append(cases, Case{
			fmt.Sprintf("%s of %d numbers", name, n),
			results(func(g *generator) []float32 { return g.uniform(n, 4) }),
		})
	}
	return cases
}

// activationCase is any other activation, of all slices.
func activationCase(a lstm.Activation) Case {
	return Case{a.String() + " of all slices", func(emit func(string, []float32)) {
		g := newGenerator(a.String())
		for _, s := range sliceInputs {
			x := s.make(g)
			a.Apply(x, x)
			emit("the result of "+s.what, x)
		}
	}}
}
