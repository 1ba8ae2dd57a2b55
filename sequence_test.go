package lstm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/guard"
	"example.com/lstm/internal/lstmtest"
)

// A kind of layer in a shape of a model.
type layerKind int

const (
	forwardLayer layerKind = iota
	reverseLayer
	concatLayer
	sumLayer
	mulLayer
	averageLayer
	linearLayer
	tanhLayer

	lastOf layerKind = 100 // added to one of the above: Bidirectional.Last
)

// sequenceShapes are models with bidirectional layers above, below and between
// others, on both sides of the edges of a panel, and of inputs that are narrow and
// wide.
var sequenceShapes = []struct {
	input   int
	layers  []sequenceLayer
	outputs int
}{
	{1, []sequenceLayer{{concatLayer, 1, 1}}, 0},
	{3, []sequenceLayer{{reverseLayer, 7, 7}}, 0},
	{9, []sequenceLayer{{concatLayer, 17, 8}}, 3},
	{2, []sequenceLayer{{sumLayer, 9, 9}}, 0},
	{16, []sequenceLayer{{mulLayer, 20, 20}}, 17},
	{5, []sequenceLayer{{averageLayer, 24, 24}}, 1},
	{8, []sequenceLayer{{concatLayer, 16, 16}, {concatLayer, 16, 16}}, 2},
	{4, []sequenceLayer{{forwardLayer, 12, 0}, {concatLayer, 5, 6}, {forwardLayer, 10, 0}, {forwardLayer, 3, 0}}, 2},
	{12, []sequenceLayer{{mulLayer, 11, 11}, {reverseLayer, 0, 33}, {sumLayer, 6, 6}, {averageLayer, 40, 40}}, 0},
	{10, []sequenceLayer{{forwardLayer, 8, 0}, {forwardLayer, 20, 0}}, 4},
	{33, []sequenceLayer{{concatLayer, 64, 31}, {reverseLayer, 0, 16}}, 0},
	{3, []sequenceLayer{{tanhLayer, 0, 0}, {concatLayer, 7, 9}, {linearLayer, 19, 0}}, 0},
	{5, []sequenceLayer{{linearLayer, 18, 0}, {tanhLayer, 0, 0}, {sumLayer, 9, 9}, {linearLayer, 33, 0}, {linearLayer, 2, 0}, {reverseLayer, 0, 12}, {tanhLayer, 0, 0}}, 4},
	{8, []sequenceLayer{{concatLayer, 8, 8}, {linearLayer, 5, 0}, {forwardLayer, 17, 0}, {tanhLayer, 0, 0}, {mulLayer, 6, 6}, {tanhLayer, 0, 0}, {forwardLayer, 4, 0}}, 3},
	{2, []sequenceLayer{{linearLayer, 20, 0}, {forwardLayer, 9, 0}, {linearLayer, 3, 0}, {reverseLayer, 0, 5}}, 1},
	{4, []sequenceLayer{{lastOf + concatLayer, 9, 17}}, 3},
	{6, []sequenceLayer{{lastOf + sumLayer, 12, 12}, {linearLayer, 5, 0}, {tanhLayer, 0, 0}, {lastOf + reverseLayer, 0, 11}}, 0},
	{5, []sequenceLayer{{concatLayer, 6, 7}, {lastOf + mulLayer, 10, 10}, {forwardLayer, 9, 0}, {lastOf + averageLayer, 8, 8}, {lastOf + concatLayer, 5, 4}}, 0},
}

type sequenceLayer struct {
	kind              layerKind
	forward, backward int // hidden sizes
}

var mergeOf = map[layerKind]Merge{sumLayer: MergeSum, mulLayer: MergeMul, averageLayer: MergeAverage}

// randomSequenceModel makes a model of a shape, with cells and projections of every
// kind, which change the sizes of outputs.
func randomSequenceModel(r *rand.Rand, shape int) *Model {
	s, m := &sequenceShapes[shape], &Model{}
	input := s.input
	of := func(hidden int) *Weights {
		w := randomLayer(r, input, hidden)
		alone := &Model{Layers: []Layer{w}}
		switch r.IntN(3) {
		case 0:
			cellVariants[r.IntN(len(cellVariants))].change(r, alone)
		case 1:
			variants[r.IntN(len(variants))].change(r, alone)
		}
		if r.IntN(3) == 0 {
			formats[r.IntN(len(formats))].change(r, alone)
		}
		return w
	}
	for _, l := range s.layers {
		var layer Layer
		switch l.kind % lastOf {
		case linearLayer:
			linear := randomLinear(r, input, l.forward)
			linear.Format = WeightFormat(r.IntN(3))
			layer = linear
		case tanhLayer:
			m.Layers = append(m.Layers, Activation{Function: ActivationTanh})
			continue
		case forwardLayer:
			layer = of(l.forward)
		case reverseLayer:
			layer = &Bidirectional{Backward: of(l.backward)}
		case concatLayer:
			layer = &Bidirectional{Forward: of(l.forward), Backward: of(l.backward)}
		default: // of directions with outputs of the same size
			forward, backward := of(l.forward), of(l.backward)
			if size := forward.stateSize(); size != backward.stateSize() {
				backward.Residual, backward.InitialH = false, nil
				project(r, &Model{Layers: []Layer{backward}}, 0, size)
			}
			layer = &Bidirectional{Forward: forward, Backward: backward, Merge: mergeOf[l.kind%lastOf]}
		}
		if b, ok := layer.(*Bidirectional); ok {
			b.Last = l.kind >= lastOf
		}
		m.Layers = append(m.Layers, layer)
		input = layer.output().n
	}
	if s.outputs > 0 {
		m.Heads = []Head{{Layers: []Layer{randomLinear(r, input, s.outputs)}}}
	}
	if s.outputs > 2 {
		m.Heads = append(m.Heads, Head{Layers: []Layer{randomLinear(r, input, 21), Activation{Function: ActivationSigmoid}, randomLinear(r, 21, 2)}})
	}
	return m
}

// referenceSequence computes a whole sequence straight from the contract: each
// direction step by step with the formulas of reference, all of a layer before the
// next.
func referenceSequence(m *Model, x [][]float32, initial *SequenceState) (y [][]float32, final *SequenceState) {
	final = &SequenceState{}
	raw := true
	direction := func(w *Weights, x [][]float32, order func(step int) int) [][]float32 {
		r, e := newReference(&Model{Layers: []Layer{w}}), len(final.H)
		r.raw = raw
		if initial != nil {
			r.h[0], r.c[0] = slices.Clone(initial.H[e]), slices.Clone(initial.C[e])
		}
		out := make([][]float32, len(x))
		for step := range x {
			t := order(step)
			out[t] = slices.Clone(r.step(x[t])) // which flushes x
		}
		final.H, final.C = append(final.H, r.h[0]), append(final.C, r.c[0])
		return out
	}
	y = x
	for i, layer := range m.Layers {
		raw = i == 0
		upwards := func(step int) int { return step }
		downwards := func(step int) int { return len(x) - 1 - step }
		switch l := layer.(type) {
		default:
			made := make([][]float32, len(y))
			for t := range y {
				made[t] = referenceDense(layer, referenceFlush(y[t]), raw)
			}
			y = made
		case *Weights:
			y = direction(l, y, upwards)
		case *Bidirectional:
			if l.Forward == nil {
				y = direction(l.Backward, y, downwards)
				if l.Last {
					y = repeated(y, 0)
				}
				continue
			}
			forward := direction(l.Forward, y, upwards)
			backward := direction(l.Backward, y, downwards)
			if l.Last {
				forward, backward = repeated(forward, len(y)-1), repeated(backward, 0)
			}
			y = forward
			for t := range y {
				if l.Merge == MergeConcat {
					y[t] = append(y[t], backward[t]...)
					continue
				}
				for k, b := range backward[t] {
					switch f := y[t][k]; l.Merge {
					case MergeSum:
						y[t][k] = f + b
					case MergeMul:
						y[t][k] = f * b
					case MergeAverage:
						sum := f + b
						y[t][k] = sum * 0.5
					}
				}
			}
		}
	}
	for t := range y {
		if len(m.Heads) > 0 {
			y[t] = referenceHeads(m.Heads, referenceFlush(y[t]))
		}
	}
	return y, final
}

// repeated is row t in place of each row.
func repeated(rows [][]float32, t int) [][]float32 {
	same := make([][]float32, len(rows))
	for i := range same {
		same[i] = slices.Clone(rows[t])
	}
	return same
}

// rows cuts floats into rows.
func rows(floats []float32, width int) (rows [][]float32) {
	for len(floats) > 0 {
		rows = append(rows, floats[:width])
		floats = floats[width:]
	}
	return rows
}

func requireSequenceState(t testing.TB, want, got *SequenceState, what string, args ...any) {
	t.Helper()
	require.Equal(t, len(want.H), len(got.H))
	for e := range want.H {
		lstmtest.RequireBits(t, want.H[e], got.H[e], what+fmt.Sprintf(": h of LSTM %d", e), args...)
		lstmtest.RequireBits(t, want.C[e], got.C[e], what+fmt.Sprintf(": c of LSTM %d", e), args...)
	}
}

// randomState makes a state of n.
func randomState(r *rand.Rand, n *SequenceNetwork) *SequenceState {
	s := n.NewState()
	for e := range s.H {
		copy(s.H[e], lstmtest.Normals(r, len(s.H[e]), 0.5))
		copy(s.C[e], lstmtest.Normals(r, len(s.C[e]), 1))
	}
	return s
}

// unfusedSequence is unfused of every direction.
func unfusedSequence(n *SequenceNetwork) *SequenceNetwork {
	two := &SequenceNetwork{lstms: n.lstms, input: n.input, output: n.output, buffers: n.buffers, merged: n.merged}
	for _, s := range n.segments {
		if s.forward != nil {
			s.forward = unfused(s.forward)
			two.directions = append(two.directions, s.forward)
		}
		if s.backward != nil {
			s.backward = unfused(s.backward)
			two.directions = append(two.directions, s.backward)
		}
		two.segments = append(two.segments, s)
	}
	return two
}

func TestSequenceIsTheFormula(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for shape := range sequenceShapes {
			r := lstmtest.NewRand(40, shape)
			m := randomSequenceModel(r, shape)
			fused, err := NewSequenceNetwork(m)
			require.NoError(t, err)
			for _, steps := range []int{0, 1, 2, 3, 17, 100} {
				for _, n := range []*SequenceNetwork{fused, unfusedSequence(fused)} {
					what := fmt.Sprintf("shape %d, %d steps", shape, steps)
					x := lstmtest.Normals(r, steps*n.input, 1)
					var initial *SequenceState
					if r.IntN(3) > 0 {
						initial = randomState(r, n)
					}
					want, wantFinal := referenceSequence(m, rows(x, n.input), initial)
					y, final := make([]float32, steps*n.output), randomState(r, n)
					n.Forward(x, y, initial, final)
					lstmtest.RequireBits(t, slices.Concat(want...), y, "%s", what)
					requireSequenceState(t, wantFinal, final, "%s", what)

					// In place of the state that it begins with, and without outputs.
					if initial != nil {
						n.Forward(x, nil, initial, initial)
						requireSequenceState(t, wantFinal, initial, "%s, without y", what)
					}
				}
			}
		}
	})
}

// Awkward numbers and tiny ones, which a merge can make of others, come out as the
// formulas say.
func TestSequenceOfAwkwardNumbers(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for shape := range sequenceShapes {
			r := lstmtest.NewRand(41, shape)
			m := randomSequenceModel(r, shape)
			n, err := NewSequenceNetwork(m)
			require.NoError(t, err)
			const steps = 5
			for _, x := range [][]float32{
				lstmtest.Awkwards(r, steps*n.input, 1),
				lstmtest.Normals(r, steps*n.input, 0x1p-30),
				lstmtest.Normals(r, steps*n.input, 0x1p-64),
			} {
				want, wantFinal := referenceSequence(m, rows(x, n.input), nil)
				y, final := make([]float32, steps*n.output), n.NewState()
				n.Forward(x, y, nil, final)
				lstmtest.RequireBits(t, slices.Concat(want...), y, "shape %d", shape)
				requireSequenceState(t, wantFinal, final, "shape %d", shape)
			}
		}
	})
}

// The product of two small outputs is tiny, and counts as zero where a layer reads
// it, but not where it is the network's output.
func TestMergedIsFlushedWhereItIsRead(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		r := lstmtest.NewRand(42)
		small := func() *Weights {
			w := randomLayer(r, 3, 9)
			for _, tensor := range [][]float32{w.WeightIH, w.BiasIH, w.BiasHH} {
				for i := range tensor {
					tensor[i] *= 0x1p-36
				}
			}
			return w
		}
		m := &Model{Layers: []Layer{&Bidirectional{Forward: small(), Backward: small(), Merge: MergeMul}}}
		x := lstmtest.Normals(r, 3*4, 1)
		var tiny int
		for _, above := range []string{"nothing", "a layer", "a head"} {
			switch above {
			case "a layer":
				w := randomLayer(r, 9, 5)
				for i := range w.WeightIH {
					w.WeightIH[i] *= 0x1p+70
				}
				clear(w.BiasIH)
				clear(w.BiasHH)
				m.Layers = append(m.Layers, w)
			case "a head":
				m.Layers = m.Layers[:1]
				m.Heads = []Head{{Layers: []Layer{&Linear{InFeatures: 9, OutFeatures: 4, Weight: lstmtest.Normals(r, 36, 0x1p+70)}}}}
			}
			n, err := NewSequenceNetwork(m)
			require.NoError(t, err)
			want, _ := referenceSequence(m, rows(x, 3), nil)
			y := make([]float32, 4*n.output)
			n.Forward(x, y, nil, nil)
			lstmtest.RequireBits(t, slices.Concat(want...), y, "below %s", above)
			if above == "nothing" {
				for _, v := range y {
					if contract.Flush(v) != v {
						tiny++
					}
				}
			}
		}
		require.Positive(t, tiny, "tiny outputs")
	})
}

// Whatever sequences are together in a batch, each gets what it gets alone; so do
// those of a padded batch.
func TestSequenceBatches(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for shape := range sequenceShapes {
			r := lstmtest.NewRand(43, shape)
			single, err := NewSequenceNetwork(randomSequenceModel(r, shape))
			require.NoError(t, err)
			n := single
			if r.IntN(2) == 0 {
				n = unfusedSequence(single)
			}
			for i, batch := range []int{0, 1, 2, 3, 5, 6, 7, 13, 20} {
				if inPart() && (i+shape)%3 != 0 {
					continue
				}
				longest := []int{1, 4, 12, 60}[r.IntN(4)]
				lengths := make([]int, batch)
				for b := range lengths {
					lengths[b] = r.IntN(longest + 1)
				}
				testBatch(t, r, single, n, lengths, fmt.Sprintf("shape %d, lengths %v", shape, lengths))
			}
		}
	})
}

// More sequences than go through the layers together.
func TestSequenceGroups(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		r := lstmtest.NewRand(44)
		n, err := NewSequenceNetwork(randomSequenceModel(r, 7))
		require.NoError(t, err)
		lengths := make([]int, 2*maxGroup+5)
		for b := range lengths {
			lengths[b] = r.IntN(4)
		}
		testBatch(t, r, n, n, lengths, "many sequences")
	})
}

// testBatch compares ForwardBatch and ForwardPadded of n with Forward of single.
func testBatch(t *testing.T, r *rand.Rand, single, n *SequenceNetwork, lengths []int, what string) {
	t.Helper()
	const untouched = 1234.5
	batch, longest := len(lengths), 0
	for _, length := range lengths {
		longest = max(longest, length)
	}
	shared := randomState(r, n)
	var xs, ys, want [][]float32
	var initial, final, wantFinal []*SequenceState
	for _, length := range lengths {
		x, y := lstmtest.Normals(r, length*n.input, 1), make([]float32, length*n.output)
		var s *SequenceState
		switch r.IntN(3) {
		case 0:
			s = shared
		case 1:
			s = randomState(r, n)
		}
		end := n.NewState()
		single.Forward(x, y, s, end)
		xs, want, ys = append(xs, x), append(want, y), append(ys, make([]float32, len(y)))
		initial, final, wantFinal = append(initial, s), append(final, randomState(r, n)), append(wantFinal, end)
	}
	n.ForwardBatch(xs, ys, initial, final)
	for b := range lengths {
		lstmtest.RequireBits(t, want[b], ys[b], "%s: sequence %d", what, b)
		requireSequenceState(t, wantFinal[b], final[b], "%s: sequence %d", what, b)
	}

	// Some outputs only, and in place of the state that a sequence begins with.
	for b := range lengths {
		clear(ys[b])
		final[b] = nil
		switch r.IntN(3) {
		case 0:
			ys[b] = nil
		case 1:
			if initial[b] != nil && initial[b] != shared {
				final[b] = initial[b]
			}
		}
	}
	begun := slices.Clone(initial)
	for b := range begun {
		if final[b] != nil {
			begun[b] = &SequenceState{}
			for e := range initial[b].H {
				begun[b].H = append(begun[b].H, slices.Clone(initial[b].H[e]))
				begun[b].C = append(begun[b].C, slices.Clone(initial[b].C[e]))
			}
		}
	}
	n.ForwardBatch(xs, ys, initial, final)
	for b := range lengths {
		if ys[b] != nil {
			lstmtest.RequireBits(t, want[b], ys[b], "%s: sequence %d", what, b)
		}
		if final[b] != nil {
			requireSequenceState(t, wantFinal[b], final[b], "%s: sequence %d", what, b)
		}
	}

	// The same, padded, with what is past the ends as no one must read or leave it.
	x, y := slices.Repeat([]float32{lstmtest.NaN}, (longest+1)*batch*n.input), slices.Repeat([]float32{untouched}, (longest+1)*batch*n.output)
	for b, length := range lengths {
		final[b] = randomState(r, n)
		for step := range length {
			copy(x[(step*batch+b)*n.input:][:n.input], xs[b][step*n.input:])
		}
	}
	n.ForwardPadded(lengths, x, y, begun, final)
	for b, length := range lengths {
		for step := range longest + 1 {
			expected := make([]float32, n.output)
			if step < length {
				expected = want[b][step*n.output:][:n.output]
			}
			lstmtest.RequireBits(t, expected, y[(step*batch+b)*n.output:][:n.output], "%s: step %d of padded sequence %d", what, step, b)
		}
		if length == 0 {
			wantFinal[b].clear()
		}
		requireSequenceState(t, wantFinal[b], final[b], "%s: padded sequence %d", what, b)
	}
}

// A model without bidirectional layers is the same network in both types.
func TestSequenceOfPlainModels(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for i, shape := range lstmtest.Shapes {
			r := lstmtest.NewRand(45, i)
			m := randomModel(r, shape.Outputs, shape.Sizes...)
			n, err := NewSequenceNetwork(m)
			require.NoError(t, err)
			plain, err := New(m)
			require.NoError(t, err)
			const steps = 20
			x := lstmtest.Normals(r, steps*n.input, 1)
			want, y := make([]float32, steps*n.output), make([]float32, steps*n.output)
			s, final := plain.NewState(), n.NewState()
			plain.Forward(s, x, want)
			n.Forward(x, y, nil, final)
			lstmtest.RequireBits(t, want, y, "%v", shape)
			for l := range plain.Layers() {
				lstmtest.RequireBits(t, s.H(l), final.H[l], "%v", shape)
				lstmtest.RequireBits(t, s.C(l), final.C[l], "%v", shape)
			}
			require.Equal(t, plain.Fingerprint(), n.Fingerprint())
			require.Equal(t, plain.MemorySize(), n.MemorySize())
			require.Equal(t, plain.Parameters(), n.Parameters())
			require.Equal(t, [2]int{}, n.buffers)
		}
	})
}

// Groups are of sequences that fit, and of so many that tiles are full.
func TestGroupSize(t *testing.T) {
	jobs := func(n, steps int) []job { return slices.Repeat([]job{{steps: steps}}, n) }
	for _, c := range []struct {
		width, jobs, steps, want int
	}{
		{0, 1, 100, 1},
		{0, maxGroup, 1 << 30, maxGroup},
		{0, maxGroup + 1, 100, maxGroup/2 + 1}, // halves
		{1 << 10, 100, 1 << 7, 32},             // 16 MiB
		{1 << 10, 35, 1 << 7, 35},              // no three by themselves
		{1 << 10, 100, 1 << 20, 6},
		{1 << 10, 11, 1 << 20, 11},
		{1 << 10, 5, 1 << 20, 5},
	} {
		n := &SequenceNetwork{merged: c.width}
		require.Equal(t, c.want, n.groupSize(jobs(c.jobs, c.steps)), "%+v", c)
	}
}

func TestSequenceNoAllocations(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for shape := range sequenceShapes {
			r := lstmtest.NewRand(46, shape)
			n, err := NewSequenceNetwork(randomSequenceModel(r, shape))
			require.NoError(t, err)
			s := n.NewState()
			requireNone := func(what string, call func()) {
				t.Helper()
				require.Zero(t, testing.AllocsPerRun(3, call), what)
			}
			for _, steps := range []int{0, 1, 5} {
				x, y := make([]float32, steps*n.input), make([]float32, steps*n.output)
				requireNone("Forward", func() { n.Forward(x, y, s, s) })
				requireNone("Forward without y", func() { n.Forward(x, nil, nil, nil) })
			}
			batches := []int{1, 2, 9}
			if shape == 0 {
				batches = append(batches, maxGroup+1)
			}
			for _, batch := range batches {
				var xs, ys [][]float32
				var states []*SequenceState
				lengths := make([]int, batch)
				for b := range batch {
					lengths[b] = b * 5 % 4
					xs, ys = append(xs, make([]float32, lengths[b]*n.input)), append(ys, make([]float32, lengths[b]*n.output))
					states = append(states, n.NewState())
				}
				x, y := make([]float32, 3*batch*n.input), make([]float32, 3*batch*n.output)
				requireNone("ForwardBatch", func() { n.ForwardBatch(xs, ys, states, states) })
				requireNone("ForwardBatch without ys", func() { n.ForwardBatch(xs, nil, nil, nil) })
				requireNone("ForwardPadded", func() { n.ForwardPadded(lengths, x, y, states, states) })
				requireNone("Checks", func() {
					_, _ = n.CheckForwardBatch(xs, ys, states, states), n.CheckForwardPadded(lengths, x, y, states, states)
					_ = n.CheckForward(x, nil, s, s)
				})
			}
		}
	})
}

// Any number of goroutines use one network, and get the bits that they would get
// alone.
func TestSequenceConcurrency(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, shape := range []int{8, len(sequenceShapes) - 1} {
			testSequenceConcurrency(t, shape)
		}
	})
}

func testSequenceConcurrency(t *testing.T, shape int) {
	r := lstmtest.NewRand(47)
	n, err := NewSequenceNetwork(randomSequenceModel(r, shape))
	require.NoError(t, err)
	var group sync.WaitGroup
	initial := randomState(r, n) // of all
	for range 8 {
		steps := 5 + r.IntN(10)
		x, want := lstmtest.Normals(r, steps*n.input, 1), make([]float32, steps*n.output)
		n.Forward(x, want, initial, nil)
		group.Go(func() {
			y := make([]float32, len(want))
			for range 3 {
				n.Forward(x, y, initial, nil)
				assertSameBits(t, want, y)
				clear(y)
				n.ForwardBatch([][]float32{x[:n.input], nil, x, x}, [][]float32{nil, nil, nil, y}, []*SequenceState{initial, initial, nil, initial}, nil)
				assertSameBits(t, want, y)
			}
		})
	}
	group.Wait()
}

// No call reads or writes beside the memory that it is given.
func TestSequenceGuardPages(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for shape := range sequenceShapes {
			r := lstmtest.NewRand(48, shape)
			n, err := NewSequenceNetwork(randomSequenceModel(r, shape))
			require.NoError(t, err)
			const batch, steps = 4, 9
			x, y := guard.New(batch*steps*n.input), guard.New(batch*steps*n.output)
			defer x.Release()
			defer y.Release()
			for _, last := range []bool{false, true} {
				place := func(b *guard.Buffer, floats int) []float32 {
					if last {
						return b.Last(floats)
					}
					return b.First(floats)
				}
				want := make([]float32, steps*n.output)
				in, out := place(x, steps*n.input), place(y, steps*n.output)
				copy(in, lstmtest.Normals(r, len(in), 1))
				n.Forward(slices.Clone(in), want, nil, nil)
				n.Forward(in, out, nil, nil)
				lstmtest.RequireBits(t, want, out, "shape %d", shape)
				n.ForwardBatch([][]float32{in, in, in[:n.input], in}, [][]float32{nil, nil, nil, out}, nil, nil)
				lstmtest.RequireBits(t, want, out, "shape %d in a batch", shape)
				n.ForwardPadded([]int{steps, 1, 0, steps}, place(x, batch*steps*n.input), place(y, batch*steps*n.output), nil, nil)
			}
		}
	})
}
