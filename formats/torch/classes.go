package torch

import (
	"bytes"
	"slices"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// A known is a class or a function that may be in a file.
type known struct {
	name class
	does string                        // for docs/torch.md
	call func(args []any) (any, error) // nil if it cannot be called
}

// knowns are all but the storages, those of elementTypes.
var knowns = []known{
	{"collections.OrderedDict", "a dictionary, as state_dict returns it", newOrderedDict},
	{"torch._utils._rebuild_tensor_v2", "a tensor: sizes, strides and offset in a storage", newTensor},
	{"torch._utils._rebuild_parameter", "the tensor of an nn.Parameter", parameterTensor},
	{"torch.Size", "a tuple of sizes, perhaps beside tensors", newSize},
}

func newOrderedDict(args []any) (any, error) {
	if len(args) > 0 {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "collections.OrderedDict is called with %d arguments, want none", len(args))
	}
	return &dict{ordered: true}, nil
}

func parameterTensor(args []any) (any, error) {
	if len(args) == 3 {
		if t, ok := args[0].(*tensor); ok {
			return t, nil
		}
	}
	return nil, errkind.Errorf(lstm.ErrDamaged, "a parameter is made of %d arguments, want a tensor and two more", len(args))
}

func newSize(args []any) (any, error) {
	if len(args) == 1 {
		if t, ok := args[0].(*tuple); ok {
			return t, nil
		}
	}
	return nil, errkind.Errorf(lstm.ErrDamaged, "torch.Size is made of %d arguments, want a tuple", len(args))
}

// maxName is the most bytes of the name of a class or a function that is looked up.
const maxName = 100

// global pushes a class or a function that is known.
func (m *machine) global(op byte) error {
	var module, name string
	if op == opStackGlobal {
		values, err := m.pop(2)
		if err != nil {
			return err
		}
		var ok, ok2 bool
		module, ok = values[0].(string)
		name, ok2 = values[1].(string)
		if !ok || !ok2 {
			return errkind.Errorf(lstm.ErrDamaged, "a class is called %s in the module %s, want text", describe(values[1]), describe(values[0]))
		}
	} else {
		lines := bytes.SplitN(m.code[m.at:min(len(m.code), m.at+2*maxName)], []byte("\n"), 3)
		if len(lines) < 3 {
			return errkind.Errorf(lstm.ErrUnsupported, "the name of a class begins with %s and does not end, want two lines of at most %d bytes", safetensors.Quote(string(lines[0])), 2*maxName)
		}
		module, name = string(lines[0]), string(lines[1])
		m.at += len(lines[0]) + len(lines[1]) + 2
	}
	full := class(module + "." + name)
	if !slices.ContainsFunc(knowns, func(k known) bool { return k.name == full }) &&
		!slices.ContainsFunc(elementTypes, func(e *elementType) bool { return e.class == string(full) }) {
		if module == "torch._utils" || module == "torch" && name == "ScriptObject" {
			return errkind.Errorf(lstm.ErrUnsupported, "%s is none of the classes and functions of which tensors are made: it makes special ones, quantized or sparse; "+
				"save the state_dict of the model before it is quantized, and dense tensors", safetensors.Quote(string(full)))
		}
		tensors := `["state_dict"]` // of a dictionary, by the name that most have for it
		if len(m.stack) == 0 {
			tensors = ".state_dict()" // of an object, which is all that the file holds
		}
		return errkind.Errorf(lstm.ErrUnsupported, "%s is none of the classes and functions of which tensors are made, and nothing is executed; "+
			"a file of a state_dict alone has only those; Python makes one if you trust the file: "+
			`torch.save(torch.load(FILE, map_location="cpu", weights_only=False)%s, "model.pt")`, safetensors.Quote(string(full)), tensors)
	}
	m.push(full)
	return nil
}

// reduce calls a function.
func (m *machine) reduce() error {
	values, err := m.pop(2)
	if err != nil {
		return err
	}
	name, _ := values[0].(class)
	args, ok := values[1].(*tuple)
	i := slices.IndexFunc(knowns, func(k known) bool { return k.name == name && k.call != nil })
	if i < 0 || !ok {
		return errkind.Errorf(lstm.ErrUnsupported, "the pickle calls %s with %s, want a function that makes tensors, with a tuple", describe(values[0]), describe(values[1]))
	}
	v, err := knowns[i].call(args.items)
	if err != nil {
		return err
	}
	m.push(v)
	return m.object()
}

// build gives an object attributes: a state_dict has _metadata, the versions of its modules.
func (m *machine) build() error {
	values, err := m.pop(2)
	if err != nil {
		return err
	}
	if d, ok := values[0].(*dict); !ok || !d.ordered {
		return errkind.Errorf(lstm.ErrUnsupported, "the pickle gives attributes to %s, want an OrderedDict", describe(values[0]))
	}
	m.push(values[0])
	return nil
}

// persistent pushes the storage of which an identifier speaks.
func (m *machine) persistent() error {
	values, err := m.pop(1)
	if err != nil {
		return err
	}
	s, err := newStorage(values[0])
	if err != nil {
		return err
	}
	m.push(s)
	return m.object()
}
