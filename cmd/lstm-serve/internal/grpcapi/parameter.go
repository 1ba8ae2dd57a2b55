package grpcapi

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// A parameter is an InferParameter. Its choice is the number of the field that is set.
type parameter struct {
	choice protowire.Number // 0 if none is set
	bits   uint64
	text   string
}

const (
	boolChoice   = 1
	int64Choice  = 2
	stringChoice = 3
	doubleChoice = 4
	uint64Choice = 5
)

func integer(v int64) parameter { return parameter{choice: int64Choice, bits: uint64(v)} }
func text(s string) parameter   { return parameter{choice: stringChoice, text: s} }

// decode takes over what is set in an encoded InferParameter.
func (p *parameter) decode(b []byte) error {
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		b = rest
		switch {
		case f.kind == protowire.VarintType && (f.number == int64Choice || f.number == uint64Choice):
			*p = parameter{choice: f.number, bits: f.value}
		case f.kind == protowire.VarintType && f.number == boolChoice:
			*p = parameter{choice: f.number, bits: protowire.EncodeBool(f.value != 0)}
		case f.kind == protowire.Fixed64Type && f.number == doubleChoice:
			*p = parameter{choice: f.number, bits: f.value}
		case f.kind == protowire.BytesType && f.number == stringChoice:
			*p = parameter{choice: f.number, text: p.text}
			if err := setText(&p.text, f.bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// set sets what the parameter of a name is in a sequence.
func (p *parameter) set(s *infer.Sequence, name string) error {
	switch p.choice {
	case boolChoice:
		return s.SetParameter(name, p.bits != 0)
	case int64Choice:
		return s.SetParameter(name, int64(p.bits))
	case stringChoice:
		return s.SetParameter(name, p.text)
	case doubleChoice:
		return s.SetParameter(name, math.Float64frombits(p.bits))
	case uint64Choice:
		return s.SetParameter(name, p.bits)
	}
	return s.SetParameter(name, nil)
}

func (p *parameter) size() int {
	switch p.choice {
	case boolChoice, int64Choice, uint64Choice:
		return 1 + protowire.SizeVarint(p.bits)
	case stringChoice:
		return messageSize(len(p.text))
	case doubleChoice:
		return 1 + protowire.SizeFixed64()
	}
	return 0
}

func (p *parameter) append(b []byte) []byte {
	switch p.choice {
	case boolChoice, int64Choice, uint64Choice:
		return protowire.AppendVarint(protowire.AppendTag(b, p.choice, protowire.VarintType), p.bits)
	case stringChoice:
		return append(appendHeader(b, stringChoice, len(p.text)), p.text...)
	case doubleChoice:
		return protowire.AppendFixed64(protowire.AppendTag(b, doubleChoice, protowire.Fixed64Type), p.bits)
	}
	return b
}

// A named parameter is an entry of a map.
type named struct {
	name string
	parameter
}

// entrySize is how long the entry is without its header.
func (p *named) entrySize() int { return textSize(p.name) + messageSize(p.size()) }

func (p *named) appendEntry(b []byte) []byte {
	b = appendText(b, 1, p.name)
	return p.append(appendHeader(b, 2, p.size()))
}

// decodeEntry decodes an entry of a map, and returns its name as bytes of b.
func decodeEntry(b []byte) (name []byte, value []byte, err error) {
	parts := 0
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return nil, nil, err
		}
		b = rest
		if f.kind != protowire.BytesType {
			continue
		}
		switch f.number {
		case 1:
			name = f.bytes
		case 2:
			// A message that comes in parts is what its parts are together.
			switch parts++; parts {
			case 1:
				value = f.bytes
			case 2:
				value = value[:len(value):len(value)] // of the message
				fallthrough
			default:
				value = append(value, f.bytes...)
			}
		}
	}
	return name, value, nil
}
