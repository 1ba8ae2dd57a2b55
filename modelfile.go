package lstm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
	"example.com/lstm/internal/statedict"
)

// Open reads the model file at path and makes its network ready to run. See
// [ReadModel] for what the file must hold.
//
// Errors name the path.
func Open(path string, options ...Option) (*Network, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	defer f.Close()
	n, err := Read(f, options...)
	if err != nil {
		return nil, &fileError{path, err}
	}
	return n, nil
}

// Read reads a model file from r, to its end, and makes its network ready to
// run. See [ReadModel] for what the file must hold.
func Read(r io.Reader, options ...Option) (*Network, error) {
	m, err := ReadModel(r, options...)
	if err != nil {
		return nil, err
	}
	return New(m)
}

// ReadModel reads a model from r, to its end. The format is safetensors, with
// the names and shapes of a PyTorch state_dict:
//
//	LSTM.weight_ih_lK  [4H, I]  input weights of layer K
//	LSTM.weight_hh_lK  [4H, R]  recurrent weights
//	LSTM.bias_ih_lK    [4H]     bias of the input part, may be absent
//	LSTM.bias_hh_lK    [4H]     bias of the recurrent part, may be absent
//	LSTM.weight_hr_lK  [P, H]   projection, may be absent
//	LSTM.peephole_i_lK [H]      peepholes of gate i, and those of f and o, all
//	                            three or none
//	LSTM.initial_h_lK  [R]      h that a stream begins with, may be absent
//	LSTM.initial_c_lK  [H]      c that a stream begins with, may be absent
//	LSTM.…_lK_reverse           the same of the backward direction, see Bidirectional
//	HEAD.weight        [O, R]   head, a linear layer, may be absent
//	HEAD.bias          [O]      bias of the head, may be absent
//
// LSTM and HEAD are the names of modules, any text, and may be absent, with
// their dot. K counts the layers from 0; sizes may differ between them. R is the
// size of a layer's h, P with a projection and H without, and I is the R of the
// layer below, or that of both directions together. Peepholes and initial states are not in PyTorch's nn.LSTM. The
// elements are F32, F16, BF16 or F64; F64 is rounded to the nearest float32, ties to
// even. The file's metadata become [Model.Metadata], but for LSTM.structure, in which
// [Model.Write] says what else of the LSTM is not PyTorch's, and [Model.Source] says
// what was taken for what.
//
// A file says which parameters there are, not how they are used: an activation
// between the LSTM and the head, a dropout, a sigmoid at the end have none and
// leave no trace. Compare some outputs with PyTorch's before a model goes into
// service.
//
// Nothing is guessed, and nothing in the file is passed over unless the options
// say so. A linear layer is the head if no other tensor is left, and if its
// module's name is head, or it has a bias and cannot be a layer before the LSTM,
// because O differs from the network's I. Anything else is an error that names
// the tensors and what to do: a second LSTM; numbers that are NaN, infinite or too
// large for a float32. A [Network] runs no file with a backward direction:
// [OpenSequence] does.
//
// A file may be hostile: memory is taken as bytes arrive, not because a header
// claims them. A header may have 16 MiB, 10,000 tensors of at most 16 dimensions
// each, and 10,000 metadata keys. Errors name the tensor, what it is and what was
// expected, and are [ErrDamaged], [ErrShape] or [ErrUnsupported]. An error of r is
// in their chain; a file that ends too early is [io.ErrUnexpectedEOF].
func ReadModel(r io.Reader, options ...Option) (*Model, error) {
	m, err := readModel(r, makeOptions(options))
	if err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

func readModel(r io.Reader, o readOptions) (*Model, error) {
	f, err := safetensors.Read(r)
	if err != nil {
		return nil, kindOfFile(err)
	}
	var said structure
	found, err := statedict.Find(f.Entries, o.choice, func(module string) (uses []statedict.Use, err error) {
		said, err = readStructure(f.Metadata, module)
		return said.uses(), err
	})
	if err != nil {
		return nil, err
	}
	m, places := placeTensors(found)
	if err := m.takeStructure(&said, f.Metadata); err != nil {
		return nil, err
	}
	place := func(e *safetensors.Entry) *[]float32 { return places[e.Name] }
	if err := f.ReadData(place, !o.nonFinite); err != nil {
		return nil, kindOfFile(err)
	}
	return m, nil
}

// placeTensors returns a model of the sizes that were found, and where in it the
// numbers of each tensor belong.
func placeTensors(found *statedict.Network) (m *Model, places map[string]*[]float32) {
	m = &Model{Source: Source{LSTM: found.LSTM, Unused: found.Unused}}
	places = make(map[string]*[]float32)
	add := func(entries []*safetensors.Entry, data []*[]float32) {
		for i, e := range entries {
			if e != nil {
				places[e.Name] = data[i]
			}
		}
	}
	direction := func(from *statedict.Direction) *Weights {
		if from == nil {
			return nil
		}
		w := &Weights{InputSize: from.InputSize, HiddenSize: from.HiddenSize, ProjSize: from.ProjSize}
		add(from.Tensors, w.tensors())
		return w
	}
	for l := range found.Layers {
		forward, backward := direction(found.Layers[l].Forward), direction(found.Layers[l].Backward)
		if backward == nil {
			m.Layers = append(m.Layers, forward)
		} else {
			m.Layers = append(m.Layers, &Bidirectional{Forward: forward, Backward: backward})
		}
	}
	if from := found.Head; from != nil {
		m.Source.Head = from.Module
		d := &Linear{InFeatures: from.InFeatures, OutFeatures: from.OutFeatures}
		add(from.Tensors[:], d.tensors())
		m.Heads = []Head{{Layers: []Layer{d}}}
	}
	return m, places
}

// tensors is where the numbers are, in the order of statedict.LayerParameters.
func (w *Weights) tensors() []*[]float32 {
	return []*[]float32{&w.WeightIH, &w.WeightHH, &w.BiasIH, &w.BiasHH, &w.WeightHR, &w.PeepholeI, &w.PeepholeF, &w.PeepholeO, &w.InitialH, &w.InitialC}
}

// tensors is where the numbers are, in the order of statedict.HeadParameters.
func (d *Linear) tensors() []*[]float32 { return []*[]float32{&d.Weight, &d.Bias} }

// kindOfFile gives an error of the container its kind.
func kindOfFile(err error) error {
	var format *safetensors.FormatError
	if !errors.As(err, &format) {
		return err
	}
	switch format.Kind {
	case safetensors.Unsupported:
		return errkind.Errorf(ErrUnsupported, "%w", err)
	case safetensors.NonFinite:
		return errkind.Errorf(ErrDamaged, "%w; lstm.WithNonFinite() takes such numbers as they are", err)
	}
	return errkind.Errorf(ErrDamaged, "%w", err)
}

// An Option tells [Open], [Read] and [ReadModel] what they cannot know or would
// refuse. Of options that contradict each other the last one counts.
type Option func(*readOptions)

type readOptions struct {
	choice    statedict.Choice
	nonFinite bool
}

func makeOptions(options []Option) (o readOptions) {
	for _, option := range options {
		option(&o)
	}
	return o
}

// WithLSTM takes the layers from the module of that name, such as "encoder.lstm"
// for encoder.lstm.weight_ih_l0, and passes over other LSTMs in the file. Where
// there are some, and other tensors too, WithHead or WithoutHead must say what
// those are.
func WithLSTM(module string) Option {
	return func(o *readOptions) { o.choice.LSTM = &module }
}

// WithHead takes the head from the module of that name, such as "fc" for
// fc.weight and fc.bias, and passes over all tensors but those and the LSTM's.
func WithHead(module string) Option {
	return func(o *readOptions) { o.choice.Head, o.choice.NoHead = &module, false }
}

// WithoutHead takes no head, and passes over all tensors but the LSTM's.
func WithoutHead() Option {
	return func(o *readOptions) { o.choice.Head, o.choice.NoHead = nil, true }
}

// WithNonFinite takes numbers that are NaN or infinite as they are, and numbers
// of an F64 tensor that are too large for a float32 as infinite.
func WithNonFinite() Option {
	return func(o *readOptions) { o.nonFinite = true }
}

// Write writes the model to w as a safetensors file of F32 tensors, which
// [ReadModel] reads back equal, but for the Source, given [WithNonFinite] if
// there are such numbers. The layers are named lstm.weight_ih_l0 and so on, their
// backward directions lstm.weight_ih_l0_reverse, the head head.weight and head.bias; what
// is nil is left out. If a layer's [Cell] is not the zero Cell, or a layer is residual,
// runs in reverse only or has another [Merge] than MergeConcat, the metadata key
// lstm.structure says so.
// Models that are equal but for the Source give equal files, byte for byte.
//
// Nothing is written when [NewSequenceNetwork] would refuse the model, when there are layers that
// are neither LSTM layers nor the one Linear of the one head, when a head has a name,
// when the metadata are not valid UTF-8 or have the key lstm.structure, or when
// ReadModel would refuse the size of the header.
func (m *Model) Write(w io.Writer) error {
	if err := m.check(); err != nil {
		return err
	}
	for l, layer := range m.Layers {
		switch layer.(type) {
		case *Weights, *Bidirectional:
		default:
			return errkind.Errorf(ErrUnsupported, "lstm: layer %d is a %T, want an LSTM layer in a file", l, layer)
		}
	}
	if len(m.Heads) > 1 {
		return errkind.Errorf(ErrUnsupported, "lstm: the model has %d heads, want at most 1 in a file", len(m.Heads))
	}
	for _, head := range m.Heads {
		if _, ok := head.Layers[0].(*Linear); !ok || len(head.Layers) > 1 {
			return errkind.Errorf(ErrUnsupported, "lstm: a head has other layers than one *lstm.Linear, want none in a file")
		}
		if head.Name != "" {
			return errkind.Errorf(ErrUnsupported, "lstm: a head has the name %s, want none in a file", safetensors.Quote(head.Name))
		}
	}
	metadata, err := m.metadataOfFile()
	if err != nil {
		return fmt.Errorf("lstm: %w", err)
	}
	if err := safetensors.Write(w, m.tensors(), metadata); err != nil {
		return fmt.Errorf("lstm: %w", kindOfFile(err))
	}
	return nil
}

// lstmModule is the module of the layers in files that Write writes.
const lstmModule = "lstm"

// tensors lists the model's tensors by the names that Write gives them.
func (m *Model) tensors() []safetensors.Tensor {
	var list []safetensors.Tensor
	add := func(name string, shape []int, data []float32) {
		if data != nil {
			list = append(list, safetensors.Tensor{Name: name, Shape: shape, Data: data})
		}
	}
	for l, layer := range m.Layers {
		for d, w := range directions(layer) {
			if w == nil {
				continue
			}
			for i, p := range statedict.LayerParameters(w.InputSize, w.HiddenSize, w.ProjSize) {
				add(statedict.LayerName(lstmModule, p.Name, l, d == 1), p.Shape, *w.tensors()[i])
			}
		}
	}
	for _, head := range m.Heads {
		d := head.Layers[0].(*Linear)
		for i, p := range statedict.HeadParameters(d.InFeatures, d.OutFeatures) {
			add(statedict.HeadModule+"."+p.Name, p.Shape, *d.tensors()[i])
		}
	}
	return list
}

// fileError puts a path into an error of this package, after its "lstm: ".
type fileError struct {
	path string
	err  error
}

func (e *fileError) Error() string {
	return "lstm: " + e.path + ": " + strings.TrimPrefix(e.err.Error(), "lstm: ")
}

func (e *fileError) Unwrap() error { return e.err }
