package lstm

import (
	"fmt"

	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/errkind"
)

// Bidirectional is an LSTM layer of a [SequenceNetwork] that reads whole
// sequences from their end, too. Forward reads a sequence from its first step to
// its last, Backward from its last to its first, both the same input; the output
// of a step is what the two have made of that step, put together by Merge.
//
// A nil Forward makes a layer that runs in reverse only: its output is that of
// Backward. A layer that runs forward only is *[Weights].
type Bidirectional struct {
	Forward, Backward *Weights
	Merge             Merge

	// Last says that every step has the same output: what Forward has made of the last
	// step and Backward of the first, where each has read the whole sequence, put
	// together by Merge. It is what Keras has of return_sequences=False, and what
	// PyTorch has of the h_n of both directions. Layers above read it at every step.
	Last bool
}

// Merge says how the outputs of the two directions of a layer become one.
type Merge uint8

// The zero Merge is MergeConcat, which PyTorch has; Keras has all of them. All but
// MergeConcat need directions of the same output size.
const (
	MergeConcat  Merge = iota // [forward; backward], forward first
	MergeSum                  // forward + backward
	MergeMul                  // forward · backward
	MergeAverage              // (forward + backward) · 0.5
)

// mergeNames are Keras's.
var mergeNames = [...]string{MergeConcat: "concat", MergeSum: "sum", MergeMul: "mul", MergeAverage: "ave"}

// String returns the name that Keras and files have for m, such as "concat".
func (m Merge) String() string {
	if int(m) < len(mergeNames) {
		return mergeNames[m]
	}
	return fmt.Sprintf("Merge(%d)", uint8(m))
}

func (b *Bidirectional) input() features { return b.Backward.input() }

func (b *Bidirectional) output() features {
	out := b.Backward.output()
	switch {
	case b.Forward == nil:
	case b.Merge == MergeConcat:
		out = features{field: "output size", n: b.Forward.output().n + out.n}
	}
	return out
}

func (b *Bidirectional) parameters() int {
	n := 0
	for _, w := range directions(b) {
		if w != nil {
			n += w.parameters()
		}
	}
	return n
}

func (b *Bidirectional) takeRoom(room *aligned.Room) bool {
	for _, w := range directions(b) {
		if w != nil && !w.takeRoom(room) {
			return false
		}
	}
	return true
}

func (b *Bidirectional) check(name string) error {
	switch {
	case b == nil:
		return fmt.Errorf("lstm: %s is a nil *lstm.Bidirectional", name)
	case b.Backward == nil:
		return errkind.Errorf(ErrShape, "lstm: %s: Backward is nil, want *lstm.Weights; a layer that runs forward only is *lstm.Weights itself", name)
	case int(b.Merge) >= len(mergeNames):
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Merge is %d, want 0 to %d", name, b.Merge, len(mergeNames)-1)
	case b.Forward == nil && b.Merge != MergeConcat:
		return errkind.Errorf(ErrShape, "lstm: %s: Merge is %v and Forward is nil, want concat where there is nothing to merge", name, b.Merge)
	}
	if b.Forward != nil {
		if err := b.Forward.check(name + ": Forward"); err != nil {
			return err
		}
	}
	if err := b.Backward.check(name + ": Backward"); err != nil {
		return err
	}
	if b.Forward == nil {
		return nil
	}
	in, out := b.Backward.input(), b.Backward.output()
	if want := b.Forward.input(); in.n != want.n {
		return errkind.Errorf(ErrShape, "lstm: %s: Backward: %s is %d, want %d, the %s of Forward", name, in.field, in.n, want.n, want.field)
	}
	if want := b.Forward.output(); b.Merge != MergeConcat && out.n != want.n {
		return errkind.Errorf(ErrShape, "lstm: %s: Backward: %s is %d, want %d, the %s of Forward, since Merge is %v", name, out.field, out.n, want.n, want.field, b.Merge)
	}
	return nil
}

// directions are the LSTMs of a layer: forward, backward, nil for none.
func directions(layer Layer) [2]*Weights {
	switch layer := layer.(type) {
	case *Weights:
		return [...]*Weights{layer, nil}
	case *Bidirectional:
		return [...]*Weights{layer.Forward, layer.Backward}
	}
	return [...]*Weights{nil, nil}
}

// merge puts what the two directions have made of a step together, in place of what
// the forward one has.
func (m Merge) merge(forward, backward []float32) {
	backward = backward[:len(forward)]
	switch m {
	case MergeSum:
		for i, v := range backward {
			forward[i] += v
		}
	case MergeMul:
		for i, v := range backward {
			forward[i] *= v
		}
	case MergeAverage:
		for i, v := range backward {
			forward[i] = float32(forward[i]+v) * 0.5
		}
	}
}
