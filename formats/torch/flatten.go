package torch

import (
	"strconv"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// Limits of what a file has. A model of a hundred layers has 500 tensors, and an optimizer
// keeps three for each.
const (
	maxDepth   = 50     // of dictionaries in dictionaries
	maxTensors = 40_000 // all together
	maxPath    = 500    // bytes of a name
)

// A namedTensor is one by the path to it.
type namedTensor struct {
	name string
	*tensor
	passedOver bool
}

// A walker lists the tensors below a value.
type walker struct {
	found   []namedTensor
	visited map[any]int // containers, and how many tensors were found in them; -1 while that is going on
}

// flatten lists the tensors below what a pickle has made, in their order.
func flatten(root any) ([]namedTensor, error) {
	w := &walker{visited: make(map[any]int)}
	if !isContainer(root) {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "the file holds %s, want a state_dict", describe(root))
	}
	if err := w.walk(nil, root, false); err != nil {
		return nil, err
	}
	return w.found, nil
}

// walk lists the tensors below the container v, which the path leads to. What belongs to an optimizer is
// passed over.
func (w *walker) walk(path []string, v any, optimizer bool) error {
	if len(path) > maxDepth {
		return errkind.Errorf(lstm.ErrUnsupported, "there are more than %d dictionaries and lists in one another", maxDepth)
	}
	if n, ok := w.visited[v]; ok {
		if n != 0 {
			return errkind.Errorf(lstm.ErrUnsupported, "%s: it is in the file at another place, too, want tensors that have one name", safetensors.Quote(join(path)))
		}
		return nil
	}
	w.visited[v] = -1
	before := len(w.found)
	if err := w.walkItems(path, v, optimizer); err != nil {
		return err
	}
	w.visited[v] = len(w.found) - before
	return nil
}

func (w *walker) walkItems(path []string, v any, optimizer bool) error {
	keys, values := items(v)
	optimizer = optimizer || isOptimizer(keys)
	parameters := !optimizer && hasParameters(values)
	seen := make(map[string]bool)
	for i, value := range values {
		t, isTensor := value.(*tensor)
		if !isTensor && !isContainer(value) {
			continue
		}
		key := keyText(keys, i)
		if seen[key] {
			return errkind.Errorf(lstm.ErrDamaged, "%s: the key %s is there twice", safetensors.Quote(join(path)), safetensors.Quote(key))
		}
		seen[key] = true
		var err error
		below := append(path[:len(path):len(path)], key)
		if isTensor {
			err = w.add(below, t, !parameters)
		} else {
			err = w.walk(below, value, optimizer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add lists a tensor.
func (w *walker) add(path []string, t *tensor, passedOver bool) error {
	name := join(path)
	if len(name) > maxPath {
		return errkind.Errorf(lstm.ErrUnsupported, "tensor %s: its name has %d bytes, want at most %d", safetensors.Quote(name), len(name), maxPath)
	}
	if len(w.found) == maxTensors {
		return errkind.Errorf(lstm.ErrUnsupported, "there are more than %d tensors", maxTensors)
	}
	w.found = append(w.found, namedTensor{name, t, passedOver})
	return nil
}

func isContainer(v any) bool {
	switch v.(type) {
	case *dict, *list, *tuple:
		return true
	}
	return false
}

// items are the keys of a container, nil for those that are numbered, and its values.
func items(v any) (keys, values []any) {
	switch v := v.(type) {
	case *dict:
		return v.keys, v.values
	case *list:
		return nil, v.items
	case *tuple:
		return nil, v.items
	}
	return nil, nil
}

// keyText is key i as a part of a name. Of keys that are neither text nor numbers it is the
// place, in parentheses.
func keyText(keys []any, i int) string {
	if keys == nil {
		return strconv.Itoa(i)
	}
	switch key := keys[i].(type) {
	case string:
		return key
	case int64:
		return strconv.FormatInt(key, 10)
	}
	return "(" + strconv.Itoa(i) + ")"
}

// isOptimizer reports whether the keys are those of an optimizer's state_dict.
func isOptimizer(keys []any) bool {
	found := 0
	for _, key := range keys {
		if key == "state" || key == "param_groups" {
			found++
		}
	}
	return found == 2
}

// hasParameters reports whether there is one among the values: no scalar, and of
// floating-point numbers.
func hasParameters(values []any) bool {
	for _, value := range values {
		if t, ok := value.(*tensor); ok && len(t.shape) > 0 && t.storage.of.float32 != nil {
			return true
		}
	}
	return false
}

func join(path []string) string { return strings.Join(path, ".") }
