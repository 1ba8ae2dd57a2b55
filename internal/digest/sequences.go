package digest

import (
	"fmt"

	"example.com/lstm"
)

// A sequenceShape is a network with layers that run in both directions or in
// reverse: from the input up, hidden sizes forward and backward, 0 for none.
type sequenceShape struct {
	name    string
	input   int
	layers  []directions
	outputs int // of the head, 0 for none
}

type directions struct {
	forward, backward int
	merge             lstm.Merge
	last              bool
}

var sequenceShapes = []sequenceShape{
	{"concat", 5, []directions{{forward: 17, backward: 9}}, 3},
	{"reverse", 16, []directions{{backward: 32}}, 0},
	{"sum", 3, []directions{{forward: 20, backward: 20, merge: lstm.MergeSum}}, 2},
	{"mul", 9, []directions{{forward: 16, backward: 16, merge: lstm.MergeMul}}, 2},
	{"average", 12, []directions{{forward: 7, backward: 7, merge: lstm.MergeAverage}}, 0},
	{"of five layers", 4, []directions{{forward: 12}, {forward: 10, backward: 11}, {forward: 8, backward: 8, merge: lstm.MergeMul}, {backward: 33}, {forward: 5, backward: 5, merge: lstm.MergeSum}}, 0},
	{"last", 7, []directions{{forward: 9, backward: 17, last: true}}, 3},
}

// sequenceCases are whole sequences of these networks in different ways.
func sequenceCases() []Case {
	var cases []Case
	for _, s := range sequenceShapes {
		cases = append(cases, s.cases("ordinary", 4, (*generator).uniformInput)...)
		cases = append(cases, s.cases("tiny", 0x1p-16, (*generator).uniformInput)...)
		cases = append(cases, s.cases("awkward", 4, (*generator).someAwkward)...)
	}
	return cases
}

func (g *generator) uniformInput(n int) []float32 { return g.uniform(n, 2) }

// someAwkward has awkward numbers, none of which makes others NaN.
func (g *generator) someAwkward(n int) []float32 {
	x := g.uniform(n, 2)
	g.withAwkward(x[n/2:n*5/8], n/20)
	for i, v := range x {
		if v-v != 0 {
			x[i] = 0
		}
	}
	return x
}

func (s *sequenceShape) cases(kind string, scale float32, input func(g *generator, n int) []float32) []Case {
	const steps, others = 25, 9
	name := fmt.Sprintf("whole sequence %s, %s, %d steps", s.name, kind, steps)
	run := func(way func(n *lstm.SequenceNetwork, x, y []float32, initial, final *lstm.SequenceState)) func(emit func(string, []float32)) {
		return func(emit func(string, []float32)) {
			g := newGenerator(name)
			n, err := lstm.NewSequenceNetwork(s.model(g, scale))
			if err != nil {
				panic("digest: " + err.Error())
			}
			initial, final := n.NewState(), n.NewState()
			for e := range initial.H {
				copy(initial.H[e], g.uniform(len(initial.H[e]), 0.5))
				copy(initial.C[e], g.uniform(len(initial.C[e]), 1))
			}
			x, y := input(g, steps*n.InputSize()), make([]float32, steps*n.OutputSize())
			way(n, x, y, initial, final)
			for t := range steps {
				emit(fmt.Sprintf("output of step %d", t), y[t*n.OutputSize():][:n.OutputSize()])
			}
			for e := range final.H {
				emit(fmt.Sprintf("h of LSTM %d", e), final.H[e])
				emit(fmt.Sprintf("c of LSTM %d", e), final.C[e])
			}
		}
	}
	return []Case{
		{name + ": alone", run(func(n *lstm.SequenceNetwork, x, y []float32, initial, final *lstm.SequenceState) {
			n.Forward(x, y, initial, final)
		})},
		// Beside its own first steps, from none to nearly all of them.
		{name + ": in a batch", run(func(n *lstm.SequenceNetwork, x, y []float32, initial, final *lstm.SequenceState) {
			var xs, ys [][]float32
			var begins, ends []*lstm.SequenceState
			for i := range others {
				xs, ys = append(xs, x[:steps*i/others*n.InputSize()]), append(ys, nil)
				begins, ends = append(begins, nil), append(ends, n.NewState())
			}
			xs[4], ys[4], begins[4], ends[4] = x, y, initial, final
			n.ForwardBatch(xs, ys, begins, ends)
		})},
		{name + ": padded", run(func(n *lstm.SequenceNetwork, x, y []float32, initial, final *lstm.SequenceState) {
			in, out := n.InputSize(), n.OutputSize()
			padded, outputs := make([]float32, 3*(steps+2)*in), make([]float32, 3*(steps+2)*out)
			for t := range steps {
				copy(padded[(3*t+1)*in:], x[t*in:][:in])
				copy(padded[(3*t+2)*in:], x[t*in:][:in])
			}
			n.ForwardPadded([]int{0, steps, steps + 1}, padded, outputs, []*lstm.SequenceState{nil, initial, nil}, []*lstm.SequenceState{nil, final, nil})
			for t := range steps {
				copy(y[t*out:], outputs[(3*t+1)*out:][:out])
			}
		})},
	}
}

// model makes parameters as generator.model does.
func (s *sequenceShape) model(g *generator, scale float32) *lstm.Model {
	m, input := &lstm.Model{}, s.input
	weights := func(hidden int) *lstm.Weights {
		if hidden == 0 {
			return nil
		}
		return g.model(shape{sizes: []int{input, hidden}}, scale).Layers[0].(*lstm.Weights)
	}
	for _, l := range s.layers {
		forward, backward := weights(l.forward), weights(l.backward)
		switch {
		case backward == nil:
			m.Layers = append(m.Layers, forward)
			input = l.forward
		default:
			m.Layers = append(m.Layers, &lstm.Bidirectional{Forward: forward, Backward: backward, Merge: l.merge, Last: l.last})
			input = l.backward
			if forward != nil && l.merge == lstm.MergeConcat {
				input += l.forward
			}
		}
	}
	if s.outputs > 0 {
		m.Heads = g.model(shape{sizes: []int{1, input}, outputs: s.outputs}, scale).Heads
	}
	return m
}
