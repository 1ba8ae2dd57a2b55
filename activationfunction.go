package lstm

import (
	"fmt"
	"math"

	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/errkind"
)

// An ActivationFunction is what an [Activation] computes of each element x. α and β
// are the Activation's Alpha and Beta.
type ActivationFunction uint8

const (
	// ActivationDefault is the function that the place has where nothing else is
	// said: sigmoid for the gates of a [Cell], tanh for its candidate and output.
	// Elsewhere it is none.
	ActivationDefault         ActivationFunction = iota
	ActivationSigmoid                            // 1 / (1 + e^-x)
	ActivationTanh                               // tanh(x)
	ActivationHardSigmoid                        // max(0, min(1, α·x + β))
	ActivationReLU                               // max(0, x)
	ActivationLeakyReLU                          // x, or α·x where x < 0
	ActivationThresholdedReLU                    // x, or 0 where x ≤ α
	ActivationSoftsign                           // x / (1 + |x|)
	ActivationELU                                // x, or α·(e^x - 1) where x < 0
	ActivationScaledTanh                         // α·tanh(β·x)
	ActivationAffine                             // α·x + β
	ActivationSoftplus                           // ln(1 + e^x)
	ActivationIdentity                           // x
	// ActivationSoftmax is e^x divided by the sum of e^x of all elements. It is for
	// layers only, not for cells.
	ActivationSoftmax
)

// An Activation is an [ActivationFunction] with its parameters. It is also a
// [Layer], which applies the function to each element of its input.
//
// Alpha and Beta are used as they are: 0 is the number 0, not a default. What ONNX
// takes where a model says nothing is in [ActivationFunction.WithDefaults]. Both
// are 0 where the function has no such parameter. What is nearer to zero than
// 2^-64 counts as 0, as all parameters do.
type Activation struct {
	Function    ActivationFunction
	Alpha, Beta float32
}

// activationTable says of each function what it is called, whether it has the
// parameters α and β, and their values where a model does not say.
var activationTable = [...]struct {
	name        string
	hasAlpha    bool
	hasBeta     bool
	alpha, beta float32
}{
	ActivationDefault:         {name: "default"},
	ActivationSigmoid:         {name: "sigmoid"},
	ActivationTanh:            {name: "tanh"},
	ActivationHardSigmoid:     {name: "hard_sigmoid", hasAlpha: true, hasBeta: true, alpha: 0.2, beta: 0.5},
	ActivationReLU:            {name: "relu"},
	ActivationLeakyReLU:       {name: "leaky_relu", hasAlpha: true, alpha: 0.01},
	ActivationThresholdedReLU: {name: "thresholded_relu", hasAlpha: true, alpha: 1},
	ActivationSoftsign:        {name: "softsign"},
	ActivationELU:             {name: "elu", hasAlpha: true, alpha: 1},
	ActivationScaledTanh:      {name: "scaled_tanh", hasAlpha: true, hasBeta: true, alpha: 1, beta: 1},
	ActivationAffine:          {name: "affine", hasAlpha: true, hasBeta: true, alpha: 1},
	ActivationSoftplus:        {name: "softplus"},
	ActivationIdentity:        {name: "identity"},
	ActivationSoftmax:         {name: "softmax"},
}

// String returns the function's name in lower case, like "leaky_relu".
func (f ActivationFunction) String() string {
	if int(f) < len(activationTable) {
		return activationTable[f].name
	}
	return fmt.Sprintf("ActivationFunction(%d)", uint8(f))
}

// WithDefaults returns f with the parameters that ONNX gives it where a model does
// not: α = 0.2 and β = 0.5 for ActivationHardSigmoid, 0.01 for ActivationLeakyReLU,
// and 1 for ActivationThresholdedReLU and ActivationELU. ONNX has none for
// ActivationScaledTanh and ActivationAffine; here they are tanh and the identity.
func (f ActivationFunction) WithDefaults() Activation {
	a := Activation{Function: f}
	if int(f) < len(activationTable) {
		a.Alpha, a.Beta = activationTable[f].alpha, activationTable[f].beta
	}
	return a
}

// String returns the function's name and the parameters that it has, like
// "leaky_relu(0.01)".
func (a Activation) String() string {
	if int(a.Function) >= len(activationTable) {
		return a.Function.String()
	}
	switch k := &activationTable[a.Function]; {
	case k.hasBeta:
		return fmt.Sprintf("%s(%v, %v)", k.name, a.Alpha, a.Beta)
	case k.hasAlpha:
		return fmt.Sprintf("%s(%v)", k.name, a.Alpha)
	default:
		return k.name
	}
}

// check returns an error unless the function is one, with the parameters that it
// has, which are finite.
func (a Activation) check(owner string) error {
	if int(a.Function) >= len(activationTable) {
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Function is %v, want one of the functions that have a name", owner, a.Function)
	}
	switch a.Function {
	case ActivationDefault, ActivationSigmoid, ActivationTanh, ActivationIdentity:
	default:
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Function is %v, want default, sigmoid, tanh or identity", owner, a.Function)
	}
	k := &activationTable[a.Function]
	for _, p := range [2]struct {
		field string
		has   bool
		value float32
	}{{"Alpha", k.hasAlpha, a.Alpha}, {"Beta", k.hasBeta, a.Beta}} {
		switch {
		case !p.has && p.value != 0:
			return fmt.Errorf("lstm: %s: %s is %v, want 0: %v has no such parameter", owner, p.field, p.value, a.Function)
		case !isFinite(p.value):
			return fmt.Errorf("lstm: %s: %s is %v, want a finite number", owner, p.field, p.value)
		}
	}
	return nil
}

// An Activation has as many outputs as inputs, and no weights.
func (a Activation) input() features             { return features{} }
func (a Activation) output() features            { return features{} }
func (a Activation) parameters() int             { return 0 }
func (a Activation) takeRoom(*aligned.Room) bool { return true }

func isFinite(x float32) bool { return math.Float32bits(x)&0x7f800000 != 0x7f800000 }

// apply sets dst to the function of each element of x, which is as long and may be
// dst. check has found nothing wrong with a.
func (a Activation) apply(dst, x []float32) {
	switch a.Function {
	case ActivationSigmoid:
		Sigmoid(dst, x)
	case ActivationTanh:
		Tanh(dst, x)
	case ActivationIdentity:
		copy(dst, x)
	}
}
