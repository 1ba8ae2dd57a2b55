package lstm

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
)

// A SequenceNetwork runs whole sequences, through layers of which some may be
// *[Bidirectional]. It has no Step, since such a layer needs the end of a sequence
// for its first output. [OpenSequence], [ReadSequence] and [NewSequenceNetwork]
// make one, of every [Model] that a [Network] can be made of, too, and then it
// computes the same bits.
//
// It does not change, and any number of goroutines may use it. It is computed
// layer by layer, each over the whole sequence, so a call needs memory for the
// output of a layer for every step: of the two widest that follow one another,
// and of one direction where directions are merged. That memory stays with the
// network for later calls. A model without bidirectional layers needs none.
type SequenceNetwork struct {
	segments   []segment
	directions []*Network // of all segments
	lstms      int        // in all directions: entries of a SequenceState
	parameters int
	metadata   map[string]string
	source     Source
	input      int
	output     int
	heads      []HeadOutput
	buffers    [2]int // widest output that waits in each of the two buffers
	merged     int    // widest output of a backward direction that is merged
	rooms      pool[sequenceRoom]

	hashOnce    sync.Once
	fingerprint Fingerprint // by hashOnce
}

// segment is a part of a SequenceNetwork that runs over whole sequences before the
// next one does: a bidirectional layer, or a run of layers that have one
// direction, with the heads if it is the last.
type segment struct {
	forward, backward *Network // nil for none
	merge             Merge
	last              bool     // Bidirectional.Last
	outputs           *outputs // a run without LSTM layers, and alone in its segment
	input, output     int      // elements of a step
}

// SequenceState is h and c of every LSTM of a [SequenceNetwork]: what a sequence
// begins with, or has left behind. It is plain numbers, to be read and set.
//
// LSTMs are in the order of PyTorch's h_0 and h_n: layer 0 forward, layer 0
// backward, layer 1 forward and so on, one for a layer that has one direction. The
// state of a backward direction begins after the last step of the sequence, and
// ends before the first.
type SequenceState struct {
	H, C [][]float32 // of each LSTM

	batched int // 1 + its index in the batch being checked, else 0
}

// OpenSequence is [Open] for whole sequences.
func OpenSequence(path string, options ...Option) (*SequenceNetwork, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("lstm: %w", err)
	}
	defer f.Close()
	n, err := ReadSequence(f, options...)
	if err != nil {
		return nil, &fileError{path, err}
	}
	return n, nil
}

// ReadSequence is [Read] for whole sequences.
func ReadSequence(r io.Reader, options ...Option) (*SequenceNetwork, error) {
	m, err := ReadModel(r, options...)
	if err != nil {
		return nil, err
	}
	return NewSequenceNetwork(m)
}

// NewSequenceNetwork makes a network of m, which it checks and copies as [New]
// does. Of the options those count that New takes.
func NewSequenceNetwork(m *Model, options ...Option) (*SequenceNetwork, error) {
	if m == nil {
		return nil, errors.New("lstm: the model is nil")
	}
	s := makeSettings(options)
	m = s.model(m)
	if err := m.check(); err != nil {
		return nil, err
	}
	n := &SequenceNetwork{
		parameters: m.parameters(),
		metadata:   maps.Clone(m.Metadata),
		source:     m.Source.clone(),
		input:      inputSize(m.Layers),
		heads:      m.headOutputs(),
	}
	first := 0 // of the layers that have no segment yet
	for l, layer := range m.Layers {
		if b, ok := layer.(*Bidirectional); ok {
			n.addRun(m.Layers[first:l], nil)
			n.addBidirectional(b)
			first = l + 1
		}
	}
	n.addRun(m.Layers[first:], m.Heads)
	n.output = n.segments[len(n.segments)-1].output
	for i := range n.segments[:len(n.segments)-1] {
		n.buffers[i%2] = max(n.buffers[i%2], n.segments[i].output)
	}
	return n, nil
}

// addRun adds the segment of layers that have one direction, and of heads.
func (n *SequenceNetwork) addRun(layers []Layer, heads []Head) {
	for _, layer := range layers {
		if _, ok := layer.(*Weights); ok {
			run := pack(layers, heads, len(n.segments) == 0)
			n.addSegment(segment{forward: run, input: run.stateSize.input, output: run.outputs.size})
			return
		}
	}
	if len(layers)+len(heads) == 0 {
		return
	}
	input := n.input
	if len(n.segments) > 0 {
		input = n.segments[len(n.segments)-1].output
	}
	o := packOutputs(input, layers, heads, len(n.segments) == 0)
	n.addSegment(segment{outputs: &o, input: input, output: o.size})
}

func (n *SequenceNetwork) addBidirectional(b *Bidirectional) {
	raw := len(n.segments) == 0
	s := segment{backward: pack([]Layer{b.Backward}, nil, raw), merge: b.Merge, last: b.Last, input: b.input().n, output: b.output().n}
	if b.Forward != nil {
		s.forward = pack([]Layer{b.Forward}, nil, raw)
		if b.Merge != MergeConcat {
			n.merged = max(n.merged, s.output)
		}
	}
	n.addSegment(s)
}

func (n *SequenceNetwork) addSegment(s segment) {
	n.segments = append(n.segments, s)
	for _, d := range []*Network{s.forward, s.backward} {
		if d != nil {
			n.directions = append(n.directions, d)
			n.lstms += d.Layers()
		}
	}
}

// InputSize returns I, the number of elements of the input of one step.
func (n *SequenceNetwork) InputSize() int {
	must(n.checkMade("InputSize"))
	return n.input
}

// OutputSize returns O, the number of elements of the output of one step.
func (n *SequenceNetwork) OutputSize() int {
	must(n.checkMade("OutputSize"))
	return n.output
}

// Metadata returns a copy of the Metadata of the [Model], or of the model's file,
// that the network was made from. It is nil if there were none.
func (n *SequenceNetwork) Metadata() map[string]string { return maps.Clone(n.metadata) }

// Source returns the names of the tensors that the network was made from, if they
// came from a file.
func (n *SequenceNetwork) Source() Source { return n.source.clone() }

// Parameters returns the number of weights and biases that the network was made
// from.
func (n *SequenceNetwork) Parameters() int { return n.parameters }

// MemorySize returns the bytes of memory that the packed parameters occupy, as
// [Network.MemorySize] does.
func (n *SequenceNetwork) MemorySize() int {
	bytes := 0
	for _, d := range n.directions {
		bytes += d.MemorySize()
	}
	for i := range n.segments {
		if o := n.segments[i].outputs; o != nil {
			bytes += o.memorySize()
		}
	}
	return bytes
}

// NewState returns what a sequence begins with where no other state is given: the
// initial states of the model, or zeros.
func (n *SequenceNetwork) NewState() *SequenceState {
	must(n.checkMade("NewState"))
	s := &SequenceState{}
	for _, d := range n.directions {
		begin := d.NewState()
		for l := range d.layers {
			s.H = append(s.H, slices.Clone(begin.H(l)))
			s.C = append(s.C, slices.Clone(begin.C(l)))
		}
	}
	return s
}
