package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// attribute is an AttributeProto.
type attribute struct {
	name      string
	number    float32
	integer   int64
	text      string
	tensor    []byte // TensorProto
	numbers   []float32
	integers  []int64
	texts     []string
	hasGraph  bool
	graph     []byte // GraphProto
	reference string // of an attribute of a function
}

const maxListed = 1000 // numbers of an attribute: LSTM has six activations

func parseAttribute(data []byte) (a attribute, err error) {
	full := func(n int) error {
		if n >= maxListed {
			return unsupported("attribute %.80q has more than %d elements", a.name, maxListed)
		}
		return nil
	}
	err = eachField(data, func(field protoField) (err error) {
		switch field.id {
		case 1:
			a.name, err = field.text()
		case 2:
			if field.kind != protowire.Fixed32Type {
				return errWire
			}
			a.number = math.Float32frombits(uint32(field.number))
		case 3:
			a.integer, err = field.integer()
		case 4:
			a.text, err = field.text()
		case 5:
			a.tensor, err = field.message()
		case 6:
			a.hasGraph = true
			a.graph, err = field.message()
		case 11:
			a.hasGraph = true
		case 7:
			err = field.fixed(4, func(v uint64) error {
				a.numbers = append(a.numbers, math.Float32frombits(uint32(v)))
				return full(len(a.numbers))
			})
		case 8:
			err = field.integers(func(n int64) error {
				a.integers = append(a.integers, n)
				return full(len(a.integers))
			})
		case 9:
			var s string
			s, err = field.text()
			a.texts = append(a.texts, s)
			if err == nil {
				err = full(len(a.texts))
			}
		case 21:
			a.reference, err = field.text()
		}
		return err
	})
	return a, err
}
