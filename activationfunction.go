package lstm

import (
	"fmt"
	"math"
	"strings"

	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
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
	// ActivationSoftmax is e^x divided by the sum of e^x of all elements of the vector.
	// What is e^-65.2 times less likely than the likeliest is 0. All are NaN where an
	// element is NaN or +Inf, and where all are -Inf. It is for layers only, not for
	// cells.
	ActivationSoftmax
)

// An Activation is an [ActivationFunction] with its parameters. It is also a
// [Layer], which applies the function to its input.
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
// parameters α and β, their values where a model does not say, and its kernel, if
// it has one.
var activationTable = [...]struct {
	name        string
	hasAlpha    bool
	hasBeta     bool
	alpha, beta float32
	kernel      function
}{
	ActivationDefault:         {name: "default"},
	ActivationSigmoid:         {name: "sigmoid", kernel: sigmoidFunction},
	ActivationTanh:            {name: "tanh", kernel: tanhFunction},
	ActivationHardSigmoid:     {name: "hard_sigmoid", hasAlpha: true, hasBeta: true, alpha: 0.2, beta: 0.5, kernel: hardSigmoidFunction},
	ActivationReLU:            {name: "relu", kernel: reluFunction},
	ActivationLeakyReLU:       {name: "leaky_relu", hasAlpha: true, alpha: 0.01, kernel: leakyReLUFunction},
	ActivationThresholdedReLU: {name: "thresholded_relu", hasAlpha: true, alpha: 1, kernel: thresholdedReLUFunction},
	ActivationSoftsign:        {name: "softsign", kernel: softsignFunction},
	ActivationELU:             {name: "elu", hasAlpha: true, alpha: 1, kernel: eluFunction},
	ActivationScaledTanh:      {name: "scaled_tanh", hasAlpha: true, hasBeta: true, alpha: 1, beta: 1, kernel: scaledTanhFunction},
	ActivationAffine:          {name: "affine", hasAlpha: true, hasBeta: true, alpha: 1, kernel: affineFunction},
	ActivationSoftplus:        {name: "softplus", kernel: softplusFunction},
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

// word is a in one word that parseActivation reads: its String without blanks.
func (a Activation) word() string { return strings.ReplaceAll(a.String(), " ", "") }

// parseActivation reads what word has written. Of other texts it makes something
// that word does not write like them.
func parseActivation(text string) (a Activation) {
	name, numbers, _ := strings.Cut(text, "(")
	for f := range activationTable {
		if activationTable[f].name == name {
			a.Function = ActivationFunction(f)
		}
	}
	alpha, beta, _ := strings.Cut(strings.TrimSuffix(numbers, ")"), ",")
	if k := &activationTable[a.Function]; k.hasAlpha {
		a.Alpha = parseFloat32(alpha)
		if k.hasBeta {
			a.Beta = parseFloat32(beta)
		}
	}
	return a
}

// check returns an error unless the function is one, with the parameters that it
// has, which are finite.
func (a Activation) check(owner string) error {
	if int(a.Function) >= len(activationTable) {
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Function is %v, want one of the functions that have a name", owner, a.Function)
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

// Apply sets dst[i] to the function of x[i], the very values that networks
// compute. A NaN gives NaN. ActivationSigmoid and ActivationTanh are [Sigmoid] and
// [Tanh]; ActivationELU with α = 1 and ActivationSoftplus are within 1 unit in the
// last place and monotone, ActivationSoftplus with 0 for what would be subnormal.
// The others are the formula with each operation rounded once, a multiplication and
// the addition after it together.
//
// dst and x have the same length. They may be the same slice, but must not overlap
// in any other way. Apply panics otherwise, or if a is no function of one element:
// ActivationDefault, ActivationSoftmax, one that does not exist, or with parameters
// that it has not or that are not finite.
func (a Activation) Apply(dst, x []float32) {
	if err := a.check("Activation"); err != nil {
		panic(err)
	}
	if !a.elementwise() {
		panic(errkind.Errorf(ErrUnsupported, "lstm: Activation: Function is %v, want a function of one element", a.Function))
	}
	if len(dst) != len(x) {
		panic(lengthError("Activation.Apply: dst", len(dst), len(x), "the length of x"))
	}
	p := a.pack()
	p.apply(dst, x)
}

// elementwise reports whether each element of the result is a function of one
// element.
func (a Activation) elementwise() bool {
	return a.Function != ActivationDefault && a.Function != ActivationSoftmax
}

// A packedActivation is an Activation of single elements as its kernel takes it.
type packedActivation struct {
	identity   bool
	function   function
	parameters [2 * panel.ElementBlock]float32 // α, repeated, and then β
}

// pack makes a, with which check has found nothing wrong, ready for its kernel.
func (a Activation) pack() packedActivation {
	p := packedActivation{identity: a.Function == ActivationIdentity, function: activationTable[a.Function].kernel}
	alpha, beta := contract.Flush(a.Alpha), contract.Flush(a.Beta)
	if a.Function == ActivationThresholdedReLU {
		alpha = math.Nextafter32(alpha, float32(math.Inf(1))) // see thresholdedReLUGeneric
	}
	for i := range panel.ElementBlock {
		p.parameters[i], p.parameters[panel.ElementBlock+i] = alpha, beta
	}
	return p
}

// apply sets dst to the function of each element of x, which is as long and may be
// dst. Nothing is flushed.
func (p *packedActivation) apply(dst, x []float32) {
	if p.identity {
		copy(dst, x)
		return
	}
	p.function.compute(p.parameters[:], dst, x)
}
