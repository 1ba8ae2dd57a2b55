package apitest

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// misuse runs calls that must panic, each with its message, and sees that
// neither the states nor the outputs have changed.
type misuse struct {
	t      *testing.T
	layers int // of each state
	states []*lstm.State
	y      []float32 // where outputs would go
}

func (m *misuse) panics(want string, call func()) {
	m.t.Helper()
	const untouched = 1234.5
	for i := range m.y {
		m.y[i] = untouched
	}
	var before [][][]float32
	for _, s := range m.states {
		before = append(before, lstmtest.Values(s, m.layers))
	}
	require.PanicsWithError(m.t, want, call)
	for i, s := range m.states {
		lstmtest.RequireValues(m.t, before[i], s, "state %d after %q", i, want)
	}
	for _, v := range m.y {
		require.EqualValues(m.t, untouched, v, want)
	}
}

func TestMisuse(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		n := newNetwork(t, 2, 3, 17, 5) // 3 inputs, 2 outputs
		twin := newNetwork(t, 2, 3, 17, 5)
		alien := twin.NewState()
		var states []*lstm.State
		for i := range 4 {
			s := n.NewState()
			advance(n, s, i, i)
			states = append(states, s)
		}
		s, x, y := states[0], make([]float32, 30), make([]float32, 30)
		m := &misuse{t, n.Layers(), append([]*lstm.State{alien}, states...), y}

		m.panics("lstm: Step: s is nil, want a State made by Network.NewState",
			func() { n.Step(nil, x[:3], y[:2]) })
		m.panics("lstm: Step: s is a state of another network, want one that this network has made or adopted",
			func() { n.Step(alien, x[:3], y[:2]) })
		m.panics("lstm: Step: s is the zero State, want one made by Network.NewState",
			func() { n.Step(new(lstm.State), x[:3], y[:2]) })
		m.panics("lstm: Step: x has length 2, want 3 (InputSize)",
			func() { n.Step(s, x[:2], y[:2]) })
		m.panics("lstm: Step: x has length 4, want 3 (InputSize)",
			func() { n.Step(s, x[:4], nil) })
		m.panics("lstm: Step: x has length 0, want 3 (InputSize)",
			func() { n.Step(s, nil, nil) })
		m.panics("lstm: Step: y has length 3, want 2 (OutputSize)",
			func() { n.Step(s, x[:3], y[:3]) })
		m.panics("lstm: Step: y has length 0, want 2 (OutputSize)",
			func() { n.Step(s, x[:3], y[:0]) })

		m.panics("lstm: Forward: s is nil, want a State made by Network.NewState",
			func() { n.Forward(nil, x[:6], y[:4]) })
		m.panics("lstm: Forward: s is a state of another network, want one that this network has made or adopted",
			func() { n.Forward(alien, x[:6], y[:4]) })
		m.panics("lstm: Forward: x has length 7, want 9 (a multiple of InputSize)",
			func() { n.Forward(s, x[:7], y[:4]) })
		m.panics("lstm: Forward: y has length 5, want 4 (steps × OutputSize)",
			func() { n.Forward(s, x[:6], y[:5]) })
		m.panics("lstm: Forward: y has length 0, want 20 (steps × OutputSize)",
			func() { n.Forward(s, x[:30], y[:0]) })
		m.panics("lstm: Forward: y has length 2, want 0 (steps × OutputSize)",
			func() { n.Forward(s, nil, y[:2]) })

		in := [][]float32{x[0:3], x[3:6], x[6:9], x[9:12]}
		out := [][]float32{y[0:2], y[2:4], y[4:6], nil}
		m.panics("lstm: StepBatch: xs has length 3, want 4 (the number of states)",
			func() { n.StepBatch(states, in[:3], out) })
		m.panics("lstm: StepBatch: xs has length 1, want 0 (the number of states)",
			func() { n.StepBatch(nil, in[:1], nil) })
		m.panics("lstm: StepBatch: ys has length 2, want 4 (the number of states)",
			func() { n.StepBatch(states, in, out[:2]) })
		m.panics("lstm: StepBatch: ys has length 0, want 4 (the number of states)",
			func() { n.StepBatch(states, in, out[:0]) })
		m.panics("lstm: StepBatch: states[2] is nil, want a State made by Network.NewState",
			func() { n.StepBatch([]*lstm.State{states[0], states[1], nil}, in[:3], out[:3]) })
		m.panics("lstm: StepBatch: states[1] is a state of another network, want one that this network has made or adopted",
			func() { n.StepBatch([]*lstm.State{states[0], alien}, in[:2], out[:2]) })
		m.panics("lstm: StepBatch: xs[3] has length 2, want 3 (InputSize)",
			func() { n.StepBatch(states, [][]float32{in[0], in[1], in[2], x[:2]}, out) })
		m.panics("lstm: StepBatch: xs[0] has length 0, want 3 (InputSize)",
			func() { n.StepBatch(states[:1], [][]float32{nil}, nil) })
		m.panics("lstm: StepBatch: ys[1] has length 3, want 2 (OutputSize)",
			func() { n.StepBatch(states, in, [][]float32{nil, y[:3], nil, nil}) })
		m.panics("lstm: StepBatch: states[3] is the same as states[1], want each state once",
			func() { n.StepBatch([]*lstm.State{states[0], states[1], states[2], states[1]}, in, out) })
		m.panics("lstm: StepBatch: states[1] is the same as states[0], want each state once",
			func() { n.StepBatch([]*lstm.State{s, s, s}, in[:3], out[:3]) })

		m.panics("lstm: StepBatchFlat: states[1] is nil, want a State made by Network.NewState",
			func() { n.StepBatchFlat([]*lstm.State{states[0], nil}, x[:6], y[:4]) })
		m.panics("lstm: StepBatchFlat: states[0] is a state of another network, want one that this network has made or adopted",
			func() { n.StepBatchFlat([]*lstm.State{alien, states[0]}, x[:6], y[:4]) })
		m.panics("lstm: StepBatchFlat: x has length 11, want 12 (states × InputSize)",
			func() { n.StepBatchFlat(states, x[:11], y[:8]) })
		m.panics("lstm: StepBatchFlat: x has length 15, want 12 (states × InputSize)",
			func() { n.StepBatchFlat(states, x[:15], y[:8]) })
		m.panics("lstm: StepBatchFlat: x has length 0, want 12 (states × InputSize)",
			func() { n.StepBatchFlat(states, nil, y[:8]) })
		m.panics("lstm: StepBatchFlat: x has length 3, want 0 (states × InputSize)",
			func() { n.StepBatchFlat(nil, x[:3], nil) })
		m.panics("lstm: StepBatchFlat: y has length 7, want 8 (states × OutputSize)",
			func() { n.StepBatchFlat(states, x[:12], y[:7]) })
		m.panics("lstm: StepBatchFlat: y has length 0, want 8 (states × OutputSize)",
			func() { n.StepBatchFlat(states, x[:12], y[:0]) })
		m.panics("lstm: StepBatchFlat: states[2] is the same as states[0], want each state once",
			func() { n.StepBatchFlat([]*lstm.State{states[0], states[1], states[0]}, x[:9], y[:6]) })

		long := [][]float32{x[0:6], x[6:9], nil, x[9:21]}
		longOut := [][]float32{y[0:4], y[4:6], nil, y[6:14]}
		m.panics("lstm: ForwardBatch: xs has length 3, want 4 (the number of states)",
			func() { n.ForwardBatch(states, long[:3], longOut) })
		m.panics("lstm: ForwardBatch: xs has length 1, want 0 (the number of states)",
			func() { n.ForwardBatch(nil, long[:1], nil) })
		m.panics("lstm: ForwardBatch: ys has length 2, want 4 (the number of states)",
			func() { n.ForwardBatch(states, long, longOut[:2]) })
		m.panics("lstm: ForwardBatch: ys has length 0, want 4 (the number of states)",
			func() { n.ForwardBatch(states, long, longOut[:0]) })
		m.panics("lstm: ForwardBatch: states[2] is nil, want a State made by Network.NewState",
			func() { n.ForwardBatch([]*lstm.State{states[0], states[1], nil}, long[:3], longOut[:3]) })
		m.panics("lstm: ForwardBatch: states[1] is a state of another network, want one that this network has made or adopted",
			func() { n.ForwardBatch([]*lstm.State{states[0], alien}, long[:2], longOut[:2]) })
		m.panics("lstm: ForwardBatch: xs[3] has length 7, want 9 (a multiple of InputSize)",
			func() { n.ForwardBatch(states, [][]float32{long[0], long[1], nil, x[:7]}, longOut) })
		m.panics("lstm: ForwardBatch: ys[0] has length 3, want 4 (steps × OutputSize)",
			func() { n.ForwardBatch(states, long, [][]float32{y[:3], nil, nil, nil}) })
		m.panics("lstm: ForwardBatch: ys[2] has length 2, want 0 (steps × OutputSize)",
			func() { n.ForwardBatch(states, long, [][]float32{nil, nil, y[:2], nil}) })
		m.panics("lstm: ForwardBatch: ys[3] has length 0, want 8 (steps × OutputSize)",
			func() { n.ForwardBatch(states, long, [][]float32{nil, nil, nil, {}}) })
		m.panics("lstm: ForwardBatch: states[3] is the same as states[1], want each state once",
			func() { n.ForwardBatch([]*lstm.State{states[0], states[1], states[2], states[1]}, long, longOut) })

		m.panics("lstm: CopyFrom: t is nil, want a State made by Network.NewState",
			func() { s.CopyFrom(nil) })
		m.panics("lstm: CopyFrom: t is a state of another network, want one that this network has made or adopted",
			func() { s.CopyFrom(alien) })
		m.panics("lstm: CopyFrom: t is the zero State, want one made by Network.NewState",
			func() { s.CopyFrom(new(lstm.State)) })
		m.panics("lstm: H: layer is 2, want 0 to 1", func() { s.H(2) })
		m.panics("lstm: H: layer is -1, want 0 to 1", func() { s.H(-1) })
		m.panics("lstm: C: layer is 2, want 0 to 1", func() { s.C(2) })
		m.panics("lstm: C: layer is -1, want 0 to 1", func() { s.C(-1) })
		m.panics("lstm: HiddenSize: layer is 2, want 0 to 1", func() { n.HiddenSize(2) })
		m.panics("lstm: HiddenSize: layer is -1, want 0 to 1", func() { n.HiddenSize(-1) })
		m.panics("lstm: ProjSize: layer is 2, want 0 to 1", func() { n.ProjSize(2) })

		m.panics("lstm: Sigmoid: dst has length 4, want 5 (the length of x)",
			func() { lstm.Sigmoid(y[:4], x[:5]) })
		m.panics("lstm: Tanh: dst has length 5, want 4 (the length of x)",
			func() { lstm.Tanh(y[:5], x[:4]) })
		m.panics("lstm: Activation.Apply: dst has length 5, want 4 (the length of x)",
			func() { lstm.ActivationELU.WithDefaults().Apply(y[:5], x[:4]) })
		m.panics("lstm: Activation: Alpha is 1, want 0: relu has no such parameter",
			func() { lstm.Activation{Function: lstm.ActivationReLU, Alpha: 1}.Apply(y[:4], x[:4]) })
		m.panics("lstm: Activation: Function is softmax, want a function of one element",
			func() { lstm.ActivationSoftmax.WithDefaults().Apply(y[:4], x[:4]) })
		m.panics("lstm: Activation: Function is default, want a function of one element",
			func() { lstm.Activation{}.Apply(y[:4], x[:4]) })

		// A batch that was refused leaves no trace: every state still works in
		// the next one.
		var ys [][]float32
		for range states {
			ys = append(ys, make([]float32, 2))
		}
		alone := make([]float32, 2)
		for i, s := range states {
			n.Step(s.Clone(), in[i], alone)
			copy(ys[i], alone)
		}
		n.StepBatch(states, in, out[:4])
		for i := range out[:3] {
			lstmtest.RequireBits(t, ys[i], out[i], "stream %d", i)
		}
	})
}

// The Check methods return the errors of the panics, and nil where there is none.
func TestChecks(t *testing.T) {
	n := newNetwork(t, 2, 3, 17, 5)
	one, two, alien := n.NewState(), n.NewState(), newNetwork(t, 2, 3, 17, 5).NewState()
	x, y := make([]float32, 12), make([]float32, 12)
	type rows = [][]float32
	for _, c := range []struct {
		check func() error
		call  func()
		want  error // that a check of shapes has found it, or nil
		fine  bool
	}{
		{func() error { return n.CheckStep(one, x[:3], y[:2]) }, func() { n.Step(one, x[:3], y[:2]) }, nil, true},
		{func() error { return n.CheckStep(one, x[:3], nil) }, func() { n.Step(one, x[:3], nil) }, nil, true},
		{func() error { return n.CheckStep(one, x[:4], nil) }, func() { n.Step(one, x[:4], nil) }, lstm.ErrShape, false},
		{func() error { return n.CheckStep(one, x[:3], y[:3]) }, func() { n.Step(one, x[:3], y[:3]) }, lstm.ErrShape, false},
		{func() error { return n.CheckStep(alien, x[:3], y[:2]) }, func() { n.Step(alien, x[:3], y[:2]) }, nil, false},

		{func() error { return n.CheckForward(one, x[:6], y[:4]) }, func() { n.Forward(one, x[:6], y[:4]) }, nil, true},
		{func() error { return n.CheckForward(one, nil, nil) }, func() { n.Forward(one, nil, nil) }, nil, true},
		{func() error { return n.CheckForward(one, x[:5], nil) }, func() { n.Forward(one, x[:5], nil) }, lstm.ErrShape, false},
		{func() error { return n.CheckForward(one, x[:6], y[:5]) }, func() { n.Forward(one, x[:6], y[:5]) }, lstm.ErrShape, false},
		{func() error { return n.CheckForward(nil, x[:6], y[:4]) }, func() { n.Forward(nil, x[:6], y[:4]) }, nil, false},

		{func() error { return n.CheckStepBatch([]*lstm.State{one, two}, rows{x[:3], x[:3]}, rows{y[:2], nil}) },
			func() { n.StepBatch([]*lstm.State{one, two}, rows{x[:3], x[:3]}, rows{y[:2], nil}) }, nil, true},
		{func() error { return n.CheckStepBatch(nil, nil, nil) }, func() { n.StepBatch(nil, nil, nil) }, nil, true},
		{func() error { return n.CheckStepBatch([]*lstm.State{one}, nil, nil) }, func() { n.StepBatch([]*lstm.State{one}, nil, nil) }, lstm.ErrShape, false},
		{func() error { return n.CheckStepBatch([]*lstm.State{one}, rows{x[:2]}, nil) },
			func() { n.StepBatch([]*lstm.State{one}, rows{x[:2]}, nil) }, lstm.ErrShape, false},
		{func() error { return n.CheckStepBatch([]*lstm.State{one, one}, rows{x[:3], x[:3]}, nil) },
			func() { n.StepBatch([]*lstm.State{one, one}, rows{x[:3], x[:3]}, nil) }, nil, false},

		{func() error { return n.CheckForwardBatch([]*lstm.State{one, two}, rows{x[:6], nil}, rows{y[:4], nil}) },
			func() { n.ForwardBatch([]*lstm.State{one, two}, rows{x[:6], nil}, rows{y[:4], nil}) }, nil, true},
		{func() error { return n.CheckForwardBatch(nil, nil, nil) }, func() { n.ForwardBatch(nil, nil, nil) }, nil, true},
		{func() error { return n.CheckForwardBatch([]*lstm.State{one}, nil, nil) }, func() { n.ForwardBatch([]*lstm.State{one}, nil, nil) }, lstm.ErrShape, false},
		{func() error { return n.CheckForwardBatch([]*lstm.State{one}, rows{x[:5]}, nil) },
			func() { n.ForwardBatch([]*lstm.State{one}, rows{x[:5]}, nil) }, lstm.ErrShape, false},
		{func() error { return n.CheckForwardBatch([]*lstm.State{one}, rows{x[:6]}, rows{y[:3]}) },
			func() { n.ForwardBatch([]*lstm.State{one}, rows{x[:6]}, rows{y[:3]}) }, lstm.ErrShape, false},
		{func() error { return n.CheckForwardBatch([]*lstm.State{one, one}, rows{x[:3], x[:3]}, nil) },
			func() { n.ForwardBatch([]*lstm.State{one, one}, rows{x[:3], x[:3]}, nil) }, nil, false},

		{func() error { return n.CheckStepBatchFlat([]*lstm.State{one, two}, x[:6], y[:4]) },
			func() { n.StepBatchFlat([]*lstm.State{one, two}, x[:6], y[:4]) }, nil, true},
		{func() error { return n.CheckStepBatchFlat(nil, nil, nil) }, func() { n.StepBatchFlat(nil, nil, nil) }, nil, true},
		{func() error { return n.CheckStepBatchFlat([]*lstm.State{one, two}, x[:5], nil) },
			func() { n.StepBatchFlat([]*lstm.State{one, two}, x[:5], nil) }, lstm.ErrShape, false},
		{func() error { return n.CheckStepBatchFlat([]*lstm.State{one, one}, x[:6], nil) },
			func() { n.StepBatchFlat([]*lstm.State{one, one}, x[:6], nil) }, nil, false},
	} {
		err := c.check()
		if c.fine {
			require.NoError(t, err)
			require.NotPanics(t, c.call)
			continue
		}
		require.Error(t, err)
		require.PanicsWithError(t, err.Error(), c.call)
		require.Equal(t, c.want != nil, errors.Is(err, lstm.ErrShape), err.Error())
	}
}

// A struct that has been copied shares the memory of its original: two of them in
// a batch would be one stream stepped twice.
func TestCopiedStateStructs(t *testing.T) {
	n := newNetwork(t, 2, 3, 17, 5)
	s := n.NewState()
	advance(n, s, 1, 3)
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	copied := *s
	const what = " is a copied struct that shares the memory of another State, want one made by Network.NewState or State.Clone"
	m := &misuse{t, n.Layers(), []*lstm.State{s}, nil}
	requireUnmade(t, m, n, &copied, what, data)
	m.panics("lstm: ForwardBatch: states[1]"+what, func() { n.ForwardBatch([]*lstm.State{s, &copied}, [][]float32{{1, 2, 3}, nil}, nil) })
	m.panics("lstm: StepBatch: states[1]"+what, func() { n.StepBatch([]*lstm.State{s, &copied}, [][]float32{{1, 2, 3}, {1, 2, 3}}, nil) })
}

func TestZeroState(t *testing.T) {
	n := newNetwork(t, 2, 3, 17, 5)
	s := n.NewState()
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	requireUnmade(t, &misuse{t, n.Layers(), []*lstm.State{s}, nil}, n, new(lstm.State), " is the zero State, want one made by Network.NewState", data)
}

// requireUnmade calls everything there is with a State that NewState has not
// made.
func requireUnmade(t *testing.T, m *misuse, n *lstm.Network, s *lstm.State, what string, data []byte) {
	t.Helper()
	require.False(t, n.Owns(s))
	x := []float32{1, 2, 3}
	m.panics("lstm: Step: s"+what, func() { n.Step(s, x, nil) })
	m.panics("lstm: Forward: s"+what, func() { n.Forward(s, x, nil) })
	m.panics("lstm: StepBatch: states[0]"+what, func() { n.StepBatch([]*lstm.State{s}, [][]float32{x}, nil) })
	m.panics("lstm: ForwardBatch: states[0]"+what, func() { n.ForwardBatch([]*lstm.State{s}, [][]float32{x}, nil) })
	m.panics("lstm: StepBatchFlat: states[0]"+what, func() { n.StepBatchFlat([]*lstm.State{s}, x, nil) })
	m.panics("lstm: H: s"+what, func() { s.H(0) })
	m.panics("lstm: C: s"+what, func() { s.C(0) })
	m.panics("lstm: Finite: s"+what, func() { s.Finite() })
	m.panics("lstm: Reset: s"+what, func() { s.Reset() })
	m.panics("lstm: Clone: s"+what, func() { s.Clone() })
	m.panics("lstm: CopyFrom: s"+what, func() { s.CopyFrom(n.NewState()) })
	m.panics("lstm: CopyFrom: t"+what, func() { n.NewState().CopyFrom(s) })
	m.panics("lstm: MemorySize: s"+what, func() { s.MemorySize() })

	require.EqualError(t, n.CheckStep(s, x, nil), "lstm: Step: s"+what)
	require.EqualError(t, n.Adopt(s), "lstm: Adopt: s"+what)
	require.EqualError(t, s.UnmarshalBinary(data), "lstm: UnmarshalBinary: s"+what)
	require.EqualError(t, s.SetValues(&lstm.StateValues{}), "lstm: SetValues: s"+what)
	_, err := s.MarshalBinary()
	require.EqualError(t, err, "lstm: MarshalBinary: s"+what)
	before := []byte("before")
	after, err := s.AppendBinary(before)
	require.EqualError(t, err, "lstm: AppendBinary: s"+what)
	require.Equal(t, before, after)
}

func TestZeroNetwork(t *testing.T) {
	var n lstm.Network
	s := newNetwork(t, 0, 1, 1).NewState()
	const what = "the Network is the zero Network, want one made by Open, Read or New"
	m := &misuse{t, 1, []*lstm.State{s}, nil}
	m.panics("lstm: NewState: "+what, func() { n.NewState() })
	m.panics("lstm: InputSize: "+what, func() { n.InputSize() })
	m.panics("lstm: OutputSize: "+what, func() { n.OutputSize() })
	m.panics("lstm: HiddenSize: "+what, func() { n.HiddenSize(0) })
	m.panics("lstm: ProjSize: "+what, func() { n.ProjSize(0) })
	m.panics("lstm: Fingerprint: "+what, func() { n.Fingerprint() })
	m.panics("lstm: Step: s: "+what, func() { n.Step(s, []float32{1}, nil) })
	m.panics("lstm: Step: s: "+what, func() { n.Step(new(lstm.State), nil, nil) })
	m.panics("lstm: Forward: s: "+what, func() { n.Forward(s, nil, nil) })
	m.panics("lstm: StepBatch: "+what, func() { n.StepBatch(nil, nil, nil) })
	m.panics("lstm: ForwardBatch: "+what, func() { n.ForwardBatch(nil, nil, nil) })
	m.panics("lstm: StepBatchFlat: "+what, func() { n.StepBatchFlat(nil, nil, nil) })
	require.EqualError(t, n.Adopt(s), "lstm: Adopt: "+what)
	require.False(t, n.Owns(s))
	require.False(t, n.Owns(new(lstm.State)))
	require.Zero(t, n.Layers())
	require.Zero(t, n.Parameters())
	require.Zero(t, n.MemorySize())
	require.False(t, n.HasHead())
	require.Nil(t, n.Heads())
	require.Nil(t, n.Metadata())
}

func TestOwns(t *testing.T) {
	n, twin := newNetwork(t, 0, 3, 4), newNetwork(t, 0, 3, 4)
	s := n.NewState()
	require.True(t, n.Owns(s))
	require.True(t, n.Owns(s.Clone()))
	require.False(t, twin.Owns(s))
	require.False(t, n.Owns(nil))
}

// StepBatchFlat is StepBatch, also where x and y are the same memory at any
// distance.
func TestStepBatchFlat(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, shape := range lstmtest.Shapes {
			n := newNetwork(t, shape.Outputs, shape.Sizes...)
			in, out := n.InputSize(), n.OutputSize()
			r := lstmtest.NewRand(21)
			for batch := range 15 {
				for _, distance := range []int{-1000, -3, 0, 1, 7, 1000} {
					memory := lstmtest.Normals(r, 4000+batch*(in+out), 1)
					x, y := memory[1500:][:batch*in], memory[1500+distance:][:batch*out]
					if distance == 1000 {
						y = nil // not wanted
					}
					var states, alone []*lstm.State
					var xs, want [][]float32
					for i := range batch {
						s := n.NewState()
						advance(n, s, i, i%3)
						states, alone = append(states, s), append(alone, s.Clone())
						xs = append(xs, slices.Clone(x[i*in:][:in]))
						want = append(want, make([]float32, out))
					}
					n.StepBatch(alone, xs, want)
					n.StepBatchFlat(states, x, y)
					if y != nil {
						lstmtest.RequireBits(t, slices.Concat(want...), y, "%v batch of %d, %d apart", shape, batch, distance)
					}
					for i := range states {
						lstmtest.RequireValues(t, lstmtest.Values(alone[i], n.Layers()), states[i], "%v stream %d of %d", shape, i, batch)
					}
				}
			}
		}
	})
}

// ForwardBatch is Forward of each sequence, for more sequences than there are
// slots too, for one that is much longer than the others, and where only some
// outputs are wanted. The second call finds the memory of the first.
func TestForwardBatch(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		n := newNetwork(t, 2, 9, 20, 5)
		in, out := n.InputSize(), n.OutputSize()
		r := lstmtest.NewRand(22)
		for _, streams := range []int{1, 2, 3, 6, 7, 13, 48, 49, 100} {
			var states, alone []*lstm.State
			for i := range streams {
				s := n.NewState()
				advance(n, s, i, i%3)
				states, alone = append(states, s), append(alone, s.Clone())
			}
			for _, longest := range []int{1, 5, 60} {
				memory := lstmtest.Normals(r, longest*in+streams, 1) // the sequences overlap
				xs, ys := make([][]float32, streams), make([][]float32, streams)
				for i := range streams {
					steps := r.IntN(4)
					if i == streams/2 {
						steps = longest
					}
					xs[i] = memory[i:][:min(steps, longest)*in]
					if i%3 > 0 {
						ys[i] = make([]float32, len(xs[i])/in*out)
					}
				}
				n.ForwardBatch(states, xs, ys)
				for i, s := range alone {
					y := make([]float32, len(xs[i])/in*out)
					n.Forward(s, xs[i], y)
					if ys[i] != nil {
						lstmtest.RequireBits(t, y, ys[i], "stream %d of %d", i, streams)
					}
					lstmtest.RequireValues(t, lstmtest.Values(s, n.Layers()), states[i], "stream %d of %d", i, streams)
				}
			}
		}
	})
}

// The slices of Step and StepBatch may be the same memory, and those that are
// not wanted may be nil.
func TestOverlaps(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		for _, outputs := range []int{0, 3} {
			n := newNetwork(t, outputs, 9, 20)
			out := n.OutputSize()
			r := lstmtest.NewRand(9)
			const streams = 8
			var states, alone []*lstm.State
			for i := range streams {
				s := n.NewState()
				advance(n, s, i, i)
				states, alone = append(states, s), append(alone, s.Clone())
			}
			for round := range 4 {
				// Windows into one buffer, each over its neighbours: first the
				// answers, from copies of the inputs.
				memory := lstmtest.Normals(r, 64, 1)
				var xs, ys, want [][]float32
				for i := range streams {
					x := memory[3*i:][:n.InputSize()]
					y := make([]float32, out)
					n.Step(alone[i], x, y)
					xs, want = append(xs, x), append(want, y)
					// Apart from one another, so that all can be compared.
					ys = append(ys, make([]float32, out))
				}
				switch round {
				case 0: // as they are
				case 1: // one output on all the inputs
					ys[5] = memory[:out]
				case 2: // not all wanted
					ys[0], ys[6], want[0], want[6] = nil, nil, nil, nil
				case 3: // none wanted
					ys, want = nil, nil
				}
				n.StepBatch(states, xs, ys)
				for i := range want {
					lstmtest.RequireBits(t, want[i], ys[i], "round %d stream %d", round, i)
				}
				for i := range states {
					lstmtest.RequireValues(t, lstmtest.Values(alone[i], n.Layers()), states[i], "round %d stream %d", round, i)
				}
			}

			// Step in place, at every distance.
			for distance := range 12 {
				memory := lstmtest.Normals(r, 64, 1)
				x, y := memory[10:][:n.InputSize()], memory[10+distance-6:][:out]
				want := make([]float32, out)
				n.Step(alone[0], append([]float32(nil), x...), want)
				n.Step(states[0], x, y)
				lstmtest.RequireBits(t, want, y, "x and y are %d apart", distance-6)
			}
		}
	})
}

func TestEmptyCalls(t *testing.T) {
	lstmtest.EachPath(t, func(t *testing.T) {
		n := newNetwork(t, 0, 9, 4)
		s := n.NewState()
		advance(n, s, 1, 3)
		before := lstmtest.Values(s, n.Layers())
		n.StepBatch(nil, nil, nil)
		n.StepBatch([]*lstm.State{}, [][]float32{}, [][]float32{})
		n.ForwardBatch(nil, nil, nil)
		n.ForwardBatch([]*lstm.State{}, [][]float32{}, [][]float32{})
		n.ForwardBatch([]*lstm.State{s}, [][]float32{nil}, [][]float32{{}})
		n.StepBatchFlat(nil, nil, nil)
		n.StepBatchFlat([]*lstm.State{}, []float32{}, []float32{})
		n.Forward(s, nil, nil)
		n.Forward(s, []float32{}, []float32{})
		lstmtest.RequireValues(t, before, s, "after nothing")
		lstm.Sigmoid(nil, nil)
		lstm.Tanh(nil, nil)
		lstm.ActivationReLU.WithDefaults().Apply(nil, nil)
	})
}

var tanh = lstm.Activation{Function: lstm.ActivationTanh}

func TestNewErrors(t *testing.T) {
	if _, err := lstm.New(nil); err == nil || err.Error() != "lstm: the model is nil" {
		t.Fatal(err)
	}
	const huge = 1 << (bits.UintSize - 2)
	short := func(t []float32) []float32 { return t[:len(t)-1] }
	for _, c := range []struct {
		want  string
		spoil func(m *lstm.Model) // of sizes 3, 4, 5 and a head of 2
	}{
		{"a network needs at least one layer, got none", func(m *lstm.Model) { m.Layers = nil }},
		{"layer 0: InputSize is 0, want at least 1", func(m *lstm.Model) { m.Layers[0] = new(lstm.Weights) }},
		{"layer 0: InputSize is -3, want at least 1", func(m *lstm.Model) { weightsOf(m, 0).InputSize = -3 }},
		{"layer 1: HiddenSize is 0, want at least 1", func(m *lstm.Model) { weightsOf(m, 1).HiddenSize = 0 }},
		{"layer 1: HiddenSize is -1, want at least 1", func(m *lstm.Model) { weightsOf(m, 1).HiddenSize = -1 }},

		{"layer 0: WeightIH is nil, want 48 elements, shape [4H, I]", func(m *lstm.Model) { weightsOf(m, 0).WeightIH = nil }},
		{"layer 0: WeightIH has 0 elements, want 48, shape [4H, I]", func(m *lstm.Model) { weightsOf(m, 0).WeightIH = []float32{} }},
		{"layer 0: WeightIH has 47 elements, want 48, shape [4H, I]", func(m *lstm.Model) { weightsOf(m, 0).WeightIH = short(weightsOf(m, 0).WeightIH) }},
		{"layer 1: WeightIH has 81 elements, want 80, shape [4H, I]", func(m *lstm.Model) { weightsOf(m, 1).WeightIH = append(weightsOf(m, 1).WeightIH, 0) }},
		{"layer 1: WeightHH is nil, want 100 elements, shape [4H, H]", func(m *lstm.Model) { weightsOf(m, 1).WeightHH = nil }},
		{"layer 1: WeightHH has 99 elements, want 100, shape [4H, H]", func(m *lstm.Model) { weightsOf(m, 1).WeightHH = short(weightsOf(m, 1).WeightHH) }},
		{"layer 0: BiasIH has 15 elements, want 16, shape [4H]", func(m *lstm.Model) { weightsOf(m, 0).BiasIH = short(weightsOf(m, 0).BiasIH) }},
		{"layer 0: BiasIH has 0 elements, want 16, shape [4H]", func(m *lstm.Model) { weightsOf(m, 0).BiasIH = []float32{} }},
		{"layer 1: BiasHH has 21 elements, want 20, shape [4H]", func(m *lstm.Model) { weightsOf(m, 1).BiasHH = append(weightsOf(m, 1).BiasHH, 0) }},

		{"layer 0: PeepholeI is nil, want 4 elements, shape [H]", func(m *lstm.Model) { weightsOf(m, 0).PeepholeO = make([]float32, 4) }},
		{"layer 0: PeepholeF is nil, want 4 elements, shape [H]", func(m *lstm.Model) { weightsOf(m, 0).PeepholeI = make([]float32, 4) }},
		{"layer 1: PeepholeO has 4 elements, want 5, shape [H]", func(m *lstm.Model) {
			w := weightsOf(m, 1)
			w.PeepholeI, w.PeepholeF, w.PeepholeO = make([]float32, 5), make([]float32, 5), make([]float32, 4)
		}},
		{"layer 0: NormI is nil, want 4 elements, shape [H]", func(m *lstm.Model) { weightsOf(m, 0).NormO = make([]float32, 4) }},
		{"layer 0: NormG is nil, want 4 elements, shape [H]", func(m *lstm.Model) {
			w := weightsOf(m, 0)
			w.NormI, w.NormF = make([]float32, 4), make([]float32, 4)
		}},
		{"layer 1: NormO has 20 elements, want 5, shape [H]", func(m *lstm.Model) {
			addNormalization(weightsOf(m, 1))
			weightsOf(m, 1).NormO = make([]float32, 20)
		}},
		{"layer 0: Cell.NormEpsilon is 0.5, want 0 where NormI, NormF, NormG and NormO are nil", func(m *lstm.Model) { weightsOf(m, 0).Cell.NormEpsilon = 0.5 }},
		{"layer 0: Cell.NormEpsilon is -1, want 0 for the usual one, or a finite number from 2^-40 on", func(m *lstm.Model) {
			addNormalization(weightsOf(m, 0))
			weightsOf(m, 0).Cell.NormEpsilon = -1
		}},
		{"layer 1: Cell.NormEpsilon is NaN, want 0 for the usual one, or a finite number from 2^-40 on", func(m *lstm.Model) {
			addNormalization(weightsOf(m, 1))
			weightsOf(m, 1).Cell.NormEpsilon = lstmtest.NaN
		}},
		{"layer 1: Cell.NormEpsilon is +Inf, want 0 for the usual one, or a finite number from 2^-40 on", func(m *lstm.Model) {
			addNormalization(weightsOf(m, 1))
			weightsOf(m, 1).Cell.NormEpsilon = lstmtest.Inf
		}},
		{"layer 0: Cell.Clip is -1, want 0 for no limit, or a finite number from 2^-64 on", func(m *lstm.Model) { weightsOf(m, 0).Cell.Clip = -1 }},
		{"layer 0: Cell.Clip is NaN, want 0 for no limit, or a finite number from 2^-64 on", func(m *lstm.Model) { weightsOf(m, 0).Cell.Clip = lstmtest.NaN }},
		{"layer 1: Cell.Clip is +Inf, want 0 for no limit, or a finite number from 2^-64 on", func(m *lstm.Model) { weightsOf(m, 1).Cell.Clip = lstmtest.Inf }},
		{"layer 1: Cell.CellClip is 5.4210105e-20, want 0 for no limit, or a finite number from 2^-64 on", func(m *lstm.Model) { weightsOf(m, 1).Cell.CellClip = 0x1.fffffep-65 }},

		{"layer 1: Cell.Output: Function is softmax, want another, since this one is for layers only", func(m *lstm.Model) {
			weightsOf(m, 1).Cell.Output.Function = lstm.ActivationSoftmax
		}},
		{"layer 0: Cell.Gate: Function is ActivationFunction(99), want one of the functions that have a name", func(m *lstm.Model) { weightsOf(m, 0).Cell.Gate.Function = 99 }},
		{"layer 0: Cell.Candidate: Beta is 1, want 0: tanh has no such parameter", func(m *lstm.Model) {
			weightsOf(m, 0).Cell.Candidate = lstm.Activation{Function: lstm.ActivationTanh, Beta: 1}
		}},

		{"layer 1: InputSize is 7, want 4, the HiddenSize of layer 0", func(m *lstm.Model) { m.Layers[1] = lstm.RandomModel(1, 0, 7, 5).Layers[0] }},

		{"head: InFeatures is 0, want at least 1", func(m *lstm.Model) { headOf(m).InFeatures = 0 }},
		{"head: OutFeatures is -2, want at least 1", func(m *lstm.Model) { headOf(m).OutFeatures = -2 }},
		{"head: Weight is nil, want 10 elements, shape [OutFeatures, InFeatures]", func(m *lstm.Model) { headOf(m).Weight = nil }},
		{"head: Weight has 9 elements, want 10, shape [OutFeatures, InFeatures]", func(m *lstm.Model) { headOf(m).Weight = short(headOf(m).Weight) }},
		{"head: Bias has 3 elements, want 2, shape [OutFeatures]", func(m *lstm.Model) { headOf(m).Bias = append(headOf(m).Bias, 0) }},
		{"head: InFeatures is 6, want 5, the HiddenSize of layer 1", func(m *lstm.Model) {
			m.Heads[0].Layers[0] = &lstm.Linear{InFeatures: 6, OutFeatures: 1, Weight: make([]float32, 6)}
		}},

		{"layer 0: ProjSize is -1, want at least 0", func(m *lstm.Model) { weightsOf(m, 0).ProjSize = -1 }},
		{"layer 0: WeightHH has 64 elements, want 48, shape [4H, P]", func(m *lstm.Model) { weightsOf(m, 0).ProjSize = 3 }},
		{"layer 0: WeightHR is nil, want 12 elements, shape [P, H]", func(m *lstm.Model) { project(m, 0, 3); weightsOf(m, 0).WeightHR = nil }},
		{"layer 0: WeightHR has 11 elements, want 12, shape [P, H]", func(m *lstm.Model) { project(m, 0, 3); weightsOf(m, 0).WeightHR = short(weightsOf(m, 0).WeightHR) }},
		{"layer 0: WeightHR has 3 elements, want nil where ProjSize is 0", func(m *lstm.Model) { weightsOf(m, 0).WeightHR = make([]float32, 3) }},
		{"layer 1: InputSize is 4, want 3, the ProjSize of layer 0", func(m *lstm.Model) { above := *weightsOf(m, 1); project(m, 0, 3); m.Layers[1] = &above }},
		{"head: InFeatures is 5, want 2, the ProjSize of layer 1", func(m *lstm.Model) { above := *headOf(m); project(m, 1, 2); m.Heads[0].Layers[0] = &above }},
		{"layer 0: InitialH has 3 elements, want 4, shape [H]", func(m *lstm.Model) { weightsOf(m, 0).InitialH = make([]float32, 3) }},
		{"layer 0: InitialH has 4 elements, want 3, shape [P]", func(m *lstm.Model) { project(m, 0, 3); weightsOf(m, 0).InitialH = make([]float32, 4) }},
		{"layer 1: InitialC has 0 elements, want 5, shape [H]", func(m *lstm.Model) { weightsOf(m, 1).InitialC = []float32{} }},
		{"layer 0: InputSize is 3, want 4, the HiddenSize, where Residual is set", func(m *lstm.Model) { weightsOf(m, 0).Residual = true }},
		{"layer 0: InputSize is 3, want 2, the ProjSize, where Residual is set", func(m *lstm.Model) { project(m, 0, 2); weightsOf(m, 0).Residual = true }},
		{fmt.Sprintf("layer 0: WeightHH of shape [4H, P] = [4 4 %d] has more elements than can be addressed", math.MaxInt),
			func(m *lstm.Model) { weightsOf(m, 0).ProjSize = math.MaxInt }},

		{"layer 1 is nil, want a *lstm.Weights, a *lstm.Bidirectional, a *lstm.Linear or an lstm.Activation", func(m *lstm.Model) { m.Layers[1] = nil }},
		{"layer 1 is a nil *lstm.Weights", func(m *lstm.Model) { m.Layers[1] = (*lstm.Weights)(nil) }},
		{"layer 1 is a nil *lstm.Linear", func(m *lstm.Model) { m.Layers[1] = (*lstm.Linear)(nil) }},
		{"head: it has no layers, want a *lstm.Linear or an lstm.Activation", func(m *lstm.Model) { m.Heads[0].Layers = nil }},
		{"head: its layer 0 is nil, want a *lstm.Linear or an lstm.Activation", func(m *lstm.Model) { m.Heads[0].Layers[0] = nil }},
		{"head is a nil *lstm.Linear", func(m *lstm.Model) { m.Heads[0].Layers[0] = (*lstm.Linear)(nil) }},

		{"layer 1: Weight has 8 elements, want 12, shape [OutFeatures, InFeatures]", func(m *lstm.Model) {
			m.Layers[1] = &lstm.Linear{InFeatures: 4, OutFeatures: 3, Weight: make([]float32, 8)}
		}},
		{"layer 1: InFeatures is 5, want 4, the HiddenSize of layer 0", func(m *lstm.Model) {
			m.Layers[1] = &lstm.Linear{InFeatures: 5, OutFeatures: 3, Weight: make([]float32, 15)}
		}},
		{"layer 3: InputSize is 4, want 2, the OutFeatures of layer 1", func(m *lstm.Model) {
			m.Layers = []lstm.Layer{m.Layers[0], &lstm.Linear{InFeatures: 4, OutFeatures: 2, Weight: make([]float32, 8)}, tanh, m.Layers[1]}
		}},
		{"layer 2: InputSize is 4, want 3, the HiddenSize of layer 0", func(m *lstm.Model) {
			m.Layers = []lstm.Layer{lstm.RandomModel(1, 0, 9, 3).Layers[0], tanh, m.Layers[1]}
		}},
		{"layer 0: Alpha is 1, want 0: tanh has no such parameter", func(m *lstm.Model) {
			m.Layers = []lstm.Layer{lstm.Activation{Function: lstm.ActivationTanh, Alpha: 1}, m.Layers[0], m.Layers[1]}
		}},
		{"head 1: InFeatures is 6, want 5, the HiddenSize of layer 1", func(m *lstm.Model) {
			m.Heads = append(m.Heads, lstm.Head{Layers: []lstm.Layer{&lstm.Linear{InFeatures: 6, OutFeatures: 1, Weight: make([]float32, 6)}}})
		}},
		{"head 1, layer 2: InFeatures is 6, want 2, the OutFeatures of head 1, layer 0", func(m *lstm.Model) {
			m.Heads = append(m.Heads, lstm.Head{Layers: []lstm.Layer{headOf(m), tanh, &lstm.Linear{InFeatures: 6, OutFeatures: 1, Weight: make([]float32, 6)}}})
		}},
		{"head 1: it has no layers, want a *lstm.Linear or an lstm.Activation", func(m *lstm.Model) { m.Heads = append(m.Heads, lstm.Head{}) }},
		{"head 0: its layer 1 is nil, want a *lstm.Linear or an lstm.Activation", func(m *lstm.Model) {
			m.Heads = []lstm.Head{{Layers: []lstm.Layer{headOf(m), nil}}, m.Heads[0]}
		}},

		// Sizes whose product is no int, or one that has wrapped around.
		{fmt.Sprintf("layer 0: WeightIH of shape [4H, I] = [4 4 %d] has more elements than can be addressed", huge),
			func(m *lstm.Model) { weightsOf(m, 0).InputSize = huge }},
		{fmt.Sprintf("layer 0: WeightIH of shape [4H, I] = [4 %d 3] has more elements than can be addressed", huge),
			func(m *lstm.Model) { weightsOf(m, 0).HiddenSize = huge }},
		{fmt.Sprintf("layer 0: WeightIH of shape [4H, I] = [4 %d %d] has more elements than can be addressed", math.MaxInt, math.MaxInt),
			func(m *lstm.Model) { weightsOf(m, 0).HiddenSize, weightsOf(m, 0).InputSize = math.MaxInt, math.MaxInt }},
		{fmt.Sprintf("head: Weight of shape [OutFeatures, InFeatures] = [%d 5] has more elements than can be addressed", huge),
			func(m *lstm.Model) { headOf(m).OutFeatures = huge }},
	} {
		m := lstm.RandomModel(10, 2, 3, 4, 5)
		c.spoil(m)
		n, err := lstm.New(m)
		require.EqualError(t, err, "lstm: "+c.want)
		require.Nil(t, n)
	}
}

// linear is a layer without a bias.
func linear(outputs, inputs int) *lstm.Linear {
	return &lstm.Linear{InFeatures: inputs, OutFeatures: outputs, Weight: make([]float32, outputs*inputs)}
}

// What a Model can say and New does not run is unsupported, not wrong.
func TestNewUnsupported(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(m *lstm.Model)
	}{
		{"layer 0: Cell.ProjClip is 1, want 0 where ProjSize is 0", func(m *lstm.Model) { weightsOf(m, 0).Cell.ProjClip = 1 }},
		{"layer 0: Cell.ProjClip is -1, want 0 for no limit, or a finite number from 2^-64 on", func(m *lstm.Model) { project(m, 0, 3); weightsOf(m, 0).Cell.ProjClip = -1 }},
		{"layer 0: Cell.ProjClip is NaN, want 0 for no limit, or a finite number from 2^-64 on", func(m *lstm.Model) { project(m, 0, 3); weightsOf(m, 0).Cell.ProjClip = lstmtest.NaN }},
		{"layer 0: Cell.ProjClip is +Inf, want 0 for no limit, or a finite number from 2^-64 on", func(m *lstm.Model) { project(m, 0, 3); weightsOf(m, 0).Cell.ProjClip = lstmtest.Inf }},
		{"a network needs at least one LSTM layer, got none among 2 layers", func(m *lstm.Model) {
			m.Layers, m.Heads = []lstm.Layer{headOf(m), tanh}, nil
		}},
		{"layer 0 is a *lstm.Activation, want a *lstm.Weights, a *lstm.Bidirectional, a *lstm.Linear or an lstm.Activation", func(m *lstm.Model) {
			m.Layers[0] = &lstm.Activation{Function: lstm.ActivationTanh}
		}},
		{"layer 0: Function is default, which is none in a layer, want another", func(m *lstm.Model) { m.Layers[0] = lstm.Activation{} }},
		{"head: its layer 0 is a *lstm.Weights, want a *lstm.Linear or an lstm.Activation", func(m *lstm.Model) { m.Heads[0].Layers[0] = m.Layers[0] }},
		{"head, layer 1: Function is default, which is none in a layer, want another", func(m *lstm.Model) {
			m.Heads[0].Layers = append(m.Heads[0].Layers, lstm.Activation{})
		}},
	} {
		m := lstm.RandomModel(10, 2, 3, 4, 5)
		c.change(m)
		n, err := lstm.New(m)
		require.EqualError(t, err, "lstm: "+c.want)
		require.ErrorIs(t, err, lstm.ErrUnsupported)
		require.Nil(t, n)
	}
}

// New copies: what happens to the model afterwards is of no consequence.
func TestNewCopies(t *testing.T) {
	m := lstm.RandomModel(11, 2, 3, 4)
	m.Metadata = map[string]string{"key": "value"}
	n, err := lstm.New(m)
	require.NoError(t, err)
	x, want, got := []float32{1, 2, 3}, make([]float32, 2), make([]float32, 2)
	n.Step(n.NewState(), x, want)

	for _, tensor := range [][]float32{
		weightsOf(m, 0).WeightIH, weightsOf(m, 0).WeightHH, weightsOf(m, 0).BiasIH, weightsOf(m, 0).BiasHH, headOf(m).Weight, headOf(m).Bias,
	} {
		clear(tensor)
	}
	m.Metadata["key"] = "another"
	n.Step(n.NewState(), x, got)
	lstmtest.RequireBits(t, want, got, "after the model was cleared")
	require.Equal(t, map[string]string{"key": "value"}, n.Metadata())
	n.Metadata()["key"] = "another"
	require.Equal(t, map[string]string{"key": "value"}, n.Metadata())
}

func TestNetworkDescribesItself(t *testing.T) {
	n := newNetwork(t, 2, 3, 17, 5)
	require.Equal(t, 2, n.Layers())
	require.Equal(t, 3, n.InputSize())
	require.Equal(t, 17, n.HiddenSize(0))
	require.Equal(t, 5, n.HiddenSize(1))
	require.Equal(t, 2, n.OutputSize())
	require.True(t, n.HasHead())
	require.Equal(t, 4*17*(3+17+2)+4*5*(17+5+2)+2*(5+1), n.Parameters())
	// 17 units are a panel and a narrow one, 5 a narrow one, the head's rows 16.
	require.Equal(t, 4*(4*24*(1+3+17)+4*8*(1+17+5)+2*16+2), n.MemorySize())
	require.Nil(t, n.Metadata())
	require.Zero(t, n.ProjSize(0))

	projected := newVariant(t, func(m *lstm.Model) { project(m, 0, 6) }, 1, 2, 3, 17, 5)
	require.Equal(t, 17, projected.HiddenSize(0))
	require.Equal(t, 6, projected.ProjSize(0))
	require.Equal(t, 4*17*(3+6+2)+6*17+4*5*(6+5+2)+2*(5+1), projected.Parameters())
	// The rows of the projection are those of a narrow panel.
	require.Equal(t, 4*(4*24*(1+3+6)+4*8*17+4*8*(1+6+5)+2*16+2), projected.MemorySize())

	m := lstm.RandomModel(1, 2, 3, 17, 5)
	m.Layers = append([]lstm.Layer{tanh, linear(20, 3), m.Layers[0], linear(17, 17)}, m.Layers[1:]...)
	m.Layers[2] = lstm.RandomModel(1, 0, 20, 17).Layers[0]
	m.Heads = append(m.Heads, lstm.Head{Layers: []lstm.Layer{tanh}})
	mixed, err := lstm.New(m)
	require.NoError(t, err)
	require.Equal(t, 2, mixed.Layers())
	require.Equal(t, 3, mixed.InputSize())
	require.Equal(t, 5, mixed.HiddenSize(1))
	require.Equal(t, 2+5, mixed.OutputSize())
	require.True(t, mixed.HasHead())
	require.Equal(t, 20*3+4*17*(20+17+2)+17*17+4*5*(17+5+2)+2*(5+1), mixed.Parameters())
	require.Equal(t, 4*(20*16+20+4*24*(1+20+17)+17*32+17+4*8*(1+17+5)+2*16+2), mixed.MemorySize())

	bare := newNetwork(t, 0, 3, 17, 5)
	require.False(t, bare.HasHead())
	require.Equal(t, 5, bare.OutputSize())
}
