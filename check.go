package lstm

import (
	"fmt"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/sizes"
)

// This file holds what the methods ask of their arguments, each fact once: the
// methods that panic panic with the errors that the Check methods return.

// CheckStep returns the error with which [Network.Step] would panic, and nil
// if it would not. It is for code that serves strangers, whose mistakes must
// not end a service: lengths that are wrong are an [ErrShape].
func (n *Network) CheckStep(s *State, x, y []float32) error {
	return n.stepError(n.checkStep(s, x, y), s, x, y)
}

// A stepFault is what is wrong with the arguments of Step.
type stepFault int

const (
	stepFine stepFault = iota
	stepState
	stepX
	stepY
)

// checkStep is so small that the compiler puts it into Step, whose whole time can
// be 50 ns.
func (n *Network) checkStep(s *State, x, y []float32) stepFault {
	switch {
	case !n.Owns(s):
		return stepState
	case len(x) != n.stateSize.input:
		return stepX
	case y != nil && len(y) != n.outputs.size:
		return stepY
	}
	return stepFine
}

// stepError says in words what checkStep has found.
func (n *Network) stepError(fault stepFault, s *State, x, y []float32) error {
	switch fault {
	case stepState:
		return n.stateError("Step: s", s)
	case stepX:
		return lengthError("Step: x", len(x), n.stateSize.input, "InputSize")
	case stepY:
		return lengthError("Step: y", len(y), n.outputs.size, "OutputSize")
	}
	return nil
}

// CheckForward returns the error with which [Network.Forward] would panic, and
// nil if it would not, like [Network.CheckStep].
func (n *Network) CheckForward(s *State, x, y []float32) error {
	if !n.Owns(s) {
		return n.stateError("Forward: s", s)
	}
	input := n.stateSize.input
	if len(x)%input != 0 {
		return lengthError("Forward: x", len(x), sizes.RoundUp(len(x), input), "a multiple of InputSize")
	}
	if y == nil {
		return nil
	}
	return checkRows("Forward: y", y, len(x)/input, n.outputs.size, "steps × OutputSize")
}

// CheckStepBatch returns the error with which [Network.StepBatch] would panic,
// and nil if it would not, like [Network.CheckStep]. It is a call that the
// states belong to while it runs.
func (n *Network) CheckStepBatch(states []*State, xs, ys [][]float32) error {
	if err := n.checkLists("StepBatch", states, xs, ys); err != nil {
		return err
	}
	for i, s := range states {
		if !n.Owns(s) {
			return n.stateError(fmt.Sprintf("StepBatch: states[%d]", i), s)
		}
		if len(xs[i]) != n.stateSize.input {
			return lengthError(fmt.Sprintf("StepBatch: xs[%d]", i), len(xs[i]), n.stateSize.input, "InputSize")
		}
		if ys != nil && ys[i] != nil && len(ys[i]) != n.outputs.size {
			return lengthError(fmt.Sprintf("StepBatch: ys[%d]", i), len(ys[i]), n.outputs.size, "OutputSize")
		}
	}
	return checkDistinct("StepBatch", states)
}

// CheckStepBatchFlat returns the error with which [Network.StepBatchFlat] would
// panic, and nil if it would not, like [Network.CheckStepBatch].
func (n *Network) CheckStepBatchFlat(states []*State, x, y []float32) error {
	if err := n.checkMade("StepBatchFlat"); err != nil {
		return err
	}
	for i, s := range states {
		if !n.Owns(s) {
			return n.stateError(fmt.Sprintf("StepBatchFlat: states[%d]", i), s)
		}
	}
	if err := checkRows("StepBatchFlat: x", x, len(states), n.stateSize.input, "states × InputSize"); err != nil {
		return err
	}
	if y != nil {
		if err := checkRows("StepBatchFlat: y", y, len(states), n.outputs.size, "states × OutputSize"); err != nil {
			return err
		}
	}
	return checkDistinct("StepBatchFlat", states)
}

// CheckForwardBatch returns the error with which [Network.ForwardBatch] would
// panic, and nil if it would not, like [Network.CheckStepBatch].
func (n *Network) CheckForwardBatch(states []*State, xs, ys [][]float32) error {
	if err := n.checkLists("ForwardBatch", states, xs, ys); err != nil {
		return err
	}
	input := n.stateSize.input
	for i, s := range states {
		if !n.Owns(s) {
			return n.stateError(fmt.Sprintf("ForwardBatch: states[%d]", i), s)
		}
		steps := len(xs[i]) / input
		if len(xs[i]) != steps*input {
			return lengthError(fmt.Sprintf("ForwardBatch: xs[%d]", i), len(xs[i]), sizes.RoundUp(len(xs[i]), input), "a multiple of InputSize")
		}
		if ys != nil && ys[i] != nil && !sizes.IsProduct(len(ys[i]), steps, n.outputs.size) {
			return lengthError(fmt.Sprintf("ForwardBatch: ys[%d]", i), len(ys[i]), steps*n.outputs.size, "steps × OutputSize")
		}
	}
	return checkDistinct("ForwardBatch", states)
}

// checkLists returns an error unless there is an x for each state, and a y if
// there are any.
func (n *Network) checkLists(method string, states []*State, xs, ys [][]float32) error {
	if err := n.checkMade(method); err != nil {
		return err
	}
	if len(xs) != len(states) {
		return lengthError(method+": xs", len(xs), len(states), "the number of states")
	}
	if ys != nil && len(ys) != len(states) {
		return lengthError(method+": ys", len(ys), len(states), "the number of states")
	}
	return nil
}

// Owns reports whether s is a state of n, made by its NewState or adopted by
// it. It is false for nil, for the zero State, and for a State whose struct
// has been copied.
func (n *Network) Owns(s *State) bool { return s != nil && s.self == s && s.network == n }

// stateError says why n does not own s.
func (n *Network) stateError(argument string, s *State) error {
	if err := n.checkMade(argument); err != nil {
		return err
	}
	if err := s.check(argument); err != nil {
		return err
	}
	return fmt.Errorf("lstm: %s is a state of another network, want one that this network has made or adopted", argument)
}

// check returns an error unless NewState has made s.
func (s *State) check(argument string) error {
	switch {
	case s == nil:
		return fmt.Errorf("lstm: %s is nil, want a State made by Network.NewState", argument)
	case s.self == s:
		return nil
	case s.self == nil:
		return fmt.Errorf("lstm: %s is the zero State, want one made by Network.NewState", argument)
	default:
		return fmt.Errorf("lstm: %s is a copied struct that shares the memory of another State, want one made by Network.NewState or State.Clone", argument)
	}
}

// checkMade returns an error if n is the zero Network.
func (n *Network) checkMade(method string) error {
	if len(n.layers) == 0 {
		return fmt.Errorf("lstm: %s: the Network is the zero Network, want one made by Open, Read or New", method)
	}
	return nil
}

// checkLayer returns an error if n has no such layer.
func (n *Network) checkLayer(method string, layer int) error {
	if err := n.checkMade(method); err != nil {
		return err
	}
	if layer < 0 || layer >= len(n.layers) {
		return fmt.Errorf("lstm: %s: layer is %d, want 0 to %d", method, layer, len(n.layers)-1)
	}
	return nil
}

// checkDistinct returns an error if a state occurs twice. It marks each state
// with its index, and unmarks it again.
func checkDistinct(method string, states []*State) (err error) {
	marked := len(states)
	for i, s := range states {
		if s.batched != 0 {
			err = fmt.Errorf("lstm: %s: states[%d] is the same as states[%d], want each state once", method, i, s.batched-1)
			marked = i
			break
		}
		s.batched = i + 1
	}
	for _, s := range states[:marked] {
		s.batched = 0
	}
	return err
}

// checkRows returns an error unless t has rows rows of width elements.
func checkRows(argument string, t []float32, rows, width int, name string) error {
	if sizes.IsProduct(len(t), rows, width) {
		return nil
	}
	return lengthError(argument, len(t), rows*width, name)
}

func lengthError(argument string, got, want int, name string) error {
	return errkind.Errorf(ErrShape, "lstm: %s has length %d, want %d (%s)", argument, got, want, name)
}

// must panics with err unless it is nil.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
