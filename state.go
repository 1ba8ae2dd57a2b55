package lstm

import (
	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/sizes"
)

// A State is what one stream has left behind in a [Network]: the hidden state
// h and the cell state c of every layer. [Network.NewState] makes one; it works
// with that network only, until another adopts it.
//
// A State belongs to one call at a time. Different states are independent. Copy
// one with Clone or CopyFrom, not by assignment: methods panic with a copied
// struct, as they do with the zero State.
type State struct {
	network *Network
	self    *State // the State itself, which tells it from a copied struct
	// Two buffers of [x; h of layer 0; h of layer 1; …], LSTM layers, so that a step
	// can read the old h and write the new, and no vector is ever moved: layer l
	// reads [h of layer l-1; h of layer l] from the buffer that the layer below
	// has just written to, and writes its h to the other. Where other layers are
	// between the two, what they make of h of layer l-1 is between the two h.
	buffers [2][]float32
	cells   []float32 // c of layer 0, c of layer 1, …, each padded to whole panels
	units   []float32 // what the units of a layer with a projection put out, during a step
	scratch []float32 // for what is between layers that are no LSTM layers, the gates of a normalized one, or quantised vectors, during a step
	current int       // the buffer that layer 0 reads
	batched int       // 1 + its index in the batch being checked, else 0
}

// place is where the vectors of one LSTM layer are in a State.
type place struct {
	odd         int // 1 for every other layer, which reads the other buffer
	source      int // what the layers before it read begins here, and ends, with the zeros
	sourceEnd   int // after it, here; both 0 without such layers
	x           int // [x; h] begins here in a buffer,
	h, end      int // h here, and here both end
	out, outEnd int // the output, which is h or follows it
	c, cEnd     int // c, padded to whole panels, among the cells
}

// stateSize is the number of floats of a State.
type stateSize struct {
	input   int // of x
	buffer  int // of a buffer, with zeros after the last output for Linear layers
	cells   int // of all cells
	units   int // of those of the widest layer with a projection
	scratch int // of the scratch
}

// placeLayers gives every LSTM layer its place in a state of a network with an input
// of that many elements.
func placeLayers(input int, layers []layer) stateSize {
	size := stateSize{input: input, buffer: input}
	below := 0 // where the vector below the next layer begins
	for i := range layers {
		l := &layers[i]
		source, sourceEnd := 0, 0
		if l.before != nil {
			source, sourceEnd = below, below+paddedInput(l.before.input)
			size.buffer = sourceEnd + l.input
		}
		l.place = place{
			source: source, sourceEnd: sourceEnd,
			odd:  i % 2,
			x:    size.buffer - l.input,
			h:    size.buffer,
			end:  size.buffer + l.recurrent,
			c:    size.cells,
			cEnd: size.cells + panel.PaddedUnits(l.hidden),
		}
		l.place.out, l.place.outEnd = l.place.h, l.place.end
		if l.residual {
			l.place.out, l.place.outEnd = l.place.end, l.place.end+l.recurrent
		}
		below, size.buffer = l.place.out, l.place.outEnd
		size.cells = sizes.RoundUp(l.place.cEnd, aligned.Floats)
		if l.projection != nil {
			size.units = max(size.units, l.hidden)
		}
	}
	top := layers[len(layers)-1].recurrent
	size.buffer += paddedInput(top) - top
	return size
}

// NewState returns the beginning of a stream: h and c are the InitialH and InitialC
// of each layer, which is zero where a layer has none.
func (n *Network) NewState() *State {
	must(n.checkMade("NewState"))
	size := &n.stateSize
	// The hidden states begin at a cache line, whatever the input size.
	first := n.layers[0].place.h
	lead := sizes.RoundUp(first, aligned.Floats) - first
	each := sizes.RoundUp(lead+size.buffer, aligned.Floats)
	all := aligned.New(2*each + size.cells + size.scratch + size.units)
	s := &State{
		network: n,
		buffers: [2][]float32{
			all[lead:][:size.buffer:size.buffer],
			all[each+lead:][:size.buffer:size.buffer],
		},
		cells:   all[2*each:][:size.cells:size.cells],
		scratch: all[2*each+size.cells:][:size.scratch:size.scratch],
		units:   all[2*each+size.cells+size.scratch:],
	}
	s.self = s
	s.begin()
	return s
}

// begin sets h and c, which are zero, to what layers begin with.
func (s *State) begin() {
	for i := range s.network.layers {
		if l := &s.network.layers[i]; l.initial != nil {
			copy(s.hidden(l), l.initial)
			copy(s.cell(l), l.initial[l.recurrent:])
		}
	}
}

// Adopt makes s a state of n, with its h and c as they are: for a stream that
// goes on with another model, retrained or replaced. s has been a state of any
// network whose LSTM layers have the same sizes and the same Residual, and other
// layers before the same of them, with inputs of the same size; those layers
// themselves may differ, and so may all that follows the last LSTM layer. Nothing is
// allocated, unless layers that are no LSTM layers need more memory for what is
// between them, or int8 weights for quantised vectors, than those of any network before,
// and going back is adopting again. The [WeightFormat] may be another.
//
// The error says what differs, an [ErrShape], or that s is not a State made by
// NewState; then s has not changed.
func (n *Network) Adopt(s *State) error {
	if err := n.checkMade("Adopt"); err != nil {
		return err
	}
	if err := s.check("Adopt: s"); err != nil {
		return err
	}
	if got, want := len(s.network.layers), len(n.layers); got != want {
		return errkind.Errorf(ErrShape, "lstm: Adopt: s has %d layers, want %d", got, want)
	}
	for i := range n.layers {
		got, want := &s.network.layers[i], &n.layers[i]
		if got.input != want.input || got.hidden != want.hidden {
			return errkind.Errorf(ErrShape, "lstm: Adopt: layer %d of s has input size %d and hidden size %d, want %d and %d",
				i, got.input, got.hidden, want.input, want.hidden)
		}
		if got.projectionSize() != want.projectionSize() {
			return errkind.Errorf(ErrShape, "lstm: Adopt: layer %d of s has projection size %d, want %d", i, got.projectionSize(), want.projectionSize())
		}
		if got.residual != want.residual {
			return errkind.Errorf(ErrShape, "lstm: Adopt: layer %d of s has Residual %v, want %v", i, got.residual, want.residual)
		}
		if (got.before != nil) != (want.before != nil) {
			return otherLayersError(i, want.before != nil)
		}
	}
	if got, want := s.network.stateSize.input, n.stateSize.input; got != want {
		return errkind.Errorf(ErrShape, "lstm: Adopt: s has input size %d, want %d", got, want)
	}
	if len(s.scratch) < n.stateSize.scratch {
		s.scratch = aligned.New(n.stateSize.scratch)
	}
	s.network = n
	return nil
}

func otherLayersError(layer int, want bool) error {
	text := "has other layers right before it, want none"
	if want {
		text = "has no other layers right before it, want some"
	}
	return errkind.Errorf(ErrShape, "lstm: Adopt: layer %d of s %s", layer, text)
}

// input is where the input of the next step goes.
func (s *State) input() []float32 { return s.buffers[s.current&1][:s.network.stateSize.input] }

// old is the buffer that a layer reads in the next step, next the one that it
// writes.
func (s *State) old(l *layer) []float32  { return s.buffers[(s.current^l.place.odd)&1] }
func (s *State) next(l *layer) []float32 { return s.buffers[(s.current^l.place.odd^1)&1] }

// source is what the layers before an LSTM layer read in the next step, with zeros
// after it.
func (s *State) source(l *layer) []float32 { return s.old(l)[l.place.source:l.place.sourceEnd] }

// concat is what a layer reads in the next step: [x; h], x being the new h of
// the layer below, or what the layers between the two have made of it.
func (s *State) concat(l *layer) []float32 { return s.old(l)[l.place.x:l.place.end] }

// hidden is h of a layer, nextHidden where the next step writes it.
func (s *State) hidden(l *layer) []float32     { return s.old(l)[l.place.h:l.place.end] }
func (s *State) nextHidden(l *layer) []float32 { return s.next(l)[l.place.h:l.place.end] }

// nextUnits is where the units of a layer put out what becomes h.
func (s *State) nextUnits(l *layer) []float32 {
	if l.projection != nil {
		return s.units[:l.hidden]
	}
	return s.nextHidden(l)
}

// output is what a layer has put out, nextOutput where the next step writes it.
func (s *State) output(l *layer) []float32     { return s.old(l)[l.place.out:l.place.outEnd] }
func (s *State) nextOutput(l *layer) []float32 { return s.next(l)[l.place.out:l.place.outEnd] }

// paddedOutput is the output of the last layer and the zeros after it.
func (s *State) paddedOutput(l *layer) []float32 { return s.old(l)[l.place.out:] }

// cell is c of a layer, padded to whole panels.
func (s *State) cell(l *layer) []float32 { return s.cells[l.place.c:l.place.cEnd] }

// swap ends a step: the buffers change places.
func (s *State) swap() { s.current ^= 1 }

// H returns the hidden state of an LSTM layer, which is the layer's output unless it
// is residual, layer 0 being the one next to the network's input. It has HiddenSize
// elements, or ProjSize where the layer has a projection. The slice is the state's own memory:
// writing to it sets the state, and the next step that uses the state moves h
// elsewhere, so call H again. H panics if there is no such layer.
func (s *State) H(layer int) []float32 {
	must(s.check("H: s"))
	must(s.network.checkLayer("H", layer))
	h := s.hidden(&s.network.layers[layer])
	return h[:len(h):len(h)]
}

// C returns the cell state of an LSTM layer, HiddenSize elements. The slice is the
// state's own memory: writing to it sets the state. C panics if there is no
// such layer.
func (s *State) C(layer int) []float32 {
	must(s.check("C: s"))
	must(s.network.checkLayer("C", layer))
	l := &s.network.layers[layer]
	return s.cell(l)[:l.hidden:l.hidden]
}

// Finite reports whether every element of h and c is a number, neither NaN nor
// infinite. A stream whose state is not will not become so again by itself (see
// the package documentation). It reads h and c once.
func (s *State) Finite() bool {
	must(s.check("Finite: s"))
	for i := range s.network.layers {
		l := &s.network.layers[i]
		if !finite(s.hidden(l)) || !finite(s.cell(l)[:l.hidden]) {
			return false
		}
	}
	return true
}

func finite(floats []float32) bool {
	for _, v := range floats {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// Reset makes s the beginning of a stream, as [Network.NewState] does. It begins as
// the network says that s belongs to now, if another has adopted it.
func (s *State) Reset() {
	must(s.check("Reset: s"))
	for i := range s.network.layers {
		clear(s.hidden(&s.network.layers[i]))
	}
	clear(s.cells)
	s.begin()
}

// Clone returns a copy of s that is independent of it.
func (s *State) Clone() *State {
	must(s.check("Clone: s"))
	clone := s.network.NewState()
	clone.CopyFrom(s)
	return clone
}

// CopyFrom makes s equal to t. It panics if they are states of different
// networks.
func (s *State) CopyFrom(t *State) {
	must(s.check("CopyFrom: s"))
	if !s.network.Owns(t) {
		panic(s.network.stateError("CopyFrom: t", t))
	}
	for i := range s.network.layers {
		l := &s.network.layers[i]
		copy(s.hidden(l), t.hidden(l))
	}
	copy(s.cells, t.cells)
}

// MemorySize returns the bytes of memory that s occupies beside the struct
// itself: 2·(I + ΣR) + ΣH floats of four bytes, ΣR and ΣH being the sums of the LSTM
// layers' elements of h and of c, the H of the widest layer with a projection, what
// other layers leave between them, a byte for each element, of 14 bits two, of what the
// widest layer, projection or head of int8 weights reads, and what pads its parts to
// cache lines and whole vectors.
func (s *State) MemorySize() int {
	must(s.check("MemorySize: s"))
	return 4 * (cap(s.buffers[0]) + cap(s.buffers[1]) + cap(s.cells) + cap(s.units) + cap(s.scratch))
}
