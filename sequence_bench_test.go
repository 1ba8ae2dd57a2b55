package lstm

import (
	"fmt"
	"testing"

	"example.com/lstm/internal/lstmtest"
)

// BenchmarkSequence is a layer in one direction, as a Network and as a
// SequenceNetwork, and in both, whose time should be twice that.
func BenchmarkSequence(b *testing.B) {
	const steps, batch = 100, 32
	for _, s := range benchShapes {
		r := lstmtest.NewRand(s[0], s[1])
		forward, backward := randomLayer(r, s[0], s[1]), randomLayer(r, s[0], s[1])
		network := benchNetwork(b, s[0], s[1])
		for _, lengths := range []string{"one", "equal", "even"} {
			xs := make([][]float32, batch)
			for i := range xs {
				length := steps
				if lengths == "even" { // from 1 to 100 steps
					length = 1 + i*(steps-1)/(batch-1)
				}
				xs[i] = lstmtest.Normals(r, length*s[0], 1)
			}
			if lengths == "one" {
				xs = xs[:1]
			}
			name := fmt.Sprintf("input=%d/hidden=%d/lengths=%s", s[0], s[1], lengths)
			b.Run(name+"/layer=network", func(b *testing.B) {
				var states []*State
				for range xs {
					states = append(states, network.NewState())
				}
				ys := outputsOf(xs, s[0], s[1])
				lstmtest.BenchEachPath(b, func(b *testing.B, _ string) {
					for b.Loop() {
						network.ForwardBatch(states, xs, ys)
					}
				})
			})
			for _, layer := range []struct {
				name string
				Layer
			}{
				{"forward", forward},
				{"concat", &Bidirectional{Forward: forward, Backward: backward}},
				{"sum", &Bidirectional{Forward: forward, Backward: backward, Merge: MergeSum}},
			} {
				b.Run(name+"/layer="+layer.name, func(b *testing.B) {
					n, err := NewSequenceNetwork(&Model{Layers: []Layer{layer.Layer}})
					if err != nil {
						b.Fatal(err)
					}
					ys := outputsOf(xs, s[0], n.OutputSize())
					lstmtest.BenchEachPath(b, func(b *testing.B, _ string) {
						for b.Loop() {
							n.ForwardBatch(xs, ys, nil, nil)
						}
					})
				})
			}
		}
	}
}

// outputsOf is room for the outputs of sequences.
func outputsOf(xs [][]float32, input, output int) [][]float32 {
	ys := make([][]float32, len(xs))
	for i, x := range xs {
		ys[i] = make([]float32, len(x)/input*output)
	}
	return ys
}
