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
// [directions, streams, H], and the outputs Y [steps, directions, streams, H], Y_h
// and Y_c. Where a job has several stretches, steps and streams are left open. With a
// residual connection, two nodes more make the output x + h [steps, streams, H].

// message is an encoded protocol buffer.
type message []byte

func (m message) text(field protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m message) number(field protowire.Number, n int) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(n))
}

func (m message) float(field protowire.Number, v float32) message {
	return protowire.AppendFixed32(protowire.AppendTag(m, field, protowire.Fixed32Type), math.Float32bits(v))
}

func (m message) part(field protowire.Number, part []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), part)
}

// What the enumerations of onnx.proto call the types of tensors and attributes.
const (
	onnxFloat = 1
	onnxInt8  = 3
	onnxInt64 = 7

	onnxFloatAttribute   = 1
	onnxIntAttribute     = 2
	onnxStringAttribute  = 3
	onnxFloatsAttribute  = 6
	onnxStringsAttribute = 8
)

const (
	onnxFormat   = 8  // ir_version
	onnxOperator = 14 // the version of the set of operators that LSTM is of
)

// onnxActivations are the activations that are measured, by ONNX's names.
var onnxActivations = map[lstm.ActivationFunction]string{
	lstm.ActivationSigmoid: "Sigmoid", lstm.ActivationTanh: "Tanh",
	lstm.ActivationHardSigmoid: "HardSigmoid", lstm.ActivationReLU: "Relu",
}

// onnxDirections are the directions of a layer that ONNX has too, as far as this
// file writes it, or none.
func onnxDirections(layer lstm.Layer) []*lstm.Weights {
	switch l := layer.(type) {
	case *lstm.Weights:
		if l.ProjSize == 0 {
			return []*lstm.Weights{l}
		}
	case *lstm.Bidirectional:
		return []*lstm.Weights{l.Forward, l.Backward}
	}
	return nil
}

// onnxModel is the file for that job, of a layer that has onnxDirections; quantised,
// of one direction and with weights of a scale a row.
func onnxModel(layer lstm.Layer, j job, quantised bool) []byte {
	directions := onnxDirections(layer)
	first := directions[0]
	rows, hidden := len(first.BiasIH), first.HiddenSize
	steps, streams := onnxNamed("steps"), onnxNamed("streams")
	if stretches := j.stretches(); len(stretches) == 1 {
		steps, streams = onnxDim(stretches[0].steps), onnxDim(stretches[0].streams)
	}

	var w, r, b, p []float32
	for _, d := range directions {
		w = append(w, onnxGates(d.WeightIH)...)
		r = append(r, onnxGates(d.WeightHH)...)
		b = append(append(b, onnxGates(d.BiasIH)...), onnxGates(d.BiasHH)...)
		p = append(append(append(p, d.PeepholeI...), d.PeepholeO...), d.PeepholeF...)
	}
	inputs := []string{"X", "W", "R", "B", "", "initial_h", "initial_c"} // "" is sequence_lens
	count, state := onnxDim(len(directions)), onnxDim(hidden)
	graph := message(nil).text(2, "lstm").part(5, onnxTensor("B", b, len(directions), 2*rows))
	if quantised {
		inputs = append(inputs, "", "W_scale", "W_zero", "R_scale", "R_zero") // "" is P
		graph = onnxQuantised(onnxQuantised(graph, "W", w, rows), "R", r, rows)
	} else {
		graph = graph.
			part(5, onnxTensor("W", w, len(directions), rows, first.InputSize)).
			part(5, onnxTensor("R", r, len(directions), rows, hidden))
	}
	if len(p) > 0 {
		inputs = append(inputs, "P")
		graph = graph.part(5, onnxTensor("P", p, len(directions), 3*hidden))
	}
	y := []message{steps, count, streams, state}
	if quantised {
		node := onnxNode("DynamicQuantizeLSTM", inputs, []string{"Y", "Y_h", "Y_c"}, onnxAttributes(directions)...)
		graph = graph.part(1, node.text(7, onnxMicrosoft))
	} else if first.Residual {
		y = []message{steps, streams, state}
		axes := message(nil).number(1, 1).number(2, onnxInt64).text(8, "axes").part(9, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		graph = graph.part(5, axes).
			part(1, onnxNode("LSTM", inputs, []string{"H", "Y_h", "Y_c"}, onnxAttributes(directions)...)).
			part(1, onnxNode("Squeeze", []string{"H", "axes"}, []string{"h"})).
			part(1, onnxNode("Add", []string{"X", "h"}, []string{"Y"}))
	} else {
		graph = graph.part(1, onnxNode("LSTM", inputs, []string{"Y", "Y_h", "Y_c"}, onnxAttributes(directions)...))
	}
	graph = graph.
		part(11, onnxValue("X", steps, streams, onnxDim(first.InputSize))).
		part(11, onnxValue("initial_h", count, streams, state)).
		part(11, onnxValue("initial_c", count, streams, state)).
		part(12, onnxValue("Y", y...)).
		part(12, onnxValue("Y_h", count, streams, state)).
		part(12, onnxValue("Y_c", count, streams, state))

	model := message(nil).number(1, onnxFormat).part(7, graph).part(8, message(nil).text(1, "").number(2, onnxOperator))
	if quantised {
		model = model.part(8, message(nil).text(1, onnxMicrosoft).number(2, 1))
	}
	return model
}

// onnxMicrosoft is the domain of ONNX Runtime's own operators.
const onnxMicrosoft = "com.microsoft"

// onnxQuantised adds a matrix of that many rows, as DynamicQuantizeLSTM wants it, to a
// graph: transposed, int8, with a scale and a zero point for each row.
func onnxQuantised(graph message, name string, values []float32, rows int) message {
	columns := len(values) / rows
	scales, bytes := make([]float32, rows), make([]byte, len(values))
	for r := range rows {
		row := values[r*columns:][:columns]
		scales[r] = largest(row) / 127
		for k, v := range row {
			bytes[k*rows+r] = byte(int8(math.RoundToEven(float64(v / scales[r]))))
		}
	}
	return graph.
		part(5, onnxRawTensor(name, onnxInt8, bytes, 1, columns, rows)).
		part(5, onnxTensor(name+"_scale", scales, 1, rows)).
		part(5, onnxRawTensor(name+"_zero", onnxInt8, make([]byte, rows), 1, rows))
}

// largest is the largest magnitude of numbers that are not all 0.
func largest(values []float32) (m float32) {
	for _, v := range values {
		m = max(m, v, -v)
	}
	return m
}

func onnxNode(operator string, inputs, outputs []string, attributes ...message) message {
	node := message(nil)
	for _, name := range inputs {
		node = node.text(1, name)
	}
	for _, name := range outputs {
		node = node.text(2, name)
	}
	node = node.text(3, operator).text(4, operator)
	for _, a := range attributes {
		node = node.part(5, a)
	}
	return node
}

// onnxAttributes are those of the LSTM node. What is ONNX's default is left out.
func onnxAttributes(directions []*lstm.Weights) []message {
	first := directions[0]
	list := []message{message(nil).text(1, "hidden_size").number(3, first.HiddenSize).number(20, onnxIntAttribute)}
	if len(directions) > 1 {
		list = append(list, message(nil).text(1, "direction").text(4, "bidirectional").number(20, onnxStringAttribute))
	}
	if first.Cell.Coupled {
		list = append(list, message(nil).text(1, "input_forget").number(3, 1).number(20, onnxIntAttribute))
	}
	if first.Cell.Clip != 0 {
		list = append(list, message(nil).text(1, "clip").float(2, first.Cell.Clip).number(20, onnxFloatAttribute))
	}
	usual := []lstm.ActivationFunction{lstm.ActivationSigmoid, lstm.ActivationTanh, lstm.ActivationTanh}
	names := message(nil).text(1, "activations")
	alphas, betas := message(nil).text(1, "activation_alpha"), message(nil).text(1, "activation_beta")
	for _, d := range directions {
		for i, a := range []lstm.Activation{d.Cell.Gate, d.Cell.Candidate, d.Cell.Output} {
			if a.Function == lstm.ActivationDefault {
				a.Function = usual[i]
			}
			names = names.text(9, onnxActivations[a.Function])
			if a.Function == lstm.ActivationHardSigmoid {
				alphas, betas = alphas.float(7, a.Alpha), betas.float(7, a.Beta)
			}
		}
	}
	if none := (lstm.Activation{}); first.Cell.Gate != none || first.Cell.Candidate != none || first.Cell.Output != none {
		list = append(list, names.number(20, onnxStringsAttribute))
	}
	if first.Cell.Gate.Function == lstm.ActivationHardSigmoid {
		list = append(list, alphas.number(20, onnxFloatsAttribute), betas.number(20, onnxFloatsAttribute))
	}
	return list
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
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return onnxRawTensor(name, onnxFloat, raw, dims...)
}

func onnxRawTensor(name string, kind int, raw []byte, dims ...int) message {
	m := message(nil)
	for _, d := range dims {
		m = m.number(1, d)
	}
	return m.number(2, kind).text(8, name).part(9, raw)
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
