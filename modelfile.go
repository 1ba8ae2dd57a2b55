package lstm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"example.com/lstm/internal/panel"
)

// Open reads the model file at path and makes its network ready to run. See
// [ReadModel] for what the file must hold.
//
// Errors name the path.
func Open(path string) (*Network, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	defer f.Close()
	n, err := Read(f)
	if err != nil {
		return nil, &fileError{path, err}
	}
	return n, nil
}

// Read reads a model file from r, to its end, and makes its network ready to
// run. See [ReadModel] for what the file must hold.
func Read(r io.Reader) (*Network, error) {
	m, err := ReadModel(r)
	if err != nil {
		return nil, err
	}
	return New(m)
}

// ReadModel reads a model from r, to its end. The format is safetensors, with
// the names and shapes of a PyTorch state_dict:
//
//	PREFIX.weight_ih_lK  [4H, I]  input weights of layer K
//	PREFIX.weight_hh_lK  [4H, H]  recurrent weights
//	PREFIX.bias_ih_lK    [4H]     bias of the input part, may be absent
//	PREFIX.bias_hh_lK    [4H]     bias of the recurrent part, may be absent
//	HEAD.weight          [O, H]   head, a linear layer, may be absent
//	HEAD.bias            [O]      bias of the head, may be absent
//
// PREFIX and HEAD are any text, and may be absent, with their dot. K counts
// the layers from 0; H may differ between layers, and I is the H of the layer
// below. The elements are F32, F16, BF16 or F64; F64 is rounded to the nearest
// float32, ties to even. The file's metadata become [Model.Metadata].
//
// Nothing in the file is passed over. A tensor without a place in this list is
// an error, and so are the parts of a bidirectional LSTM (_reverse) and of one
// with projections (weight_hr), which this package does not run.
//
// A file may be hostile: memory is taken as bytes arrive, not because a header
// claims them. Errors name the tensor, what it is and what was expected. An
// error of r is in their chain; a file that ends too early is
// [io.ErrUnexpectedEOF].
func ReadModel(r io.Reader) (*Model, error) {
	br := bufio.NewReaderSize(r, fileChunk)
	entries, metadata, err := readFileHeader(br)
	if err != nil {
		return nil, err
	}
	m, places, err := arrange(entries)
	if err != nil {
		return nil, err
	}
	m.Metadata = metadata
	err = readFileData(br, entries, func(t tensor) { *places[t.name] = t.data })
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Write writes the model to w as a safetensors file of F32 tensors, which
// [ReadModel] reads back equal. The layers are named lstm.weight_ih_l0 and so
// on, the head head.weight and head.bias; a nil bias is left out. Equal models
// give equal files, byte for byte.
//
// Nothing is written when [New] would refuse the model, or when its metadata
// are not valid UTF-8 or do not fit a header of 100 MB.
func (m *Model) Write(w io.Writer) error {
	if err := m.check(); err != nil {
		return err
	}
	return writeTensors(w, m.tensors(), m.Metadata)
}

// tensors lists the model's tensors by the names that Write gives them.
func (m *Model) tensors() []tensor {
	var list []tensor
	add := func(name string, p parameter) {
		if *p.data != nil {
			list = append(list, tensor{name, p.shape, *p.data})
		}
	}
	for l := range m.Layers {
		for _, p := range m.Layers[l].parameters() {
			add(fmt.Sprintf("lstm.%s_l%d", p.name, l), p)
		}
	}
	if m.Head != nil {
		for _, p := range m.Head.parameters() {
			add("head."+p.name, p)
		}
	}
	return list
}

// parameter is one tensor of a layer: its name in a state_dict, its shape, and
// where its numbers are or belong.
type parameter struct {
	name     string
	data     *[]float32
	optional bool
	symbols  string // the shape in symbols
	shape    []int
}

func (w *Weights) parameters() []parameter {
	rows := panel.Gates * w.HiddenSize
	return []parameter{
		{"weight_ih", &w.WeightIH, false, "[4H, I]", []int{rows, w.InputSize}},
		{"weight_hh", &w.WeightHH, false, "[4H, H]", []int{rows, w.HiddenSize}},
		{"bias_ih", &w.BiasIH, true, "[4H]", []int{rows}},
		{"bias_hh", &w.BiasHH, true, "[4H]", []int{rows}},
	}
}

func (d *Linear) parameters() []parameter {
	return []parameter{
		{"weight", &d.Weight, false, "[O, H]", []int{d.OutFeatures, d.InFeatures}},
		{"bias", &d.Bias, true, "[O]", []int{d.OutFeatures}},
	}
}

// arrange finds the place of every tensor in a network: the model has its
// sizes, places says by name where each tensor's numbers belong.
func arrange(entries []tensorEntry) (m *Model, places map[string]*[]float32, err error) {
	layers := make(map[int]map[string]*tensorEntry)
	var first *tensorEntry // of the LSTM's tensors
	var others []*tensorEntry
	for i := range entries {
		e := &entries[i]
		if e.elements == 0 {
			return nil, nil, e.errorf("shape is %s, want every dimension at least 1", sizesText(e.shape))
		}
		prefix, field := splitName(e.name)
		part, layer, err := splitField(field)
		if err != nil {
			return nil, nil, e.errorf("%w", err)
		}
		if part == "" {
			others = append(others, e)
			continue
		}
		if first == nil {
			first = e
		}
		if firstPrefix, _ := splitName(first.name); prefix != firstPrefix {
			return nil, nil, e.errorf("it belongs to another LSTM than tensor %s, want one LSTM in a file", quote(first.name))
		}
		if layers[layer] == nil {
			layers[layer] = make(map[string]*tensorEntry)
		}
		layers[layer][part] = e
	}
	if first == nil {
		return nil, nil, errors.New("lstm: no tensor is named weight_ih_l0, with or without a prefix, want the parameters of an LSTM")
	}

	a := arrangement{places: make(map[string]*[]float32)}
	a.model.Layers = make([]Weights, len(layers))
	for l := range a.model.Layers {
		if layers[l] == nil {
			return nil, nil, gapError(entries, l)
		}
		if err := a.layer(l, layers[l]); err != nil {
			return nil, nil, err
		}
	}
	if err := a.head(others); err != nil {
		return nil, nil, err
	}
	return &a.model, a.places, nil
}

// splitName splits a tensor's name at its last dot, which stays with the
// prefix.
func splitName(name string) (prefix, field string) {
	i := strings.LastIndexByte(name, '.') + 1
	return name[:i], name[i:]
}

// splitField splits the name of an LSTM's parameter, such as weight_ih_l0. The
// part is empty when the name is not of that kind.
func splitField(field string) (part string, layer int, err error) {
	part, number, _ := strings.Cut(field, "_l")
	switch part {
	case "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr":
	default:
		return "", 0, nil
	}
	number, reverse := strings.CutSuffix(number, "_reverse")
	layer, err = strconv.Atoi(number)
	if err != nil || layer < 0 || strconv.Itoa(layer) != number {
		return "", 0, nil
	}
	if reverse {
		return "", 0, errors.New("it belongs to a bidirectional LSTM, want one direction")
	}
	if part == "weight_hr" {
		return "", 0, errors.New("it is the projection of an LSTM with proj_size, want none")
	}
	return part, layer, nil
}

// gapError names the lowest tensor above the missing layer.
func gapError(entries []tensorEntry, missing int) error {
	var above *tensorEntry
	lowest := 0
	for i := range entries {
		_, field := splitName(entries[i].name)
		part, layer, _ := splitField(field)
		if part != "" && layer > missing && (above == nil || layer < lowest) {
			above, lowest = &entries[i], layer
		}
	}
	return above.errorf("layer %d is there but layer %d is not, want layers counted from 0 without a gap", lowest, missing)
}

type arrangement struct {
	model  Model
	places map[string]*[]float32
}

// layer places the parts of layer l, above layers that have their places.
func (a *arrangement) layer(l int, parts map[string]*tensorEntry) error {
	w := &a.model.Layers[l]
	for _, p := range w.parameters() {
		switch e := parts[p.name]; {
		case e == nil && !p.optional:
			return missingError(l, p, parts)
		case e != nil && len(e.shape) != len(p.shape):
			return e.errorf("shape is %s, want %s", sizesText(e.shape), p.symbols)
		}
	}
	w.HiddenSize = parts["weight_hh"].shape[1]
	w.InputSize = parts["weight_ih"].shape[1]
	if l > 0 {
		w.InputSize = a.model.Layers[l-1].HiddenSize
	}
	for _, p := range w.parameters() {
		if e := parts[p.name]; e != nil {
			if err := a.place(e, p); err != nil {
				if e.shape[0] == 3*w.HiddenSize {
					err = fmt.Errorf("%w; 3H rows are a GRU's", err)
				}
				return err
			}
		}
	}
	return nil
}

func (a *arrangement) place(e *tensorEntry, p parameter) error {
	if !slices.Equal(e.shape, p.shape) {
		return e.errorf("shape is %s, want %v = %s", sizesText(e.shape), p.shape, p.symbols)
	}
	a.places[e.name] = p.data
	return nil
}

// missingError names a tensor that is there besides the one that is not.
func missingError(l int, missing parameter, parts map[string]*tensorEntry) error {
	var beside *tensorEntry
	for _, p := range new(Weights).parameters() {
		if e := parts[p.name]; e != nil {
			beside = e
			break
		}
	}
	prefix, _ := splitName(beside.name)
	return fmt.Errorf("lstm: tensor %s is missing, want one of shape %s beside tensor %s of shape %s",
		quote(fmt.Sprintf("%s%s_l%d", prefix, missing.name, l)), missing.symbols, quote(beside.name), sizesText(beside.shape))
}

// head places the tensors that are not the LSTM's.
func (a *arrangement) head(others []*tensorEntry) error {
	top := a.model.Layers[len(a.model.Layers)-1].HiddenSize
	var weight *tensorEntry
	for _, e := range others {
		if _, field := splitName(e.name); field != "weight" || len(e.shape) != 2 || e.shape[1] != top {
			continue
		}
		if weight != nil {
			return e.errorf("it could be the head, and so could tensor %s, want one head", quote(weight.name))
		}
		weight = e
	}
	var prefix string
	var parameters []parameter
	if weight != nil {
		prefix, _ = splitName(weight.name)
		a.model.Head = &Linear{InFeatures: top, OutFeatures: weight.shape[0]}
		parameters = a.model.Head.parameters()
	}
	for _, e := range others {
		i := slices.IndexFunc(parameters, func(p parameter) bool { return e.name == prefix+p.name })
		if i < 0 {
			return e.errorf("shape is %s, no part of an LSTM or its head, want a head's weight [O, H] with H = %d, and bias [O]",
				sizesText(e.shape), top)
		}
		if err := a.place(e, parameters[i]); err != nil {
			return err
		}
	}
	return nil
}

// fileError puts a path into an error of this package, behind its "lstm: ".
type fileError struct {
	path string
	err  error
}

func (e *fileError) Error() string {
	return "lstm: " + e.path + ": " + strings.TrimPrefix(e.err.Error(), "lstm: ")
}

func (e *fileError) Unwrap() error { return e.err }
