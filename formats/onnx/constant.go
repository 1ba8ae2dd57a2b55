package onnx

import (
	"math"
	"slices"
)

// A constant is a tensor that a graph computes of its initializers, and of the
// sizes of its inputs: floats, or dims where it is of integers or booleans. It may
// be a view of another: element [i, j, …] is the one at start + i·strides[0] +
// j·strides[1] and so on. An axis of an open size has the stride 0.
type constant struct {
	shape   []dim
	strides []int
	start   int
	floats  []float32
	dims    []dim
	isFloat bool
	bits8   bool // floats that are integers of 8 bits
}

func (*constant) kind() string { return "constant" }

func (c *constant) rank() int { return len(c.shape) }

// rowMajor are the strides of a shape of numbers.
func rowMajor(shape []dim) []int {
	strides := make([]int, len(shape))
	stride := 1
	for i, d := range slices.Backward(shape) {
		strides[i] = stride
		stride *= int(d.plus)
	}
	return strides
}

func newFloats(shape []dim, floats []float32) *constant {
	return &constant{shape: shape, strides: rowMajor(shape), floats: floats, isFloat: true}
}

func newDims(shape []dim, dims []dim) *constant {
	return &constant{shape: shape, strides: rowMajor(shape), dims: dims}
}

// uniform is a constant of the same element everywhere, of a shape that may be open.
func (c *constant) uniform(shape []dim) *constant {
	u := *c
	u.shape, u.strides = shape, make([]int, len(shape))
	return &u
}

// isUniform reports whether all elements are the one at start.
func (c *constant) isUniform() bool {
	for i, s := range c.strides {
		if s != 0 && !c.shape[i].is(1) {
			return false
		}
	}
	return true
}

// view is c with other axes.
func (c *constant) view(shape []dim, strides []int, start int) *constant {
	v := *c
	v.shape, v.strides, v.start = shape, strides, start
	return &v
}

// size is the number of elements, of a shape without open sizes.
func (c *constant) size() (int, bool) {
	n, ok := elements(c.shape)
	const most = 1<<31 - 1
	if !ok || !n.isNumber() || n.plus < 0 || n.plus > most {
		return 0, false
	}
	return int(n.plus), true
}

// each calls f with the places of all elements in row-major order.
func (c *constant) each(f func(place int)) {
	if n, ok := c.size(); !ok || n == 0 {
		return
	}
	walk(c.shape, f, c.start, c.strides)
}

// walk calls f with the place of each element of a shape of numbers.
func walk(shape []dim, f func(int), start int, strides []int) {
	switch len(shape) {
	case 0:
		f(start)
		return
	case 1: // the innermost loop, without recursion
		for range int(shape[0].plus) {
			f(start)
			start += strides[0]
		}
		return
	}
	for i := range int(shape[0].plus) {
		walk(shape[1:], f, start+i*strides[0], strides[1:])
	}
}

// copied are all elements in row-major order, paid from the budget. The result may
// be the constant's own memory, and must not be changed.
func (c *constant) copied(b *budget) (*constant, error) {
	n, ok := c.size()
	if !ok {
		return nil, shapeError("a constant of the shape %v, whose size is open or too large, want one of a known size", c.shape)
	}
	if slices.Equal(c.strides, rowMajor(c.shape)) {
		d := *c
		if c.isFloat {
			d.floats = c.floats[c.start:][:n:n]
		} else {
			d.dims = c.dims[c.start:][:n:n]
		}
		d.start = 0
		return &d, nil
	}
	if err := b.take(n); err != nil {
		return nil, err
	}
	d := c.view(c.shape, rowMajor(c.shape), 0)
	if c.isFloat {
		d.floats = make([]float32, 0, n)
		c.each(func(i int) { d.floats = append(d.floats, c.floats[i]) })
	} else {
		d.dims = make([]dim, 0, n)
		c.each(func(i int) { d.dims = append(d.dims, c.dims[i]) })
	}
	return d, nil
}

// allFloats are the elements of a constant of floats, of that shape.
func (c *constant) allFloats(b *budget, shape ...int) ([]float32, error) {
	if !c.isFloat || !slices.Equal(c.shape, numbers(shape...)) {
		return nil, shapeError("%s, want floats of the shape %v", c.describe(), shape)
	}
	d, err := c.copied(b)
	if err != nil {
		return nil, err
	}
	return d.floats, nil
}

func (c *constant) describe() string {
	what := "integers"
	if c.isFloat {
		what = "floats"
	}
	return what + " of the shape " + describeShape(c.shape)
}

func describeShape(shape []dim) string {
	text := "["
	for i, d := range shape {
		if i > 0 {
			text += " "
		}
		text += d.String()
	}
	return text + "]"
}

const maxList = 256 // of axes, of a shape, of indices

// list are the elements of a constant of integers of one axis, or of none.
func (c *constant) list() ([]dim, error) {
	n, ok := c.size()
	if c.isFloat || c.rank() > 1 || !ok || n > maxList {
		return nil, shapeError("%s, want at most %d integers in a row", c.describe(), maxList)
	}
	list := make([]dim, 0, n)
	c.each(func(i int) { list = append(list, c.dims[i]) })
	return list, nil
}

// scalar is the only element of a constant of floats.
func (c *constant) scalar() (float32, bool) {
	n, ok := c.size()
	if !ok || n != 1 || !c.isFloat {
		return 0, false
	}
	return c.floats[c.start], true
}

// A budget limits what constants may take to a multiple of the bytes of the file and
// of those beside it.
type budget struct{ left, all int }

func newBudget(bytes int64) *budget {
	b := &budget{}
	b.grow(1<<14 + bytes)
	return b
}

func (b *budget) grow(bytes int64) {
	const most = math.MaxInt / 32
	n := 12 * int(min(bytes, most))
	b.left, b.all = min(b.left, most)+n, min(b.all, most)+n
}

func (b *budget) take(elements int) error {
	if elements > b.left {
		return unsupported("the constants of the graph take more than %d elements, which is the most for a file of this size", b.all)
	}
	b.left -= elements
	return nil
}
