// Package lstm runs trained LSTM networks on the CPU, inside services that
// count microseconds: without cgo, without threads of its own, without
// allocating, and with the same bits on every machine.
//
// # Use
//
// A [Network] is a stack of LSTM layers, with a linear head behind it or not.
// It comes from a file with the parameters of a PyTorch model ([Open]), or from
// slices ([New]), and does not change afterwards. A [State] is what one stream
// of data has left behind in a network, the h and c of every layer.
//
//	net, err := lstm.Open("model.safetensors")
//	if err != nil {
//		return err
//	}
//	state := net.NewState()
//	y := make([]float32, net.OutputSize())
//	for x := range stream { // each x has net.InputSize() elements
//		net.Step(state, x, y)
//		use(y)
//	}
//
// [Network.Step] advances one stream by one time step, [Network.StepBatch]
// many streams by one step each, [Network.Forward] one stream by many steps.
// The three mix freely: they are three speeds of one computation.
//
// # What is promised
//
//   - One answer. The same parameters, states and inputs give the same output
//     bits with every set of instructions and in pure Go, alone or in any
//     batch, step by step or as a sequence cut anywhere, from any number of
//     goroutines. (A NaN is a NaN everywhere; its payload and sign are not
//     promised.) So a service may batch as it likes, move a stream to a machine
//     of another kind, and replay an incident exactly.
//   - Nothing is allocated by Step, StepBatch, Forward, [Sigmoid] and [Tanh].
//   - No goroutine is started, and no call into assembly, which the scheduler
//     cannot interrupt, takes longer than about ten microseconds.
//   - Sigmoid and Tanh are within 1 unit in the last place of the exact value,
//     and monotone, for every input there is. All 2^32 have been tried: the
//     largest errors are 0.9651 and 0.9760 units.
//
// # The numeric contract
//
// The results are specified to the bit, by operations of IEEE 754 binary32
// rounded to nearest even. fma is x·y + z rounded once. The specification has a number, [Contract]; if one bit of one result
// ever changes, so does the number.
//
// For one layer with input x of I elements and hidden size H, each of the 4H
// rows of the gates is one chain of operations, in this order:
//
//	z = b_ih + b_hh                             rounded once, in New
//	z = fma(weight_ih[k], x[k], z)              k = 0 … I-1
//	z = fma(weight_hh[k], h[k], z)              k = 0 … H-1
//
// The rows are the gates i, f, g, o of PyTorch, and every hidden unit does
//
//	c' = fma(σ(zf), c, σ(zi)·tanh(zg))
//	h' = σ(zo)·tanh(c')
//
// (S. Hochreiter, J. Schmidhuber: Long Short-Term Memory, 1997, with the forget
// gate of F. Gers, J. Schmidhuber, F. Cummins: Learning to Forget, 2000.)
// The operations of σ and tanh, and of the linear head, are in docs/contract.md
// in the repository.
//
// A parameter, an element of an input, an h' or a c' that is nearer to zero than
// 2^-64 counts as +0, so that no number makes a step slow.
//
// NaN and infinities are data: they go through the network as IEEE 754 says.
//
// # Errors
//
// Constructors and files return errors that name what is wrong, its value and
// what was expected. A slice of a wrong length, a state of another network or a
// layer that does not exist is a mistake in the program: the methods panic with
// a message that says as much, and nothing has changed when they do.
//
// # Concurrency
//
// Any number of goroutines may use one Network at the same time. A State
// belongs to one call at a time.
package lstm

import (
	"fmt"
	"maps"
)

// Contract is the version of the numeric contract, the specification of every
// bit of every result (see the package documentation). Two builds of this
// package with the same Contract compute the same.
const Contract = 2

// A Network is a stack of LSTM layers with an optional linear head, packed for
// the kernels. [Open], [Read] and [New] make one; the zero Network is of no use.
// It does not change, and any number of goroutines may use it.
type Network struct {
	layers     []layer
	head       *packedHead // nil for none
	output     int         // elements of an output
	parameters int
	metadata   map[string]string
	source     Source
	stateSize  stateSize
	block      blockSize
	rooms      rooms
}

// New makes a network of m, which it checks and copies: every size at least 1,
// every tensor as long as its shape says, the InputSize of each layer the
// HiddenSize of the one below, and the head's InFeatures that of the last. The
// error names the tensor, its size and the size expected.
func New(m *Model) (*Network, error) {
	if m == nil {
		return nil, fmt.Errorf("lstm: the model is nil")
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	n := &Network{parameters: m.parameters(), metadata: maps.Clone(m.Metadata), source: m.Source.clone()}
	for l := range m.Layers {
		n.layers = append(n.layers, packLayer(&m.Layers[l]))
	}
	n.output = n.layers[len(n.layers)-1].hidden
	if m.Head != nil {
		n.head = packHead(m.Head)
		n.output = m.Head.OutFeatures
	}
	n.stateSize = placeLayers(n.layers)
	n.block = newBlockSize(n.layers)
	return n, nil
}

// Layers returns the number of LSTM layers.
func (n *Network) Layers() int { return len(n.layers) }

// InputSize returns I, the number of elements of the input of one step.
func (n *Network) InputSize() int { return n.layers[0].input }

// HiddenSize returns H of a layer, the number of elements of its h and its c.
// Layers are counted from 0, the one that reads the input. HiddenSize panics if
// there is no such layer.
func (n *Network) HiddenSize(layer int) int {
	n.checkLayer("HiddenSize", layer)
	return n.layers[layer].hidden
}

// OutputSize returns the number of elements of the output of one step: the
// OutFeatures of the head, or without one the hidden size of the last layer.
func (n *Network) OutputSize() int { return n.output }

// HasHead reports whether a linear head follows the last layer.
func (n *Network) HasHead() bool { return n.head != nil }

// Metadata returns a copy of the Metadata of the [Model], or of the model's file,
// that the network was made from. It is nil if there were none.
func (n *Network) Metadata() map[string]string { return maps.Clone(n.metadata) }

// Source returns the names of the tensors that the network was made from, if they
// came from a file.
func (n *Network) Source() Source { return n.source.clone() }

// Parameters returns the number of weights and biases that the network was
// made from.
func (n *Network) Parameters() int { return n.parameters }

// Bytes returns the memory that the packed parameters occupy: four bytes each,
// the two biases of a layer as one, and what pads hidden sizes and heads that
// are no multiple of 16.
func (n *Network) Bytes() int {
	floats := 0
	for i := range n.layers {
		floats += len(n.layers[i].panels.floats)
	}
	if n.head != nil {
		floats += len(n.head.weights) + len(n.head.bias)
	}
	return 4 * floats
}

// Step advances the stream of s by one time step with the input x, and writes
// the output to y: the head's result, or without a head the last layer's h.
//
// x has InputSize elements and y OutputSize; y may be nil if the output is not
// wanted. x and y may overlap. Step panics, before anything has changed, if a
// length is wrong or s is not a state of n.
func (n *Network) Step(s *State, x, y []float32) {
	n.checkState("Step: s", s)
	if len(x) != n.layers[0].input {
		panicLength("Step: x", len(x), n.layers[0].input, "InputSize")
	}
	if y != nil && len(y) != n.output {
		panicLength("Step: y", len(y), n.output, "OutputSize")
	}
	flushTo(s.input(), x)
	for i := range n.layers {
		l := &n.layers[i]
		l.step(s.concat(l), s.cell(l), s.nextHidden(l))
	}
	s.turn()
	if y != nil {
		n.writeOutput(s, y)
	}
}

// writeOutput writes what the last step of s has left in the last layer to y,
// through the head if there is one.
func (n *Network) writeOutput(s *State, y []float32) {
	top := &n.layers[len(n.layers)-1]
	if n.head == nil {
		copy(y, s.hidden(top))
		return
	}
	n.head.apply(s.paddedHidden(top), y)
}

func (n *Network) checkState(argument string, s *State) {
	if s == nil {
		panic("lstm: " + argument + " is nil, want a state of this network")
	}
	if s.network != n {
		panic("lstm: " + argument + " is a state of another network, want one made by NewState of this one")
	}
}

func (n *Network) checkLayer(method string, layer int) {
	if layer < 0 || layer >= len(n.layers) {
		panic(fmt.Sprintf("lstm: %s: layer is %d, want 0 to %d", method, layer, len(n.layers)-1))
	}
}

func panicLength(argument string, got, want int, name string) {
	panic(fmt.Sprintf("lstm: %s has length %d, want %d (%s)", argument, got, want, name))
}
