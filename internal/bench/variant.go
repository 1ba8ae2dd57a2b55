package bench

import (
	"math/rand/v2"

	"example.com/lstm"
	"example.com/lstm/internal/panel"
)

// A Variant is a kind of LSTM layer.
type Variant string

// Variants are what is measured of layers that are not PyTorch's nn.LSTM, beside
// Plain, which is that.
var Variants = []Variant{
	Plain, Peephole, Coupled, Clip, CoupledPeepholeClip, HardSigmoid, ReLU, Projection, Residual, Bidirectional,
}

const (
	Plain               Variant = "plain"
	Peephole            Variant = "peephole"
	Coupled             Variant = "coupled"
	Clip                Variant = "clip"
	CoupledPeepholeClip Variant = "all three" // coupled, with peepholes and clip
	HardSigmoid         Variant = "hard sigmoid"
	ReLU                Variant = "relu"          // of candidate and output
	Projection          Variant = "projection"    // to half as many elements
	Residual            Variant = "residual"      // where input and hidden size are the same
	Bidirectional       Variant = "bidirectional" // both outputs, one behind the other
)

// VariantShapes are those whose variants are measured.
var VariantShapes = []Shape{{1, 8}, {16, 32}, {64, 64}, {128, 128}, {256, 256}, {512, 512}}

// Layer is a layer of that kind, always the same, or nil if the shape has none.
func (s Shape) Layer(v Variant) lstm.Layer {
	w := s.Model().Layers[0].(*lstm.Weights)
	r := rand.New(rand.NewPCG(uint64(s.Input), uint64(s.Hidden)+1))
	peepholes := func() {
		for _, p := range []*[]float32{&w.PeepholeI, &w.PeepholeF, &w.PeepholeO} {
			*p = s.uniform(r, s.Hidden)
		}
	}
	switch v {
	case Peephole:
		peepholes()
	case Coupled:
		w.Cell.Coupled = true
	case Clip:
		w.Cell.Clip = 1
	case CoupledPeepholeClip:
		peepholes()
		w.Cell.Coupled, w.Cell.Clip = true, 1
	case HardSigmoid:
		w.Cell.Gate = lstm.ActivationHardSigmoid.WithDefaults()
	case ReLU:
		w.Cell.Candidate.Function, w.Cell.Output.Function = lstm.ActivationReLU, lstm.ActivationReLU
	case Projection:
		w.ProjSize = s.Hidden / 2
		w.WeightHH = s.uniform(r, panel.Gates*s.Hidden*w.ProjSize)
		w.WeightHR = s.uniform(r, w.ProjSize*s.Hidden)
	case Residual:
		if s.Input != s.Hidden {
			return nil
		}
		w.Residual = true
	case Bidirectional:
		backward := *w
		backward.WeightIH, backward.WeightHH = s.uniform(r, len(w.WeightIH)), s.uniform(r, len(w.WeightHH))
		return &lstm.Bidirectional{Forward: w, Backward: &backward}
	}
	return w
}

// variantSteps are how many steps the calls have that are measured of a variant:
// directions from the end have no single ones.
func variantSteps(v Variant) []int {
	if v == Bidirectional {
		return []int{SequenceSteps}
	}
	return []int{1, SequenceSteps}
}

// OfVariant is the figure of a call of that many steps, without its times. Its work
// is that of all products of weights.
func (s Shape) OfVariant(v Variant, steps int) Figure {
	weights := panel.Gates * s.Hidden * (s.Input + s.Hidden)
	switch v {
	case Projection:
		weights = panel.Gates*s.Hidden*(s.Input+s.Hidden/2) + s.Hidden/2*s.Hidden
	case Bidirectional:
		weights *= 2
	}
	f := Figure{Kind: Step, Input: s.Input, Hidden: s.Hidden, Variant: v, Work: float64(2 * weights * steps)}
	if steps > 1 {
		f.Kind, f.Steps = Forward, steps
	}
	return f
}

// OurVariants returns what is measured of the shape's variants in calls of one
// stream: a group of single steps, and one of sequences, all on the path that a
// program that uses this package has here.
func (s Shape) OurVariants() ([][]*Candidate, error) {
	byStep := map[int][]*Candidate{}
	for _, v := range Variants {
		layer := s.Layer(v)
		if layer == nil {
			continue
		}
		m := &lstm.Model{Layers: []lstm.Layer{layer}}
		for _, steps := range variantSteps(v) {
			run, err := s.variantRun(m, v, steps)
			if err != nil {
				return nil, err
			}
			f := s.OfVariant(v, steps)
			f.Path = lstm.Path()
			byStep[steps] = append(byStep[steps], &Candidate{Figure: f, Run: run})
		}
	}
	return [][]*Candidate{byStep[1], byStep[SequenceSteps]}, nil
}

// variantRun makes calls of one step or of a sequence, each of which goes on from
// the state of the last.
func (s Shape) variantRun(m *lstm.Model, v Variant, steps int) (func(calls int), error) {
	x := s.Inputs(steps)
	if v == Bidirectional {
		n, err := lstm.NewSequenceNetwork(m)
		if err != nil {
			return nil, err
		}
		state, y := n.NewState(), make([]float32, steps*n.OutputSize())
		return func(calls int) {
			for range calls {
				n.Forward(x, y, state, state)
			}
		}, nil
	}
	n, err := lstm.New(m)
	if err != nil {
		return nil, err
	}
	state, y := n.NewState(), make([]float32, steps*n.OutputSize())
	if steps == 1 {
		return func(calls int) {
			for range calls {
				n.Step(state, x, y)
			}
		}, nil
	}
	return func(calls int) {
		for range calls {
			n.Forward(state, x, y)
		}
	}, nil
}
