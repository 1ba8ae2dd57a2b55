package lstm

import (
	"errors"

	"example.com/lstm/internal/errkind"
)

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
	e, err := parseState(data)
	if err != nil {
		return nil, err
	}
	all := make([]float32, len(e.floats)/4)
	takeFloats(all, e.floats)
	v := &StateValues{
		Contract:    e.contract,
		Fingerprint: e.fingerprint,
		InputSize:   e.input,
		H:           make([][]float32, e.layers),
		C:           make([][]float32, e.layers),
	}
	for l := range e.layers {
		h, c := e.sizes(l)
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
		if want := layers[l].hidden; len(v.H[l]) != want || len(v.C[l]) != want {
			return errkind.Errorf(ErrShape, "lstm: SetValues: layer %d of v has %d elements of H and %d of C, want %d", l, len(v.H[l]), len(v.C[l]), want)
		}
	}
	for l := range layers {
		copy(s.H(l), v.H[l])
		copy(s.C(l), v.C[l])
	}
	return nil
}
