package onnx

import "slices"

func (c *call) gather() ([]value, error) {
	v, err := c.input(0)
	if err != nil {
		return nil, err
	}
	a, err := c.axisAttribute("axis", v.rank(), 0)
	if err != nil {
		return nil, err
	}
	if ids, ok := c.optional(1).(*data); ok {
		table, ok := v.(*constant)
		if !ok || a != 0 {
			return nil, unsupported("the indices are data, and what they choose from is %s, want the rows of a constant", v.describe())
		}
		return one(c.embedding(table, ids))
	}
	index, err := c.neededConstant(1)
	if err != nil {
		return nil, err
	}
	list, err := index.list()
	if err != nil {
		return nil, err
	}
	size := shapeOf(v)[a]
	if t, ok := v.(*constant); ok && index.rank() == 1 && len(list) != 1 {
		return one(c.gathered(t, a, list))
	}
	if len(list) == 0 {
		return nil, unsupported("it takes no elements")
	}
	for i, d := range list[1:] {
		if next, ok := list[i].add(number(1)); !ok || next != d {
			return nil, unsupported("it takes elements that do not follow one another")
		}
	}
	s, err := indexed(size, list[0], list[len(list)-1])
	if err != nil {
		return nil, err
	}
	return one(c.selected(v, a, s, index.rank() == 0))
}

// indexed selects the elements from the first to the last index.
func indexed(size, first, last dim) (selection, error) {
	if size.isNumber() && first.isNumber() && last.isNumber() {
		from, to := position(first.plus, size.plus), position(last.plus, size.plus)
		if from < 0 || to < from || to >= size.plus {
			return selection{}, shapeError("the index is %v, want one of %v", last, size)
		}
		return selects(size, number(from), number(to+1), number(1))
	}
	end, ok := last.add(number(1))
	if !ok {
		return selection{}, unsupported("the index is %v", last)
	}
	if last.is(-1) {
		end = size
	}
	return selects(size, first, end, number(1))
}

// gathered takes elements of an axis of a constant in any order.
func (c *call) gathered(t *constant, a int, list []dim) (value, error) {
	shape := slices.Clone(t.shape)
	shape[a] = number(int64(len(list)))
	all := t.view(shape, nil, 0)
	n, ok := all.size()
	if !ok || !t.shape[a].isNumber() {
		return nil, unsupported("it takes %d elements of axis %d of %s", len(list), a, t.describe())
	}
	if err := c.budget.take(2 * n); err != nil {
		return nil, err
	}
	all.strides = rowMajor(shape)
	if t.isFloat {
		all.floats = make([]float32, n)
	} else {
		all.floats, all.dims = nil, make([]dim, n)
	}
	small := slices.Clone(t.shape)
	small[a] = number(1)
	from := t.view(small, t.strides, 0)
	var places []int
	for i, d := range list {
		at := position(d.plus, t.shape[a].plus)
		if !d.isNumber() || at < 0 || at >= t.shape[a].plus {
			return nil, shapeError("the index is %v, want one of %v", d, t.shape[a])
		}
		places = places[:0]
		from.start = t.start + int(at)*t.strides[a]
		from.each(func(k int) { places = append(places, k) })
		if len(places) == 0 {
			continue
		}
		next := 0
		walk(small, func(k int) {
			if t.isFloat {
				all.floats[k] = t.floats[places[next]]
			} else {
				all.dims[k] = t.dims[places[next]]
			}
			next++
		}, i*all.strides[a], all.strides)
	}
	return all, nil
}

func (c *call) split() ([]value, error) {
	v, err := c.input(0)
	if err != nil {
		return nil, err
	}
	a, err := c.axisAttribute("axis", v.rank(), 0)
	if err != nil {
		return nil, err
	}
	size := shapeOf(v)[a]
	if !size.isNumber() {
		return nil, unsupported("it splits an axis whose size is open")
	}
	list, ok, err := c.listInput(1, "split")
	if err != nil {
		return nil, err
	}
	if !ok {
		count := c.integer("num_outputs", int64(len(c.node.outputs)))
		if count < 1 || count > int64(len(c.node.outputs)) {
			return nil, damaged("num_outputs is %d, and it has %d", count, len(c.node.outputs))
		}
		each := (size.plus + count - 1) / count
		for left := size.plus; left > 0; left -= each {
			list = append(list, number(min(each, left)))
		}
	}
	if len(list) != len(c.node.outputs) {
		return nil, damaged("it has %d parts for %d outputs", len(list), len(c.node.outputs))
	}
	var outputs []value
	from := int64(0)
	for _, d := range list {
		if !d.isNumber() || d.plus < 0 || d.plus > size.plus-from {
			return nil, shapeError("split is %s, and the axis has the size %v", describeShape(list), size)
		}
		s, err := selects(size, number(from), number(from+d.plus), number(1))
		if err != nil {
			return nil, err
		}
		part, err := c.selected(v, a, s, false)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, part)
		from += d.plus
	}
	if from != size.plus {
		return nil, shapeError("split is %s, and the axis has the size %v", describeShape(list), size)
	}
	return outputs, nil
}
