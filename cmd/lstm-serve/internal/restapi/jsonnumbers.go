package restapi

import (
	"math"
	"strconv"
)

// mostDimensions of a tensor; those of lstm-serve's models have three.
const mostDimensions = 8

// numbers are those of an array, in which there may be arrays of equal lengths.
type numbers struct {
	data []float32
	// The lengths of the outermost array, of those in it, and so on.
	lengths []int
	// deepest says that lengths is complete: no arrays within the last ones.
	deepest bool
	most    int // of data
}

// numbers reads an array of at most so many numbers, or of arrays of numbers. Null is NaN,
// which JSON does not have otherwise. size is how many there will be, if that is known.
func (r *reader) numbers(size int64, most int) (numbers, error) {
	if r.next() != '[' {
		return numbers{}, r.expected("data, an array of numbers")
	}
	// A number takes two bytes at least, so the text bounds what is allocated for it.
	size = min(size, int64(len(r.text)-r.at)/2, int64(most))
	n := numbers{data: make([]float32, 0, size), most: most}
	err := r.row(&n, 0)
	return n, err
}

func (r *reader) row(n *numbers, depth int) error {
	start := r.at
	r.at++
	first := depth == len(n.lengths)
	if first {
		if n.deepest {
			return r.errorf("data has an array where it had numbers before")
		}
		if depth == mostDimensions {
			return r.errorf("data has more than %d arrays in one another", mostDimensions)
		}
		n.lengths = append(n.lengths, 0)
	}
	length, more := 0, r.next() != ']'
	if !more {
		r.at++
	}
	for ; more; length++ {
		var err error
		if r.next() == '[' {
			err = r.row(n, depth+1)
		} else {
			if depth != len(n.lengths)-1 {
				return r.expected("an array, as before")
			}
			n.deepest = true
			err = r.appendFloat(n)
		}
		if err != nil {
			return err
		}
		if more, err = r.more(']'); err != nil {
			return err
		}
	}
	if first {
		n.lengths[depth] = length
	} else if n.lengths[depth] != length {
		r.at = start
		return r.errorf("data has an array of length %d beside one of length %d", length, n.lengths[depth])
	}
	return nil
}

func (r *reader) appendFloat(n *numbers) error {
	if len(n.data) == n.most {
		return r.errorf("data has more than %d numbers", n.most)
	}
	if r.word("null") {
		n.data = append(n.data, float32(math.NaN()))
		return nil
	}
	start := r.at
	text, err := r.number("an element of data")
	if err != nil {
		return err
	}
	// Not by way of float64: rounding twice can give the neighbouring float32.
	v, err := strconv.ParseFloat(text, 32)
	if err != nil {
		r.at = start
		return r.errorf("%s is outside of FP32", clip(text, 32))
	}
	n.data = append(n.data, float32(v))
	return nil
}

// appendFloat appends the shortest text that reads back as v, whether it is read as
// float32, or as float64 and then rounded; null for what JSON cannot say.
func appendFloat(b []byte, v float32) []byte {
	wide := float64(v)
	if math.IsNaN(wide) || math.IsInf(wide, 0) {
		return append(b, "null"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, wide, 'g', -1, 32)
	// 7.038531e-26 is one of the few texts that rounding twice takes to another number.
	if read, err := strconv.ParseFloat(string(b[start:]), 64); err != nil || float32(read) != v {
		b = strconv.AppendFloat(b[:start], wide, 'g', -1, 64)
	}
	return b
}
