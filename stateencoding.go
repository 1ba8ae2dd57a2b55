package lstm

import (
	"errors"
	"fmt"
	"slices"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/stateformat"
)

// MarshalBinary encodes s, so that a stream can go on in another process or on
// another machine: h and c with the network's sizes, formats and [Fingerprint], the
// contract's number, and a checksum. The parameters of the network are not part
// of it. The error is nil if s is a State made by NewState.
func (s *State) MarshalBinary() ([]byte, error) {
	if err := s.check("MarshalBinary: s"); err != nil {
		return nil, err
	}
	return s.AppendBinary(make([]byte, 0, s.network.encodedSize()))
}

// AppendBinary appends what MarshalBinary returns to b.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	if err := s.check("AppendBinary: s"); err != nil {
		return b, err
	}
	n := s.network
	header := n.stateHeader()
	header.Fingerprint = n.Fingerprint()
	w := stateformat.NewWriter(slices.Grow(b, n.encodedSize()), &header)
	for i := range n.layers {
		l := &n.layers[i]
		w.Layer(l.recurrent, l.hidden, l.formatNumber())
	}
	for l := range n.layers {
		w.Floats(s.H(l))
		w.Floats(s.C(l))
	}
	return w.Finish(), nil
}

// stateHeader is that of encodings, but for the fingerprint.
func (n *Network) stateHeader() stateformat.Header {
	h := stateformat.Header{Contract: Contract, Layers: len(n.layers), InputSize: n.stateSize.input}
	for l := range n.layers {
		h.Formats = h.Formats || n.layers[l].formatNumber() != 0
	}
	return h
}

// formatNumber is the format of the weights in encodings: the WeightFormat, and from
// the ninth bit on the bits of the elements of a quantised x.
func (l *layer) formatNumber() int {
	switch {
	case l.quantised != nil:
		return int(Int8) | l.quantised.x.bits()<<8
	case l.panels.format == float16Weights:
		return int(Float16)
	}
	return int(Float32)
}

// formatOfNumber says in words what formatNumber has returned, perhaps of a later
// version of this package.
func formatOfNumber(n int) string {
	format := WeightFormat(n & 0xff).String()
	if n>>8 != 0 {
		format += fmt.Sprintf(" with inputs of %d bits", n>>8)
	}
	return format
}

// encodedSize is the length of the encoding of a state of n.
func (n *Network) encodedSize() int {
	floats := 0
	for l := range n.layers {
		floats += n.layers[l].recurrent + n.layers[l].hidden
	}
	header := n.stateHeader()
	return header.Size(floats)
}

// UnmarshalBinary makes s the state that MarshalBinary has encoded. s has been
// made by [Network.NewState], and data comes from a state of a network with the
// same [Fingerprint]: as many layers of the same sizes and formats, the same
// parameters, and the same [Contract]. The error says what differs ([ErrShape], [ErrWeights],
// [ErrContract]) or that the data is damaged; then s has not changed.
//
// Where a stream is meant to go on with other weights or under another contract,
// use [DecodeState] and [State.SetValues].
func (s *State) UnmarshalBinary(data []byte) error {
	if err := s.check("UnmarshalBinary: s"); err != nil {
		return err
	}
	e, err := stateformat.Parse(data)
	if err != nil {
		return err
	}
	if err := s.network.checkEncoded(&e); err != nil {
		return err
	}
	for l := range s.network.layers {
		e.Take(s.H(l))
		e.Take(s.C(l))
	}
	return nil
}

// checkEncoded returns an error unless e is of a state of n.
func (n *Network) checkEncoded(e *stateformat.Encoding) error {
	if e.Contract != Contract {
		return errkind.Errorf(ErrContract, "lstm: state: the state was computed under contract %d, want %d (DecodeState reads it as numbers)", e.Contract, Contract)
	}
	if e.Layers != len(n.layers) {
		return errkind.Errorf(ErrShape, "lstm: state: the state has %d layers, want %d", e.Layers, len(n.layers))
	}
	if e.InputSize != n.stateSize.input {
		return errkind.Errorf(ErrShape, "lstm: state: the state has input size %d, want %d", e.InputSize, n.stateSize.input)
	}
	for l := range n.layers {
		wantH, wantC := n.layers[l].recurrent, n.layers[l].hidden
		if h, c := e.Sizes(l); h != wantH || c != wantC {
			return errkind.Errorf(ErrShape, "lstm: state: layer %d has %d elements of h and %d of c, want %d and %d", l, h, c, wantH, wantC)
		}
	}
	for l := range n.layers {
		if got, want := e.Format(l), n.layers[l].formatNumber(); got != want {
			return errkind.Errorf(ErrWeights, "lstm: state: the state was computed with weights of layer %d in the format %s, want %s (DecodeState reads it as numbers)",
				l, formatOfNumber(got), formatOfNumber(want))
		}
	}
	if e.Fingerprint != n.Fingerprint() {
		return errkind.Errorf(ErrWeights, "lstm: state: the state was computed with the network of fingerprint %v, want %v (DecodeState reads it as numbers)",
			Fingerprint(e.Fingerprint), n.Fingerprint())
	}
	return nil
}

// StateValues is what an encoded state says, as plain numbers, see [DecodeState].
type StateValues struct {
	Contract    int         // the numeric contract that it was computed under
	Fingerprint Fingerprint // of the network; zero if the encoding does not say
	InputSize   int
	H, C        [][]float32 // of each layer
}

// DecodeState reads what MarshalBinary has written, of a state of any network,
// under any [Contract], in this version of the encoding or an older one. It needs
// no state and no network: for looking into a state, and for taking streams over
// to other weights or to a new contract, see [State.SetValues].
//
// The data may be hostile: nothing is allocated before its sizes agree with its
// length. The error says what is wrong, as an [ErrDamaged] or [ErrUnsupported].
func DecodeState(data []byte) (*StateValues, error) {
	e, err := stateformat.Parse(data)
	if err != nil {
		return nil, err
	}
	v := &StateValues{
		Contract:    e.Contract,
		Fingerprint: e.Fingerprint,
		InputSize:   e.InputSize,
		H:           make([][]float32, e.Layers),
		C:           make([][]float32, e.Layers),
	}
	all := make([]float32, e.Floats())
	e.Take(all)
	for l := range e.Layers {
		h, c := e.Sizes(l)
		v.H[l], all = all[:h:h], all[h:]
		v.C[l], all = all[:c:c], all[c:]
	}
	return v, nil
}

// SetValues sets h and c of every layer of s to those of v, whatever weights and
// contract they come from: that they make sense is for the caller to know. A
// stream that goes on so computes other bits than it would have where it began.
//
// v has H and C for as many layers as s, of the same sizes, else the error is an
// [ErrShape] and s has not changed; the rest of v is not looked at.
func (s *State) SetValues(v *StateValues) error {
	if err := s.check("SetValues: s"); err != nil {
		return err
	}
	if v == nil {
		return errors.New("lstm: SetValues: v is nil")
	}
	layers := s.network.layers
	if len(v.H) != len(layers) || len(v.C) != len(layers) {
		return errkind.Errorf(ErrShape, "lstm: SetValues: v has H of %d layers and C of %d, want %d", len(v.H), len(v.C), len(layers))
	}
	for l := range layers {
		if h, c := layers[l].recurrent, layers[l].hidden; len(v.H[l]) != h || len(v.C[l]) != c {
			return errkind.Errorf(ErrShape, "lstm: SetValues: layer %d of v has %d elements of H and %d of C, want %d and %d", l, len(v.H[l]), len(v.C[l]), h, c)
		}
	}
	for l := range layers {
		copy(s.H(l), v.H[l])
		copy(s.C(l), v.C[l])
	}
	return nil
}
