package onnx

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// A builder makes files for tests.
type builder struct {
	graph message
	opset int
	more  message // fields of the ModelProto
}

// build makes a graph with the input x [streams, steps, 3], unless it has other
// inputs.
func build(opset int) *builder { return &builder{opset: opset} }

func (b *builder) file() []byte {
	return append(message(nil).number(1, 8).part(7, b.graph).part(8, message(nil).text(1, "").number(2, b.opset)).
		part(8, message(nil).text(1, microsoft).number(2, 1)), b.more...)
}

func (b *builder) input(name string, dims ...any) *builder {
	b.graph = b.graph.part(11, encodeValue(name, dims...))
	return b
}

// integerInput is an input of int64s.
func (b *builder) integerInput(name string, dims ...any) *builder {
	shape := message(nil)
	for _, d := range dims {
		if n, ok := d.(int); ok {
			shape = shape.part(1, message(nil).number(1, n))
		} else {
			shape = shape.part(1, message(nil).text(2, d.(string)))
		}
	}
	b.graph = b.graph.part(11, message(nil).text(1, name).part(2, message(nil).part(1, message(nil).number(1, typeInt64).part(2, shape))))
	return b
}

func (b *builder) output(names ...string) *builder {
	for _, name := range names {
		b.graph = b.graph.part(12, message(nil).text(1, name))
	}
	return b
}

func (b *builder) floats(name string, values []float32, dims ...int) *builder {
	b.graph = b.graph.part(5, encodeTensor(name, values, dims...))
	return b
}

func (b *builder) integers(name string, values ...int64) *builder {
	b.graph = b.graph.part(5, encodeTensor(name, values, len(values)))
	return b
}

func (b *builder) integer(name string, value int64) *builder {
	b.graph = b.graph.part(5, encodeTensor(name, []int64{value}))
	return b
}

// bytes is a tensor of 8 bits.
func (b *builder) bytes(name string, dataType int, values []byte, dims ...int) *builder {
	m := message(nil)
	for _, d := range dims {
		m = m.number(1, d)
	}
	b.graph = b.graph.part(5, m.number(2, dataType).text(8, name).part(9, values))
	return b
}

func (b *builder) node(operator string, inputs, outputs []string, attributes ...any) *builder {
	return b.nodeOf("", operator, inputs, outputs, attributes...)
}

func (b *builder) nodeOf(domain, operator string, inputs, outputs []string, attributes ...any) *builder {
	b.graph = b.graph.part(1, encodeNode(operator, inputs, outputs, attributes...).text(7, domain))
	return b
}

// weights adds W, R and B of directions.
func (b *builder) weights(directions ...*lstm.Weights) *builder {
	var w, r, bias []float32
	for _, d := range directions {
		w, r = append(w, toONNX(d.WeightIH)...), append(r, toONNX(d.WeightHH)...)
		bias = append(append(bias, toONNX(d.BiasIH)...), toONNX(d.BiasHH)...)
	}
	d, n := directions[0], len(directions)
	return b.floats("W", w, n, 4*d.HiddenSize, d.InputSize).floats("R", r, n, 4*d.HiddenSize, d.HiddenSize).floats("B", bias, n, 8*d.HiddenSize)
}

func (b *builder) read(t *testing.T, options ...Option) *lstm.Model {
	t.Helper()
	m, err := Read(bytes.NewReader(b.file()), options...)
	require.NoError(t, err)
	m.Source = lstm.Source{}
	return m
}

// refuse reads what must be an error of that kind, with these words.
func (b *builder) refuse(t *testing.T, kind error, words string, options ...Option) {
	t.Helper()
	_, err := Read(bytes.NewReader(b.file()), options...)
	require.ErrorIs(t, err, kind)
	require.ErrorContains(t, err, words)
	require.Regexp(t, "^onnx: ", err.Error())
}

func list(names ...string) []string { return names }

func random(seed int) *rand.Rand { return lstmtest.NewRand(seed) }
