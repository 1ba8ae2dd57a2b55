package onnx

import (
	"cmp"
	"slices"
	"strings"

	"example.com/lstm"
)

// A stage is a layer of the network, or its input.
type stage struct {
	parent *stage // nil for the input
	node   *node  // that made it
	size   int    // features of the output, 0 while nobody has said

	// An LSTM has weights, the other stages a layer, and the input neither.
	weights *lstm.Weights
	reverse bool // the LSTM runs from the last step to the first
	layer   lstm.Layer

	lstms  []*node  // those of an LSTM layer, or of its directions
	key    mergeKey // of a bidirectional layer
	padded bool     // sequences may end early, and be followed by zeros
}

// A moment is which steps a value has.
type moment uint8

const (
	everyStep moment = iota
	lastStep         // the last one of each sequence
	firstStep
	cellState // c, of which a network has no output
)

func (m moment) String() string {
	return [...]string{"every step", "the last step", "the first step", "the cell state"}[m]
}

// A part is some of the features of a stage's output.
type part struct {
	stage       *stage
	first, size int
	moment      moment
}

// An atom is what an axis of a tensor counts: the steps or the streams that an axis
// of the graph's input has, or features of the network, that many with a stride.
type atom struct {
	axis   int32 // of the input, from 1 on; 0 for features
	size   dim
	stride int // of features

	// Of an input of which a part is taken before it is known what its axes count: the
	// place of the first element, and the step, which is 0 for the whole axis.
	from, step int
}

func (a atom) isFeature() bool { return a.axis == 0 }

// An axis counts its atoms in row-major order. Without any its size is 1.
type axis []atom

func (a axis) size() dim {
	n := number(1)
	for _, t := range a {
		n, _ = n.multiply(t.size)
	}
	return n
}

// data is a tensor that depends on the graph's inputs: the features parts[0],
// parts[1] and so on, one after another, of all streams and steps; of these features
// those that the atoms count, from first on.
//
// While nobody has said which axis of an input has the features, all its atoms are
// those of the input, and there is one part of size 0.
type data struct {
	axes  []axis
	parts []part
	first int
	free  *input // the input whose axis of features is not known, or nil

	partial   bool   // of the input, only a part
	dropped   []atom // the axes that are gone, of which one element is taken
	backwards int32  // the axis that counts from its end, that of the steps, or 0
	isFloat   bool

	quantized bool  // to 8 bits, from the data that the stage has
	unscaled  *data // of the layer that a product is of: what it was quantized from, whose scale it lacks; nil for none
}

func (*data) kind() string { return "data" }

// An input is an input of the graph that is no constant.
type input struct {
	valueInfo
	first    int32 // its first axis among those of all inputs
	use      use
	stage    *stage // of its use as X
	known    bool   // whether it is known which axes have the features
	features []atom
	oneHot   bool
}

// A use is what an input of the graph is for.
type use uint8

const (
	unused use = iota
	useX       // the input of the network
	useState
	useLengths
)

func (u use) String() string {
	return [...]string{"nothing", "the network's input", "an initial state", "the lengths of sequences"}[u]
}

func (d *data) shape() []dim {
	shape := make([]dim, len(d.axes))
	for i, a := range d.axes {
		shape[i] = a.size()
	}
	return shape
}

// with is d with other axes.
func (d *data) with(axes []axis) *data {
	w := *d
	w.axes = axes
	return &w
}

// featureAtoms are the atoms of features that are more than one, in the order of the
// axes.
func (d *data) featureAtoms() []atom {
	var atoms []atom
	for _, a := range d.axes {
		for _, t := range a {
			if t.isFeature() && !t.size.is(1) {
				atoms = append(atoms, t)
			}
		}
	}
	return atoms
}

// span returns which features d has, from first on: all in a row, whatever their
// order.
func (d *data) span() (first, size int, ok bool) {
	atoms := d.featureAtoms()
	slices.SortFunc(atoms, func(a, b atom) int { return cmp.Compare(a.stride, b.stride) })
	size = 1
	for _, t := range atoms {
		if t.stride != size {
			return 0, 0, false
		}
		size *= int(t.size.plus)
	}
	return d.first, size, true
}

// inOrder reports whether the features come in their order.
func (d *data) inOrder() bool {
	atoms := d.featureAtoms()
	return slices.IsSortedFunc(atoms, func(a, b atom) int { return cmp.Compare(b.stride, a.stride) })
}

// checkScaled refuses data that are no numbers of a network.
func (d *data) checkScaled() error {
	if d.quantized || d.unscaled != nil {
		return unsupported("it reads quantized data, or a product of them before it is scaled")
	}
	return nil
}

// chosen are the parts of d as far as it has their features.
func (d *data) chosen() ([]part, error) {
	if err := d.checkScaled(); err != nil {
		return nil, err
	}
	first, size, ok := d.span()
	if !ok {
		return nil, unsupported("it takes features that do not follow one another")
	}
	var parts []part
	base := 0
	for _, p := range d.parts {
		from, to := max(first-base, 0), min(first+size-base, p.size)
		base += p.size
		if from >= to {
			continue
		}
		p.first, p.size = p.first+from, to-from
		if i := len(parts) - 1; i >= 0 && parts[i].stage == p.stage && parts[i].moment == p.moment && parts[i].first+parts[i].size == p.first {
			parts[i].size += p.size
		} else {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

func (d *data) describe() string {
	var names []string
	for _, a := range d.axes {
		names = append(names, a.size().String())
	}
	return "data of the shape [" + strings.Join(names, " ") + "]"
}
