package onnx

import (
	"math"
	"slices"
)

// This file has the operators that take a part of a tensor.

// rangeOf an axis: every step-th element from start on, count of them.
type selection struct {
	start, step, count int64
	all                bool // the whole axis, from its first element to its last, or reversed
	last, first        bool // one element, at that end
}

// selects says what the elements from start to end mean on an axis of that size.
func selects(size, start, end, step dim) (s selection, err error) {
	if !step.isNumber() || step.plus == 0 || step.plus == math.MinInt64 {
		return s, unsupported("steps is %v, want a number that is not 0", step)
	}
	s.step = step.plus
	if size.isNumber() {
		if !start.isNumber() || !end.isNumber() {
			return s, unsupported("it takes the elements from %v to %v of %v", start, end, size)
		}
		from, to := position(start.plus, size.plus), position(end.plus, size.plus)
		if s.step > 0 {
			from, to = min(max(from, 0), size.plus), min(max(to, 0), size.plus)
			s.count = max(0, (to-from+s.step-1)/s.step)
			if s.step >= size.plus {
				s.count = min(1, max(0, to-from))
			}
		} else {
			from, to = min(max(from, 0), size.plus-1), min(max(to, -1), size.plus-1)
			s.count = max(0, (from-to+(-s.step)-1)/(-s.step))
			if -s.step >= size.plus {
				s.count = min(1, max(0, from-to))
			}
		}
		s.start = from
		s.all = s.count == size.plus && (s.step == 1 || s.step == -1)
		s.last, s.first = s.count == 1 && from == size.plus-1, s.count == 1 && from == 0
		return s, nil
	}
	// Of an open size, what can be said whatever it is.
	less, _ := size.add(number(-1))
	atEnd := func(d dim) bool { return d == size || d.isNumber() && d.plus >= math.MaxInt32 }
	atLast := func(d dim) bool { return d == less || d.is(-1) }
	atStart := func(d dim) bool { return d.is(0) }
	switch {
	case s.step == 1 && atStart(start) && atEnd(end):
		s.all = true
	case s.step == 1 && atLast(start) && atEnd(end):
		s.last = true
	case s.step == 1 && atStart(start) && end.is(1):
		s.first = true
	case s.step == -1 && (atLast(start) || atEnd(start)) && end.isNumber() && end.plus <= math.MinInt32:
		s.all = true
	default:
		return s, unsupported("it takes the elements from %v to %v of an axis whose size is open", start, end)
	}
	return s, nil
}

// position is where an index points that counts from the end if it is negative. It
// may be outside.
func position(i, size int64) int64 {
	if i < 0 {
		return i + size
	}
	return i
}

func (c *call) slice() ([]value, error) {
	starts, ok1, err1 := c.listInput(1, "starts")
	ends, ok2, err2 := c.listInput(2, "ends")
	steps, hasSteps, err3 := c.listInput(4, "")
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return nil, err
		}
	}
	v, err := c.input(0)
	if err != nil {
		return nil, err
	}
	axes, hasAxes, err := c.axesInput(3, "axes", v.rank())
	if err != nil {
		return nil, err
	}
	if !hasAxes {
		for i := range starts {
			axes = append(axes, i)
		}
	}
	if !hasSteps {
		steps = slices.Repeat([]dim{number(1)}, len(starts))
	}
	if !ok1 || !ok2 || len(starts) != len(ends) || len(axes) != len(starts) || len(steps) != len(starts) || len(starts) > v.rank() {
		return nil, damaged("it has %d starts, %d ends, %d axes and %d steps", len(starts), len(ends), len(axes), len(steps))
	}
	for i, a := range axes {
		size := shapeOf(v)[a]
		s, err := selects(size, starts[i], ends[i], steps[i])
		if err != nil {
			return nil, err
		}
		if v, err = c.selected(v, a, s, false); err != nil {
			return nil, err
		}
	}
	return []value{v}, nil
}

func shapeOf(v value) []dim {
	switch v := v.(type) {
	case *constant:
		return v.shape
	case *data:
		return v.shape()
	}
	return nil
}

// selected is v with the selected elements of an axis, which goes away if drop is
// set.
func (c *call) selected(v value, a int, s selection, drop bool) (value, error) {
	switch v := v.(type) {
	case *constant:
		return v.selected(a, s, drop)
	case *data:
		return c.selectedData(v, a, s, drop)
	}
	return nil, unsupported("input 0 is %s", v.describe())
}

func (c *constant) selected(a int, s selection, drop bool) (value, error) {
	shape, strides, start := slices.Clone(c.shape), slices.Clone(c.strides), c.start
	if c.shape[a].isNumber() {
		shape[a] = number(s.count)
		if s.count > 0 {
			start += int(s.start) * strides[a]
		}
		if s.count > 1 {
			strides[a] *= int(s.step)
		}
	} else if !s.all {
		shape[a] = number(1)
	}
	if drop {
		shape, strides = without(shape, []int{a}), without(strides, []int{a})
	}
	return c.view(shape, strides, start), nil
}

// selectedData takes some of the features, or of the steps the last or the first one
// or all in reverse.
func (c *call) selectedData(d *data, a int, s selection, drop bool) (value, error) {
	on := d.axes[a]
	end := axis(nil)
	axes := slices.Clone(d.axes)
	if s.all && s.step == 1 && !drop {
		return d, nil
	}
	if s.all && s.count == 1 { // an axis of one element
		if drop {
			axes = without(axes, []int{a})
		}
		return d.with(axes), nil
	}
	one := s.first || s.last
	if s.all && s.step == -1 && !drop && len(on) == 1 && !on[0].isFeature() {
		return c.reversedSteps(d, a)
	}
	if d.free != nil {
		p := *d
		p.partial = true
		if len(on) == 0 {
			return nil, unsupported("it takes %d elements of an axis of size 1", s.count)
		}
		t := on[0]
		if len(on) > 1 || !t.size.isNumber() {
			t = atom{axis: t.axis, size: number(1)} // which it is never known what is
			if !one {
				return nil, unsupported("it takes a part of an axis that joins several, or of one whose size is open")
			}
		} else if t.step == 0 {
			t.from, t.step = int(s.start), int(s.step)
		} else {
			t.from, t.step = t.from+t.step*int(s.start), t.step*int(s.step)
		}
		t.size = number(s.count)
		if one || s.count == 1 {
			p.dropped = append(slices.Clone(d.dropped), t)
		} else {
			end = axis{t}
		}
		axes[a] = end
		if drop {
			axes = without(axes, []int{a})
		}
		p.axes = axes
		return &p, nil
	}
	features, others := 0, 0
	for _, t := range on {
		if t.isFeature() {
			features++
		} else {
			others++
		}
	}
	p := *d
	switch {
	case features == 1 && others == 0:
		if s.count < 1 || s.step < 1 {
			return nil, unsupported("it takes %d features of %v, with steps %d", s.count, on[0].size, s.step)
		}
		p.first += int(s.start) * on[0].stride
		if s.count > 1 {
			end = axis{{size: number(s.count), stride: on[0].stride * int(s.step)}}
		}
	case others == 1 && features == 0 && c.roles[on[0].axis] == stepsRole:
		if !one {
			return nil, unsupported("it takes %d steps from step %d on of the sequence, want all, the last or the first", s.count, s.start)
		}
		moment := lastStep
		if s.first {
			moment = firstStep
		}
		if d.backwards != 0 {
			moment = lastStep + firstStep - moment
		}
		p.backwards = 0
		p.parts = slices.Clone(d.parts)
		for i := range p.parts {
			if p.parts[i].moment != everyStep {
				return nil, unsupported("it takes steps of %v", p.parts[i].moment)
			}
			if p.parts[i].stage.padded {
				return nil, unsupported("it takes a step of sequences whose lengths are an input, where the shorter ones have zeros; the LSTM's output Y_h would have their last steps")
			}
			p.parts[i].moment = moment
		}
	default:
		what := "an axis that joins several"
		if len(on) == 1 {
			what = "the streams"
			if c.roles[on[0].axis] == noRole {
				what = "an axis that no LSTM has read"
			}
		}
		return nil, unsupported("it takes a part of %s", what)
	}
	axes[a] = end
	if drop {
		axes = without(axes, []int{a})
	}
	p.axes = axes
	return &p, nil
}

// reverseSequence is that of all steps of each sequence.
func (c *call) reverseSequence() ([]value, error) {
	d, err := c.dataInput(0)
	if err != nil {
		return nil, err
	}
	lengths, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	a, err := c.axisAttribute("time_axis", d.rank(), 0)
	if err != nil {
		return nil, err
	}
	if !lengths.allAre(d.axes[a].size()) {
		return nil, unsupported("the lengths are not those of the whole sequences")
	}
	return one(c.reversedSteps(d, a))
}

// reversedSteps is d with the elements of an axis, which must be the steps, from the
// last to the first.
func (c *call) reversedSteps(d *data, a int) (value, error) {
	on := d.axes[a]
	if len(on) != 1 || on[0].isFeature() || d.backwards != 0 && d.backwards != on[0].axis {
		return nil, unsupported("it reverses an axis that is not that of the steps")
	}
	r := *d
	r.backwards = on[0].axis - d.backwards
	return &r, nil
}

// allAre reports whether all elements are that number.
func (c *constant) allAre(d dim) bool {
	if c.isFloat {
		return false
	}
	if c.isUniform() {
		return c.start < len(c.dims) && c.dims[c.start] == d
	}
	same := true
	c.each(func(i int) { same = same && c.dims[i] == d })
	return same
}
