package onnx

import (
	"fmt"
	"slices"

	"example.com/lstm"
)

// layers writes layers on top of value v, of size features, and returns what they put
// out.
func (g *writer) layers(name, v string, size int, layers []lstm.Layer) (string, int, error) {
	for i, layer := range layers {
		name := fmt.Sprintf("%s.%d", name, i)
		if g.ended && isLSTM(layer) {
			return "", 0, unsupported("%s: it is an LSTM layer above one that has Last, whose output is of no steps in ONNX", name)
		}
		switch l := layer.(type) {
		case *lstm.Weights:
			if err := checkWritable(name, l); err != nil {
				return "", 0, err
			}
			out, err := g.direction(name, v, l, "forward")
			if err != nil {
				return "", 0, err
			}
			v, size = out, l.HiddenSize
		case *lstm.Bidirectional:
			out, n, err := g.bidirectional(name, v, l)
			if err != nil {
				return "", 0, err
			}
			v, size = out, n
		case *lstm.Linear:
			if l.Format != lstm.Float32 {
				return "", 0, formatError(name, l.Format)
			}
			v, size = g.linear(name, v, l), l.OutFeatures
		case lstm.Activation:
			v = g.activation(name, v, l)
		}
	}
	return v, size, nil
}

// checkWritable refuses what ONNX's LSTM has not.
func checkWritable(name string, w *lstm.Weights) error {
	switch {
	case w.ProjSize != 0:
		return unsupported("%s: ProjSize is %d, and ONNX's LSTM has no projection", name, w.ProjSize)
	case w.Cell.CellClip != 0:
		return unsupported("%s: Cell.CellClip is %v, and ONNX's LSTM does not limit the cell state", name, w.Cell.CellClip)
	case w.Format != lstm.Float32:
		return formatError(name, w.Format)
	case w.NormI != nil:
		return unsupported("%s: NormI is not nil, and ONNX's LSTM has no layer normalization", name)
	}
	return nil
}

func formatError(name string, f lstm.WeightFormat) error {
	return unsupported("%s: Format is %v, and what that computes ONNX cannot say; with %v the weights are written as they are", name, f, lstm.Float32)
}

func (g *writer) bidirectional(name, x string, b *lstm.Bidirectional) (string, int, error) {
	for _, w := range []*lstm.Weights{b.Forward, b.Backward} {
		if w == nil {
			continue
		}
		if err := checkWritable(name, w); err != nil {
			return "", 0, err
		}
	}
	if b.Last {
		g.ended = true
		return g.ends(name, x, b)
	}
	if b.Forward == nil {
		y, err := g.direction(name, x, b.Backward, "reverse")
		return y, b.Backward.HiddenSize, err
	}
	size := b.Backward.HiddenSize
	if b.Merge == lstm.MergeConcat {
		size += b.Forward.HiddenSize
	}
	if oneNode(b) {
		y, _, err := g.lstm(name, x, "bidirectional", false, b.Forward, b.Backward) // [T, 2, B, H]
		if err != nil {
			return "", 0, err
		}
		if b.Merge == lstm.MergeConcat {
			y = g.node("Transpose", name+".sides", []string{y}, "perm", []int{0, 2, 1, 3})
			return g.node("Reshape", name, []string{y, g.integers(name+".shape", 0, 0, -1)}), size, nil
		}
		var sides []string
		for i := range int64(2) {
			index := g.integers(name+".index", i)
			side := g.node("Gather", name+".side", []string{y, index}, "axis", 1) // [T, 1, B, H]
			sides = append(sides, g.squeezed(name+".side", side))
		}
		return g.merged(name, sides, b.Merge, 2), size, nil
	}
	forward, err := g.direction(name, x, b.Forward, "forward")
	if err != nil {
		return "", 0, err
	}
	backward, err := g.direction(name, x, b.Backward, "reverse")
	if err != nil {
		return "", 0, err
	}
	return g.merged(name, []string{forward, backward}, b.Merge, 2), size, nil
}

// ends writes what both directions of a layer end with, merged: [B, features].
func (g *writer) ends(name, x string, b *lstm.Bidirectional) (string, int, error) {
	switch {
	case b.Forward == nil:
		return "", 0, unsupported("%s: it has Last and runs in reverse only, and ONNX's output would be read as that of the first step", name)
	case b.Forward.Residual || b.Backward.Residual:
		return "", 0, unsupported("%s: it has Last and a residual connection, and ONNX's Y_h has no input beside it", name)
	}
	size := b.Backward.HiddenSize
	if b.Merge == lstm.MergeConcat {
		size += b.Forward.HiddenSize
	}
	if !oneNode(b) {
		var sides []string
		for i, w := range []*lstm.Weights{b.Forward, b.Backward} {
			_, h, err := g.lstm(name, x, []string{"forward", "reverse"}[i], true, w) // [1, B, H]
			if err != nil {
				return "", 0, err
			}
			sides = append(sides, g.node("Squeeze", name+".h", []string{h, g.integers(name+".axes", 0)}))
		}
		return g.merged(name, sides, b.Merge, 1), size, nil
	}
	_, h, err := g.lstm(name, x, "bidirectional", true, b.Forward, b.Backward) // [2, B, H]
	if err != nil {
		return "", 0, err
	}
	if b.Merge == lstm.MergeConcat {
		h = g.node("Transpose", name+".sides", []string{h}, "perm", []int{1, 0, 2})
		return g.node("Reshape", name, []string{h, g.integers(name+".shape", 0, -1)}), size, nil
	}
	var sides []string
	for i := range int64(2) {
		side := g.node("Gather", name+".side", []string{h, g.integers(name+".index", i)}, "axis", 0) // [1, B, H]
		sides = append(sides, g.node("Squeeze", name+".side", []string{side, g.integers(name+".axes", 0)}))
	}
	return g.merged(name, sides, b.Merge, 1), size, nil
}

// oneNode reports whether one LSTM node can have both directions.
func oneNode(b *lstm.Bidirectional) bool {
	f, r := b.Forward, b.Backward
	return f.HiddenSize == r.HiddenSize && f.Cell.Clip == r.Cell.Clip && f.Cell.Coupled == r.Cell.Coupled &&
		(f.PeepholeI == nil) == (r.PeepholeI == nil) && !f.Residual && !r.Residual
}

// merged is what two directions become, whose features are on that axis.
func (g *writer) merged(name string, sides []string, merge lstm.Merge, axis int) string {
	switch merge {
	case lstm.MergeSum:
		return g.node("Add", name, sides)
	case lstm.MergeMul:
		return g.node("Mul", name, sides)
	case lstm.MergeAverage:
		return g.node("Mean", name, sides)
	}
	return g.node("Concat", name, sides, "axis", axis)
}

// squeezed takes the axis of directions from [T, 1, B, H].
func (g *writer) squeezed(name, y string) string {
	return g.node("Squeeze", name, []string{y, g.integers(name+".axes", 1)})
}

// direction writes one direction in a node of its own, with its residual connection.
func (g *writer) direction(name, x string, w *lstm.Weights, direction string) (string, error) {
	y, _, err := g.lstm(name, x, direction, false, w)
	if err != nil {
		return "", err
	}
	y = g.squeezed(name+".h", y)
	if w.Residual {
		y = g.node("Add", name+".sum", []string{x, y})
	}
	return y, nil
}

// lstm writes an LSTM node, and returns its Y [T, D, B, H], and its Y_h [D, B, H] if
// that is wanted.
func (g *writer) lstm(name, x, direction string, wantH bool, directions ...*lstm.Weights) (y, h string, err error) {
	count, size, hidden := len(directions), directions[0].InputSize, directions[0].HiddenSize
	var w, r, b, p, h0, c0 []float32
	var hasBias, hasH, hasC bool
	for _, d := range directions {
		w, r = append(w, toONNX(d.WeightIH)...), append(r, toONNX(d.WeightHH)...)
		hasBias = hasBias || d.BiasIH != nil || d.BiasHH != nil
		for _, bias := range [][]float32{d.BiasIH, d.BiasHH} {
			b = append(b, toONNX(orZeros(bias, 4*hidden))...)
		}
		p = slices.Concat(p, d.PeepholeI, d.PeepholeO, d.PeepholeF)
		hasH, hasC = hasH || d.InitialH != nil, hasC || d.InitialC != nil
		h0, c0 = append(h0, orZeros(d.InitialH, hidden)...), append(c0, orZeros(d.InitialC, hidden)...)
	}
	node := g.lstms
	g.lstms++
	inputs := []string{x, g.floats(name+".W", w, count, 4*hidden, size), g.floats(name+".R", r, count, 4*hidden, hidden), "", "", "", "", ""}
	if hasBias {
		inputs[inputB] = g.floats(name+".B", b, count, 8*hidden)
	}
	if p != nil {
		inputs[inputP] = g.floats(name+".P", p, count, 3*hidden)
	}
	if g.states && (hasH || hasC) {
		return "", "", unsupported("%s: InitialH or InitialC is not nil, and with onnx.WithStates initial states are inputs", name)
	}
	if hasH {
		inputs[inputH] = g.initial(name+".h0", h0, count, hidden)
	}
	if hasC {
		inputs[inputC] = g.initial(name+".c0", c0, count, hidden)
	}
	outputs := []string{g.name(name + ".Y")}
	if g.states {
		for i, s := range []string{"h", "c"} {
			in, out := g.name(fmt.Sprintf("%s0.%d", s, node)), g.name(fmt.Sprintf("%sn.%d", s, node))
			inputs[inputH+i], outputs = in, append(outputs, out)
			g.inputs = append(g.inputs, encodeValue(in, count, "streams", hidden))
			g.outputs = append(g.outputs, encodeValue(out, count, "streams", hidden))
		}
	}
	if wantH && !g.states {
		outputs = append(outputs, g.name(name+".Y_h"))
	}
	if wantH {
		h = outputs[1]
	}
	for inputs[len(inputs)-1] == "" {
		inputs = inputs[:len(inputs)-1]
	}
	g.nodes = append(g.nodes, encodeNode("LSTM", inputs, outputs, g.attributes(direction, directions)...))
	return outputs[0], h, nil
}

func orZeros(list []float32, n int) []float32 {
	if list == nil {
		return make([]float32, n)
	}
	return list
}

// initial writes states [D, H], the same for all streams.
func (g *writer) initial(name string, state []float32, count, hidden int) string {
	if g.streams == "" {
		one := g.integers("one", 1)
		streams := g.node("Shape", "streams", []string{"x"}, "start", 1, "end", 2)
		g.streams = g.node("Concat", "streams.shape", []string{one, streams, one}, "axis", 0)
	}
	return g.node("Expand", name, []string{g.floats(name+".of", state, count, 1, hidden), g.streams})
}

// attributes are those of an LSTM node. What is usual is left out.
func (g *writer) attributes(direction string, directions []*lstm.Weights) []any {
	first := directions[0]
	list := []any{"direction", direction, "hidden_size", first.HiddenSize}
	if first.Cell.Clip != 0 {
		list = append(list, "clip", first.Cell.Clip)
	}
	if first.Cell.Coupled {
		list = append(list, "input_forget", 1)
	}
	usual := true
	var names []string
	var alphas, betas []float32
	for _, d := range directions {
		for i, a := range []lstm.Activation{d.Cell.Gate, d.Cell.Candidate, d.Cell.Output} {
			switch a.Function {
			case lstm.ActivationDefault:
				a.Function = []lstm.ActivationFunction{lstm.ActivationSigmoid, lstm.ActivationTanh, lstm.ActivationTanh}[i]
			case lstm.ActivationIdentity:
				a = lstm.Activation{Function: lstm.ActivationAffine, Alpha: 1}
				usual = false
			default:
				usual = false
			}
			names = append(names, cellNames[a.Function])
			if n := parameterCount(a.Function); n > 0 {
				alphas = append(alphas, a.Alpha)
				if n > 1 {
					betas = append(betas, a.Beta)
				}
			}
		}
	}
	if usual {
		return list
	}
	list = append(list, "activations", names)
	if alphas != nil {
		list = append(list, "activation_alpha", alphas)
	}
	if betas != nil {
		list = append(list, "activation_beta", betas)
	}
	return list
}

// cellNames are ONNX's names of the activations of cells.
var cellNames = map[lstm.ActivationFunction]string{
	lstm.ActivationSigmoid: "Sigmoid", lstm.ActivationTanh: "Tanh", lstm.ActivationReLU: "Relu", lstm.ActivationAffine: "Affine",
	lstm.ActivationLeakyReLU: "LeakyRelu", lstm.ActivationThresholdedReLU: "ThresholdedRelu", lstm.ActivationScaledTanh: "ScaledTanh",
	lstm.ActivationHardSigmoid: "HardSigmoid", lstm.ActivationELU: "Elu", lstm.ActivationSoftsign: "Softsign", lstm.ActivationSoftplus: "Softplus",
}

func (g *writer) linear(name, x string, d *lstm.Linear) string {
	columns := make([]float32, 0, len(d.Weight))
	for i := range d.InFeatures {
		for o := range d.OutFeatures {
			columns = append(columns, d.Weight[o*d.InFeatures+i])
		}
	}
	y := g.node("MatMul", name+".product", []string{x, g.floats(name+".weight", columns, d.InFeatures, d.OutFeatures)})
	if d.Bias != nil {
		y = g.node("Add", name, []string{y, g.floats(name+".bias", d.Bias, d.OutFeatures)})
	}
	return y
}

// activation writes an activation as a node, or as those of its formula where ONNX has
// none.
func (g *writer) activation(name, x string, a lstm.Activation) string {
	scaled := func(v string, factor float32) string {
		return g.node("Mul", name+".product", []string{v, g.floats(name+".factor", []float32{factor})})
	}
	switch a.Function {
	case lstm.ActivationSoftmax:
		return g.node("Softmax", name, []string{x}, "axis", -1)
	case lstm.ActivationIdentity:
		return g.node("Identity", name, []string{x})
	case lstm.ActivationScaledTanh:
		return scaled(g.node("Tanh", name+".tanh", []string{scaled(x, a.Beta)}), a.Alpha)
	case lstm.ActivationAffine:
		return g.node("Add", name, []string{scaled(x, a.Alpha), g.floats(name+".beta", []float32{a.Beta})})
	}
	var attributes []any
	switch parameterCount(a.Function) {
	case 1:
		attributes = []any{"alpha", a.Alpha}
	case 2:
		attributes = []any{"alpha", a.Alpha, "beta", a.Beta}
	}
	return g.node(cellNames[a.Function], name, []string{x}, attributes...)
}
