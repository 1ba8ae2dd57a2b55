package onnx

import (
	"example.com/lstm"
)

// An operator is what is read of an operator of ONNX.
type operator struct {
	attributes []string // those that are known; others are refused
	what       string   // for the table of docs/onnx.md
	run        func(*call) ([]value, error)
}

const microsoft = "com.microsoft" // domain of ONNX Runtime's own operators

// operators are all that are read, by name, those of other domains with the domain
// before it.
var operators map[string]operator

func init() {
	operators = map[string]operator{
		"LSTM":                             {lstmAttributes, "a layer, in one direction or both, see below", (*call).lstm},
		microsoft + ".DynamicQuantizeLSTM": {lstmAttributes, "a layer; its weights become (q - zero point) · scale, and its inputs are not quantized", (*call).quantizedLSTM},
		"MatMul":                           {nil, "by a constant on the right: a linear layer", (*call).matMul},
		"Gemm":                             {[]string{"alpha", "beta", "transA", "transB"}, "by a constant on the right, transA 0: a linear layer", (*call).gemm},
		"Gather":                           {[]string{"axis"}, "of data: one direction, the first or the last step, some features; of a constant, by an integer input: an embedding, a linear layer of one-hot inputs", (*call).gather},
		"OneHot":                           {[]string{"axis"}, "of an integer input: one-hot inputs", (*call).oneHot},
		"Slice":                            {[]string{"starts", "ends", "axes"}, "of data: as Gather, and all steps backwards", (*call).slice},
		"Split":                            {[]string{"axis", "split", "num_outputs"}, "of data: as Slice", (*call).split},
		"Concat":                           {[]string{"axis"}, "of features, of two directions, of states", (*call).concat},
		"Transpose":                        {[]string{"perm"}, "", (*call).transpose},
		"Squeeze":                          {[]string{"axes"}, "", (*call).squeeze},
		"Unsqueeze":                        {[]string{"axes"}, "", (*call).unsqueeze},
		"Reshape":                          {[]string{"shape", "allowzero"}, "that joins axes, or parts features or what was joined", (*call).reshape},
		"Flatten":                          {[]string{"axis"}, "as Reshape", (*call).flatten},
		"Identity":                         {nil, "", (*call).identity},
		"Dropout":                          {[]string{"ratio", "seed", "is_test"}, "outside of training", (*call).dropout},
		"Cast":                             {[]string{"to", "saturate", "round_mode"}, "of data: to a type of floats, which changes nothing, or of integers to integers", (*call).cast},
		"ReverseSequence":                  {[]string{"batch_axis", "time_axis"}, "of all steps: the next LSTM runs in the other direction", (*call).reverseSequence},
		"Add":                              {nil, "of data and a constant: a bias, or an activation affine; of an LSTM's input and output: a residual connection; of two directions: the merge sum", (*call).add},
		"Sub":                              {nil, "of data and a constant", (*call).sub},
		"Mul":                              {nil, "of data and a constant; of two directions: the merge mul", (*call).mul},
		"Div":                              {nil, "of data by a constant", (*call).div},
		"Sum":                              {nil, "of two, as Add", (*call).add},
		"Mean":                             {nil, "of two directions: the merge ave", (*call).mean},
		"Neg":                              {nil, "", (*call).neg},
		"BatchNormalization":               {[]string{"epsilon", "momentum", "spatial", "training_mode", "is_test"}, "outside of training, of features on axis 1: a linear layer", (*call).batchNormalization},
		"Clip":                             {[]string{"min", "max"}, "from 0 to infinity: relu; between two numbers: hard_sigmoid and affine", (*call).clip},
		"Selu":                             {[]string{"alpha", "gamma"}, "elu and affine", (*call).selu},
		"PRelu":                            {nil, "of one slope: leaky_relu", (*call).prelu},
		"Softmax":                          {[]string{"axis"}, "over all features: softmax", (*call).softmax},
		"Constant":                         {[]string{"value", "value_float", "value_floats", "value_int", "value_ints"}, "", (*call).constant},
		"ConstantOfShape":                  {[]string{"value"}, "", (*call).constantOfShape},
		"Shape":                            {[]string{"start", "end"}, "", (*call).shape},
		"Size":                             {nil, "", (*call).size},
		"Expand":                           {nil, "of constants", (*call).expand},
		"Tile":                             {nil, "of constants", (*call).tile},
		"Equal":                            {nil, "of constants", (*call).equal},
		"Where":                            {nil, "of constants", (*call).where},
		"Range":                            {nil, "of constants", (*call).rangeOf},
		"ReduceProd":                       {[]string{"axes", "keepdims", "noop_with_empty_axes"}, "of constants", (*call).reduceProd},
		"DynamicQuantizeLinear":            {nil, "of data, if MatMulInteger, Cast and Mul by the scales follow: the linear layer of the weights (q - zero point) · scale", (*call).dynamicQuantizeLinear},
		"MatMulInteger":                    {nil, "as DynamicQuantizeLinear says", (*call).matMulInteger},
		"DequantizeLinear":                 {[]string{"axis"}, "of constants of 8 bits, and of an embedding's rows of 8 bits", (*call).dequantizeLinear},
	}
	for name, f := range activationOperators {
		operators[name] = operator{f.attributes(), "an activation: " + f.function.String(), func(c *call) ([]value, error) { return c.activation(f) }}
	}
}

// operator finds what is read of n's operator.
func (n *node) operator() (operator, error) {
	name := n.op
	if !isStandard(n.domain) {
		name = n.domain + "." + name
	}
	op, ok := operators[name]
	if !ok {
		return op, unsupported("%s is none of the operators that a network of this package is made of; docs/onnx.md has their list", name)
	}
	return op, nil
}

// An activationOperator is an operator that is an activation, with the attributes of
// α and β where they are.
type activationOperator struct {
	function    lstm.ActivationFunction
	alpha, beta float32 // where the node does not say
}

var activationOperators = map[string]activationOperator{
	"Sigmoid": {function: lstm.ActivationSigmoid}, "Tanh": {function: lstm.ActivationTanh}, "Relu": {function: lstm.ActivationReLU},
	"HardSigmoid":     {lstm.ActivationHardSigmoid, 0.2, 0.5},
	"LeakyRelu":       {lstm.ActivationLeakyReLU, 0.01, 0},
	"ThresholdedRelu": {lstm.ActivationThresholdedReLU, 1, 0},
	"Elu":             {lstm.ActivationELU, 1, 0},
	"Softsign":        {function: lstm.ActivationSoftsign}, "Softplus": {function: lstm.ActivationSoftplus},
}

func (a activationOperator) attributes() []string {
	switch {
	case a.beta != 0:
		return []string{"alpha", "beta"}
	case a.alpha != 0:
		return []string{"alpha"}
	}
	return nil
}
