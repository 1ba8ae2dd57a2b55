package interpret

import (
	"fmt"

	"example.com/lstm/internal/gen"
	"example.com/lstm/internal/panel"
)

// Arguments are a call's arguments by name: an int, a []float32 where the kernel
// takes a pointer to float32, and []Column where it takes a list of columns. A
// nil slice is a nil pointer.
type Arguments map[string]any

// Column is what the root package's columns are to a kernel: three Go slices,
// one after another.
type Column struct {
	X, C, H []float32
}

// A slice is three words: its pointer, its length and its capacity.
const (
	wordSize  = 8
	sliceSize = 3 * wordSize
)

// region is memory that a pointer may point into.
type region struct {
	name    string
	floats  []float32
	written []bool // of memory that begins without contents
	columns []Column
}

// value is what a general register holds: an integer, or a pointer that many
// bytes after the beginning of a region.
type value struct {
	region *region
	n      int
}

func (v value) String() string {
	if v.region == nil {
		return fmt.Sprint(v.n)
	}
	return fmt.Sprintf("%s%+d", v.region.name, v.n)
}

// param is one parameter of a kernel.
type param struct {
	name, kind string
}

// The types that parameters have.
const (
	integer = "int"
	floats  = "*float32"
	list    = "*[]float32"
)

// newParams are the parameters of a kernel with those arguments.
func newParams(args []gen.Arg) []param {
	var params []param
	for _, a := range args {
		if a.Type != integer && a.Type != floats && a.Type != list {
			panic(fmt.Sprintf("interpret: parameter %s is a %s, neither %s, %s nor %s", a.Name, a.Type, integer, floats, list))
		}
		params = append(params, param{a.Name, a.Type})
	}
	return params
}

// bind makes the arguments' values, in the order of the parameters.
func bind(params []param, args Arguments) ([]value, error) {
	values := make([]value, len(params))
	for i, p := range params {
		a, ok := args[p.name]
		if !ok {
			return nil, fmt.Errorf("argument %s is missing", p.name)
		}
		matches := false
		switch a := a.(type) {
		case int:
			values[i], matches = value{n: a}, p.kind == integer
		case []float32:
			values[i], matches = value{region: &region{name: p.name, floats: a}}, p.kind == floats
		case []Column:
			values[i], matches = value{region: &region{name: p.name, columns: a}}, p.kind == list
		}
		if !matches {
			return nil, fmt.Errorf("argument %s is a %T, and the kernel takes %s", p.name, a, p.kind)
		}
	}
	if len(args) != len(params) {
		return nil, fmt.Errorf("%d arguments, want %d", len(args), len(params))
	}
	return values, nil
}

// memory returns the n floats at that address, to be read or written.
func (s *state) memory(at value, n int, write bool) []float32 {
	verb := "reads"
	if write {
		verb = "writes"
	}
	r := at.region
	switch {
	case r == nil:
		s.fail("%s memory at %v, which is no pointer", verb, at)
	case at.n%floatSize != 0:
		s.fail("%s floats of %s from byte %d on, not a multiple of %d", verb, r.name, at.n, floatSize)
	case at.n < 0 || at.n/floatSize+n > len(r.floats):
		s.fail("%s %d floats of %s from float %d on, and it has %d", verb, n, r.name, at.n/floatSize, len(r.floats))
	}
	first := at.n / floatSize
	if r.written != nil {
		for i := first; i < first+n; i++ {
			if write {
				r.written[i] = true
			} else if !r.written[i] {
				s.fail("reads float %d of %s before it is written", i, r.name)
			}
		}
	}
	return r.floats[first:][:n]
}

// word reads a word of a list of columns.
func (s *state) word(at value) value {
	r := at.region
	if r == nil || at.n < 0 || at.n >= len(r.columns)*panel.ColumnSize || at.n%wordSize != 0 {
		s.fail("reads a word at %v, which is not in a list of columns", at)
	}
	i, field, word := at.n/panel.ColumnSize, at.n%panel.ColumnSize/sliceSize, at.n%sliceSize/wordSize
	c := &r.columns[i]
	slice := [...][]float32{c.X, c.C, c.H}[field]
	switch word {
	case 1:
		return value{n: len(slice)}
	case 2:
		return value{n: cap(slice)}
	}
	name := [...]string{"x", "c", "h"}[field]
	return value{region: &region{name: fmt.Sprintf("%s of %s[%d]", name, r.name, i), floats: slice}}
}
