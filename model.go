package lstm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/sizes"
)

// Weights are the trained parameters of one LSTM layer in one direction, with
// the names, shapes and gate order of PyTorch's nn.LSTM: row-major matrices
// whose rows are the gates i, f, g, o, one after another, HiddenSize rows each.
//
// [New] copies what it needs; the slices may be changed or dropped afterwards.
type Weights struct {
	InputSize  int // I, the number of features of the layer's input, at least 1
	HiddenSize int // H, the number of hidden units, at least 1
	ProjSize   int // P, the number of elements of a projected h; 0 for no projection

	WeightIH []float32 // input weights, [4H, I]
	WeightHH []float32 // recurrent weights, [4H, H], or [4H, P] with a projection
	BiasIH   []float32 // bias of the input part, [4H]; nil means zero
	BiasHH   []float32 // bias of the recurrent part, [4H]; nil means zero
	WeightHR []float32 // projection, [P, H]; nil without one

	// Peepholes, by which the gates i, f and o see their unit's cell state, i and f
	// that of the step before and o the new one: [H] each, or all nil for none.
	// PyTorch has none. (F. Gers, J. Schmidhuber: Recurrent Nets that Time and
	// Count, 2000.)
	PeepholeI, PeepholeF, PeepholeO []float32

	// The factors γ of layer normalization inside the cell, [H] each, or all nil for
	// none: the sums of each gate, peepholes included and the bias not, are taken to
	// mean 0 and variance 1 over the units, multiplied with γ, and then the bias is
	// added, as in TensorFlow Lite's LSTM with layer_norm coefficients. PyTorch has
	// none. Of a coupled cell NormF is not used. (J. Ba, J. Kiros, G. Hinton: Layer
	// Normalization, 2016.)
	NormI, NormF, NormG, NormO []float32

	InitialH []float32 // h that a stream begins with, [H], or [P] with a projection; nil means zero
	InitialC []float32 // c that a stream begins with, [H]; nil means zero

	// How a network stores WeightIH, WeightHH and WeightHR, which here are float32 in
	// every format, and [WithWeights] can say otherwise.
	Format WeightFormat
	// Where Format is Int8: the bits of the quantised elements of x, 7 or 14. 0 is 14 in
	// a layer that reads the network's input, which has outliers, and 7 in others.
	InputBits int
	// Where Format is Int8: the scales of the rows that the weights have come with, as
	// whole multiples of them from -127 to 127, [4H], [4H] and [P]. nil is the largest
	// magnitude of a row by 127.
	ScaleIH, ScaleHH, ScaleHR []float32

	Cell     Cell // what the units do with their gates, if not what nn.LSTM's do
	Residual bool // the output is x + h, which needs an h as long as x; h itself is no other
}

// Linear is a fully connected layer, y = Weight·x + Bias, with the names and
// shapes of PyTorch's nn.Linear.
type Linear struct {
	InFeatures  int // number of features of the input, at least 1
	OutFeatures int // number of features of the output, at least 1

	Weight []float32 // [OutFeatures, InFeatures], row-major
	Bias   []float32 // [OutFeatures]; nil means zero

	// How a network stores Weight, which here is float32 in every format, and
	// [WithWeights] can say otherwise. Of a quantised x, where it is Int8, elements have
	// 14 bits in a layer that reads the network's input, and 7 in others.
	Format WeightFormat
	Scale  []float32 // as Weights.ScaleIH, [OutFeatures]
}

// A Layer is one stage of a [Model]: *[Weights], an LSTM layer, *[Bidirectional], two
// of them, *[Linear] or [Activation].
type Layer interface {
	// check returns an error unless the layer's sizes and tensors agree. It calls
	// the layer owner.
	check(owner string) error
	// input and output are the features of the layer's input and of its output, with
	// n = 0 if they may be any, the same of both.
	input() features
	output() features
	// parameters counts the numbers.
	parameters() int
	// takeRoom takes the room that the packed layer needs, if there is enough.
	takeRoom(room *aligned.Room) bool
}

// features is a number of them, the name of the field that says so, and of its
// layer.
type features struct {
	field string
	n     int
	layer string
}

// Model is a network's parameters as plain numbers, which is what a model file
// holds. It is data only; [New] makes it run.
type Model struct {
	Layers   []Layer           // from the input up, at least one of them a *Weights or *Bidirectional
	Heads    []Head            // what reads the output of the last of Layers; none, so that it is the output
	Metadata map[string]string // free text kept with the parameters, may be nil
	Source   Source            // where ReadModel found it; for information only
}

// A Head is what reads the output of the last of a [Model]'s Layers, and makes an
// output of the network of it. The outputs of several heads follow one another.
type Head struct {
	Name   string  // for information only
	Layers []Layer // from the model's last layer up, at least one, each a *Linear or an Activation
}

// Source says which tensors of a file became a [Model], so that a log can show
// it and a person can see whether it is what was meant. Modules have the names
// of a PyTorch state_dict: encoder.lstm where a tensor is encoder.lstm.weight_ih_l0,
// and "" where names have no prefix.
type Source struct {
	LSTM   string   // the module whose tensors are the layers; of a stack all, from the input up, with ", " between
	Head   string   // the module whose tensors are the head; "" also without one, or if the file has a structure that says what the heads are
	Unused []string // tensors that were passed over, since the caller named the others
}

func (s Source) clone() Source {
	s.Unused = slices.Clone(s.Unused)
	return s
}

// RandomModel makes a model that has learned nothing, for tests, examples and
// measurements that need no file. Its parameters are distributed as PyTorch
// initializes them, evenly between ±1/√H; the same arguments give the same
// parameters on every machine.
//
// sizes are the input size and then the hidden size of each layer. outputs is the
// number of outputs of the head, or 0 for a model without. RandomModel panics if
// a size is less than 1, if there is no layer, or if outputs is negative.
func RandomModel(seed uint64, outputs int, sizes ...int) *Model {
	if len(sizes) < 2 {
		panic(fmt.Errorf("lstm: RandomModel: sizes are %v, want the input size and at least one hidden size", sizes))
	}
	for i, size := range sizes {
		if size < 1 {
			panic(fmt.Errorf("lstm: RandomModel: sizes[%d] is %d, want at least 1", i, size))
		}
	}
	if outputs < 0 {
		panic(fmt.Errorf("lstm: RandomModel: outputs is %d, want at least 0", outputs))
	}
	r := rand.NewPCG(seed, 0)
	m := &Model{}
	for l, hidden := range sizes[1:] {
		rows, input := panel.Gates*hidden, sizes[l]
		m.Layers = append(m.Layers, &Weights{
			InputSize:  input,
			HiddenSize: hidden,
			WeightIH:   uniform(r, rows*input, hidden),
			WeightHH:   uniform(r, rows*hidden, hidden),
			BiasIH:     uniform(r, rows, hidden),
			BiasHH:     uniform(r, rows, hidden),
		})
	}
	if outputs > 0 {
		top := sizes[len(sizes)-1]
		m.Heads = []Head{{Layers: []Layer{&Linear{
			InFeatures:  top,
			OutFeatures: outputs,
			Weight:      uniform(r, outputs*top, top),
			Bias:        uniform(r, outputs, top),
		}}}}
	}
	return m
}

// uniform returns n numbers between ±1/√features. No product is added to anything,
// so there is nothing that a compiler could fuse and round another way.
func uniform(r *rand.PCG, n, features int) []float32 {
	scale := 1 / math.Sqrt(float64(features))
	s := make([]float32, n)
	for i := range s {
		whole := int64(r.Uint64()>>40) - 1<<23 // 24 bits
		s[i] = float32(float64(whole) * 0x1p-23 * scale)
	}
	return s
}

// parameters counts the numbers of m.
func (m *Model) parameters() int {
	n := 0
	for _, layer := range m.Layers {
		n += layer.parameters()
	}
	for _, head := range m.Heads {
		for _, layer := range head.Layers {
			n += layer.parameters()
		}
	}
	return n
}

// check reports the first thing that keeps m from being a network.
func (m *Model) check() error {
	if len(m.Layers) == 0 {
		return errkind.Errorf(ErrShape, "lstm: a network needs at least one layer, got none")
	}
	// Padding can make packed weights 16 times as large as the tensors, so that those
	// fit an int of 32 bits where the packed ones do not.
	room := aligned.Room(math.MaxInt)
	var below features // none, which any layer can follow
	recurrent := false
	for l, layer := range m.Layers {
		name := fmt.Sprintf("layer %d", l)
		const want = "a *lstm.Weights, a *lstm.Bidirectional, a *lstm.Linear or an lstm.Activation"
		switch layer.(type) {
		case *Weights, *Bidirectional:
			recurrent = true
		case *Linear, Activation:
		case nil:
			return fmt.Errorf("lstm: %s is nil, want %s", name, want)
		default:
			return errkind.Errorf(ErrUnsupported, "lstm: %s is a %T, want %s", name, layer, want)
		}
		if err := checkAbove(layer, name, &below, &room); err != nil {
			return err
		}
	}
	if !recurrent {
		return errkind.Errorf(ErrUnsupported, "lstm: a network needs at least one LSTM layer, got none among %d layers", len(m.Layers))
	}
	for h := range m.Heads {
		name := "head"
		if len(m.Heads) > 1 {
			name = fmt.Sprintf("head %d", h)
		}
		if err := m.Heads[h].check(name, below, &room); err != nil {
			return err
		}
	}
	return nil
}

// checkSteps returns an error if m, which has been checked, cannot take single steps.
func (m *Model) checkSteps() error {
	for l, layer := range m.Layers {
		if _, ok := layer.(*Bidirectional); ok {
			return errkind.Errorf(ErrUnsupported, "lstm: layer %d is a %T, which has no single steps, want *lstm.Weights: NewSequenceNetwork, OpenSequence and ReadSequence make a network of it that runs whole sequences",
				l, layer)
		}
	}
	return nil
}

// check returns an error unless h, called name, can follow what has the features
// below.
func (h *Head) check(name string, below features, room *aligned.Room) error {
	const want = "a *lstm.Linear or an lstm.Activation"
	if len(h.Layers) == 0 {
		return errkind.Errorf(ErrShape, "lstm: %s: it has no layers, want %s", name, want)
	}
	for l, layer := range h.Layers {
		layerName := name
		if len(h.Layers) > 1 {
			layerName = fmt.Sprintf("%s, layer %d", name, l)
		}
		switch layer.(type) {
		case *Linear, Activation:
		case nil:
			return fmt.Errorf("lstm: %s: its layer %d is nil, want %s", name, l, want)
		default:
			return errkind.Errorf(ErrUnsupported, "lstm: %s: its layer %d is a %T, want %s", name, l, layer, want)
		}
		if err := checkAbove(layer, layerName, &below, room); err != nil {
			return err
		}
	}
	return nil
}

// checkAbove returns an error unless layer, called name, is sound and can follow
// what has the features below, which then are those of layer's output.
func checkAbove(layer Layer, name string, below *features, room *aligned.Room) error {
	if err := layer.check(name); err != nil {
		return err
	}
	if a, ok := layer.(Activation); ok && a.Function == ActivationDefault {
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Function is %v, which is none in a layer, want another", name, a.Function)
	}
	in, out := layer.input(), layer.output()
	if in.n != 0 && below.n != 0 && in.n != below.n {
		return errkind.Errorf(ErrShape, "lstm: %s: %s is %d, want %d, the %s of %s", name, in.field, in.n, below.n, below.field, below.layer)
	}
	if !layer.takeRoom(room) {
		return errkind.Errorf(ErrUnsupported, "lstm: %s: packed weights of %s %d and %s %d, with those of the layers below, take more bytes than can be addressed",
			name, in.field, in.n, out.field, out.n)
	}
	if out.n != 0 {
		out.layer = name
		*below = out
	}
	return nil
}

// inputSize is the features of the input of layers that have been checked: what
// comes before the first layer that says how many takes as many.
func inputSize(layers []Layer) int {
	for _, layer := range layers {
		if in := layer.input(); in.n != 0 {
			return in.n
		}
	}
	return 0
}

func (w *Weights) input() features { return features{field: "InputSize", n: w.InputSize} }
func (w *Weights) output() features {
	if w.ProjSize > 0 {
		return features{field: "ProjSize", n: w.ProjSize}
	}
	return features{field: "HiddenSize", n: w.HiddenSize}
}

// stateSize is the number of elements of h.
func (w *Weights) stateSize() int { return w.output().n }

func (w *Weights) parameters() int {
	n := len(w.WeightIH) + len(w.WeightHH) + len(w.BiasIH) + len(w.BiasHH) + len(w.WeightHR)
	n += len(w.PeepholeI) + len(w.PeepholeF) + len(w.PeepholeO) + len(w.NormI) + len(w.NormF) + len(w.NormG) + len(w.NormO)
	return n + len(w.InitialH) + len(w.InitialC)
}

func (w *Weights) takeRoom(room *aligned.Room) bool {
	padded := panel.PaddedUnits(w.HiddenSize)
	rows := func(elements int) int { return elements } // of float16 half of them
	if w.Format == Int8 {
		rows = panel.Int8Rows
	}
	return room.Take(panel.Gates, padded, 1+rows(w.InputSize)+rows(w.stateSize())) && room.Take(w.vectorCount(), padded) &&
		(w.ProjSize == 0 || room.Take(panel.BiasFloats(panel.RowUnits(w.ProjSize)), rows(w.HiddenSize)))
}

func (w *Weights) check(name string) error {
	if w == nil {
		return fmt.Errorf("lstm: %s is a nil *lstm.Weights", name)
	}
	if err := checkSize(name, "InputSize", w.InputSize); err != nil {
		return err
	}
	if err := checkSize(name, "HiddenSize", w.HiddenSize); err != nil {
		return err
	}
	if err := checkTensor(name, "WeightIH", w.WeightIH, "[4H, I]", panel.Gates, w.HiddenSize, w.InputSize); err != nil {
		return err
	}
	recurrentShape := "[4H, H]"
	if w.ProjSize < 0 {
		return errkind.Errorf(ErrShape, "lstm: %s: ProjSize is %d, want at least 0", name, w.ProjSize)
	}
	if w.ProjSize > 0 {
		recurrentShape = "[4H, P]"
	}
	if err := checkTensor(name, "WeightHH", w.WeightHH, recurrentShape, panel.Gates, w.HiddenSize, w.stateSize()); err != nil {
		return err
	}
	if w.BiasIH != nil {
		if err := checkTensor(name, "BiasIH", w.BiasIH, "[4H]", panel.Gates, w.HiddenSize); err != nil {
			return err
		}
	}
	if w.BiasHH != nil {
		if err := checkTensor(name, "BiasHH", w.BiasHH, "[4H]", panel.Gates, w.HiddenSize); err != nil {
			return err
		}
	}
	if err := w.checkProjection(name); err != nil {
		return err
	}
	if err := w.checkInitial(name); err != nil {
		return err
	}
	if out := w.output(); w.Residual && w.InputSize != out.n {
		return errkind.Errorf(ErrShape, "lstm: %s: InputSize is %d, want %d, the %s, where Residual is set", name, w.InputSize, out.n, out.field)
	}
	if err := w.checkCell(name); err != nil {
		return err
	}
	return w.checkFormat(name)
}

// checkProjection returns an error unless there is all of a projection, or nothing.
func (w *Weights) checkProjection(name string) error {
	switch {
	case w.ProjSize != 0:
		return checkTensor(name, "WeightHR", w.WeightHR, "[P, H]", w.ProjSize, w.HiddenSize)
	case w.WeightHR != nil:
		return errkind.Errorf(ErrShape, "lstm: %s: WeightHR has %d elements, want nil where ProjSize is 0", name, len(w.WeightHR))
	case w.Cell.ProjClip != 0:
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Cell.ProjClip is %v, want 0 where ProjSize is 0", name, w.Cell.ProjClip)
	}
	return nil
}

func (w *Weights) checkInitial(name string) error {
	if w.InitialH != nil {
		shape := "[H]"
		if w.ProjSize > 0 {
			shape = "[P]"
		}
		if err := checkTensor(name, "InitialH", w.InitialH, shape, w.stateSize()); err != nil {
			return err
		}
	}
	if w.InitialC != nil {
		return checkTensor(name, "InitialC", w.InitialC, "[H]", w.HiddenSize)
	}
	return nil
}

func checkSize(owner, field string, n int) error {
	if n < 1 {
		return errkind.Errorf(ErrShape, "lstm: %s: %s is %d, want at least 1", owner, field, n)
	}
	return nil
}

// checkTensor compares the length of a tensor with the product of its
// dimensions, which may not fit an int when the sizes are hostile.
func checkTensor(owner, field string, t []float32, shape string, dims ...int) error {
	want, ok := sizes.Product(dims...)
	if !ok {
		return errkind.Errorf(ErrShape, "lstm: %s: %s of shape %s = %v has more elements than can be addressed", owner, field, shape, dims)
	}
	if t == nil {
		return errkind.Errorf(ErrShape, "lstm: %s: %s is nil, want %d elements, shape %s", owner, field, want, shape)
	}
	if len(t) != want {
		return errkind.Errorf(ErrShape, "lstm: %s: %s has %d elements, want %d, shape %s", owner, field, len(t), want, shape)
	}
	return nil
}
