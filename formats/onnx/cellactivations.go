package onnx

import (
	"strings"

	"example.com/lstm"
)

// cellFunctions are the activations of LSTM, whose names ONNX Runtime takes in any
// case.
var cellFunctions = map[string]lstm.ActivationFunction{
	"sigmoid": lstm.ActivationSigmoid, "tanh": lstm.ActivationTanh, "relu": lstm.ActivationReLU, "affine": lstm.ActivationAffine,
	"leakyrelu": lstm.ActivationLeakyReLU, "thresholdedrelu": lstm.ActivationThresholdedReLU, "scaledtanh": lstm.ActivationScaledTanh,
	"hardsigmoid": lstm.ActivationHardSigmoid, "elu": lstm.ActivationELU, "softsign": lstm.ActivationSoftsign, "softplus": lstm.ActivationSoftplus,
}

// parameterCount is how many of α and β an activation has.
func parameterCount(f lstm.ActivationFunction) int {
	switch f {
	case lstm.ActivationLeakyReLU, lstm.ActivationThresholdedReLU, lstm.ActivationELU:
		return 1
	case lstm.ActivationAffine, lstm.ActivationScaledTanh, lstm.ActivationHardSigmoid:
		return 2
	}
	return 0
}

// cellActivations are the attribute activations, as many as count, nil if it is not
// there. α and β are taken in the order of the activations that have such.
func (c *call) cellActivations(count int) ([]lstm.Activation, error) {
	names, ok := c.attributes["activations"]
	alphas, betas := c.attributes["activation_alpha"].numbers, c.attributes["activation_beta"].numbers
	if !ok {
		if len(alphas)+len(betas) > 0 {
			return nil, unsupported("it has activation_alpha or activation_beta, and no activations, whose usual ones have neither")
		}
		return nil, nil
	}
	if len(names.texts) != count {
		return nil, shapeError("it has %d activations, want %d", len(names.texts), count)
	}
	list := make([]lstm.Activation, count)
	used := [2]int{}
	for i, name := range names.texts {
		f, ok := cellFunctions[strings.ToLower(name)]
		if !ok {
			return nil, unsupported("activation %d is %.80q, want one that LSTM has in ONNX", i, name)
		}
		list[i] = f.WithDefaults()
		for k, given := range [2][]float32{alphas, betas} {
			if parameterCount(f) <= k {
				continue
			}
			to := &list[i].Alpha
			if k == 1 {
				to = &list[i].Beta
			}
			if used[k] < len(given) {
				*to = given[used[k]]
				if len(given) == count && given[i] != *to {
					return nil, unsupported("%d numbers for α or β do not say whether they are for all activations, or for those that have such", count)
				}
				used[k]++
			}
		}
	}
	return list, nil
}
