package apitest

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// bidirectional makes a layer of two directions, or of the backward one only.
func bidirectional(seed uint64, input, forward, backward int, merge lstm.Merge) *lstm.Bidirectional {
	of := func(seed uint64, hidden int) *lstm.Weights {
		if hidden == 0 {
			return nil
		}
		return weightsOf(lstm.RandomModel(seed, 0, input, hidden), 0)
	}
	return &lstm.Bidirectional{Forward: of(seed, forward), Backward: of(seed+1, backward), Merge: merge}
}

// bidirectionalModel has layers of every kind, and a head.
func bidirectionalModel() *lstm.Model {
	m := lstm.RandomModel(7, 2, 9, 4)
	m.Layers = []lstm.Layer{
		weightsOf(lstm.RandomModel(1, 0, 3, 8), 0),
		bidirectional(2, 8, 5, 4, lstm.MergeConcat),
		bidirectional(3, 9, 6, 6, lstm.MergeSum),
		bidirectional(4, 6, 0, 5, lstm.MergeConcat),
		bidirectional(5, 5, 7, 7, lstm.MergeMul),
		bidirectional(6, 7, 9, 9, lstm.MergeAverage),
		m.Layers[0],
	}
	return m
}

// A file holds the directions of layers, as tensors with PyTorch's names and as
// metadata, which do not become the model's.
func TestBidirectionalRoundTrip(t *testing.T) {
	m := bidirectionalModel()
	m.Layers[4].(*lstm.Bidirectional).Backward.Cell.Clip = 3
	m.Layers[3].(*lstm.Bidirectional).Backward.BiasIH = nil
	m.Layers[1].(*lstm.Bidirectional).Forward.Cell.Coupled = true
	for _, l := range []int{2, 3} {
		m.Layers[l].(*lstm.Bidirectional).Last = true
	}
	m.Metadata = map[string]string{"by": "test"}
	before := maps.Clone(m.Metadata)
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	require.Equal(t, before, m.Metadata)
	tensors, written := readTensors(t, bytes.NewReader(file.Bytes()))
	require.Equal(t, map[string]string{"by": "test", "lstm.structure": `{"version":1,"layers":[{},{"cell":"coupled"},{"merge":"sum","last":true},{"reverse":true,"last":true},` +
		`{"backward":{"cell":"clip=3"},"merge":"mul"},{"merge":"ave"},{}]}`}, written)
	require.Equal(t, []int{16, 8}, tensors["lstm.weight_ih_l1_reverse"].Shape)
	require.NotContains(t, tensors, "lstm.weight_ih_l3")
	require.NotContains(t, tensors, "lstm.bias_ih_l3_reverse")
	require.Contains(t, tensors, "lstm.bias_hh_l3_reverse")
	got, err := lstm.ReadModel(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	require.True(t, modelsEqual(m, got))

	// The one type runs it, the other says which one does.
	n, err := lstm.ReadSequence(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	require.Equal(t, lstm.Source{LSTM: "lstm", Head: "head"}, n.Source())
	require.Equal(t, before, n.Metadata())
	_, err = lstm.Read(bytes.NewReader(file.Bytes()))
	require.ErrorIs(t, err, lstm.ErrUnsupported)
	require.EqualError(t, err, "lstm: layer 1 is a *lstm.Bidirectional, which has no single steps, want *lstm.Weights: "+
		"NewSequenceNetwork, OpenSequence and ReadSequence make a network of it that runs whole sequences")
}

// What the metadata say of directions agrees with the tensors, or the file is refused.
func TestBidirectionalMetadata(t *testing.T) {
	both := `"a.weight_ih_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[0,16]},"a.weight_hh_l0":{"dtype":"F32","shape":[4,1],"data_offsets":[16,32]}`
	one := both
	both += `,"a.weight_ih_l0_reverse":{"dtype":"F32","shape":[4,1],"data_offsets":[32,48]},"a.weight_hh_l0_reverse":{"dtype":"F32","shape":[4,1],"data_offsets":[48,64]}`
	uneven := one + `,"a.weight_ih_l0_reverse":{"dtype":"F32","shape":[8,1],"data_offsets":[32,64]},"a.weight_hh_l0_reverse":{"dtype":"F32","shape":[8,2],"data_offsets":[64,128]}`
	read := func(tensors string, size int, layer string) (*lstm.Model, error) {
		metadata := fmt.Sprintf(`{"version":1,"layers":[%s]}`, layer)
		return lstm.ReadModel(bytes.NewReader(container(fmt.Sprintf(`{"__metadata__":{"a.structure":%q},%s}`, metadata, tensors), string(make([]byte, size)))))
	}
	for merge, name := range []string{"concat", "sum", "mul", "ave"} {
		m, err := read(both, 64, fmt.Sprintf(`{"merge":%q}`, name))
		require.NoError(t, err)
		require.Equal(t, lstm.Merge(merge), m.Layers[0].(*lstm.Bidirectional).Merge)
		require.Equal(t, name, lstm.Merge(merge).String())
		require.Nil(t, m.Metadata)
	}
	m, err := read(uneven, 128, `{"merge":"concat"}`)
	require.NoError(t, err)
	require.Equal(t, 2, m.Layers[0].(*lstm.Bidirectional).Backward.HiddenSize)

	for _, c := range []struct {
		tensors string
		size    int
		layer   string
		kind    error
		want    string
	}{
		{both, 64, `{"merge":"average"}`, lstm.ErrUnsupported, `metadata "a.structure": layer 0: merge is "average", want one of concat, sum, mul, ave`},
		{one, 32, `{"merge":"sum"}`, lstm.ErrUnsupported, `tensor "a.weight_ih_l0": layer 0 has this direction only, want both, since it merges them`},
		{uneven, 128, `{"merge":"sum"}`, lstm.ErrShape, `layer 0: Backward: HiddenSize is 2, want 1, the HiddenSize of Forward, since Merge is sum`},
		{both, 64, `{"reverse":true}`, lstm.ErrUnsupported, `tensor "a.weight_ih_l0": layer 0 has this direction, want the backward one only, since it runs in reverse`},
		{one, 32, `{"reverse":true}`, lstm.ErrUnsupported, `tensor "a.weight_ih_l0": layer 0 has this direction, want the backward one only, since it runs in reverse`},
		{one, 32, `{"backward":{"cell":"coupled"}}`, lstm.ErrUnsupported, `metadata "a.structure": layer 0: it says what the backward direction is, want that of a layer with both`},
		{one, 32, `{"last":true}`, lstm.ErrUnsupported, `metadata "a.structure": layer 0: it has last, want that of a layer that reads sequences from their end`},
		{both, 64, `{"backward":{"last":true}}`, lstm.ErrUnsupported, `metadata "a.structure": json: unknown field "last"`},
		{both, 64, `{"backward":{"merge":"sum"}}`, lstm.ErrUnsupported, `metadata "a.structure": json: unknown field "merge"`},
		{both, 64, `{"backward":{"cell":"no"}}`, lstm.ErrUnsupported, `metadata "a.structure": layer 0: cell is "no"`},
	} {
		_, err := read(c.tensors, c.size, c.layer)
		require.ErrorIs(t, err, c.kind, c.want)
		assertFileError(t, err, c.want)
	}
}

func TestBidirectionalErrors(t *testing.T) {
	layer := func(m *lstm.Model, l int) *lstm.Bidirectional { return m.Layers[l].(*lstm.Bidirectional) }
	for _, c := range []struct {
		want  string
		spoil func(m *lstm.Model)
	}{
		{"layer 1 is a nil *lstm.Bidirectional", func(m *lstm.Model) { m.Layers[1] = (*lstm.Bidirectional)(nil) }},
		{"layer 1: Backward is nil, want *lstm.Weights; a layer that runs forward only is *lstm.Weights itself", func(m *lstm.Model) { layer(m, 1).Backward = nil }},
		{"layer 1: Merge is 4, want 0 to 3", func(m *lstm.Model) { layer(m, 1).Merge = 4 }},
		{"layer 3: Merge is sum and Forward is nil, want concat where there is nothing to merge", func(m *lstm.Model) { layer(m, 3).Merge = lstm.MergeSum }},
		{"layer 1: Forward: HiddenSize is 0, want at least 1", func(m *lstm.Model) { layer(m, 1).Forward.HiddenSize = 0 }},
		{"layer 1: Backward: WeightHH is nil, want 64 elements, shape [4H, H]", func(m *lstm.Model) { layer(m, 1).Backward.WeightHH = nil }},
		{"layer 1: Backward: InputSize is 7, want 8, the InputSize of Forward", func(m *lstm.Model) { layer(m, 1).Backward = bidirectional(1, 7, 0, 4, 0).Backward }},
		{"layer 2: Backward: HiddenSize is 5, want 6, the HiddenSize of Forward, since Merge is sum", func(m *lstm.Model) { layer(m, 2).Backward = bidirectional(1, 9, 0, 5, 0).Backward }},
		{"layer 1: InputSize is 7, want 8, the HiddenSize of layer 0", func(m *lstm.Model) { m.Layers[1] = bidirectional(1, 7, 5, 4, 0) }},
		{"layer 2: InputSize is 9, want 10, the output size of layer 1", func(m *lstm.Model) { m.Layers[1] = bidirectional(1, 8, 5, 5, 0) }},
	} {
		m := bidirectionalModel()
		c.spoil(m)
		n, err := lstm.NewSequenceNetwork(m)
		require.EqualError(t, err, "lstm: "+c.want)
		require.Nil(t, n)
	}
	n, err := lstm.NewSequenceNetwork(nil)
	require.EqualError(t, err, "lstm: the model is nil")
	require.Nil(t, n)
	require.Equal(t, "Merge(9)", lstm.Merge(9).String())
}

func TestSequenceNetworkDescribesItself(t *testing.T) {
	m := bidirectionalModel()
	m.Metadata = map[string]string{"key": "value"}
	n, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	require.Equal(t, 3, n.InputSize())
	require.Equal(t, 2, n.OutputSize())
	require.True(t, n.HasHead())
	parameters, memory := 0, 0
	count := func(w *lstm.Weights) {
		if w != nil {
			one, err := lstm.New(&lstm.Model{Layers: []lstm.Layer{w}})
			require.NoError(t, err)
			parameters += one.Parameters()
			memory += one.MemorySize()
		}
	}
	for _, layer := range m.Layers {
		switch l := layer.(type) {
		case *lstm.Weights:
			count(l)
		case *lstm.Bidirectional:
			count(l.Forward)
			count(l.Backward)
		}
	}
	require.Equal(t, parameters+2*(4+1), n.Parameters())
	require.Equal(t, memory+4*2*(16+1), n.MemorySize())
	n.Metadata()["key"] = "another"
	require.Equal(t, map[string]string{"key": "value"}, n.Metadata())

	s := n.NewState()
	var sizes []int
	for e := range s.H {
		sizes = append(sizes, len(s.H[e]))
		require.Len(t, s.C[e], len(s.H[e]))
	}
	require.Equal(t, []int{8, 5, 4, 6, 6, 5, 7, 7, 9, 9, 4}, sizes)
}

// Each way to use the same weights makes another fingerprint, and so does each
// weight.
func TestSequenceFingerprint(t *testing.T) {
	seen := map[lstm.Fingerprint]string{{}: "none"}
	another := func(name string, m *lstm.Model) {
		n, err := lstm.NewSequenceNetwork(m)
		require.NoError(t, err)
		require.Empty(t, seen[n.Fingerprint()], name)
		seen[n.Fingerprint()] = name
	}
	w, v := weightsOf(lstm.RandomModel(1, 0, 4, 4), 0), weightsOf(lstm.RandomModel(2, 0, 4, 4), 0)
	of := func(layers ...lstm.Layer) *lstm.Model { return &lstm.Model{Layers: layers} }
	another("forward", of(w))
	another("reverse", of(&lstm.Bidirectional{Backward: w}))
	another("reverse last", of(&lstm.Bidirectional{Backward: w, Last: true}))
	for merge := range lstm.MergeAverage + 1 {
		another(merge.String(), of(&lstm.Bidirectional{Forward: w, Backward: v, Merge: merge}))
		another(merge.String()+" last", of(&lstm.Bidirectional{Forward: w, Backward: v, Merge: merge, Last: true}))
	}
	another("exchanged", of(&lstm.Bidirectional{Forward: v, Backward: w}))
	another("both the same", of(&lstm.Bidirectional{Forward: w, Backward: w}))
	another("forward, reverse", of(w, &lstm.Bidirectional{Backward: w}))
	another("reverse, forward", of(&lstm.Bidirectional{Backward: w}, w))
	another("reverse, reverse", of(&lstm.Bidirectional{Backward: w}, &lstm.Bidirectional{Backward: w}))
	head := &lstm.Linear{InFeatures: 4, OutFeatures: 1, Weight: []float32{1, 2, 3, 4}}
	withHead := func() *lstm.Model {
		m := of(&lstm.Bidirectional{Backward: w})
		m.Heads = []lstm.Head{{Layers: []lstm.Layer{head}}}
		return m
	}
	another("a head", withHead())
	head.Bias = []float32{1}
	another("a head with a bias", withHead())
	head.Weight[3] = 5
	another("a head of another weight", withHead())
	square := &lstm.Linear{InFeatures: 4, OutFeatures: 4, Weight: make([]float32, 16)}
	reverse := &lstm.Bidirectional{Backward: w}
	another("an activation above", of(reverse, tanh))
	another("an activation below", of(tanh, reverse))
	another("two activations above", of(reverse, tanh, tanh))
	another("two layers above", of(reverse, square, tanh))
	another("two layers below", of(square, tanh, reverse))
	another("two layers above, of another weight", of(reverse, &lstm.Linear{InFeatures: 4, OutFeatures: 4, Weight: append([]float32{1}, square.Weight[1:]...)}, tanh))
	another("a linear layer below", of(square, reverse))
	w.WeightIH[5] = 77
	another("another weight", of(&lstm.Bidirectional{Forward: w, Backward: v}))
	v.WeightHH[6] = 77
	another("another backward weight", of(&lstm.Bidirectional{Forward: w, Backward: v}))
}

// Calls with wrong arguments panic, each with its message, before anything has
// changed.
func TestSequenceMisuse(t *testing.T) {
	n, err := lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{bidirectional(1, 3, 5, 4, 0)}})
	require.NoError(t, err)
	const untouched = 1234.5
	x, y := make([]float32, 30), slices.Repeat([]float32{untouched}, 90)
	s, other := n.NewState(), n.NewState()
	of := func(change func(s *lstm.SequenceState)) *lstm.SequenceState {
		s := n.NewState()
		change(s)
		return s
	}
	short := of(func(s *lstm.SequenceState) { s.H[1] = s.H[1][:3] })
	panics := func(want string, call func()) {
		t.Helper()
		s.H[0][0], other.C[1][0] = 2, 3
		require.PanicsWithError(t, want, call)
		for _, v := range y {
			require.EqualValues(t, untouched, v, want)
		}
		require.EqualValues(t, 2, s.H[0][0])
		require.EqualValues(t, 3, other.C[1][0])
	}
	panics("lstm: Forward: x has length 7, want 9 (a multiple of InputSize)", func() { n.Forward(x[:7], nil, nil, nil) })
	panics("lstm: Forward: y has length 17, want 18 (steps × OutputSize)", func() { n.Forward(x[:6], y[:17], s, other) })
	panics("lstm: Forward: y has length 0, want 18 (steps × OutputSize)", func() { n.Forward(x[:6], y[:0], s, other) })
	panics("lstm: Forward: initial: H[1] has length 3, want 4", func() { n.Forward(x[:6], y[:18], short, s) })
	panics("lstm: Forward: final: H[1] has length 3, want 4", func() { n.Forward(x[:6], y[:18], s, short) })
	panics("lstm: Forward: final: C[0] has length 6, want 5",
		func() { n.Forward(x[:6], y[:18], s, of(func(s *lstm.SequenceState) { s.C[0] = make([]float32, 6) })) })
	panics("lstm: Forward: initial has 0 LSTMs of H, want 2, one for each layer and direction", func() { n.Forward(x[:6], y[:18], &lstm.SequenceState{}, s) })
	panics("lstm: Forward: initial has 3 LSTMs of C, want 2, one for each layer and direction",
		func() { n.Forward(x[:6], y[:18], of(func(s *lstm.SequenceState) { s.C = append(s.C, nil) }), s) })

	xs, ys := [][]float32{x[:3], nil, x[:6]}, [][]float32{y[:9], nil, y[9:27]}
	states := func(s ...*lstm.SequenceState) []*lstm.SequenceState { return s }
	panics("lstm: ForwardBatch: ys has length 2, want 3 (the number of sequences)", func() { n.ForwardBatch(xs, ys[:2], nil, nil) })
	panics("lstm: ForwardBatch: xs[1] has length 5, want 6 (a multiple of InputSize)", func() { n.ForwardBatch([][]float32{x[:3], x[:5], nil}, ys, nil, nil) })
	panics("lstm: ForwardBatch: ys[2] has length 9, want 18 (steps × OutputSize)", func() { n.ForwardBatch(xs, [][]float32{nil, nil, y[:9]}, nil, nil) })
	panics("lstm: ForwardBatch: initial has length 1, want 3 (the number of sequences)", func() { n.ForwardBatch(xs, ys, states(s), nil) })
	panics("lstm: ForwardBatch: final has length 4, want 3 (the number of sequences)", func() { n.ForwardBatch(xs, ys, nil, states(s, other, nil, nil)) })
	panics("lstm: ForwardBatch: initial[1]: H[1] has length 3, want 4", func() { n.ForwardBatch(xs, ys, states(s, short, s), nil) })
	panics("lstm: ForwardBatch: final[2]: H[1] has length 3, want 4", func() { n.ForwardBatch(xs, ys, nil, states(s, nil, short)) })
	panics("lstm: ForwardBatch: final[2] is the same as final[0], want each state once", func() { n.ForwardBatch(xs, ys, nil, states(s, other, s)) })
	panics("lstm: ForwardBatch: initial[1] is the same as final[2], want a state that no other sequence ends with",
		func() { n.ForwardBatch(xs, ys, states(nil, s, s), states(other, nil, s)) })
	require.NoError(t, n.CheckForwardBatch(xs, ys, states(other, other, s), states(nil, nil, s)), "marks of the calls before")

	panics("lstm: ForwardPadded: x has length 29, want 24 (steps × lengths × InputSize)", func() { n.ForwardPadded([]int{1, 2}, x[:29], y[:90], nil, nil) })
	panics("lstm: ForwardPadded: x has length 3, want 0 (steps × lengths × InputSize)", func() { n.ForwardPadded(nil, x[:3], nil, nil, nil) })
	panics("lstm: ForwardPadded: y has length 9, want 90 (steps × lengths × OutputSize)", func() { n.ForwardPadded([]int{1, 2}, x, y[:9], nil, nil) })
	panics("lstm: ForwardPadded: y has length 9, want 0 (steps × lengths × OutputSize)", func() { n.ForwardPadded(nil, nil, y[:9], nil, nil) })
	panics("lstm: ForwardPadded: lengths[1] is 6, want 0 to 5, the steps of x", func() { n.ForwardPadded([]int{1, 6}, x, y, nil, nil) })
	panics("lstm: ForwardPadded: lengths[0] is -1, want 0 to 5, the steps of x", func() { n.ForwardPadded([]int{-1, 5}, x, y, nil, nil) })
	panics("lstm: ForwardPadded: final has length 1, want 2 (the number of sequences)", func() { n.ForwardPadded([]int{1, 5}, x, y, nil, states(s)) })

	n.ForwardBatch(nil, nil, nil, nil)
	n.ForwardPadded(nil, nil, nil, nil, nil)
	n.Forward(nil, nil, nil, nil)
}

func TestZeroSequenceNetwork(t *testing.T) {
	var n lstm.SequenceNetwork
	const what = "the SequenceNetwork is the zero SequenceNetwork, want one made by OpenSequence, ReadSequence or NewSequenceNetwork"
	for name, call := range map[string]func(){
		"NewState":      func() { n.NewState() },
		"InputSize":     func() { n.InputSize() },
		"OutputSize":    func() { n.OutputSize() },
		"Fingerprint":   func() { n.Fingerprint() },
		"Forward":       func() { n.Forward(nil, nil, nil, nil) },
		"ForwardBatch":  func() { n.ForwardBatch(nil, nil, nil, nil) },
		"ForwardPadded": func() { n.ForwardPadded(nil, nil, nil, nil, nil) },
	} {
		require.PanicsWithError(t, "lstm: "+name+": "+what, call)
	}
	require.Zero(t, n.Parameters())
	require.Zero(t, n.MemorySize())
	require.False(t, n.HasHead())
	require.Nil(t, n.Heads())
	require.Nil(t, n.Metadata())
}

// A padded batch has the semantics of ONNX's sequence_lens: outputs past the end of a
// sequence are zero, its states those of its last step, and zero without steps.
func TestForwardPaddedIsONNX(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		n, err := lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{bidirectional(1, 2, 3, 3, lstm.MergeConcat)}})
		require.NoError(t, err)
		const steps = 4
		lengths := []int{3, 0, steps}
		r := lstmtest.NewRand(50)
		x, y := lstmtest.Normals(r, steps*len(lengths)*2, 1), lstmtest.Normals(r, steps*len(lengths)*6, 1)
		initial, final := make([]*lstm.SequenceState, len(lengths)), make([]*lstm.SequenceState, len(lengths))
		for b := range lengths {
			initial[b], final[b] = n.NewState(), n.NewState()
			for e := range initial[b].H {
				copy(initial[b].H[e], lstmtest.Normals(r, 3, 1))
				copy(initial[b].C[e], lstmtest.Normals(r, 3, 1))
				copy(final[b].H[e], lstmtest.Normals(r, 3, 1))
			}
		}
		n.ForwardPadded(lengths, x, y, initial, final)
		for b, length := range lengths {
			alone, end, out := make([]float32, length*2), n.NewState(), make([]float32, steps*6)
			for step := range length {
				copy(alone[step*2:], x[(step*len(lengths)+b)*2:][:2])
			}
			if length > 0 {
				n.Forward(alone, out[:length*6], initial[b], end)
			}
			for step := range steps {
				lstmtest.RequireBits(t, out[step*6:][:6], y[(step*len(lengths)+b)*6:][:6], "sequence %d step %d", b, step)
			}
			for e := range end.H {
				lstmtest.RequireBits(t, end.H[e], final[b].H[e], "sequence %d", b)
				lstmtest.RequireBits(t, end.C[e], final[b].C[e], "sequence %d", b)
			}
			if length > 0 {
				// PyTorch's h_n: that of the first step for the backward direction.
				lstmtest.RequireBits(t, out[(length-1)*6:][:3], final[b].H[0], "sequence %d", b)
				lstmtest.RequireBits(t, out[3:6], final[b].H[1], "sequence %d", b)
			}
		}
	})
}

// New copies: what happens to the model afterwards is of no consequence.
func TestNewSequenceNetworkCopies(t *testing.T) {
	layer := bidirectional(1, 3, 5, 5, lstm.MergeSum)
	n, err := lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{layer}})
	require.NoError(t, err)
	x := lstmtest.Normals(rand.New(rand.NewPCG(1, 2)), 12, 1)
	want, y := make([]float32, 20), make([]float32, 20)
	n.Forward(x, want, nil, nil)
	for _, w := range []*lstm.Weights{layer.Forward, layer.Backward} {
		for _, tensor := range [][]float32{w.WeightIH, w.WeightHH, w.BiasIH, w.BiasHH} {
			clear(tensor)
		}
	}
	n.Forward(x, y, nil, nil)
	lstmtest.RequireBits(t, want, y, "after the model was cleared")
}

// Options that change weights change nothing else of a layer.
func TestOptionsKeepDirections(t *testing.T) {
	m := bidirectionalModel()
	m.Layers[2].(*lstm.Bidirectional).Last = true
	want, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	got, err := lstm.NewSequenceNetwork(m, lstm.WithWeights(lstm.Float32))
	require.NoError(t, err)
	require.Equal(t, want.Fingerprint(), got.Fingerprint())
}
