package onnx

import (
	"slices"

	"example.com/lstm"
)

// This file finds out which axis of an input counts what, and which layer's output
// data are.

// use notes what an input is for, which is one thing.
func (in *input) take(as use) error {
	if in.use != unused && in.use != as {
		return unsupported("input %.80q of the graph is %v, and %v elsewhere", in.name, as, in.use)
	}
	in.use = as
	return nil
}

// resolve is d with axes of features, if it is known by now which those are.
func (e *evaluator) resolve(d *data) *data {
	if d.free == nil || !d.free.known {
		return d
	}
	in := d.free
	r := *d
	r.free, r.partial, r.dropped = nil, false, nil
	for _, t := range d.dropped {
		if e.roles[t.axis] != featuresRole || t.step == 0 {
			return d
		}
		r.first += t.from * in.feature(t).stride
	}
	r.axes = make([]axis, len(d.axes))
	for i, a := range d.axes {
		for _, t := range a {
			f := t
			if e.roles[t.axis] == featuresRole {
				f = in.feature(t)
			}
			if t.step != 0 {
				if !f.isFeature() {
					return d
				}
				r.first += t.from * f.stride
				f.size, f.stride = t.size, f.stride*t.step
			}
			t = f
			r.axes[i] = append(r.axes[i], t)
		}
	}
	r.parts = slices.Clone(d.parts)
	r.parts[0].size = in.stage.size
	for s := r.parts[0].stage; s.size == 0; s = s.parent {
		s.size = in.stage.size
	}
	return &r
}

// feature is the atom of features for an atom of the input.
func (in *input) feature(t atom) atom {
	for _, f := range in.features {
		if f.axis == t.axis {
			return atom{size: f.size, stride: f.stride}
		}
	}
	return t
}

// bind is d where axis a has all features, as many as size. It says so of the input,
// if nobody has before.
func (e *evaluator) bind(d *data, a, size int) (*data, error) {
	if d.free == nil {
		return d, nil
	}
	in := d.free
	if in.oneHot {
		return nil, unsupported("input %.80q of the graph is read as numbers here, and chooses one of %d elsewhere", in.name, in.stage.size)
	}
	if d.partial {
		return nil, unsupported("it reads a part of input %.80q of the graph, want all of it", in.name)
	}
	if err := e.takeX(in); err != nil {
		return nil, err
	}
	on := d.axes[a]
	for i, t := range on {
		if i > 0 && t.axis < on[i-1].axis {
			return nil, unsupported("the features are the axes of input %.80q in another order", in.name)
		}
		if err := e.setRole(t.axis, featuresRole); err != nil {
			return nil, err
		}
	}
	if n := d.axes[a].size(); !n.is(int64(size)) && !(len(on) == 1 && !n.isNumber()) {
		return nil, shapeError("data have %v features on axis %d, want %d", n, a, size)
	}
	stride := size
	for _, t := range on {
		n := t.size.plus
		if !t.size.isNumber() {
			n = int64(size)
		}
		stride /= int(n)
		in.features = append(in.features, atom{axis: t.axis, size: number(n), stride: stride})
	}
	in.known = true
	for s := d.parts[0].stage; s != nil; s = s.parent {
		s.size = size
	}
	in.stage.size = size
	return e.resolve(d), nil
}

// takeX says that an input is the network's, of which there is one.
func (e *evaluator) takeX(in *input) error {
	if e.x != nil && e.x != in {
		return unsupported("it reads input %.80q of the graph, and the network's input is %.80q", in.name, e.x.name)
	}
	e.x = in
	return in.take(useX)
}

// setRole says what an axis of an input counts.
func (e *evaluator) setRole(axis int32, as role) error {
	if is := e.roles[axis]; is != noRole && is != as {
		return unsupported("an axis of the graph's input counts %v here, and %v elsewhere", as, is)
	}
	e.roles[axis] = as
	return nil
}

// A mergeKey is two directions and what they become.
type mergeKey struct {
	forward, backward *stage
	merge             lstm.Merge
	last              bool // of what the directions end with
}

// layer is the stage of a merged layer, one for each key.
func (e *evaluator) bidirectional(k mergeKey) *stage {
	if s, ok := e.merged[k]; ok {
		return s
	}
	b := &lstm.Bidirectional{Backward: k.backward.weights, Merge: k.merge, Last: k.last}
	s := &stage{parent: k.backward.parent, node: k.backward.node, layer: b, size: k.backward.size, lstms: k.backward.lstms, padded: k.backward.padded, key: k}
	if k.forward != nil {
		b.Forward = k.forward.weights
		s.lstms = slices.Concat(k.forward.lstms, k.backward.lstms)
		if k.merge == lstm.MergeConcat {
			s.size += k.forward.size
		}
	}
	e.merged[k] = s
	return s
}

// whole is the stage whose output d is, all of it, and the steps that d has.
func (e *evaluator) whole(d *data) (*stage, moment, error) {
	if d.partial {
		return nil, 0, unsupported("it reads a part of input %.80q of the graph, want all of it", d.free.name)
	}
	if err := d.checkScaled(); err != nil {
		return nil, 0, err
	}
	if d.free != nil {
		return d.parts[0].stage, everyStep, nil
	}
	if !d.isFloat {
		return nil, 0, unsupported("it reads integers")
	}
	parts, err := d.chosen()
	if err != nil {
		return nil, 0, err
	}
	if k, ok := endsOf(parts); ok {
		return e.bidirectional(k), lastStep, nil
	}
	m := parts[0].moment
	for _, p := range parts {
		switch {
		case p.moment == cellState:
			return nil, 0, unsupported("it reads the cell state of %v, of which a network makes nothing", p.stage.node)
		case p.moment != m:
			return nil, 0, unsupported("it reads %v of %v together with %v of %v, of which a network makes nothing: its outputs are of one step",
				m, parts[0].stage.node, p.moment, p.stage.node)
		}
	}
	s, err := e.stageOf(parts)
	return s, m, err
}

// endsOf is the layer whose output these parts are, if they are what the directions
// of a layer end with, forward first.
func endsOf(parts []part) (k mergeKey, ok bool) {
	if len(parts) != 2 || !parts[0].isLSTM() || !parts[1].isLSTM() || parts[0].moment != lastStep || parts[1].moment != firstStep ||
		!directionsOf(parts[0].stage, parts[1].stage) || parts[0].stage.padded != parts[1].stage.padded {
		return k, false
	}
	return mergeKey{parts[0].stage, parts[1].stage, lstm.MergeConcat, true}, true
}

// stageOf is the stage whose output is these parts.
func (e *evaluator) stageOf(parts []part) (*stage, error) {
	first := parts[0]
	complete := !slices.ContainsFunc(parts, func(p part) bool { return p.first != 0 || p.size != p.stage.size })
	switch {
	case len(parts) == 1 && complete:
		if first.stage.reverse {
			return e.bidirectional(mergeKey{backward: first.stage}), nil
		}
		return first.stage, nil
	case len(parts) == 1:
		return e.someFeatures(first)
	case len(parts) == 2 && complete && directionsOf(first.stage, parts[1].stage):
		return e.bidirectional(mergeKey{forward: first.stage, backward: parts[1].stage}), nil
	case complete:
		return e.stacked(parts)
	}
	return nil, unsupported("it reads some features of %s together with others, of which a network makes nothing", first.stage)
}

func (s *stage) String() string {
	if s.node == nil {
		return "the input"
	}
	return s.node.String()
}

// directionsOf reports whether two stages are the directions of a layer, f the
// forward one.
func directionsOf(f, b *stage) bool {
	return f.weights != nil && b.weights != nil && !f.reverse && b.reverse && f.parent == b.parent
}

// someFeatures is a linear layer that passes some features of a stage: some rows of
// the stage's, if it is one.
func (e *evaluator) someFeatures(p part) (*stage, error) {
	below := p.stage
	if below.reverse {
		below = e.bidirectional(mergeKey{backward: below})
	}
	if d, ok := below.layer.(*lstm.Linear); ok {
		some := &lstm.Linear{InFeatures: d.InFeatures, OutFeatures: p.size, Weight: d.Weight[p.first*d.InFeatures:][:p.size*d.InFeatures]}
		if d.Bias != nil {
			some.Bias = d.Bias[p.first:][:p.size]
		}
		return &stage{parent: below.parent, node: below.node, layer: some, size: p.size, padded: below.padded}, nil
	}
	d, err := e.diagonal(below.size, p.size, p.first, func(int) float32 { return 1 })
	if err != nil {
		return nil, err
	}
	return &stage{parent: below, node: below.node, layer: d, size: p.size, padded: below.padded}, nil
}

// diagonal is a linear layer whose output j is its input first+j times a factor.
func (e *evaluator) diagonal(in, out, first int, factor func(int) float32) (*lstm.Linear, error) {
	if int64(in)*int64(out) > int64(e.budget.left) {
		return nil, unsupported("a linear layer for it, of %d inputs and %d outputs, is larger than a file of this size may make one", in, out)
	}
	if err := e.budget.take(in * out); err != nil {
		return nil, err
	}
	d := &lstm.Linear{InFeatures: in, OutFeatures: out, Weight: make([]float32, in*out)}
	for j := range out {
		d.Weight[j*in+first+j] = factor(j)
	}
	return d, nil
}

// stacked is a linear layer that is several with the same input.
func (e *evaluator) stacked(parts []part) (*stage, error) {
	first := parts[0].stage
	all := &lstm.Linear{}
	for _, p := range parts {
		d, ok := p.stage.layer.(*lstm.Linear)
		if !ok || p.stage.parent != first.parent {
			return nil, unsupported("it reads the outputs of %s and %s together, which are not the two directions of a layer, of which a network makes nothing", first, p.stage)
		}
		all.InFeatures = d.InFeatures
		all.OutFeatures += d.OutFeatures
		if err := e.budget.take(len(d.Weight) + d.OutFeatures); err != nil {
			return nil, err
		}
		all.Weight = append(all.Weight, d.Weight...)
		if d.Bias != nil {
			all.Bias = append(all.Bias, d.Bias...)
		} else {
			all.Bias = append(all.Bias, make([]float32, d.OutFeatures)...)
		}
	}
	return &stage{parent: first.parent, node: first.node, layer: all, size: all.OutFeatures, padded: first.padded}, nil
}

// flat is whole of data that have all features on axis a, in their order.
func (e *evaluator) flat(d *data, a int) (*stage, moment, error) {
	for i, on := range d.axes {
		for _, t := range on {
			if t.isFeature() != (i == a) && !t.size.is(1) {
				return nil, 0, unsupported("axis %d has the size %v, and not all features: it multiplies what no layer of a network does", a, d.axes[a].size())
			}
		}
	}
	if !d.inOrder() {
		return nil, 0, unsupported("the features come in another order than that of the layer below")
	}
	return e.whole(d)
}

// above is data like d of a layer on top of s.
func (c *call) above(d *data, s *stage, m moment, layer lstm.Layer, size int) *data {
	next := &stage{parent: s, node: c.node, layer: layer, size: size, padded: s.padded}
	r := *d
	r.parts = []part{{stage: next, size: size, moment: m}}
	if d.free == nil {
		r.first = 0
	}
	return &r
}

// aboveFlat is above for a layer of any size, whose features are on axis a.
func (c *call) aboveFlat(d *data, a int, s *stage, m moment, layer lstm.Layer, size int) *data {
	r := c.above(d, s, m, layer, size)
	r.axes = slices.Clone(d.axes)
	r.axes[a] = axis{{size: number(int64(size)), stride: 1}}
	return r
}
