package lstm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/contract"
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

	WeightIH []float32 // input weights, [4H, I]
	WeightHH []float32 // recurrent weights, [4H, H]
	BiasIH   []float32 // bias of the input part, [4H]; nil means zero
	BiasHH   []float32 // bias of the recurrent part, [4H]; nil means zero
}

// Linear is a fully connected layer, y = Weight·x + Bias, with the names and
// shapes of PyTorch's nn.Linear. A [Network] may have one after its last layer,
// as its head.
type Linear struct {
	InFeatures  int // number of features of the input, at least 1
	OutFeatures int // number of features of the output, at least 1

	Weight []float32 // [OutFeatures, InFeatures], row-major
	Bias   []float32 // [OutFeatures]; nil means zero
}

// Model is a network's parameters as plain numbers, which is what a model file
// holds. It is data only; [New] makes it run.
type Model struct {
	Layers   []Weights         // from the input up, at least one
	Head     *Linear           // nil for none: the output is the last layer's h
	Metadata map[string]string // free text kept with the parameters, may be nil
	Source   Source            // where ReadModel found it; for information only
}

// Source says which tensors of a file became a [Model], so that a log can show
// it and a person can see whether it is what was meant. Modules have the names
// of a PyTorch state_dict: encoder.lstm where a tensor is encoder.lstm.weight_ih_l0,
// and "" where names have no prefix.
type Source struct {
	LSTM   string   // the module whose tensors are the layers
	Head   string   // the module whose tensors are the head; "" also without a head
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
		m.Layers = append(m.Layers, Weights{
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
		m.Head = &Linear{
			InFeatures:  top,
			OutFeatures: outputs,
			Weight:      uniform(r, outputs*top, top),
			Bias:        uniform(r, outputs, top),
		}
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

// parameters counts the weights and biases of m.
func (m *Model) parameters() int {
	n := 0
	for l := range m.Layers {
		w := &m.Layers[l]
		n += len(w.WeightIH) + len(w.WeightHH) + len(w.BiasIH) + len(w.BiasHH)
	}
	if m.Head != nil {
		n += len(m.Head.Weight) + len(m.Head.Bias)
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
	for l := range m.Layers {
		w := &m.Layers[l]
		name := fmt.Sprintf("layer %d", l)
		if err := w.check(name); err != nil {
			return err
		}
		if l > 0 && w.InputSize != m.Layers[l-1].HiddenSize {
			return errkind.Errorf(ErrShape, "lstm: %s: InputSize is %d, want %d, the HiddenSize of layer %d",
				name, w.InputSize, m.Layers[l-1].HiddenSize, l-1)
		}
		if !room.Take(panel.Gates, panel.PaddedUnits(w.HiddenSize), 1+w.InputSize+w.HiddenSize) {
			return errkind.Errorf(ErrUnsupported, "lstm: %s: packed weights of InputSize %d and HiddenSize %d, with those of the layers below, take more bytes than can be addressed",
				name, w.InputSize, w.HiddenSize)
		}
	}
	if m.Head == nil {
		return nil
	}
	top := m.Layers[len(m.Layers)-1].HiddenSize
	if err := m.Head.check(); err != nil {
		return err
	}
	if m.Head.InFeatures != top {
		return errkind.Errorf(ErrShape, "lstm: head: InFeatures is %d, want %d, the HiddenSize of the last layer",
			m.Head.InFeatures, top)
	}
	if !room.Take(m.Head.OutFeatures, sizes.RoundUp(top, contract.HeadSums)+1) {
		return errkind.Errorf(ErrUnsupported, "lstm: head: packed weights of InFeatures %d and OutFeatures %d, with those of the layers, take more bytes than can be addressed",
			top, m.Head.OutFeatures)
	}
	return nil
}

func (w *Weights) check(name string) error {
	if err := checkSize(name, "InputSize", w.InputSize); err != nil {
		return err
	}
	if err := checkSize(name, "HiddenSize", w.HiddenSize); err != nil {
		return err
	}
	if err := checkTensor(name, "WeightIH", w.WeightIH, "[4H, I]", panel.Gates, w.HiddenSize, w.InputSize); err != nil {
		return err
	}
	if err := checkTensor(name, "WeightHH", w.WeightHH, "[4H, H]", panel.Gates, w.HiddenSize, w.HiddenSize); err != nil {
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
	return nil
}

func (d *Linear) check() error {
	if err := checkSize("head", "InFeatures", d.InFeatures); err != nil {
		return err
	}
	if err := checkSize("head", "OutFeatures", d.OutFeatures); err != nil {
		return err
	}
	if err := checkTensor("head", "Weight", d.Weight, "[OutFeatures, InFeatures]", d.OutFeatures, d.InFeatures); err != nil {
		return err
	}
	if d.Bias != nil {
		return checkTensor("head", "Bias", d.Bias, "[OutFeatures]", d.OutFeatures)
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
