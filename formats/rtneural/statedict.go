package rtneural

import (
	"slices"
	"strconv"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// readStateDict makes a model of the second form.
func readStateDict(file *object, options []lstm.Option) (*lstm.Model, error) {
	state, data := file, &object{}
	if s, ok := file.get("state_dict").(*object); ok {
		state = s
		if d, ok := file.get("model_data").(*object); ok {
			data = d
		}
	}
	tensors := tensorsOf(state, "", nil)
	if !slices.ContainsFunc(tensors, func(t lstm.Tensor) bool { return strings.Contains(t.Name, "weight") && len(t.Shape) == 2 }) {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "it has %s, and neither layers nor a matrix of weights by its name, want RTNeural's JSON or a state_dict", keysText(state))
	}
	model, unit := data.get("model"), data.get("unit_type")
	if unit != nil && unit != "LSTM" {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "unit_type of model_data is %s, want LSTM", describe(unit))
	}
	if model == "SimpleRNN" {
		// A recurrent layer and then a linear one; the names of its modules are certain.
		for _, t := range tensors {
			if !strings.HasPrefix(t.Name, "rec.") && !strings.HasPrefix(t.Name, "lin.") {
				return nil, errkind.Errorf(lstm.ErrUnsupported, "tensor %s is no part of a SimpleRNN, which model_data speak of, want rec and lin", safetensors.Quote(t.Name))
			}
		}
		options = append([]lstm.Option{lstm.WithHead("lin")}, options...)
	} else if model != nil {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "model of model_data is %s, want SimpleRNN", describe(model))
	}
	m, err := lstm.FromTensors(tensors, options...)
	if err != nil {
		return nil, err
	}
	inputs := 0
	if w, ok := m.Layers[0].(*lstm.Weights); ok {
		inputs = w.InputSize
	}
	return m, addSkip(m, inputs, data.get("skip"), "skip of model_data")
}

// keysText are the first keys of an object, for messages.
func keysText(o *object) string {
	const most = 5
	var keys []string
	for i, key := range o.keys {
		if i == most {
			keys = append(keys, "and "+strconv.Itoa(len(o.keys)-most)+" more")
			break
		}
		keys = append(keys, safetensors.Quote(key))
	}
	if keys == nil {
		return "nothing"
	}
	return "the keys " + strings.Join(keys, ", ")
}

// tensorsOf lists the tensors of an object and of those in it, by the paths to them. Numbers
// are tensors where arrays are beside them.
func tensorsOf(o *object, prefix string, tensors []lstm.Tensor) []lstm.Tensor {
	arrays := slices.ContainsFunc(o.keys, func(key string) bool { _, ok := o.values[key].(*tensor); return ok })
	for _, key := range o.keys {
		add := func(shape []int, data []float32, err error) {
			tensors = append(tensors, lstm.Tensor{Name: prefix + key, Shape: shape, Data: func() ([]float32, error) { return data, err }})
		}
		switch v := o.values[key].(type) {
		case *object:
			tensors = tensorsOf(v, prefix+key+".", tensors)
		case *tensor:
			add(v.shape, v.data, nil)
		case list:
			add([]int{len(v)}, nil, errkind.Errorf(lstm.ErrShape, "it is %s, want arrays of numbers, all of one length", describe(v)))
		case float64:
			if arrays {
				add(nil, []float32{float32(v)}, nil)
			}
		}
	}
	return tensors
}
