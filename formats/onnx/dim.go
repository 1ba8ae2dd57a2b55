package onnx

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// A dim is the size of an axis, or what a graph computes of sizes: times · the
// product of some axes + plus. Axes are those of the graph's inputs whose size the
// file leaves open, by their numbers from 1 on; without any, plus is the number.
type dim struct {
	times, plus int64
	axes        [3]int32 // in order, 0 for none
}

func number(n int64) dim { return dim{plus: n} }

func numbers[N int | int64](ns ...N) (dims []dim) {
	for _, n := range ns {
		dims = append(dims, number(int64(n)))
	}
	return dims
}

// open is the size of an axis.
func open(axis int32) dim { return dim{times: 1, axes: [3]int32{axis}} }

func (d dim) isNumber() bool { return d.times == 0 }

// is reports whether d is that number.
func (d dim) is(n int64) bool { return d.isNumber() && d.plus == n }

func (d dim) String() string {
	if d.isNumber() {
		return fmt.Sprint(d.plus)
	}
	var factors []string
	if d.times != 1 {
		factors = append(factors, fmt.Sprint(d.times))
	}
	for _, a := range d.axes {
		if a != 0 {
			factors = append(factors, fmt.Sprintf("n%d", a))
		}
	}
	text := strings.Join(factors, "·")
	if d.plus != 0 {
		text += fmt.Sprintf("%+d", d.plus)
	}
	return text
}

// multiply returns a·b; ok is false where that is no dim.
func (d dim) multiply(e dim) (p dim, ok bool) {
	if e.isNumber() {
		d, e = e, d
	}
	if d.isNumber() {
		times, ok1 := product(d.plus, e.times)
		plus, ok2 := product(d.plus, e.plus)
		p = dim{times: times, plus: plus, axes: e.axes}
		if times == 0 {
			p.axes = [3]int32{}
		}
		return p, ok1 && ok2
	}
	if d.plus != 0 || e.plus != 0 {
		return dim{}, false
	}
	var axes []int32
	for _, a := range [...]int32{d.axes[0], d.axes[1], d.axes[2], e.axes[0], e.axes[1], e.axes[2]} {
		if a != 0 {
			axes = append(axes, a)
		}
	}
	if len(axes) > len(p.axes) {
		return dim{}, false
	}
	slices.Sort(axes)
	copy(p.axes[:], axes)
	p.times, ok = product(d.times, e.times)
	return p, ok
}

// divide returns d/e where there is no remainder, whatever the sizes of axes are.
func (d dim) divide(e dim) (q dim, ok bool) {
	switch {
	case e.isNumber() && e.plus != 0 && !(e.plus == -1 && (d.times == math.MinInt64 || d.plus == math.MinInt64)):
		if d.times%e.plus != 0 || d.plus%e.plus != 0 {
			return dim{}, false
		}
		return dim{times: d.times / e.plus, plus: d.plus / e.plus, axes: d.axes}, true
	case e.isNumber() || d.isNumber() || d.plus != 0 || e.plus != 0 || e.times == -1 || d.times%e.times != 0:
		return dim{}, false
	}
	rest := slices.Clone(d.axes[:])
	for _, a := range e.axes {
		if a == 0 {
			continue
		}
		i := slices.Index(rest, a)
		if i < 0 {
			return dim{}, false
		}
		rest = append(slices.Delete(rest, i, i+1), 0)
	}
	copy(q.axes[:], rest)
	if q.axes == [3]int32{} {
		return number(d.times / e.times), true
	}
	q.times = d.times / e.times
	return q, true
}

// quotient is d/e as ONNX divides integers, without the remainder.
func (d dim) quotient(e dim) (q dim, ok bool) {
	if d.isNumber() && e.isNumber() && e.plus != 0 && e.plus != -1 {
		return number(d.plus / e.plus), true
	}
	return d.divide(e)
}

// add returns d + e; ok is false where that is no dim.
func (d dim) add(e dim) (s dim, ok bool) {
	if e.isNumber() {
		d, e = e, d
	}
	if !d.isNumber() && d.axes != e.axes {
		return dim{}, false
	}
	s = dim{times: d.times + e.times, plus: d.plus + e.plus, axes: e.axes}
	if s.times == 0 {
		s.axes = [3]int32{}
	}
	return s, sums(d.times, e.times, s.times) && sums(d.plus, e.plus, s.plus)
}

func (d dim) negate() (dim, bool) { return d.multiply(number(-1)) }

// sums reports whether a + b = s without overflow.
func sums(a, b, s int64) bool { return (s >= a) == (b >= 0) }

// product returns a·b; ok is false where that is no int64.
func product(a, b int64) (p int64, ok bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	return a * b, true
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// elements is the product of a shape.
func elements(shape []dim) (n dim, ok bool) {
	n = number(1)
	for _, d := range shape {
		if n, ok = n.multiply(d); !ok {
			return n, false
		}
	}
	return n, true
}
