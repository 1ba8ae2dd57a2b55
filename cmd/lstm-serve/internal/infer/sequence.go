package infer

import (
	"fmt"
	"strconv"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// Names of the parameters of requests and answers that say where in a sequence they are.
const (
	SequenceID         = "sequence_id"
	SequenceStart      = "sequence_start"
	SequenceEnd        = "sequence_end"
	SequenceStep       = "sequence_step"
	SequenceStoredStep = "sequence_stored_step"
)

// SetParameter takes over the parameter of a request, if it is one of those above; a
// client may send others, which mean nothing here. value is a bool, an int64, a uint64, a
// float64 or a string.
//
// The id of a sequence is a number or a text; the number 5 and the text "5" are the same.
// A negative number is the uint64 of the same bits, as which Triton's clients send ids
// that are large. The number 0 and the empty text are no sequence.
func (s *Sequence) SetParameter(name string, value any) error {
	switch name {
	case SequenceID:
		return s.setID(value)
	case SequenceStart:
		return setFlag(&s.Start, name, value)
	case SequenceEnd:
		return setFlag(&s.End, name, value)
	case SequenceStep:
		return s.setStep(value)
	}
	return nil
}

func (s *Sequence) setID(value any) error {
	switch v := value.(type) {
	case uint64:
		s.setNumber(v)
	case int64:
		s.setNumber(uint64(v))
	case string:
		s.ID = v
	default:
		return wrongParameter(SequenceID, value, "an integer or a string")
	}
	return nil
}

func (s *Sequence) setNumber(id uint64) {
	s.ID = ""
	if id != 0 {
		s.ID = strconv.FormatUint(id, 10)
	}
}

func (s *Sequence) setStep(value any) error {
	switch v := value.(type) {
	case uint64:
		s.Step = v
		return nil
	case int64:
		if v >= 0 {
			s.Step = uint64(v)
			return nil
		}
	}
	return wrongParameter(SequenceStep, value, "an integer of at least 1, or 0 if steps are not counted")
}

func setFlag(flag *bool, name string, value any) error {
	v, ok := value.(bool)
	if !ok {
		return wrongParameter(name, value, "a bool")
	}
	*flag = v
	return nil
}

// wrongParameter does not let value itself escape, so that callers need not allocate one.
func wrongParameter(name string, value any, want string) error {
	var is string
	switch v := value.(type) {
	case string:
		is = fmt.Sprintf("%.100q", v)
	case bool:
		is = strconv.FormatBool(v)
	case int64:
		is = strconv.FormatInt(v, 10)
	case uint64:
		is = strconv.FormatUint(v, 10)
	case float64:
		is = strconv.FormatFloat(v, 'g', -1, 64)
	default:
		is = "of another type"
	}
	return inferr.Errorf(codes.InvalidArgument, "parameter %s is %s, want %s", name, is, want)
}

// check returns an error if parts of s are there without others.
func (s *Sequence) check() error {
	if s.ID != "" {
		return nil
	}
	for _, given := range []struct {
		is   bool
		name string
	}{{s.Start, SequenceStart}, {s.End, SequenceEnd}, {s.Step != 0, SequenceStep}} {
		if given.is {
			return inferr.Errorf(codes.InvalidArgument, "there is a parameter %s, but no %s", given.name, SequenceID)
		}
	}
	return nil
}
