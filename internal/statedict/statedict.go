// Package statedict finds out which tensor of a file belongs where in a network,
// from the names and shapes of a PyTorch state_dict alone. Where they leave a
// doubt it asks for an option, by the name that it has in package lstm.
package statedict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// HeadModule is the one name by which a head is known: that of files which
// package lstm writes, and of the documentation.
const HeadModule = "head"

// Choice is what the caller says about the modules of a file.
type Choice struct {
	Prefix string   // of the modules that count, all of them if ""
	LSTM   []string // modules, from the input up; nil for the only one, or the stack that is certain
	Head   *string  // module; nil for what is certain
	NoHead bool
}

// A Use is what the file says of a layer besides its tensors. The zero Use is what
// PyTorch does.
type Use struct {
	Merged  bool // the outputs of the two directions become one of the same size
	Reverse bool // there is the backward direction only
}

// A Structure is what the file says of a network besides its tensors.
type Structure struct {
	Uses  []Use     // of the LSTM layers, as far as it says
	Order []Stage   // all layers from the input up; nil for those of the LSTM, and the head that is certain
	Heads [][]Stage // with Order only: of each head, from the layers up
}

// A Stage is a layer of any kind.
type Stage struct {
	Kind   StageKind
	Module string // of a linear layer
}

type StageKind int

const (
	OtherStage  StageKind = iota // has no tensors, and as many outputs as inputs
	LSTMStage                    // the next layer of the LSTM
	LinearStage                  // a linear layer
)

// A Network says which tensor is what. Shapes are those of the parameters.
type Network struct {
	LSTM    []string // modules, from the input up
	Layers  []Layer
	Linears []*Linear // those of Order, and then those of Heads unless the choice says what the head is
	Head    *Linear   // that which is certain or chosen, nil for none
	Unused  []string  // tensors that the choice passes over

	parts []*module                   // of a stack
	used  map[*safetensors.Entry]bool // those that have a place
	top   features                    // of what is below the layer whose place is sought
}

// features is a number of them, 0 if it is not known yet, and how shapes call it.
type features struct {
	n      int
	symbol string
}

// Layer is one layer of an LSTM, in one direction or in both.
type Layer struct {
	Forward, Backward *Direction // nil for one that is not there
	Use               Use
}

// Direction is the tensors of one direction of a layer, in the order of
// LayerParameters; nil for one that is not there.
type Direction struct {
	InputSize, HiddenSize int
	ProjSize              int // 0 for no projection
	Tensors               []*safetensors.Entry
	Scales                []*safetensors.Entry // of those that are matrices of int8, nil of the others
}

// outputSize is the number of elements of its h.
func (d *Direction) outputSize() int { return cmp.Or(d.ProjSize, d.HiddenSize) }

// inputSize and outputSize are the elements of the layer's input and of its output,
// outputSymbol is how shapes call them.
func (l *Layer) inputSize() int { return cmp.Or(l.Forward, l.Backward).InputSize }

func (l *Layer) outputSize() int {
	if l.concatenates() {
		return l.Forward.outputSize() + l.Backward.outputSize()
	}
	return cmp.Or(l.Forward, l.Backward).outputSize()
}

func (l *Layer) outputSymbol() string {
	switch {
	case l.concatenates():
		return "D"
	case cmp.Or(l.Forward, l.Backward).ProjSize > 0:
		return "P"
	}
	return "H"
}

func (l *Layer) concatenates() bool { return l.Forward != nil && l.Backward != nil && !l.Use.Merged }

// Linear is the tensors of a linear layer, in the order of LinearParameters.
type Linear struct {
	Module                  string
	InFeatures, OutFeatures int
	Tensors                 [2]*safetensors.Entry
	Scale                   *safetensors.Entry // of a weight of int8, else nil
}

// Find finds the place of every tensor. A tensor without a place is one that
// the choice lets it pass over. structure returns what the file says of the network
// whose LSTM is those modules.
func Find(entries []safetensors.Entry, c Choice, structure func(modules []string) (Structure, error)) (*Network, error) {
	modules, err := groupModules(entries, c.Prefix)
	if err != nil {
		return nil, err
	}
	lstm, err := chooseLSTM(modules, c.LSTM)
	if err != nil {
		return nil, err
	}
	n := &Network{LSTM: lstm.names(), parts: lstm.parts, used: make(map[*safetensors.Entry]bool)}
	said, err := structure(n.LSTM)
	if err != nil {
		return nil, err
	}
	if err := n.stack(modules, lstm, said); err != nil {
		return nil, err
	}
	switch {
	case c.Head != nil:
		err = n.namedHead(modules, *c.Head)
	case c.NoHead:
	case said.Order != nil:
		err = n.saidHeads(modules, said.Heads)
	default:
		err = n.certainHead(modules)
	}
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if !n.used[&entries[i]] {
			n.Unused = append(n.Unused, entries[i].Name)
		}
	}
	return n, nil
}

// stack places all layers, those of m and the linear ones.
func (n *Network) stack(modules []*module, m *module, said Structure) error {
	order := said.Order
	if order == nil {
		order = slices.Repeat([]Stage{{Kind: LSTMStage}}, len(m.layers))
	}
	lstms := 0
	for _, s := range order {
		if s.Kind == LSTMStage {
			lstms++
		}
	}
	if lstms != len(m.layers) {
		return errkind.Errorf(errkind.ErrUnsupported, "metadata %s: its order has %d LSTM layers, want %d, as there are in the tensors",
			safetensors.Quote(StructureKey(n.LSTM[0])), lstms, len(m.layers))
	}
	n.Layers = make([]Layer, 0, lstms)
	for _, s := range order {
		switch s.Kind {
		case LSTMStage:
			l := len(n.Layers)
			if m.layers[l] == nil {
				return gapError(m, l)
			}
			n.Layers = append(n.Layers, Layer{})
			if l < len(said.Uses) {
				n.Layers[l].Use = said.Uses[l]
			}
			if err := n.layer(m, l); err != nil {
				return err
			}
		case LinearStage:
			if err := n.saidLinear(modules, s.Module); err != nil {
				return err
			}
		}
	}
	return nil
}

// gapError names a tensor of the lowest layer above the missing one.
func gapError(m *module, missing int) error {
	lowest := -1
	for layer := range m.layers {
		if layer > missing && (lowest < 0 || layer < lowest) {
			lowest = layer
		}
	}
	var above *safetensors.Entry
	for _, e := range m.layers[lowest] {
		if above == nil || e.Name < above.Name {
			above = e
		}
	}
	return errkind.Errorf(errkind.ErrUnsupported, "%w", above.Errorf("layer %d is there but layer %d is not, want layers counted from 0 without a gap", lowest, missing))
}

// layer places the parts of layer l, above layers that have their places.
func (n *Network) layer(m *module, l int) (err error) {
	layer, input := &n.Layers[l], n.top.n
	var forward, backward bool
	for part := range m.layers[l] {
		if strings.HasSuffix(part, reverseSuffix) {
			backward = true
		} else {
			forward = true
		}
	}
	if forward {
		if layer.Forward, err = n.direction(m, l, false, input); err != nil {
			return err
		}
		input = layer.Forward.InputSize
	}
	if backward {
		if layer.Backward, err = n.direction(m, l, true, input); err != nil {
			return err
		}
	}
	if err := layer.checkUse(m, l); err != nil {
		return err
	}
	n.top = features{layer.outputSize(), layer.outputSymbol()}
	return nil
}

// checkUse returns an error unless a layer has the directions that the file speaks of.
func (l *Layer) checkUse(m *module, number int) error {
	both := l.Forward != nil && l.Backward != nil
	switch {
	case l.Use.Merged && !both:
		return errkind.Errorf(errkind.ErrUnsupported, "%w", cmp.Or(l.Forward, l.Backward).Tensors[0].Errorf("layer %d has this direction only, want both, since it merges them", number))
	case l.Use.Reverse && l.Forward != nil:
		return errkind.Errorf(errkind.ErrUnsupported, "%w", l.Forward.Tensors[0].Errorf("layer %d has this direction, want the backward one only, since it runs in reverse", number))
	case !l.Use.Reverse && l.Forward == nil:
		return errkind.Errorf(errkind.ErrUnsupported, "%w", l.Backward.Tensors[0].Errorf("layer %d has this direction only, want tensor %s too, unless %s in the metadata says that it runs in reverse",
			number, safetensors.Quote(m.parameterName("weight_ih", number, false)), safetensors.Quote(StructureKey(m.names()[0]))))
	}
	return nil
}

// direction places the parts of one direction of layer l. input is the size of the
// layer's input, 0 for what weight_ih has.
func (n *Network) direction(m *module, l int, reverse bool, input int) (*Direction, error) {
	found := make(map[string]*safetensors.Entry)
	for part, e := range m.layers[l] {
		if name, backward := strings.CutSuffix(part, reverseSuffix); backward == reverse {
			found[name] = e
		}
	}
	peepholes := found["peephole_i"] != nil || found["peephole_f"] != nil || found["peephole_o"] != nil
	normalized := found["norm_i"] != nil || found["norm_f"] != nil || found["norm_g"] != nil || found["norm_o"] != nil
	for _, p := range LayerParameters(0, 0, 0) {
		needed := !p.Optional || peepholes && strings.HasPrefix(p.Name, "peephole") || normalized && strings.HasPrefix(p.Name, "norm")
		switch e := found[p.Name]; {
		case e == nil && needed:
			return nil, missingError(m.parameterName(p.Name, l, reverse), p, found)
		case e != nil && len(e.Shape) != len(p.Shape):
			return nil, shapeError(e, p.Symbols)
		}
	}
	hh, hr := found["weight_hh"], found["weight_hr"]
	if kind := recurrentKind(hh); kind != "" && hr == nil {
		return nil, errkind.Errorf(errkind.ErrUnsupported, "%w", hh.Errorf("shape is %s, %s, want an LSTM's, [4H, H]: no other kind is run", safetensors.SizesText(hh.Shape), kind))
	}
	d := &Direction{InputSize: cmp.Or(input, found["weight_ih"].Shape[1]), HiddenSize: hh.Shape[1]}
	if hr != nil {
		d.ProjSize, d.HiddenSize = hr.Shape[0], hr.Shape[1]
	}
	for _, p := range LayerParameters(d.InputSize, d.HiddenSize, d.ProjSize) {
		e := found[p.Name]
		if e != nil {
			if err := n.place(e, p); err != nil {
				return nil, err
			}
		}
		scale, err := n.scale(e, found[ScaleName(p.Name)], ScaleName(m.parameterName(p.Name, l, reverse)))
		if err != nil {
			return nil, err
		}
		d.Tensors, d.Scales = append(d.Tensors, e), append(d.Scales, scale)
	}
	return d, nil
}

// scale places the scales of e, which has its place or is nil, and returns them: nil
// unless e is of int8. name is that of the tensor.
func (n *Network) scale(e, scale *safetensors.Entry, name string) (*safetensors.Entry, error) {
	isInt8 := e != nil && e.DType == safetensors.Int8
	switch {
	case !isInt8 && scale == nil:
		return nil, nil
	case !isInt8:
		matrix := strings.TrimSuffix(scale.Name, scaleSuffix)
		return nil, errkind.Errorf(errkind.ErrUnsupported, "%w", scale.Errorf("it is the scale of tensor %s, want one of dtype I8", safetensors.Quote(matrix)))
	case scale == nil:
		return nil, errkind.Errorf(errkind.ErrUnsupported, "%w", e.Errorf("dtype is I8, want tensor %s too, with a scale for each row", safetensors.Quote(name)))
	}
	return scale, n.place(scale, Parameter{Symbols: "one for each row of tensor " + safetensors.Quote(e.Name), Shape: e.Shape[:1]})
}

// place marks e as one that has a place, that of p.
func (n *Network) place(e *safetensors.Entry, p Parameter) error {
	if e.Elements == 0 {
		return shapeError(e, "every dimension at least 1")
	}
	if !slices.Equal(e.Shape, p.Shape) {
		return shapeError(e, fmt.Sprintf("%v = %s", p.Shape, p.Symbols))
	}
	if !p.Matrix {
		if err := e.CheckFloats(); err != nil {
			return errkind.Errorf(errkind.ErrUnsupported, "%w", err)
		}
	}
	n.used[e] = true
	return nil
}

func shapeError(e *safetensors.Entry, want string) error {
	return errkind.Errorf(errkind.ErrShape, "%w", e.Errorf("shape is %s, want %s", safetensors.SizesText(e.Shape), want))
}

// missingError names a tensor of found that is there besides the one that is not.
func missingError(name string, missing Parameter, found map[string]*safetensors.Entry) error {
	var beside *safetensors.Entry
	for _, p := range LayerParameters(0, 0, 0) {
		if beside = cmp.Or(found[p.Name], found[ScaleName(p.Name)]); beside != nil {
			break
		}
	}
	return errkind.Errorf(errkind.ErrUnsupported, "tensor %s is missing, want one of shape %s beside tensor %s of shape %s",
		safetensors.Quote(name), missing.Symbols, safetensors.Quote(beside.Name), safetensors.SizesText(beside.Shape))
}
