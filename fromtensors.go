package lstm

import (
	"fmt"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
	"example.com/lstm/internal/sizes"
)

// A Tensor is a tensor of a PyTorch state_dict, from whatever file, for [FromTensors].
type Tensor struct {
	Name  string // such as lstm.weight_ih_l0
	Shape []int
	// Data returns the elements, row-major. It is called at most once, if the tensor has a
	// place in the model, which then owns the slice.
	Data func() ([]float32, error)
}

// FromTensors makes a model of the tensors of a state_dict, by the rules and with the
// errors of [ReadModel], which does the same with those of a safetensors file. It is
// for readers of other files: sizes are checked before any Data is called. An error of Data
// is in the chain of the error returned.
func FromTensors(tensors []Tensor, options ...Option) (*Model, error) {
	s := makeSettings(options)
	m, err := fromTensors(tensors, s)
	if err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	m = s.model(m)
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

func fromTensors(tensors []Tensor, s settings) (*Model, error) {
	if len(tensors) > safetensors.MaxTensors {
		return nil, errkind.Errorf(ErrUnsupported, "there are %d tensors, want at most %d", len(tensors), safetensors.MaxTensors)
	}
	entries := make([]safetensors.Entry, len(tensors))
	seen := make(map[string]bool)
	for i, t := range tensors {
		e := &entries[i]
		*e = safetensors.Entry{Name: t.Name, Shape: t.Shape}
		if seen[t.Name] {
			return nil, errkind.Errorf(ErrDamaged, "%w", e.Errorf("there are two of this name, want one"))
		}
		seen[t.Name] = true
		var ok bool
		if e.Elements, ok = elementsOf(t.Shape); !ok {
			return nil, errkind.Errorf(ErrShape, "%w", e.Errorf("shape is %s, want at most %d sizes of at least 0, and no more elements than can be addressed",
				safetensors.SizesText(t.Shape), safetensors.MaxDimensions))
		}
	}
	m, placed, err := findModel(entries, nil, s)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		e := &entries[i]
		place := placed.numbers[e.Name]
		if place == nil {
			continue
		}
		data, err := tensors[i].Data()
		if err != nil {
			return nil, e.Errorf("%w", err)
		}
		if len(data) != e.Elements {
			return nil, errkind.Errorf(ErrShape, "%w", e.Errorf("it has %d elements, want %d for shape %s", len(data), e.Elements, safetensors.SizesText(e.Shape)))
		}
		if !s.nonFinite {
			if err := e.CheckFinite(data); err != nil {
				return nil, kindOfFile(err)
			}
		}
		*place = data
	}
	return m, nil
}

// elementsOf is the product of the sizes, if it and its bytes as float32 fit an int.
func elementsOf(shape []int) (n int, ok bool) {
	if len(shape) > safetensors.MaxDimensions {
		return 0, false
	}
	for _, size := range shape {
		if size < 0 {
			return 0, false
		}
	}
	if n, ok = sizes.Product(shape...); ok {
		_, ok = sizes.Product(n, 4)
	}
	return n, ok
}
