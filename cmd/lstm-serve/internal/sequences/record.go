package sequences

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// A record is a sequence as bytes: what is stored, and what moves from one process to
// another. All numbers are little-endian:
//
//	8         magic, of which the last byte is the version
//	1         flags
//	2, bytes  id, after its length
//	8         last use, nanoseconds since 1970 UTC
//	8         number of the last step
//	8, 4, 8   the last answer: its first step, how many steps, hash of the input
//	4, floats and its outputs, after how many they are
//	4, bytes  the state as State.MarshalBinary has it, after its length; none if ended
//	4         CRC-32C of all before
type record struct {
	id    string
	ended bool
	moved bool // it goes on elsewhere
	used  time.Time
	step  uint64
	last  answer
	state []byte
}

const recordMagic = "LSTMSEQ\x01"

const (
	flagEnded = 1 << iota
	flagMoved
	flagCounted // the client did count in the last request
	flagsKnown  = 1<<iota - 1
)

// mostSteps is a number that no sequence reaches, so that adding to it cannot overflow.
const mostSteps = 1 << 62

// recordFixedBytes is how long a record is without what has a length of its own.
const recordFixedBytes = len(recordMagic) + 1 + 2 + 8 + 8 + 8 + 4 + 8 + 4 + 4 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// append appends r to b.
func (r *record) append(b []byte) []byte {
	begin := len(b)
	var flags byte
	for _, f := range []struct {
		set bool
		bit byte
	}{{r.ended, flagEnded}, {r.moved, flagMoved}, {r.last.counted, flagCounted}} {
		if f.set {
			flags |= f.bit
		}
	}
	le := binary.LittleEndian
	b = append(b, recordMagic...)
	b = append(b, flags)
	b = le.AppendUint16(b, uint16(len(r.id)))
	b = append(b, r.id...)
	b = le.AppendUint64(b, uint64(r.used.UnixNano()))
	b = le.AppendUint64(b, r.step)
	b = le.AppendUint64(b, r.last.first)
	b = le.AppendUint32(b, uint32(r.last.steps))
	b = le.AppendUint64(b, r.last.hash)
	b = le.AppendUint32(b, uint32(len(r.last.y)))
	for _, v := range r.last.y {
		b = le.AppendUint32(b, math.Float32bits(v))
	}
	b = le.AppendUint32(b, uint32(len(r.state)))
	b = append(b, r.state...)
	return le.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli))
}

// size is how many bytes append appends.
func (r *record) size() int {
	return recordFixedBytes + len(r.id) + 4*len(r.last.y) + len(r.state)
}

// decodeRecord reads what append has written. The data may be hostile: nothing is
// allocated before its sizes agree with its length. The state is a part of data, and is not
// looked at.
func decodeRecord(data []byte) (*record, error) {
	if len(data) < recordFixedBytes || string(data[:len(recordMagic)]) != recordMagic {
		return nil, fmt.Errorf("the record of %d bytes does not begin as one of version %d does", len(data), recordMagic[len(recordMagic)-1])
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if got := crc32.Checksum(body, castagnoli); got != sum {
		return nil, fmt.Errorf("the record is damaged: its checksum is %08x, want %08x", got, sum)
	}
	c := cursor{rest: body[len(recordMagic):]}
	flags := c.take(1)[0]
	r := &record{
		ended: flags&flagEnded != 0,
		moved: flags&flagMoved != 0,
		id:    string(c.take(uint64(c.uint16()))),
		used:  time.Unix(0, int64(c.uint64())),
		step:  c.uint64(),
		last:  answer{counted: flags&flagCounted != 0, first: c.uint64(), steps: int(c.uint32()), hash: c.uint64()},
	}
	y := c.take(4 * uint64(c.uint32()))
	r.state = c.take(uint64(c.uint32()))
	if c.short || len(c.rest) != 0 {
		return nil, errors.New("the lengths in the record do not add up to its own")
	}
	if err := r.check(flags, len(y)/4); err != nil {
		return nil, err
	}
	if len(y) > 0 {
		r.last.y = make([]float32, len(y)/4)
		for i := range r.last.y {
			r.last.y[i] = math.Float32frombits(binary.LittleEndian.Uint32(y[4*i:]))
		}
	}
	return r, nil
}

// check returns an error if what a record says makes no sense.
func (r *record) check(flags byte, outputs int) error {
	if flags&^flagsKnown != 0 {
		return fmt.Errorf("the record has flags %#x, want none but %#x", flags, flagsKnown)
	}
	if err := checkID(r.id); err != nil {
		return fmt.Errorf("the record: %w", err)
	}
	if r.step >= mostSteps {
		return fmt.Errorf("the record is of step %d, want less than %d", r.step, uint64(mostSteps))
	}
	if (len(r.state) == 0) != r.ended {
		return fmt.Errorf("the record has a state of %d bytes, and ended is %v", len(r.state), r.ended)
	}
	a := &r.last
	if a.steps == 0 {
		if a.counted || a.first != 0 || a.hash != 0 || outputs != 0 {
			return errors.New("the record has parts of a last answer, but no step of it")
		}
		return nil
	}
	if a.first == 0 || a.first > r.step || r.step-a.first != uint64(a.steps)-1 || outputs%a.steps != 0 {
		return fmt.Errorf("the record is of step %d, and its last answer of %d steps from %d on, with %d outputs", r.step, a.steps, a.first, outputs)
	}
	return nil
}

// A cursor takes bytes from the front. What is not there are zeros.
type cursor struct {
	rest  []byte
	short bool
	zeros [8]byte
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.short = true
		return c.zeros[:min(n, 8)]
	}
	var taken []byte
	taken, c.rest = c.rest[:n:n], c.rest[n:]
	return taken
}

func (c *cursor) uint16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) uint32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) uint64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }
