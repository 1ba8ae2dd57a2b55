package lstm

import (
	"encoding/hex"
	"fmt"
	"math"

	"example.com/lstm/internal/fingerprint"
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
		h.Text(l.format.String())
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
	case o.only != nil:
		h.Uint32(uint32(o.size))
	default:
		h.Uint32(0)
	}
}

// hasOthers reports whether there are layers that are neither LSTM layers nor one
// linear head, which is all that fingerprints told at first.
func (n *Network) hasOthers() bool {
	if len(n.outputs.heads) > 0 && n.outputs.only == nil {
		return true
	}
	for i := range n.layers {
		if n.layers[i].before != nil {
			return true
		}
	}
	return false
}

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
// the projection, transposed, too, and the initial state. It is how panels have them but for their units being
// apart.
func (l *layer) hash(h *fingerprint.Hash) {
	l.hashRow(h, l.biases(), panel.RowFloats, 0)
	for row := range l.input + l.recurrent {
		l.hashRow(h, l.panels.floats, l.panels.stride, row)
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

// hash takes the columns of the projection.
func (p *projection) hash(h *fingerprint.Hash) {
	for k := range p.hidden {
		for r := 0; r < p.size; r += panel.RowFloats {
			width := panel.Gates * panel.Width(panel.RowUnits(p.size-r))
			h.Floats(p.panels.floats[r/panel.RowFloats*p.panels.stride+k*width:][:min(width, p.size-r)])
		}
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

// hashRow takes one row of all panels, gate by gate.
func (l *layer) hashRow(h *fingerprint.Hash, panels []float32, stride, row int) {
	for g := range panel.Gates {
		for u := 0; u < l.hidden; u += panel.Units {
			units := min(panel.Units, l.hidden-u)
			width := panel.Width(units)
			h.Floats(panels[u/panel.Units*stride+(row*panel.Gates+g)*width:][:units])
		}
	}
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
			h.Text("linear")
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

// hash takes the weights without what pads their rows, and the biases.
func (d *packedLinear) hash(h *fingerprint.Hash) {
	row := len(d.weights) / len(d.bias)
	for o := range d.bias {
		h.Floats(d.weights[o*row:][:d.inputs])
	}
	h.Floats(d.bias)
}
