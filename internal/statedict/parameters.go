package statedict

import (
	"fmt"

	"example.com/lstm/internal/panel"
)

// A Parameter is one tensor of an LSTM layer or of a linear one.
type Parameter struct {
	Name     string // in a state_dict, without the module and the number of a layer
	Optional bool
	Symbols  string // the shape in symbols
	Shape    []int
	Matrix   bool // may be int8, with a scale for each row in a tensor of its own, see ScaleName
}

// scaleSuffix ends the names of the scales of a matrix.
const scaleSuffix = "_scale"

// ScaleName is the name of the tensor [rows] that has the scales of a matrix of int8,
// given the name of that.
func ScaleName(matrix string) string { return matrix + scaleSuffix }

// LayerParameters lists those of a layer of an LSTM, in the order of nn.LSTM, and
// then those that it has not. Peepholes are all there, or none, and so are the factors
// of a normalization. proj is the size of
// the projection, 0 for none.
func LayerParameters(input, hidden, proj int) []Parameter {
	rows := panel.Gates * hidden
	recurrent, symbol := hidden, "H"
	if proj > 0 {
		recurrent, symbol = proj, "P"
	}
	return []Parameter{
		{"weight_ih", false, "[4H, I]", []int{rows, input}, true},
		{"weight_hh", false, "[4H, " + symbol + "]", []int{rows, recurrent}, true},
		{"bias_ih", true, "[4H]", []int{rows}, false},
		{"bias_hh", true, "[4H]", []int{rows}, false},
		{"weight_hr", true, "[P, H]", []int{proj, hidden}, true},
		{"peephole_i", true, "[H]", []int{hidden}, false},
		{"peephole_f", true, "[H]", []int{hidden}, false},
		{"peephole_o", true, "[H]", []int{hidden}, false},
		{"norm_i", true, "[H]", []int{hidden}, false},
		{"norm_f", true, "[H]", []int{hidden}, false},
		{"norm_g", true, "[H]", []int{hidden}, false},
		{"norm_o", true, "[H]", []int{hidden}, false},
		{"initial_h", true, "[" + symbol + "]", []int{recurrent}, false},
		{"initial_c", true, "[H]", []int{hidden}, false},
	}
}

// LinearParameters lists those of a linear layer, in the order of nn.Linear. symbol
// is how shapes call its inputs.
func LinearParameters(inputs, outputs int, symbol string) [2]Parameter {
	return [...]Parameter{
		{"weight", false, "[O, " + symbol + "]", []int{outputs, inputs}, true},
		{"bias", true, "[O]", []int{outputs}, false},
	}
}

// reverseSuffix ends the names of a backward direction.
const reverseSuffix = "_reverse"

// LayerName is the name of a parameter of a layer, in its backward direction or in
// the other.
func LayerName(module, parameter string, layer int, reverse bool) string {
	name := joinName(module, fmt.Sprintf("%s_l%d", parameter, layer))
	if reverse {
		name += reverseSuffix
	}
	return name
}

// LinearName is the name of a parameter of the linear layer that is that module.
func LinearName(module, parameter string) string { return joinName(module, parameter) }

// StructureKey is the key of the metadata that says what is no parameter of an LSTM.
func StructureKey(module string) string { return joinName(module, "structure") }
