package lstm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
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
//	LSTM.norm_i_lK     [H]      factors of the layer normalization of gate i, and
//	                            those of f, g and o, all four or none
//	LSTM.initial_h_lK  [R]      h that a stream begins with, may be absent
//	LSTM.initial_c_lK  [H]      c that a stream begins with, may be absent
//	LSTM.…_lK_reverse           the same of the backward direction, see Bidirectional
//	HEAD.weight        [O, R]   head, a linear layer, may be absent
//	HEAD.bias          [O]      bias of the head, may be absent
//
// LSTM and HEAD are the names of modules, any text, and may be absent, with
// their dot. K counts the layers from 0; sizes may differ between them. R is the
// size of a layer's h, P with a projection and H without, and I is the R of the
// layer below, or that of both directions together. Peepholes,
// normalization and initial states are not in PyTorch's nn.LSTM. The
// elements are F32, F16, BF16 or F64; F64 is rounded to the nearest float32, ties to
// even. The file's metadata become [Model.Metadata], but for LSTM.structure, in which
// [Model.Write] says what else the names do not: what of the LSTM is not PyTorch's, and
// which other layers and heads there are. [Model.Source] says what was taken for what.
//
// A weight may also be I8, whole numbers from -127 to 127, with a tensor of its name and
// _scale, [4H], [P] or [O], that has a factor from 0 up for each row, such as
// LSTM.weight_ih_l0_scale. The layer then has the format [Int8], the weights are the
// products, and [New] rounds them to those numbers again.
//
// A file says which parameters there are, not how they are used: an activation
// between the LSTM and the head, a dropout, a sigmoid at the end have none and
// leave no trace, unless LSTM.structure has them. Compare some outputs with PyTorch's
// before a model goes into service.
//
// Nothing is guessed, and nothing in the file is passed over unless the options
// say so. Where LSTM.structure says which layers and heads there are, that counts.
// Else a linear layer is the head if no other tensor is left, and if its
// module's name is head, or it has a bias and cannot be a layer before the LSTM,
// because O differs from the network's I. Anything else is an error that names
// the tensors and what to do: a second LSTM; numbers that are NaN, infinite or too
// large for a float32. The parameters of an nn.LSTMCell, whose names have no _lK, are an
// LSTM of one layer. Several LSTMs are one stack if their names differ in a number that
// counts, such as lstm1 and lstm2, if each reads as many features as the one before has
// outputs, and if they do not all read the same number. A [Network] runs no file with a backward direction:
// [OpenSequence] does.
//
// A file may be hostile: memory is taken as bytes arrive, not because a header
// claims them. A header may have 16 MiB, 10,000 tensors of at most 16 dimensions
// each, and 10,000 metadata keys. Errors name the tensor, what it is and what was
// expected, and are [ErrDamaged], [ErrShape] or [ErrUnsupported]. An error of r is
// in their chain; a file that ends too early is [io.ErrUnexpectedEOF].
func ReadModel(r io.Reader, options ...Option) (*Model, error) {
	s := makeSettings(options)
	m, err := readModel(r, s)
	if err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	m = s.model(m)
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

func readModel(r io.Reader, s settings) (*Model, error) {
	f, err := safetensors.Read(r)
	if err != nil {
		return nil, kindOfFile(err)
	}
	m, placed, err := findModel(f.Entries, f.Metadata, s)
	if err != nil {
		return nil, err
	}
	place := func(e *safetensors.Entry) *[]float32 { return placed.numbers[e.Name] }
	if err := f.ReadData(place, !s.nonFinite); err != nil {
		return nil, kindOfFile(err)
	}
	return m, placed.finish()
}

// findModel returns the model that the entries are, and where in it the numbers of
// each belong.
func findModel(entries []safetensors.Entry, metadata map[string]string, s settings) (m *Model, placed tensorPlaces, err error) {
	var said structure
	found, err := statedict.Find(entries, s.choice, func(modules []string) (st statedict.Structure, err error) {
		said, err = readStructure(metadata, modules)
		return said.forTensors(), err
	})
	if err != nil {
		return nil, placed, err
	}
	if found.Head != nil || s.choice.NoHead {
		said.Heads = nil // the choice says what there is
	}
	m, placed = placeTensors(found, &said)
	if err := m.takeStructure(&said, metadata); err != nil {
		return nil, placed, err
	}
	return m, placed, placed.setFormats()
}

// placeTensors returns a model of the sizes that were found, in the order that the
// file says, and where in it the numbers of each tensor belong.
func placeTensors(found *statedict.Network, said *structure) (m *Model, placed tensorPlaces) {
	m = &Model{Source: Source{LSTM: strings.Join(found.LSTM, ", "), Unused: found.Unused}}
	placed.numbers = make(map[string]*[]float32)
	direction := func(from *statedict.Direction) *Weights {
		if from == nil {
			return nil
		}
		w := &Weights{InputSize: from.InputSize, HiddenSize: from.HiddenSize, ProjSize: from.ProjSize}
		placed.add(from.Tensors, from.Scales, w.tensors(), w.scales(), &w.Format)
		return w
	}
	linear := func(from *statedict.Linear) *Linear {
		d := &Linear{InFeatures: from.InFeatures, OutFeatures: from.OutFeatures}
		placed.add(from.Tensors[:], []*safetensors.Entry{from.Scale, nil}, d.tensors(), d.scales(), &d.Format)
		return d
	}
	var lstms, linears []Layer
	for l := range found.Layers {
		forward, backward := direction(found.Layers[l].Forward), direction(found.Layers[l].Backward)
		if backward == nil {
			lstms = append(lstms, forward)
		} else {
			lstms = append(lstms, &Bidirectional{Forward: forward, Backward: backward})
		}
	}
	for _, from := range found.Linears {
		linears = append(linears, linear(from))
	}
	m.Layers = lstms
	if said.order != nil {
		m.Layers = layersOf(said.order, &lstms, &linears)
	}
	for _, head := range said.Heads {
		m.Heads = append(m.Heads, Head{Name: head.Name, Layers: layersOf(head.order, nil, &linears)})
	}
	if found.Head != nil {
		m.Source.Head = found.Head.Module
		m.Heads = []Head{{Layers: []Layer{linear(found.Head)}}}
	}
	return m, placed
}

// tensors is where the numbers are, in the order of statedict.LayerParameters.
func (w *Weights) tensors() []*[]float32 {
	return []*[]float32{
		&w.WeightIH, &w.WeightHH, &w.BiasIH, &w.BiasHH, &w.WeightHR, &w.PeepholeI, &w.PeepholeF, &w.PeepholeO,
		&w.NormI, &w.NormF, &w.NormG, &w.NormO, &w.InitialH, &w.InitialC,
	}
}

// tensors is where the numbers are, in the order of statedict.LinearParameters.
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

// An Option tells [Open], [Read], [ReadModel] and [FromTensors] what they cannot know or
// would refuse, and these and [New] how to store weights. Of options that contradict
// each other the last one counts.
type Option func(*settings)

type settings struct {
	choice    statedict.Choice
	nonFinite bool
	format    *WeightFormat // nil: as the model says
	inputBits *int          // nil: as the model says
}

func makeSettings(options []Option) (s settings) {
	for _, option := range options {
		option(&s)
	}
	return s
}

// WithLSTM takes the layers from the module of that name, such as "encoder.lstm"
// for encoder.lstm.weight_ih_l0, and passes over other LSTMs in the file. Where
// there are some, and other tensors too, WithHead or WithoutHead must say what
// those are. Several modules are one stack, from the input up. WithLSTM without a
// name is no choice.
func WithLSTM(modules ...string) Option {
	return func(s *settings) { s.choice.LSTM = slices.Clone(modules) }
}

// WithPrefix passes over all tensors but those of the module of that name and of the
// modules in it: "encoder" keeps encoder.lstm.weight_ih_l0 and encoder.fc.weight. The
// rest is read as if it were all there is; names stay what they are. "" keeps all.
func WithPrefix(module string) Option {
	return func(s *settings) { s.choice.Prefix = module }
}

// WithHead takes the head from the module of that name, such as "fc" for
// fc.weight and fc.bias, and passes over all tensors but those and the layers'. It
// is the only one, whatever heads the file's structure has.
func WithHead(module string) Option {
	return func(s *settings) { s.choice.Head, s.choice.NoHead = &module, false }
}

// WithoutHead takes no head, and passes over all tensors but the layers'.
func WithoutHead() Option {
	return func(s *settings) { s.choice.Head, s.choice.NoHead = nil, true }
}

// WithNonFinite takes numbers that are NaN or infinite as they are, and numbers
// of an F64 tensor that are too large for a float32 as infinite.
func WithNonFinite() Option {
	return func(s *settings) { s.nonFinite = true }
}

// Write writes the model to w as a safetensors file, which [ReadModel] reads back
// equal, but for the Source, given [WithNonFinite] if there are such numbers. Tensors
// are F32, but for weights of layers in another format: those are F16, or I8 with their
// scales in tensors like lstm.weight_ih_l0_scale, rounded as [New] does it. What is read
// back has the rounded weights, then, and makes the same network, with the same
// fingerprint.
//
// The layers are named lstm.weight_ih_l0 and so on, their backward directions
// lstm.weight_ih_l0_reverse, the head head.weight and head.bias; what is nil is left
// out. If a layer's [Cell] is not the zero Cell, or a layer is residual, runs in reverse
// only, has another [Merge] than MergeConcat or has Last, see [Bidirectional], the
// metadata key lstm.structure says so. It also says which layers and heads there are, if there are
// others than LSTM layers and one head that is a [Linear] and has no name. Linear layers
// are then layers.2.weight and so on, that of Layers[2], or heads.0.1.weight, the second
// layer of Heads[0].
// Models that are equal but for the Source give equal files, byte for byte.
//
// Nothing is written when [NewSequenceNetwork] would refuse the model, when a head's
// name or the metadata are not valid UTF-8, when these have the key lstm.structure, or
// when ReadModel would refuse the size of the header or of lstm.structure, 256 KiB.
func (m *Model) Write(w io.Writer) error {
	if err := m.check(); err != nil {
		return err
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
	add := func(name string, p statedict.Parameter, data []float32, format WeightFormat, bytes map[string]panel.ByteMatrix) {
		if data != nil {
			list = append(list, storedTensors(name, p, data, format, bytes[p.Name])...)
		}
	}
	linear := func(layer Layer, module string) {
		if d, ok := layer.(*Linear); ok {
			bytes := d.bytes()
			for i, p := range statedict.LinearParameters(d.InFeatures, d.OutFeatures, "I") {
				add(statedict.LinearName(module, p.Name), p, *d.tensors()[i], d.Format, bytes)
			}
		}
	}
	lstms := 0
	for l, layer := range m.Layers {
		linear(layer, layerModule(l))
		is := directions(layer)
		for d, w := range is {
			if w == nil {
				continue
			}
			bytes := w.bytes()
			for i, p := range statedict.LayerParameters(w.InputSize, w.HiddenSize, w.ProjSize) {
				add(statedict.LayerName(lstmModule, p.Name, lstms, d == 1), p, *w.tensors()[i], w.Format, bytes)
			}
		}
		if is != [2]*Weights{} {
			lstms++
		}
	}
	for h, head := range m.Heads {
		for l, layer := range head.Layers {
			if m.hasOrder() {
				linear(layer, headModule(h, l))
			} else {
				linear(layer, statedict.HeadModule)
			}
		}
	}
	// Other programs map files into memory, where numbers lie at whole multiples of their
	// size if larger ones come first.
	slices.SortStableFunc(list, func(a, b safetensors.Tensor) int { return b.ElementSize() - a.ElementSize() })
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
