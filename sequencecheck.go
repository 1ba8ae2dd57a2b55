package lstm

import (
	"fmt"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/sizes"
)

// This file holds what the methods of a SequenceNetwork ask of their arguments,
// each fact once, as check.go does for a Network.

// CheckForward returns the error with which [SequenceNetwork.Forward] would panic,
// and nil if it would not. It is for code that serves strangers, whose mistakes
// must not end a service: lengths that are wrong are an [ErrShape].
func (n *SequenceNetwork) CheckForward(x, y []float32, initial, final *SequenceState) error {
	if err := n.checkMade("Forward"); err != nil {
		return err
	}
	if len(x)%n.input != 0 {
		return lengthError("Forward: x", len(x), sizes.RoundUp(len(x), n.input), "a multiple of InputSize")
	}
	if y != nil {
		if err := checkRows("Forward: y", y, len(x)/n.input, n.output, "steps × OutputSize"); err != nil {
			return err
		}
	}
	if err := n.checkState(initial).error("Forward: initial"); err != nil {
		return err
	}
	return n.checkState(final).error("Forward: final")
}

// CheckForwardBatch returns the error with which [SequenceNetwork.ForwardBatch]
// would panic, and nil if it would not, like [SequenceNetwork.CheckForward]. It is a
// call that the final states belong to while it runs.
func (n *SequenceNetwork) CheckForwardBatch(xs, ys [][]float32, initial, final []*SequenceState) error {
	if err := n.checkMade("ForwardBatch"); err != nil {
		return err
	}
	if ys != nil && len(ys) != len(xs) {
		return lengthError("ForwardBatch: ys", len(ys), len(xs), "the number of sequences")
	}
	for i, x := range xs {
		steps := len(x) / n.input
		if len(x) != steps*n.input {
			return lengthError(fmt.Sprintf("ForwardBatch: xs[%d]", i), len(x), sizes.RoundUp(len(x), n.input), "a multiple of InputSize")
		}
		if ys != nil && ys[i] != nil && !sizes.IsProduct(len(ys[i]), steps, n.output) {
			return lengthError(fmt.Sprintf("ForwardBatch: ys[%d]", i), len(ys[i]), steps*n.output, "steps × OutputSize")
		}
	}
	return n.checkStates("ForwardBatch", len(xs), initial, final)
}

// CheckForwardPadded returns the error with which [SequenceNetwork.ForwardPadded]
// would panic, and nil if it would not, like [SequenceNetwork.CheckForwardBatch].
func (n *SequenceNetwork) CheckForwardPadded(lengths []int, x, y []float32, initial, final []*SequenceState) error {
	if err := n.checkMade("ForwardPadded"); err != nil {
		return err
	}
	batch, steps := len(lengths), 0
	if row, ok := sizes.Product(batch, n.input); ok && row > 0 {
		steps = len(x) / row
	}
	if !isProduct(len(x), steps, batch, n.input) {
		return lengthError("ForwardPadded: x", len(x), steps*batch*n.input, "steps × lengths × InputSize")
	}
	if y != nil && !isProduct(len(y), steps, batch, n.output) {
		return lengthError("ForwardPadded: y", len(y), steps*batch*n.output, "steps × lengths × OutputSize")
	}
	for b, length := range lengths {
		if length < 0 || length > steps {
			return fmt.Errorf("lstm: ForwardPadded: lengths[%d] is %d, want 0 to %d, the steps of x", b, length, steps)
		}
	}
	return n.checkStates("ForwardPadded", batch, initial, final)
}

// checkMade returns an error if n is the zero SequenceNetwork.
func (n *SequenceNetwork) checkMade(method string) error {
	if len(n.segments) == 0 {
		return fmt.Errorf("lstm: %s: the SequenceNetwork is the zero SequenceNetwork, want one made by OpenSequence, ReadSequence or NewSequenceNetwork", method)
	}
	return nil
}

// checkStates returns an error unless there is a state of n, or nil, for each
// sequence, and none where it must not be.
func (n *SequenceNetwork) checkStates(method string, sequences int, initial, final []*SequenceState) error {
	if initial != nil && len(initial) != sequences {
		return lengthError(method+": initial", len(initial), sequences, "the number of sequences")
	}
	if final != nil && len(final) != sequences {
		return lengthError(method+": final", len(final), sequences, "the number of sequences")
	}
	for i, s := range initial {
		if fault := n.checkState(s); fault.what != "" {
			return fault.error(fmt.Sprintf("%s: initial[%d]", method, i))
		}
	}
	for i, s := range final {
		if fault := n.checkState(s); fault.what != "" {
			return fault.error(fmt.Sprintf("%s: final[%d]", method, i))
		}
	}
	return checkFinal(method, initial, final)
}

// A stateFault is where the sizes of a SequenceState are not those of a network.
type stateFault struct {
	what      string // "" for nowhere
	lstm      int
	got, want int
}

// checkState compares the sizes of s, which may be nil, with those of n.
func (n *SequenceNetwork) checkState(s *SequenceState) (fault stateFault) {
	if s == nil {
		return fault
	}
	switch {
	case len(s.H) != n.lstms:
		return stateFault{"LSTMs of H", -1, len(s.H), n.lstms}
	case len(s.C) != n.lstms:
		return stateFault{"LSTMs of C", -1, len(s.C), n.lstms}
	}
	e := 0
	for _, d := range n.directions {
		for l := range d.layers {
			h, c := d.layers[l].recurrent, d.layers[l].hidden
			switch {
			case len(s.H[e]) != h:
				return stateFault{"H", e, len(s.H[e]), h}
			case len(s.C[e]) != c:
				return stateFault{"C", e, len(s.C[e]), c}
			}
			e++
		}
	}
	return fault
}

// error says in words what checkState has found.
func (f stateFault) error(argument string) error {
	switch {
	case f.what == "":
		return nil
	case f.lstm < 0:
		return errkind.Errorf(ErrShape, "lstm: %s has %d %s, want %d, one for each layer and direction", argument, f.got, f.what, f.want)
	}
	return errkind.Errorf(ErrShape, "lstm: %s: %s[%d] has length %d, want %d", argument, f.what, f.lstm, f.got, f.want)
}

// checkFinal returns an error if a state takes what two sequences end with, or what
// one ends with while another begins with it. It marks each state that is final with
// its index, and unmarks it again.
func checkFinal(method string, initial, final []*SequenceState) (err error) {
	marked := len(final)
	for i, s := range final {
		if s == nil {
			continue
		}
		if s.batched != 0 {
			err = fmt.Errorf("lstm: %s: final[%d] is the same as final[%d], want each state once", method, i, s.batched-1)
			marked = i
			break
		}
		s.batched = i + 1
	}
	for i, s := range initial {
		if err == nil && s != nil && s.batched != 0 && s.batched != i+1 {
			err = fmt.Errorf("lstm: %s: initial[%d] is the same as final[%d], want a state that no other sequence ends with", method, i, s.batched-1)
		}
	}
	for _, s := range final[:marked] {
		if s != nil {
			s.batched = 0
		}
	}
	return err
}

// isProduct reports whether n is rows × batch × width, even where that does not fit
// an int.
func isProduct(n, rows, batch, width int) bool {
	p, ok := sizes.Product(rows, batch, width)
	return ok && n == p
}
