package lstm

import "example.com/lstm/internal/fingerprint"

// Fingerprint returns a hash of all that n computes with, like
// [Network.Fingerprint], whose result it is where n has no bidirectional layer. The
// same weights used in another direction, or merged in another way, have another
// fingerprint. docs/state.md in the repository defines it.
func (n *SequenceNetwork) Fingerprint() Fingerprint {
	must(n.checkMade("Fingerprint"))
	n.hashOnce.Do(func() {
		if len(n.segments) == 1 && n.segments[0].backward == nil {
			n.fingerprint = n.segments[0].forward.Fingerprint()
			return
		}
		h := fingerprint.New()
		h.Uint32(Contract)
		h.Uint32(0) // the number of layers of no Network
		h.Uint32(uint32(len(n.segments)))
		for i := range n.segments {
			n.segments[i].hash(h)
		}
		n.fingerprint = h.Sum()
	})
	return n.fingerprint
}

// hash takes what a segment is, and the fingerprints of its parts.
func (s *segment) hash(h *fingerprint.Hash) {
	h.Text(s.kind())
	for _, d := range []*Network{s.forward, s.backward} {
		if d != nil {
			part := d.Fingerprint()
			h.Text(string(part[:]))
		}
	}
	if s.outputs != nil {
		s.outputs.hashStage(h)
	}
}

// hashStage takes the sizes of the one layer, or the kinds of all that there are,
// and their parameters.
func (o *outputs) hashStage(h *fingerprint.Hash) {
	if o.isPlainHead() {
		h.Uint32(uint32(o.only.inputs))
		h.Uint32(uint32(o.size))
	} else {
		o.hashKinds(h)
	}
	o.eachDense(func(d *denseStack) { d.hash(h) })
}

// kind is a word for how a segment uses its weights.
func (s *segment) kind() string {
	switch {
	case s.outputs != nil && s.outputs.isPlainHead():
		return "head"
	case s.outputs != nil:
		return "layers"
	case s.backward == nil:
		return "forward"
	}
	kind := s.merge.String()
	if s.forward == nil {
		kind = "reverse"
	}
	if s.last {
		kind += " last"
	}
	return kind
}
