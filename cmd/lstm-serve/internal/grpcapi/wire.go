package grpcapi

import (
	"errors"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field is one of an encoded message.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64 // of a varint or fixed field
	bytes  []byte // of a field with a length
}

// nextField returns the first field of b and what follows it.
func nextField(b []byte) (f field, rest []byte, err error) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	b = b[n:]
	f.number, f.kind = number, kind
	switch kind {
	case protowire.VarintType:
		f.value, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(b)
		f.value = uint64(v)
	case protowire.Fixed64Type:
		f.value, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(number, kind, b)
	}
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	return f, b[n:], nil
}

var errUTF8 = errors.New("a string is not valid UTF-8")

// setText sets a string of a message. Where it is what it was before, as the names in
// requests of one client are, nothing is allocated.
func setText(s *string, b []byte) error {
	if string(b) == *s {
		return nil
	}
	if !utf8.Valid(b) {
		return errUTF8
	}
	*s = string(b)
	return nil
}

// All fields of the messages have numbers below 16, so that tags are one byte.

// messageSize is how long a field with a length of n bytes is.
func messageSize(n int) int { return 1 + protowire.SizeBytes(n) }

// textSize is how long a string is, which is left out if it is empty.
func textSize(s string) int {
	if s == "" {
		return 0
	}
	return messageSize(len(s))
}

func appendText(b []byte, number protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return append(appendHeader(b, number, len(s)), s...)
}

// appendHeader appends what stands before the n bytes of a field with a length.
func appendHeader(b []byte, number protowire.Number, n int) []byte {
	return protowire.AppendVarint(append(b, byte(number)<<3|byte(protowire.BytesType)), uint64(n))
}

// validText returns s, if it may be a string of a message, and otherwise what of it may.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
