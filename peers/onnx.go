package main

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm"
)

// This file writes a layer as an ONNX model: the fields of onnx.proto that one
// LSTM node needs, by their numbers.
//
// The node has the inputs X [steps, streams, I], initial_h and initial_c
// [1, streams, H], and the outputs Y [steps, 1, streams, H], Y_h and Y_c. Where
// a job has several stretches, steps and streams are left open.

// message is an encoded protocol buffer.
type message []byte

func (m message) text(field protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m message) number(field protowire.Number, n int) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(n))
}

func (m message) part(field protowire.Number, part []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), part)
}

// What the enumerations of onnx.proto call a float and an int attribute.
const (
	onnxFloat        = 1
	onnxIntAttribute = 2
)

const (
	onnxFormat   = 8  // ir_version
	onnxOperator = 14 // the version of the set of operators that LSTM is of
)

// onnxModel is the file for that job.
func onnxModel(layer *lstm.Weights, j job) []byte {
	rows := len(layer.BiasIH)
	hidden := layer.HiddenSize
	steps, streams := onnxNamed("steps"), onnxNamed("streams")
	if stretches := j.stretches(); len(stretches) == 1 {
		steps, streams = onnxDim(stretches[0].steps), onnxDim(stretches[0].streams)
	}

	node := message(nil)
	for _, name := range []string{"X", "W", "R", "B", "", "initial_h", "initial_c"} { // "" is sequence_lens
		node = node.text(1, name)
	}
	for _, name := range []string{"Y", "Y_h", "Y_c"} {
		node = node.text(2, name)
	}
	node = node.text(3, "lstm").text(4, "LSTM").
		part(5, message(nil).text(1, "hidden_size").number(3, hidden).number(20, onnxIntAttribute))

	biases := append(onnxGates(layer.BiasIH), onnxGates(layer.BiasHH)...)
	one, state := onnxDim(1), onnxDim(hidden)
	graph := message(nil).part(1, node).text(2, "lstm").
		part(5, onnxTensor("W", onnxGates(layer.WeightIH), 1, rows, layer.InputSize)).
		part(5, onnxTensor("R", onnxGates(layer.WeightHH), 1, rows, hidden)).
		part(5, onnxTensor("B", biases, 1, 2*rows)).
		part(11, onnxValue("X", steps, streams, onnxDim(layer.InputSize))).
		part(11, onnxValue("initial_h", one, streams, state)).
		part(11, onnxValue("initial_c", one, streams, state)).
		part(12, onnxValue("Y", steps, one, streams, state)).
		part(12, onnxValue("Y_h", one, streams, state)).
		part(12, onnxValue("Y_c", one, streams, state))

	return message(nil).number(1, onnxFormat).part(7, graph).
		part(8, message(nil).text(1, "").number(2, onnxOperator))
}

// onnxGates puts the rows of a matrix into ONNX's order of the gates, i o f g,
// from PyTorch's, i f g o.
func onnxGates(rows []float32) []float32 {
	quarter := len(rows) / 4
	ordered := make([]float32, 0, len(rows))
	for _, gate := range []int{0, 3, 1, 2} {
		ordered = append(ordered, rows[gate*quarter:][:quarter]...)
	}
	return ordered
}

func onnxTensor(name string, values []float32, dims ...int) message {
	m := message(nil)
	for _, d := range dims {
		m = m.number(1, d)
	}
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return m.number(2, onnxFloat).text(8, name).part(9, raw)
}

// Dimensions of a value: of that size, or of a size that has a name.
func onnxDim(size int) message      { return message(nil).number(1, size) }
func onnxNamed(name string) message { return message(nil).text(2, name) }

func onnxValue(name string, dims ...message) message {
	shape := message(nil)
	for _, d := range dims {
		shape = shape.part(1, d)
	}
	tensor := message(nil).number(1, onnxFloat).part(2, shape)
	return message(nil).text(1, name).part(2, message(nil).part(1, tensor))
}
