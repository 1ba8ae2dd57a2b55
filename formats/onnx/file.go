package onnx

import (
	"fmt"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
)

// This file has what is read of a ModelProto and of what is in it. Tensors and
// attributes stay encoded until somebody needs them. What a message of two bytes
// would make hundreds of bytes of is limited in number.

const (
	maxNodes   = 100_000 // a hundred layers of an exporter have some thousand
	maxTensors = 100_000
	maxValues  = 10_000 // inputs, outputs
	maxEntries = 10_000 // of metadata
	maxDims    = 16
	maxNames   = 1_000_000 // of the inputs and outputs of all nodes
	// maxAttributes of a node: LSTM has nine.
	maxAttributes = 100
)

// file is a ModelProto.
type file struct {
	opset     int64 // version of the standard operators
	metadata  map[string]string
	functions bool // whether there are any
	graph     graph
}

// graph is a GraphProto.
type graph struct {
	nodes        []*node
	initializers map[string][]byte // TensorProtos
	inputs       []valueInfo
	outputs      []valueInfo
	sparse       bool // whether there are sparse initializers
}

// node is a NodeProto.
type node struct {
	inputs, outputs  []string
	name, op, domain string
	attributes       [][]byte // AttributeProtos
}

// valueInfo is a ValueInfoProto of a tensor.
type valueInfo struct {
	name     string
	dataType int32
	shape    []int64 // -1 for a dimension that has a name or nothing
	hasShape bool
}

func damaged(format string, args ...any) error {
	return errkind.Errorf(lstm.ErrDamaged, format, args...)
}

func unsupported(format string, args ...any) error {
	return errkind.Errorf(lstm.ErrUnsupported, format, args...)
}

func shapeError(format string, args ...any) error {
	return errkind.Errorf(lstm.ErrShape, format, args...)
}

func parseFile(data []byte) (*file, error) {
	f := &file{metadata: map[string]string{}}
	hasGraph := false
	err := eachField(data, func(field protoField) (err error) {
		switch field.id {
		case 7:
			if hasGraph {
				return damaged("it has two graphs")
			}
			hasGraph = true
			var b []byte
			if b, err = field.message(); err != nil {
				return err
			}
			f.graph, err = parseGraph(b)
		case 8:
			err = f.parseOpset(field)
		case 14:
			err = f.parseMetadata(field)
		case 25:
			f.functions = true
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !hasGraph:
		return nil, damaged("it has no graph: it is truncated, or no ONNX file")
	}
	return f, nil
}

func (f *file) parseOpset(field protoField) error {
	b, err := field.message()
	if err != nil {
		return err
	}
	domain, version := "", int64(0)
	err = eachField(b, func(field protoField) (err error) {
		switch field.id {
		case 1:
			domain, err = field.text()
		case 2:
			version, err = field.integer()
		}
		return err
	})
	if isStandard(domain) {
		f.opset = version
	}
	return err
}

// isStandard reports whether a domain is that of ONNX's own operators.
func isStandard(domain string) bool { return domain == "" || domain == "ai.onnx" }

func (f *file) parseMetadata(field protoField) error {
	key, value, err := parseEntry(field)
	if err != nil {
		return err
	}
	if len(f.metadata) == maxEntries {
		return unsupported("it has more than %d metadata", maxEntries)
	}
	f.metadata[key] = value
	return nil
}

// parseEntry reads a StringStringEntryProto.
func parseEntry(field protoField) (key, value string, err error) {
	b, err := field.message()
	if err != nil {
		return "", "", err
	}
	err = eachField(b, func(field protoField) (err error) {
		switch field.id {
		case 1:
			key, err = field.text()
		case 2:
			value, err = field.text()
		}
		return err
	})
	return key, value, err
}

func parseGraph(data []byte) (g graph, err error) {
	g.initializers = map[string][]byte{}
	names := 0
	err = eachField(data, func(field protoField) error {
		switch field.id {
		case 1, 5, 11, 12:
		case 15:
			g.sparse = true
			return nil
		default:
			return nil
		}
		b, err := field.message()
		if err != nil {
			return err
		}
		switch field.id {
		case 1:
			if len(g.nodes) == maxNodes {
				return unsupported("it has more than %d nodes", maxNodes)
			}
			n, err := parseNode(b, maxNames-names)
			if err != nil {
				return fmt.Errorf("node %d: %w", len(g.nodes), err)
			}
			names += len(n.inputs) + len(n.outputs)
			g.nodes = append(g.nodes, n)
		case 5:
			if len(g.initializers) == maxTensors {
				return unsupported("it has more than %d initializers", maxTensors)
			}
			name := ""
			err := eachField(b, func(field protoField) (err error) {
				if field.id == 8 {
					name, err = field.text()
				}
				return err
			})
			if err != nil {
				return err
			}
			if _, ok := g.initializers[name]; ok || name == "" {
				return damaged("two initializers have the name %.80q", name)
			}
			g.initializers[name] = b
		case 11:
			err = addValue(&g.inputs, b)
		case 12:
			err = addValue(&g.outputs, b)
		}
		return err
	})
	return g, err
}

func addValue(list *[]valueInfo, b []byte) error {
	if len(*list) == maxValues {
		return unsupported("it has more than %d inputs or outputs", maxValues)
	}
	v, err := parseValue(b)
	*list = append(*list, v)
	return err
}

// parseNode reads a NodeProto of at most that many inputs and outputs.
func parseNode(data []byte, most int) (*node, error) {
	n := &node{}
	err := eachField(data, func(field protoField) (err error) {
		switch field.id {
		case 1, 2:
			names := &n.inputs
			if field.id == 2 {
				names = &n.outputs
			}
			if len(n.inputs)+len(n.outputs) == most {
				return unsupported("the nodes have more than %d inputs and outputs", maxNames)
			}
			var name string
			name, err = field.text()
			*names = append(*names, name)
		case 3:
			n.name, err = field.text()
		case 4:
			n.op, err = field.text()
		case 5:
			if len(n.attributes) == maxAttributes {
				return unsupported("it has more than %d attributes", maxAttributes)
			}
			var b []byte
			b, err = field.message()
			n.attributes = append(n.attributes, b)
		case 7:
			n.domain, err = field.text()
		}
		return err
	})
	return n, err
}

// parseValue reads a ValueInfoProto. Of one that is no tensor, dataType is 0.
func parseValue(data []byte) (v valueInfo, err error) {
	err = eachField(data, func(field protoField) (err error) {
		switch field.id {
		case 1:
			v.name, err = field.text()
		case 2:
			err = field.inside(func(field protoField) error {
				if field.id != 1 {
					return nil
				}
				return field.inside(v.parseTensorType)
			})
		}
		return err
	})
	return v, err
}

// inside is eachField of a field that is a message.
func (f protoField) inside(each func(protoField) error) error {
	b, err := f.message()
	if err != nil {
		return err
	}
	return eachField(b, each)
}

func (v *valueInfo) parseTensorType(f protoField) error {
	switch f.id {
	case 1:
		n, err := f.integer()
		v.dataType = int32(n)
		return err
	case 2:
		v.hasShape = true
		return f.inside(func(f protoField) error {
			if f.id != 1 {
				return nil
			}
			if len(v.shape) == maxDims {
				return unsupported("value %.80q has more than %d dimensions", v.name, maxDims)
			}
			size := int64(-1)
			err := f.inside(func(f protoField) (err error) {
				if f.id == 1 {
					size, err = f.integer()
				}
				return err
			})
			// Some exporters write 0 or less for a size that is open.
			if size <= 0 {
				size = -1
			}
			v.shape = append(v.shape, size)
			return err
		})
	}
	return nil
}
