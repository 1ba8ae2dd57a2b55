// Package statedict finds out which tensor of a file belongs where in a network,
// from the names and shapes of a PyTorch state_dict alone. Where they leave a
// doubt it asks for an option, by the name that it has in package lstm.
package statedict

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/safetensors"
)

// HeadModule is the one name by which a head is known: that of files which
// package lstm writes, and of the documentation.
const HeadModule = "head"

// A Parameter is one tensor of an LSTM layer or of a linear one.
type Parameter struct {
	Name     string // in a state_dict, without the module and the number of a layer
	Optional bool
	Symbols  string // the shape in symbols
	Shape    []int
	Matrix   bool // may be int8, with a scale for each row in a tensor of its own, see ScaleName
}

// scaleSuffix ends the names of the scales of a matrix.
const scaleSuffix = "_scale"

// ScaleName is the name of the tensor [rows] that has the scales of a matrix of int8,
// given the name of that.
func ScaleName(matrix string) string { return matrix + scaleSuffix }

// LayerParameters lists those of a layer of an LSTM, in the order of nn.LSTM, and
// then those that it has not. Peepholes are all there, or none, and so are the factors
// of a normalization. proj is the size of
// the projection, 0 for none.
func LayerParameters(input, hidden, proj int) []Parameter {
	rows := panel.Gates * hidden
	recurrent, symbol := hidden, "H"
	if proj > 0 {
		recurrent, symbol = proj, "P"
	}
	return []Parameter{
		{"weight_ih", false, "[4H, I]", []int{rows, input}, true},
		{"weight_hh", false, "[4H, " + symbol + "]", []int{rows, recurrent}, true},
		{"bias_ih", true, "[4H]", []int{rows}, false},
		{"bias_hh", true, "[4H]", []int{rows}, false},
		{"weight_hr", true, "[P, H]", []int{proj, hidden}, true},
		{"peephole_i", true, "[H]", []int{hidden}, false},
		{"peephole_f", true, "[H]", []int{hidden}, false},
		{"peephole_o", true, "[H]", []int{hidden}, false},
		{"norm_i", true, "[H]", []int{hidden}, false},
		{"norm_f", true, "[H]", []int{hidden}, false},
		{"norm_g", true, "[H]", []int{hidden}, false},
		{"norm_o", true, "[H]", []int{hidden}, false},
		{"initial_h", true, "[" + symbol + "]", []int{recurrent}, false},
		{"initial_c", true, "[H]", []int{hidden}, false},
	}
}

// LinearParameters lists those of a linear layer, in the order of nn.Linear. symbol
// is how shapes call its inputs.
func LinearParameters(inputs, outputs int, symbol string) [2]Parameter {
	return [...]Parameter{
		{"weight", false, "[O, " + symbol + "]", []int{outputs, inputs}, true},
		{"bias", true, "[O]", []int{outputs}, false},
	}
}

// reverseSuffix ends the names of a backward direction.
const reverseSuffix = "_reverse"

// LayerName is the name of a parameter of a layer, in its backward direction or in
// the other.
func LayerName(module, parameter string, layer int, reverse bool) string {
	name := joinName(module, fmt.Sprintf("%s_l%d", parameter, layer))
	if reverse {
		name += reverseSuffix
	}
	return name
}

// LinearName is the name of a parameter of the linear layer that is that module.
func LinearName(module, parameter string) string { return joinName(module, parameter) }

// StructureKey is the key of the metadata that says what is no parameter of an LSTM.
func StructureKey(module string) string { return joinName(module, "structure") }

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

// saidLinear places the parts of a linear layer that the file speaks of.
func (n *Network) saidLinear(modules []*module, name string) error {
	i := slices.IndexFunc(modules, func(m *module) bool { return m.name == name })
	if i < 0 || modules[i].fields["weight"] == nil {
		return errkind.Errorf(errkind.ErrUnsupported, "no tensor is named %s, want the weight of the linear layer %s that the metadata speak of",
			safetensors.Quote(LinearName(name, "weight")), safetensors.Quote(name))
	}
	d, err := n.linear(modules[i])
	if err != nil {
		return err
	}
	n.Linears = append(n.Linears, d)
	n.top = features{d.OutFeatures, "I"}
	return nil
}

// saidHeads places the linear layers of the heads that the file speaks of, when all
// other layers have their places, and demands that nothing is left.
func (n *Network) saidHeads(modules []*module, heads [][]Stage) error {
	top := n.top
	for _, head := range heads {
		n.top = top
		for _, s := range head {
			if s.Kind == LinearStage {
				if err := n.saidLinear(modules, s.Module); err != nil {
					return err
				}
			}
		}
	}
	n.top = top
	return n.nothingElse(modules)
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

// head places the parts of the head.
func (n *Network) head(m *module) (err error) {
	n.Head, err = n.linear(m)
	return err
}

// linear places the parts of a linear layer, whose module has a weight, above what
// has its place.
func (n *Network) linear(m *module) (*Linear, error) {
	symbol := cmp.Or(n.top.symbol, "I")
	weight := m.fields["weight"]
	if len(weight.Shape) != 2 {
		return nil, shapeError(weight, "[O, "+symbol+"]")
	}
	if n.used[weight] {
		return nil, errkind.Errorf(errkind.ErrUnsupported, "%w", weight.Errorf("it is the weight of two linear layers, want a tensor for each"))
	}
	d := &Linear{Module: m.name, InFeatures: cmp.Or(n.top.n, weight.Shape[1]), OutFeatures: weight.Shape[0]}
	for i, p := range LinearParameters(d.InFeatures, d.OutFeatures, symbol) {
		if e := m.fields[p.Name]; e != nil {
			if err := n.place(e, p); err != nil {
				return nil, err
			}
			d.Tensors[i] = e
		}
	}
	if weight.DType == safetensors.Int8 { // else a tensor of that name is any other
		var err error
		if d.Scale, err = n.scale(weight, m.fields[ScaleName("weight")], ScaleName(weight.Name)); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// headShape is the shape of a head's weight, and the size that is known of it.
func (n *Network) headShape() string {
	return fmt.Sprintf("[O, %s] with %s = %d", n.top.symbol, n.top.symbol, n.top.n)
}

// namedHead takes the head from the module of that name.
func (n *Network) namedHead(modules []*module, name string) error {
	for _, m := range modules {
		if m.name == name && m.fields["weight"] != nil {
			return n.head(m)
		}
	}
	candidates := "none"
	if found := n.headsOf(modules); len(found) > 0 {
		candidates = listModules(found)
	}
	return errkind.Errorf(errkind.ErrUnsupported, "no tensor is named %s, want the head's weight %s; modules with such a weight: %s",
		safetensors.Quote(joinName(name, "weight")), n.headShape(), candidates)
}

// headsOf returns the modules that have the weight of a head.
func (n *Network) headsOf(modules []*module) []*module {
	return slices.DeleteFunc(slices.Clone(modules), func(m *module) bool {
		w := m.fields["weight"]
		return w == nil || len(w.Shape) != 2 || w.Shape[1] != n.top.n || n.used[w]
	})
}

// certainHead takes the only module that can be the head, if it is that beyond
// doubt and nothing is left over.
func (n *Network) certainHead(modules []*module) error {
	heads := n.headsOf(modules)
	if len(heads) > 1 {
		return doubt(heads[1], "it could be the head, and so could tensor %s", safetensors.Quote(heads[0].fields["weight"].Name))
	}
	lstms := 0
	for _, m := range modules {
		if len(m.layers) > 0 {
			lstms++
		}
	}
	for _, m := range heads {
		if err := n.head(m); err != nil {
			return err
		}
		inputs := n.Layers[0].inputSize()
		switch {
		case lstms > len(n.LSTM):
			return doubt(m, "which of %d LSTMs it follows cannot be told", lstms)
		case isCalledHead(m.name):
		case n.between(n.Head) != "":
			return doubt(m, "it could be the head or a layer between %s", n.between(n.Head))
		case m.fields["bias"] == nil:
			return doubt(m, "it could be the head or, without a bias, an Embedding")
		case n.Head.OutFeatures == inputs:
			return doubt(m, "it could be the head or, with as many outputs as the LSTM has inputs, %d, a layer before the LSTM", inputs)
		}
	}
	return n.nothingElse(modules)
}

// nothingElse returns an error if a tensor that is no LSTM's has no place.
func (n *Network) nothingElse(modules []*module) error {
	for _, m := range modules {
		for _, e := range m.others {
			if !n.used[e] {
				return n.strangerError(e, m)
			}
		}
	}
	return nil
}

// isCalledHead tells whether a module is called head, or is a part of a
// Sequential that is, such as head.1.
func isCalledHead(name string) bool {
	for {
		parent, last := splitName(name)
		if _, err := strconv.ParseUint(last, 10, 64); err != nil || parent == "" {
			return last == HeadModule
		}
		name = parent
	}
}

// doubt says how to name the head.
func doubt(m *module, format string, args ...any) error {
	return errkind.Errorf(errkind.ErrUnsupported, "%w: lstm.WithHead(%s) takes it for the head, lstm.WithoutHead() passes it over",
		m.fields["weight"].Errorf(format, args...), safetensors.Quote(m.name))
}

// strangerError is about a tensor that has no place.
func (n *Network) strangerError(e *safetensors.Entry, m *module) error {
	if e.Elements == 0 {
		return shapeError(e, "every dimension at least 1")
	}
	looks := "lstm.WithHead or lstm.WithoutHead passes it over"
	if kind := m.kind(); kind != "" {
		looks = "it looks like " + kind + "; if other code computes that, " + looks
	}
	return errkind.Errorf(errkind.ErrUnsupported, "%w", e.Errorf("shape is %s, no part of an LSTM or its head, a weight %s and a bias [O]; %s",
		safetensors.SizesText(e.Shape), n.headShape(), looks))
}
