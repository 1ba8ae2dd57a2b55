package torch

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// maxObjects limits the dictionaries, lists, tuples, calls and remembered values of a pickle,
// and what it has on its stack at once. A tensor needs fifteen.
const maxObjects = 1_000_000

// The operations of a pickle, by their names in Python's pickletools: those that torch.save
// writes with any protocol from 2 on.
const (
	opMark            = '('
	opStop            = '.'
	opPop             = '0'
	opPopMark         = '1'
	opBinFloat        = 'G'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opBinInt2         = 'M'
	opNone            = 'N'
	opBinPersID       = 'Q'
	opReduce          = 'R'
	opBinString       = 'T'
	opShortBinString  = 'U'
	opBinUnicode      = 'X'
	opEmptyList       = ']'
	opAppend          = 'a'
	opBuild           = 'b'
	opGlobal          = 'c'
	opAppends         = 'e'
	opBinGet          = 'h'
	opLongBinGet      = 'j'
	opBinPut          = 'q'
	opLongBinPut      = 'r'
	opSetItem         = 's'
	opTuple           = 't'
	opEmptyTuple      = ')'
	opSetItems        = 'u'
	opEmptyDict       = '}'
	opProto           = 0x80
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opLong1           = 0x8a
	opLong4           = 0x8b
	opBinBytes        = 'B'
	opShortBinBytes   = 'C'
	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95
)

// A machine runs a pickle. A mark is an index of the stack, below which nothing is
// taken until the mark is.
type machine struct {
	code    []byte
	at      int
	stack   []any
	marks   []int
	memo    map[uint32]any
	objects int
}

// unpickle returns what a pickle makes.
func unpickle(code []byte) (any, error) {
	m := &machine{code: code, memo: make(map[uint32]any)}
	for {
		begin := m.at
		op, err := m.take(1)
		if err == nil {
			if op[0] == opStop {
				return m.stop()
			}
			err = m.do(op[0])
		}
		if err == nil && max(len(m.stack), len(m.marks)) > maxObjects {
			err = errkind.Errorf(lstm.ErrUnsupported, "the pickle has more than %d values or marks at once", maxObjects)
		}
		if err != nil {
			return nil, fmt.Errorf("data.pkl, byte %d: %w", begin, err)
		}
	}
}

// stop returns the only value that is left.
func (m *machine) stop() (any, error) {
	if len(m.stack) != 1 || len(m.marks) > 0 || m.at < len(m.code) {
		return nil, errkind.Errorf(lstm.ErrDamaged, "data.pkl ends with %d values, %d marks and %d bytes, want one value", len(m.stack), len(m.marks), len(m.code)-m.at)
	}
	return m.stack[0], nil
}

// do runs one operation.
func (m *machine) do(op byte) error {
	switch op {
	case opProto:
		return m.protocol()
	case opFrame:
		_, err := m.take(8) // its length, which is of no use to who has all bytes
		return err
	case opMark:
		m.marks = append(m.marks, len(m.stack))
	case opNone:
		m.push(nil)
	case opNewTrue, opNewFalse:
		m.push(op == opNewTrue)
	case opPop, opPopMark:
		return m.drop(op)
	case opBinInt, opBinInt1, opBinInt2, opLong1, opLong4, opBinFloat:
		return m.number(op)
	case opBinUnicode, opShortBinUnicode, opBinUnicode8, opBinString, opShortBinString:
		return m.text(op)
	case opBinBytes, opShortBinBytes, opBinBytes8:
		return m.bytes(op)
	case opEmptyDict, opEmptyList, opEmptyTuple:
		return m.empty(op)
	case opTuple, opTuple1, opTuple2, opTuple3:
		return m.tuple(op)
	case opAppend, opAppends:
		return m.appendTo(op)
	case opSetItem, opSetItems:
		return m.setItems(op)
	case opBinPut, opLongBinPut, opMemoize:
		return m.put(op)
	case opBinGet, opLongBinGet:
		return m.get(op)
	case opGlobal, opStackGlobal:
		return m.global(op)
	case opBinPersID:
		return m.persistent()
	case opReduce:
		return m.reduce()
	case opBuild:
		return m.build()
	default:
		return errkind.Errorf(lstm.ErrUnsupported, "operation %#02x of the pickle is none of those that make tensors", op)
	}
	return nil
}

func (m *machine) protocol() error {
	b, err := m.take(1)
	if err == nil && (b[0] < 2 || b[0] > 5) {
		return errkind.Errorf(lstm.ErrUnsupported, "the protocol of the pickle is %d, want 2 to 5", b[0])
	}
	return err
}

// take returns the next n bytes.
func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.code)-m.at) {
		return nil, errkind.Errorf(lstm.ErrDamaged, "the pickle ends here, want %d more bytes", n-uint64(len(m.code)-m.at))
	}
	b := m.code[m.at:][:n]
	m.at += int(n)
	return b, nil
}

// unsigned reads a number of so many bytes.
func (m *machine) unsigned(size uint64) (uint64, error) {
	b, err := m.take(size)
	if err != nil {
		return 0, err
	}
	var all [8]byte
	copy(all[:], b)
	return binary.LittleEndian.Uint64(all[:]), nil
}

// width is the bytes of an operation's number or of its length.
func width(op byte) uint64 {
	switch op {
	case opBinInt2:
		return 2
	case opBinInt, opLong4, opBinUnicode, opBinString, opBinBytes, opLongBinPut, opLongBinGet:
		return 4
	case opBinFloat, opBinUnicode8, opBinBytes8:
		return 8
	}
	return 1
}

// counted reads a length of so many bytes, and as many bytes.
func (m *machine) counted(size uint64) ([]byte, error) {
	n, err := m.unsigned(size)
	if err != nil {
		return nil, err
	}
	return m.take(n)
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// object counts one.
func (m *machine) object() error {
	if m.objects++; m.objects > maxObjects {
		return errkind.Errorf(lstm.ErrUnsupported, "the pickle makes more than %d objects", maxObjects)
	}
	return nil
}

// above is how many values lie above the last mark.
func (m *machine) above() int {
	if len(m.marks) == 0 {
		return len(m.stack)
	}
	return len(m.stack) - m.marks[len(m.marks)-1]
}

// pop takes the upper n values.
func (m *machine) pop(n int) ([]any, error) {
	if m.above() < n {
		return nil, errkind.Errorf(lstm.ErrDamaged, "the operation takes %d values, and there are %d", n, m.above())
	}
	values := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	return values, nil
}

// popMark takes the values above the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errkind.Errorf(lstm.ErrDamaged, "the operation takes values from a mark on, and there is none")
	}
	values, err := m.pop(m.above())
	m.marks = m.marks[:len(m.marks)-1]
	return values, err
}

func (m *machine) drop(op byte) (err error) {
	if op == opPopMark {
		_, err = m.popMark()
	} else {
		_, err = m.pop(1)
	}
	return err
}

func (m *machine) number(op byte) error {
	if op == opLong1 || op == opLong4 {
		return m.long(op)
	}
	n, err := m.unsigned(width(op))
	switch {
	case err != nil:
		return err
	case op == opBinInt:
		m.push(int64(int32(n)))
	case op == opBinFloat: // the only number whose bytes are in the other order
		b := m.code[m.at-8:]
		m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	default:
		m.push(int64(n))
	}
	return nil
}

// long reads an integer of any size.
func (m *machine) long(op byte) error {
	b, err := m.counted(width(op))
	if err != nil {
		return err
	}
	if len(b) > 8 {
		m.push(opaque{"an integer beyond 64 bits"})
		return nil
	}
	var n int64
	for i, c := range b {
		n |= int64(c) << (8 * i)
	}
	if k := len(b); k > 0 {
		n = n << (64 - 8*k) >> (64 - 8*k) // the highest bit is the sign
	}
	m.push(n)
	return nil
}

func (m *machine) text(op byte) error {
	b, err := m.counted(width(op))
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return errkind.Errorf(lstm.ErrUnsupported, "text is %s, want valid UTF-8", safetensors.Quote(string(b)))
	}
	m.push(string(b))
	return nil
}

func (m *machine) bytes(op byte) error {
	_, err := m.counted(width(op))
	m.push(opaque{"bytes"})
	return err
}

func (m *machine) empty(op byte) error {
	switch op {
	case opEmptyDict:
		m.push(&dict{})
	case opEmptyList:
		m.push(&list{})
	default:
		m.push(&tuple{})
	}
	return m.object()
}

func (m *machine) tuple(op byte) (err error) {
	var values []any
	switch op {
	case opTuple:
		values, err = m.popMark()
	default:
		values, err = m.pop(int(op-opTuple1) + 1)
	}
	if err != nil {
		return err
	}
	m.push(&tuple{append([]any(nil), values...)})
	return m.object()
}

// arguments takes one value, or n of them, or all from the mark on, and returns with them
// what lies below.
func (m *machine) arguments(one bool, n int) (to any, values []any, err error) {
	if one {
		values, err = m.pop(n)
	} else {
		values, err = m.popMark()
	}
	if err != nil {
		return nil, nil, err
	}
	if m.above() == 0 {
		return nil, nil, errkind.Errorf(lstm.ErrDamaged, "the operation changes a value, and there is none")
	}
	return m.stack[len(m.stack)-1], values, nil
}

func (m *machine) appendTo(op byte) error {
	to, values, err := m.arguments(op == opAppend, 1)
	if err != nil {
		return err
	}
	l, ok := to.(*list)
	if !ok {
		return errkind.Errorf(lstm.ErrDamaged, "the operation appends to %s, want a list", describe(to))
	}
	l.items = append(l.items, values...)
	return nil
}

func (m *machine) setItems(op byte) error {
	to, values, err := m.arguments(op == opSetItem, 2)
	if err != nil {
		return err
	}
	d, ok := to.(*dict)
	if !ok || len(values)%2 != 0 {
		return errkind.Errorf(lstm.ErrDamaged, "the operation sets %d keys and values of %s, want pairs and a dictionary", len(values), describe(to))
	}
	for i := 0; i < len(values); i += 2 {
		d.keys = append(d.keys, values[i])
		d.values = append(d.values, values[i+1])
	}
	return nil
}

func (m *machine) put(op byte) (err error) {
	n := uint64(len(m.memo))
	if op != opMemoize {
		if n, err = m.unsigned(width(op)); err != nil {
			return err
		}
	}
	if m.above() == 0 {
		return errkind.Errorf(lstm.ErrDamaged, "the operation remembers a value, and there is none")
	}
	m.memo[uint32(n)] = m.stack[len(m.stack)-1]
	return m.object()
}

func (m *machine) get(op byte) error {
	n, err := m.unsigned(width(op))
	if err != nil {
		return err
	}
	v, ok := m.memo[uint32(n)]
	if !ok {
		return errkind.Errorf(lstm.ErrDamaged, "the operation recalls value %d, which is none", n)
	}
	m.push(v)
	return nil
}
