package lstm

import (
	"encoding/hex"
	"fmt"
	"math"

	"example.com/lstm/internal/fingerprint"
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/panel"
)

// A Fingerprint tells networks apart, see [Network.Fingerprint]. It is for logs
// and versions, and states carry it. Compare fingerprints with ==. The zero
// Fingerprint is that of no network.
type Fingerprint [16]byte

// String returns f as 32 hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText returns what String does, so that f is readable in JSON. The error
// is always nil.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	var decoded Fingerprint
	if len(text) != hex.EncodedLen(len(f)) {
		return fmt.Errorf("lstm: fingerprint %.40q has %d digits, want %d", text, len(text), hex.EncodedLen(len(f)))
	}
	if _, err := hex.Decode(decoded[:], text); err != nil {
		return fmt.Errorf("lstm: fingerprint %q: %w", text, err)
	}
	*f = decoded
	return nil
}

// Fingerprint returns a hash of all that n computes with: its sizes, its weights
// and biases as they are used, their format, and the [Contract]. Networks that
// agree in these have the same fingerprint, on every machine, and others have
// different ones. Metadata do not count. docs/state.md in the repository defines
// it.
//
// The first call reads all weights, and takes a little longer than [New] does; call
// it when a service starts. MarshalBinary and UnmarshalBinary of a state need it.
func (n *Network) Fingerprint() Fingerprint {
	must(n.checkMade("Fingerprint"))
	n.hashOnce.Do(func() {
		h := fingerprint.New()
		n.hashSizes(h)
		for l := range n.layers {
			n.layers[l].hash(h)
		}
		n.eachDense(func(d *denseStack) { d.hash(h) })
		n.fingerprint = h.Sum()
	})
	return n.fingerprint
}

func (n *Network) hashSizes(h *fingerprint.Hash) {
	h.Uint32(Contract)
	h.Uint32(uint32(len(n.layers)))
	for i := range n.layers {
		l := &n.layers[i]
		h.Uint32(uint32(l.input))
		h.Uint32(uint32(l.hidden))
		h.Text(l.formatText())
		h.Text(l.cellText())
		if p := l.projection; p != nil {
			h.Text("projection")
			h.Uint32(uint32(p.size))
		}
		if l.residual {
			h.Text("residual")
		}
		if l.initial != nil {
			h.Text("initial")
		}
	}
	switch o := &n.outputs; {
	case n.hasOthers():
		n.hashOthers(h)
	case o.isPlainHead():
		h.Uint32(uint32(o.size))
	default:
		h.Uint32(0)
	}
}

// hasOthers reports whether there are layers that are neither LSTM layers nor one
// linear head, which is all that fingerprints told at first.
func (n *Network) hasOthers() bool {
	if len(n.outputs.heads) > 0 && !n.outputs.isPlainHead() {
		return true
	}
	for i := range n.layers {
		if n.layers[i].before != nil {
			return true
		}
	}
	return false
}

// isPlainHead reports whether there is nothing but a linear head of float32.
func (o *outputs) isPlainHead() bool { return o.only != nil && o.only.format == Float32 }

// hashOthers says which layers there are that are no LSTM layers, and where.
func (n *Network) hashOthers(h *fingerprint.Hash) {
	const others = math.MaxUint32 // in place of the number of outputs
	h.Uint32(others)
	for i := range n.layers {
		n.layers[i].before.hashKinds(h)
	}
	n.outputs.hashKinds(h)
}

func (o *outputs) hashKinds(h *fingerprint.Hash) {
	o.before.hashKinds(h)
	h.Uint32(uint32(len(o.heads)))
	for _, d := range o.heads {
		d.hashKinds(h)
	}
}

// eachDense goes through the stacks of layers that are no LSTM layers, from the input
// up.
func (n *Network) eachDense(do func(d *denseStack)) {
	for i := range n.layers {
		if d := n.layers[i].before; d != nil {
			do(d)
		}
	}
	n.outputs.eachDense(do)
}

func (o *outputs) eachDense(do func(d *denseStack)) {
	if o.before != nil {
		do(o.before)
	}
	for _, d := range o.heads {
		do(d)
	}
}

// hash takes the matrix [1 + I + R, 4H] of the biases, the input weights and the
// recurrent weights, transposed, then the peepholes, the factors of a normalization,
// the projection, transposed, too, and the initial state. It is how panels have them but
// for their units being apart. Of int8 weights the matrix is that of the bytes as
// numbers, and after it are the scales of the input weights and of the others.
func (l *layer) hash(h *fingerprint.Hash) {
	biases := l.biases()
	l.hashGates(h, func(u, lanes int) []float32 { return biases[panel.Gates*u:][:lanes] })
	for k := range l.input + l.recurrent {
		l.hashGates(h, func(u, lanes int) []float32 { return l.panels.numbers(u, lanes, k) })
	}
	if q := l.quantised; q != nil {
		for _, row := range []int{q.x.blocks[0].row, q.h.blocks[0].row} {
			l.hashGates(h, func(u, lanes int) []float32 { return l.panels.row(u, lanes, row) })
		}
	}
	for _, v := range l.peepholes {
		for u := 0; u < l.hidden; u += panel.Units {
			units := min(panel.Units, l.hidden-u)
			h.Floats(l.parameters[l.vectors*u+v*panel.Width(units):][:units])
		}
	}
	if l.normalization != nil {
		l.normalization.hash(h, l.hidden, l.staged.coupled)
	}
	if l.projection != nil {
		l.projection.hash(h)
	}
	h.Floats(l.initial)
}

// hash takes the columns of the matrix, and after them the scales of int8 weights.
func (r *rowPanels) hash(h *fingerprint.Hash) {
	for k := range r.elements {
		r.hashRows(h, func(u, lanes int) []float32 { return r.panels.numbers(u, lanes, k) })
	}
	if r.vector != nil {
		r.hashRows(h, func(u, lanes int) []float32 { return r.panels.row(u, lanes, 0) })
	}
}

// hashRows takes a number of each row. numbers returns those of the panel from unit u
// on.
func (r *rowPanels) hashRows(h *fingerprint.Hash, numbers func(u, lanes int) []float32) {
	for row := 0; row < r.size; row += panel.RowFloats {
		lanes := panel.Gates * panel.Width(panel.RowUnits(r.size-row))
		h.Floats(numbers(row/panel.Gates, lanes)[:min(lanes, r.size-row)])
	}
}

// hash takes the factors of the gates, of f unless the cell is coupled.
func (n *normalization) hash(h *fingerprint.Hash, hidden int, coupled bool) {
	for gate := range panel.Gates {
		if gate == forgetGate && coupled {
			continue
		}
		for u := 0; u < hidden; u += panel.Units {
			h.Floats(gateOf(n.gammas, hidden, u, gate))
		}
	}
}

// hashGates takes a number of each gate of each unit, gate by gate. numbers returns
// those of the panel from unit u on.
func (l *layer) hashGates(h *fingerprint.Hash, numbers func(u, lanes int) []float32) {
	for g := range panel.Gates {
		for u := 0; u < l.hidden; u += panel.Units {
			units := min(panel.Units, l.hidden-u)
			width := panel.Width(units)
			h.Floats(numbers(u, panel.Gates*width)[g*width:][:units])
		}
	}
}

// row is a row of the panel from unit u on, which has that many lanes of float32.
func (p *panels) row(u, lanes, row int) []float32 {
	return p.floats[u/panel.Units*p.stride+row*lanes:][:lanes]
}

// numbers are the weights of element k of a chain in the panel from unit u on, as
// float32: bytes as whole numbers.
func (p *panels) numbers(u, lanes, k int) []float32 {
	switch {
	case p.blocks != nil:
		b := 0
		for k >= p.blocks[b].elements {
			k -= p.blocks[b].elements
			b++
		}
		wide := make([]float32, lanes)
		for i, group := range p.row(u, lanes, p.blocks[b].row+1+k/panel.GroupElements) {
			wide[i] = float32(panel.ByteAt(group, k%panel.GroupElements))
		}
		return wide
	case p.format == float16Weights:
		wide := make([]float32, lanes)
		float16.Unpack(wide, p.row(u, lanes/2, k))
		return wide
	}
	return p.row(u, lanes, k)
}

// hashKinds takes the kinds of the layers, of nil 0 layers.
func (d *denseStack) hashKinds(h *fingerprint.Hash) {
	count := 0
	if d != nil {
		count = d.count
	}
	h.Uint32(uint32(count))
	if d == nil {
		return
	}
	for i := range d.layers {
		l := &d.layers[i]
		if l.linear != nil {
			h.Text(l.linear.kindText())
			h.Uint32(uint32(l.linear.inputs))
			h.Uint32(uint32(l.output))
		}
		for _, a := range l.activations {
			h.Text(a.Function.String())
			h.Floats([]float32{a.Alpha, a.Beta})
		}
	}
}

// hash takes the parameters of the Linear layers.
func (d *denseStack) hash(h *fingerprint.Hash) {
	for i := range d.layers {
		if linear := d.layers[i].linear; linear != nil {
			linear.hash(h)
		}
	}
}

// hash takes the weights without what pads their rows, and the biases. Of int8 it
// takes them column by column, and the scales before the biases.
func (d *packedLinear) hash(h *fingerprint.Hash) {
	switch d.format {
	case Float32:
		row := len(d.weights) / len(d.bias)
		for o := range d.bias {
			h.Floats(d.weights[o*row:][:d.inputs])
		}
	case Float16:
		row := 2 * len(d.weights) / len(d.bias)
		wide := make([]float32, row)
		for o := range d.bias {
			float16.Unpack(wide, d.weights[o*row/2:])
			h.Floats(wide[:d.inputs])
		}
	case Int8:
		d.bytes.hash(h)
		h.Floats(d.bias[:d.bytes.size])
		return
	}
	h.Floats(d.bias)
}

// formatText says in which format the weights of a layer are.
func (l *layer) formatText() string {
	switch {
	case l.quantised != nil:
		return int8Text(&l.quantised.x)
	case l.panels.format == float16Weights:
		return Float16.String()
	}
	return Float32.String()
}

// kindText is "linear" after the format, if that is not float32.
func (d *packedLinear) kindText() string {
	switch d.format {
	case Float16:
		return Float16.String() + " linear"
	case Int8:
		return int8Text(d.bytes.vector) + " linear"
	}
	return "linear"
}

// int8Text says how many bits the elements of a vector have.
func int8Text(v *quantisedVector) string {
	return fmt.Sprintf("%v input_bits=%d", Int8, v.bits())
}
