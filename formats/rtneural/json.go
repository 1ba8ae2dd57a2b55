package rtneural

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// maxDepth is the most objects and arrays in one another. A file has five.
const maxDepth = 12

// What a file holds: nil, bool, string, float64, *object, *tensor, and list for an array that
// is no tensor.
type (
	object struct {
		keys   []string
		values map[string]any
	}
	// A tensor is arrays of numbers, all of one length, in arrays of one length, row-major.
	tensor struct {
		shape []int
		data  []float32
	}
	list []any
)

// get returns a value, nil for none.
func (o *object) get(key string) any { return o.values[key] }

// A parser reads JSON text as it comes. Its path leads to the value that is read.
type parser struct {
	dec  *json.Decoder
	path []step
}

// A step leads to a value of an object, or of an array.
type step struct {
	key   string
	index int // -1 in an object
}

func parse(r io.Reader) (any, error) {
	p := &parser{dec: json.NewDecoder(r)}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); err != io.EOF {
		if err != nil {
			return nil, p.syntax(err)
		}
		return nil, errkind.Errorf(lstm.ErrDamaged, "there is more after the JSON value, which ends at byte %d", p.dec.InputOffset())
	}
	return v, nil
}

// syntax gives an error of the decoder its place and its kind.
func (p *parser) syntax(err error) error {
	var syntax *json.SyntaxError
	var number *json.UnmarshalTypeError
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return p.damaged("the JSON text ends in the middle: %w", io.ErrUnexpectedEOF)
	case errors.As(err, &syntax), errors.As(err, &number):
		return p.damaged("%w", err)
	}
	return err
}

func (p *parser) damaged(format string, args ...any) error {
	var names []string
	for _, s := range p.path {
		if s.index >= 0 {
			s.key = strconv.Itoa(s.index)
		}
		if s.key != "" { // before the first value
			names = append(names, s.key)
		}
	}
	where := ""
	if len(names) > 0 {
		where = safetensors.Quote(strings.Join(names, ".")) + ", "
	}
	return errkind.Errorf(lstm.ErrDamaged, "%sbyte %d: %w", where, p.dec.InputOffset(), fmt.Errorf(format, args...))
}

func (p *parser) value() (any, error) {
	t, err := p.dec.Token()
	if err != nil {
		return nil, p.syntax(err)
	}
	delim, ok := t.(json.Delim)
	if !ok {
		if x, ok := t.(float64); ok && math.Abs(x) > math.MaxFloat32 && math.IsInf(float64(float32(x)), 0) {
			return nil, p.damaged("the number is %g, which is beyond float32", x)
		}
		return t, nil
	}
	if len(p.path) == maxDepth {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "there are more than %d objects and arrays in one another", maxDepth)
	}
	p.path = append(p.path, step{index: -1})
	var v any
	if delim == '{' {
		v, err = p.object()
	} else {
		v, err = p.array()
	}
	p.path = p.path[:len(p.path)-1]
	return v, err
}

func (p *parser) object() (*object, error) {
	o := &object{values: make(map[string]any)}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return nil, p.syntax(err)
		}
		key := t.(string) // the decoder lets nothing else through
		if _, ok := o.values[key]; ok {
			return nil, p.damaged("the key %s is there twice", safetensors.Quote(key))
		}
		p.path[len(p.path)-1].key = key
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		o.keys = append(o.keys, key)
		o.values[key] = v
	}
	return o, p.end()
}

// array reads a tensor, if it is one as far as it goes.
func (p *parser) array() (any, error) {
	var all *tensor
	var items list
	for n := 0; p.dec.More(); n++ {
		p.path[len(p.path)-1].index = n
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		part := asTensor(v)
		switch {
		case n == 0 && part != nil:
			all = &tensor{append([]int{1}, part.shape...), part.data}
		case all != nil && all.takes(part):
			all.shape[0]++
			all.data = append(all.data, part.data...)
		default:
			if all != nil {
				items, all = all.parts(), nil
			}
			items = append(items, v)
		}
	}
	if all != nil {
		return all, p.end()
	}
	return items, p.end()
}

// end takes the end of an object or an array, if nothing is wrong.
func (p *parser) end() error {
	if _, err := p.dec.Token(); err != nil {
		return p.syntax(err)
	}
	return nil
}

// asTensor returns a number as a tensor without dimensions, nil for what is neither.
func asTensor(v any) *tensor {
	switch v := v.(type) {
	case *tensor:
		return v
	case float64:
		return &tensor{data: []float32{float32(v)}}
	}
	return nil
}

// takes reports whether part is like the parts of t.
func (t *tensor) takes(part *tensor) bool {
	if part == nil || len(part.shape) != len(t.shape)-1 {
		return false
	}
	for d, size := range part.shape {
		if size != t.shape[d+1] {
			return false
		}
	}
	return true
}

// parts are the tensors of which t was made, numbers as float64.
func (t *tensor) parts() list {
	items := make(list, t.shape[0])
	size := len(t.data) / t.shape[0]
	for i := range items {
		if len(t.shape) == 1 {
			items[i] = float64(t.data[i])
			continue
		}
		items[i] = &tensor{t.shape[1:], t.data[i*size:][:size:size]}
	}
	return items
}

// itemsOf returns what is in an array.
func itemsOf(v any) (items list, ok bool) {
	switch v := v.(type) {
	case list:
		return v, true
	case *tensor:
		return v.parts(), true
	}
	return nil, false
}

// describe says what a value is, in an error.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "missing or null"
	case string:
		return safetensors.Quote(v)
	case *object:
		return "an object"
	case *tensor:
		return "an array of the sizes " + safetensors.SizesText(v.shape)
	case list:
		return fmt.Sprintf("an array of %d", len(v))
	}
	return fmt.Sprint(v)
}
