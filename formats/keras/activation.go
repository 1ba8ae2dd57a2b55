package keras

import (
	"encoding/json"
	"slices"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/safetensors"
)

// activationNames are Keras's activations that there are here, besides
// hard_sigmoid. Keras gives elu α = 1 and leaky_relu a slope of 0.2.
var activationNames = map[string]lstm.Activation{
	"linear":     {Function: lstm.ActivationIdentity},
	"relu":       {Function: lstm.ActivationReLU},
	"tanh":       {Function: lstm.ActivationTanh},
	"sigmoid":    {Function: lstm.ActivationSigmoid},
	"softplus":   {Function: lstm.ActivationSoftplus},
	"softsign":   {Function: lstm.ActivationSoftsign},
	"elu":        {Function: lstm.ActivationELU, Alpha: 1},
	"leaky_relu": {Function: lstm.ActivationLeakyReLU, Alpha: 0.2},
	"softmax":    {Function: lstm.ActivationSoftmax},
}

const hardSigmoid = "hard_sigmoid"

// sixth is the slope of Keras 3's hard_sigmoid, relu6(x + 3) / 6.
const sixth = 1.0 / 6

func knownActivations() string {
	names := []string{hardSigmoid}
	for name := range activationNames {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// activation is an option that is an activation: its name, null for linear, or an
// object with the name in its config. A layer without the option has none that could
// be told, since defaults were not the same at all times.
func (o *options) activation(name string, major int) lstm.Activation {
	raw, ok := o.left[name]
	delete(o.left, name)
	if o.err != nil {
		return lstm.Activation{}
	}
	if !ok {
		o.err = o.owner.Errorf(lstm.ErrUnsupported, "it has no %s, want one, since its default is another in other versions of Keras", name)
		return lstm.Activation{}
	}
	if string(raw) == "null" {
		return activationNames["linear"]
	}
	text, err := activationName(raw)
	if err != nil {
		o.err = o.owner.Errorf(lstm.ErrDamaged, "%s: %w", name, err)
		return lstm.Activation{}
	}
	if text == hardSigmoid {
		switch major {
		case 2:
			return lstm.Activation{Function: lstm.ActivationHardSigmoid, Alpha: 0.2, Beta: 0.5}
		case 3:
			return lstm.Activation{Function: lstm.ActivationHardSigmoid, Alpha: sixth, Beta: 0.5}
		}
		o.err = o.owner.Errorf(lstm.ErrUnsupported, "%s is hard_sigmoid, and the file has no keras_version, want one, since those of Keras 2 and 3 differ", name)
		return lstm.Activation{}
	}
	a, ok := activationNames[text]
	if !ok {
		o.err = o.owner.Errorf(lstm.ErrUnsupported, "%s is %s, want one of %s", name, safetensors.Quote(text), knownActivations())
	}
	return a
}

// activationName reads "relu", or {"class_name": "function", "config": "relu"}.
func activationName(raw json.RawMessage) (string, error) {
	var text string
	if raw[0] != '{' {
		return text, json.Unmarshal(raw, &text)
	}
	var object struct {
		Class  string          `json:"class_name"`
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return "", err
	}
	if object.Class == "function" && json.Unmarshal(object.Config, &text) == nil {
		return text, nil
	}
	return object.Class, nil
}
