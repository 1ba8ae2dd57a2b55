// Package lstm runs trained LSTM networks on the CPU, inside services that
// count microseconds: without cgo, without threads of its own, without
// allocating, and with the same bits on every machine.
//
// # Use
//
// A [Network] is a stack of LSTM layers, with Linear and Activation layers before,
// between and after them if a model has them, as it may have several heads.
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
// many streams by one step each, [Network.Forward] one stream by many steps, and
// [Network.ForwardBatch] many streams by as many steps as each has. Each step gives
// the same bits by whichever of them it is taken, so a stream may go through them
// in any order.
//
// A network with bidirectional layers, or layers that run in reverse, reads whole
// sequences only. It is a [SequenceNetwork], which takes other models, too.
//
// The first step of a process is slower than the others, like the first after a
// pause: the weights are not in the processor's caches yet. A service that cares
// takes a few steps with a spare state before it says that it is ready. Where
// many streams are live, package [example.com/lstm/batch] makes batches of their
// steps, which does more than a goroutine for each stream that calls Step.
//
// # What is promised
//
//   - One answer. The same parameters, states and inputs give the same output
//     bits with every set of instructions and in pure Go, alone or in any
//     batch, step by step or as a sequence cut anywhere, from any number of
//     goroutines. (A NaN is a NaN everywhere; its payload and sign are not
//     promised.) So a service may batch as it likes, move a stream to a machine
//     of another kind, and replay an incident exactly.
//   - Nothing is allocated by Step, StepBatch, StepBatchFlat, [Sigmoid], [Tanh]
//     and [Activation.Apply], nor by Forward and ForwardBatch, but for memory that the network
//     keeps: when more calls of it are at work at the same time than ever before,
//     or a batch of sequences has more streams, or, with a [SequenceNetwork], more
//     steps.
//   - No goroutine is started, and no call into assembly, which the scheduler
//     cannot interrupt, takes longer than about ten microseconds.
//   - Sigmoid, Tanh and the activations ELU, with α = 1, and softplus are within
//     1 unit in the last place of the exact value, and monotone, for every input
//     there is. All 2^32 have been tried: the largest errors are 0.9651, 0.9760,
//     0.8937 and 0.9535 units.
//
// # The numeric contract
//
// The results are specified to the bit, by operations of IEEE 754 binary32
// rounded to nearest even. fma is x·y + z rounded once. The specification has a
// number, [Contract]; if one bit of one result ever changes, so does the number.
//
// For one layer with input x of I elements, hidden size H and a hidden state h of R
// elements, which is H without a projection, each of the 4H rows of the gates is one
// chain of operations, in this order:
//
//	z = b_ih + b_hh                             rounded once, in New
//	z = fma(weight_ih[k], x[k], z)              k = 0 … I-1
//	z = fma(weight_hh[k], h[k], z)              k = 0 … R-1
//
// The rows are the gates i, f, g, o of PyTorch, and every hidden unit does
//
//	c' = fma(σ(zf), c, σ(zi)·tanh(zg))
//	h' = σ(zo)·tanh(c')
//
// where a zi, zf or zo below -42 counts as -42. Peepholes, coupled gates, limits,
// other activations and layer normalization, which PyTorch has not, are among these,
// see [Cell] and [Weights]. A layer with a projection, PyTorch's proj_size, makes h' of
// these by the chain, for each row,
//
//	r = fma(weight_hr[k], σ(zo)·tanh(c')[k], r)     k = 0 … H-1, from r = 0
//
// and a residual layer puts out x + h' instead of h'.
//
// (S. Hochreiter, J. Schmidhuber: Long Short-Term Memory, 1997, with the forget
// gate of F. Gers, J. Schmidhuber, F. Cummins: Learning to Forget, 2000; projections:
// H. Sak, A. Senior, F. Beaufays: Long Short-Term Memory Recurrent Neural Network
// Architectures for Large Scale Acoustic Modeling, 2014.)
// The operations of σ and tanh, and of linear layers, are in docs/contract.md in the
// repository.
//
// A parameter, an element of an input, an h', a c' or what a layer reads of another
// that is nearer to zero than 2^-64 counts as +0, so that no number makes a step slow.
//
// Weights can be stored in half or a quarter of the memory, see [WithWeights]. Products
// are then others: of float16 the same chains with weights rounded once, of int8 sums of
// integers, which are exact, with one scale for each row and one for each vector.
//
// # NaN
//
// NaN and infinities are data: they go through the network as IEEE 754 says. One
// NaN in an input makes every h and c of its stream NaN, as an infinity does where
// weights are int8, and no later input makes them numbers again: the stream is lost.
// Other streams, of the same batch too, do not notice. Where inputs are not checked,
// ask [State.Finite] now and then, and when it says no, go on from a Clone or an
// encoding that was finite, or Reset the state.
//
// # Errors
//
// Constructors and files return errors that name what is wrong, its value and
// what was expected, and that errors.Is tells apart: [ErrDamaged], [ErrShape]
// and the others.
//
// A slice of a wrong length, a state of another network or a layer that does not
// exist is a mistake in the program: the methods panic with an error that says
// as much, and nothing has changed when they do. Code whose slices come from
// strangers asks first, see [Network.CheckStep].
//
// # Concurrency
//
// Any number of goroutines may use one Network or SequenceNetwork at the same time.
// A State belongs to one call at a time, and so does a SequenceState that takes what a
// sequence ends with.
package lstm

import (
	"errors"
	"maps"
	"sync"
)

// Contract is the version of the numeric contract, the specification of every
// bit of every result (see the package documentation). Two builds of this
// package with the same Contract compute the same.
const Contract = 2

// A Network is a stack of layers, LSTM layers and others, with optional heads, packed
// for the kernels. [Open], [Read] and [New] make one; the zero Network has no layers,
// and methods that need one panic. It does not change, and any number of
// goroutines may use it.
type Network struct {
	layers     []layer // the LSTM layers, each with what is before it
	outputs    outputs // what follows them
	heads      []HeadOutput
	parameters int
	metadata   map[string]string
	source     Source
	stateSize  stateSize
	block      blockSize
	rooms      pool[room]
	schedules  pool[schedule]

	hashOnce    sync.Once
	fingerprint Fingerprint // by hashOnce
}

// New makes a network of m, which it checks and copies: every size at least 1,
// every tensor as long as its shape says, the InputSize or InFeatures of each layer
// the output of the one below, which is its HiddenSize, ProjSize or OutFeatures, and
// a head's InFeatures that of the last. The error names the layer, the tensor, its
// size and the size expected. It is an [ErrUnsupported] where the model is sound, but
// of kinds of layers that do not run.
//
// Of the options [WithWeights] and [WithInputBits] count; m itself stays as it is.
func New(m *Model, options ...Option) (*Network, error) {
	if m == nil {
		return nil, errors.New("lstm: the model is nil")
	}
	s := makeSettings(options)
	m = s.model(m)
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := m.checkSteps(); err != nil {
		return nil, err
	}
	n := pack(m.Layers, m.Heads, true)
	n.heads, n.parameters, n.metadata, n.source = m.headOutputs(), m.parameters(), maps.Clone(m.Metadata), m.Source.clone()
	return n, nil
}

// pack makes a network of layers and heads, which have been checked. raw: they read
// the input of the network, and not what other layers make of it.
func pack(layers []Layer, heads []Head, raw bool) *Network {
	n := &Network{}
	input := inputSize(layers)
	size := input // of what the next layer reads
	var before []Layer
	for _, layer := range layers {
		w, ok := layer.(*Weights)
		if !ok {
			before = append(before, layer)
			continue
		}
		l := packLayer(w, raw && len(before) == 0)
		l.before = packDense(size, before, true, raw)
		l.alone = l.before == nil && !l.more && !l.otherwise
		n.layers = append(n.layers, l)
		size, before, raw = l.recurrent, nil, false
	}
	n.outputs = packOutputs(size, before, heads, raw)
	n.stateSize = placeLayers(input, n.layers)
	n.stateSize.scratch = n.scratch()
	n.block = n.newBlockSize()
	return n
}

// scratch is how many floats of a state normalized layers, those that are no LSTM
// layers, and quantised vectors need during a step.
func (n *Network) scratch() int {
	most := n.outputs.scratch()
	for i := range n.layers {
		l := &n.layers[i]
		if l.before != nil {
			most = max(most, l.before.scratch())
		}
		most = max(most, l.scratch())
	}
	return most
}

// Layers returns the number of LSTM layers.
func (n *Network) Layers() int { return len(n.layers) }

// InputSize returns I, the number of elements of the input of one step.
func (n *Network) InputSize() int {
	must(n.checkMade("InputSize"))
	return n.stateSize.input
}

// HiddenSize returns H of an LSTM layer, PyTorch's hidden_size: the number of
// elements of its c, and of its h unless it has a projection. Only LSTM layers are
// counted, from 0, the one next to the input. HiddenSize panics if there is no such
// layer.
func (n *Network) HiddenSize(layer int) int {
	must(n.checkLayer("HiddenSize", layer))
	return n.layers[layer].hidden
}

// ProjSize returns P of an LSTM layer, PyTorch's proj_size: the number of elements of
// its h, or 0 if the layer has no projection and its h HiddenSize elements. ProjSize
// panics if there is no such layer.
func (n *Network) ProjSize(layer int) int {
	must(n.checkLayer("ProjSize", layer))
	return n.layers[layer].projectionSize()
}

// OutputSize returns the number of elements of the output of one step: of the
// outputs of all heads, or without heads of the last layer's.
func (n *Network) OutputSize() int {
	must(n.checkMade("OutputSize"))
	return n.outputs.size
}

// Metadata returns a copy of the Metadata of the [Model], or of the model's file,
// that the network was made from. It is nil if there were none.
func (n *Network) Metadata() map[string]string { return maps.Clone(n.metadata) }

// Source returns the names of the tensors that the network was made from, if they
// came from a file.
func (n *Network) Source() Source { return n.source.clone() }

// Parameters returns the number of weights, biases and elements of initial states
// that the network was made from.
func (n *Network) Parameters() int { return n.parameters }

// MemorySize returns the bytes of memory that the packed parameters occupy: four
// each, or as many as the [WeightFormat] of the weights has, the two biases of an LSTM
// layer as one, what pads hidden sizes and inputs of Linear layers that are no multiple
// of 16 and projections and the outputs of Linear layers of int8 that are no multiple of
// 64, the scales of int8 weights, the limits of cells that are not PyTorch's, and initial
// states.
func (n *Network) MemorySize() int {
	bytes := n.outputs.memorySize()
	for i := range n.layers {
		l := &n.layers[i]
		bytes += 4 * (len(l.biases()) + len(l.panels.floats) + len(l.parameters) + len(l.initial))
		if l.normalization != nil {
			bytes += 4 * len(l.normalization.gammas)
		}
		if l.projection != nil {
			bytes += l.projection.memorySize()
		}
		if l.before != nil {
			bytes += l.before.memorySize()
		}
	}
	return bytes
}
