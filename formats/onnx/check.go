package onnx

import (
	"errors"
	"io"
	"math"

	"example.com/lstm"
)

// check returns an error unless m is a network, which can be converted, and of no more
// weights than the budget allows: layers may share those of the file.
func (e *evaluator) check(m *lstm.Model) error {
	all := tensors(m)
	n := int64(0)
	for _, list := range all {
		n += int64(len(list))
	}
	if err := e.budget.take(int(min(n, math.MaxInt))); err != nil {
		return err
	}
	for _, list := range all {
		for _, v := range list {
			// What is not finite in the file was refused before.
			if !e.options.nonFinite && (v-v != 0) {
				return damaged("the graph computes a weight that is %v, want a finite number", v)
			}
		}
	}
	err := m.Write(io.Discard) // for the checks of package lstm
	if err == nil || errors.Is(err, lstm.ErrDamaged) || errors.Is(err, lstm.ErrShape) || errors.Is(err, lstm.ErrUnsupported) {
		return err
	}
	return damaged("%w", err)
}

// tensors are the weights and biases of m.
func tensors(m *lstm.Model) (all [][]float32) {
	add := func(layers []lstm.Layer) {
		for _, layer := range layers {
			switch l := layer.(type) {
			case *lstm.Linear:
				all = append(all, l.Weight, l.Bias)
			case *lstm.Weights:
				all = append(all, tensorsOf(l)...)
			case *lstm.Bidirectional:
				all = append(all, tensorsOf(l.Forward)...)
				all = append(all, tensorsOf(l.Backward)...)
			}
		}
	}
	add(m.Layers)
	for _, h := range m.Heads {
		add(h.Layers)
	}
	return all
}

func tensorsOf(w *lstm.Weights) [][]float32 {
	if w == nil {
		return nil
	}
	return [][]float32{w.WeightIH, w.WeightHH, w.BiasIH, w.BiasHH, w.PeepholeI, w.PeepholeF, w.PeepholeO, w.InitialH, w.InitialC}
}
