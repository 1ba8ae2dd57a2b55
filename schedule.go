package lstm

import (
	"cmp"
	"slices"

	"example.com/lstm/internal/panel"
)

// A schedule says which sequences of a batch run side by side. They are dealt to
// slots, each of which holds one sequence after another, and in every iteration
// each slot takes one step until its sequences have ended. There are only as many
// slots as it takes to end with the longest sequence: a few whose tiles are wide
// to the end, instead of many of which ever fewer are left.
type schedule struct {
	sequences []sequence // of at least one step, the longest first
	slots     []slot     // that with most steps left first
	total     int64      // steps of all sequences

	// A row for each step of each stream; those of ys have no floats if its outputs
	// are not wanted.
	xs, ys []matrix
}

// sequence is one of a schedule's.
type sequence struct {
	stream int // its index in the batch
	steps  int
	next   int // that follows in the same slot; 0, which never follows another, for none
}

// slot is one of the columns of the tiles.
type slot struct {
	steps    int // left, of all its sequences
	sequence int // that it has come to
	step     int // of that sequence, the next
	last     int // its last sequence
}

// maxSlots is how many slots there are at most: more would use no weight often
// enough to be noticed, and their states leave the second-level cache.
const maxSlots = 8 * panel.MaxColumns

// clear forgets all streams, whose memory is not the schedule's to keep.
func (s *schedule) clear() {
	clear(s.xs)
	clear(s.ys)
	s.xs, s.ys, s.sequences, s.slots, s.total = s.xs[:0], s.ys[:0], s.sequences[:0], s.slots[:0], 0
}

// add adds the next stream.
func (s *schedule) add(steps int, x, y matrix) {
	if steps > 0 {
		s.sequences = append(s.sequences, sequence{stream: len(s.xs), steps: steps})
		s.total += int64(steps)
	}
	s.xs, s.ys = append(s.xs, x), append(s.ys, y)
}

// deal deals the sequences to slots, once all streams have been added.
func (s *schedule) deal() {
	if len(s.sequences) == 0 {
		return
	}
	slices.SortFunc(s.sequences, func(a, b sequence) int { return cmp.Compare(b.steps, a.steps) })
	// The longest first, each to the slot with the fewest steps.
	slots := slotsFor(len(s.sequences), s.total, s.sequences[0].steps)
	for i, q := range s.sequences {
		if i < slots {
			s.slots = append(s.slots, slot{steps: q.steps, sequence: i, last: i})
			continue
		}
		shortest := &s.slots[0]
		for j := range s.slots {
			if s.slots[j].steps < shortest.steps {
				shortest = &s.slots[j]
			}
		}
		s.sequences[shortest.last].next = i
		shortest.last = i
		shortest.steps += q.steps
	}
	slices.SortFunc(s.slots, func(a, b slot) int { return cmp.Compare(b.steps, a.steps) })
}

// slotsFor is the number of slots in which that many sequences of total steps
// end with the longest of them; where that would be too many, at a multiple of its
// steps.
func slotsFor(sequences int, total int64, longest int) int {
	rounds := divideUp(total, maxSlots*int64(longest))
	slots := int(divideUp(total, rounds*int64(longest)))
	return min(max(slots, panel.MaxColumns), sequences, maxSlots)
}

func divideUp[T int | int64](a, b T) T { return (a + b - 1) / b }

// active is the number of slots that have steps left, which are the first.
func (s *schedule) active() int {
	n := len(s.slots)
	for n > 0 && s.slots[n-1].steps == 0 {
		n--
	}
	return n
}

// stream is the index of the stream that a slot has come to.
func (s *schedule) stream(i int) int { return s.sequences[s.slots[i].sequence].stream }

// left is the number of steps that are left of a slot's sequence.
func (s *schedule) left(i int) int { return s.sequences[s.slots[i].sequence].steps - s.slots[i].step }

// advance takes a slot that many steps of its sequence further.
func (s *schedule) advance(i, steps int) {
	slot := &s.slots[i]
	slot.steps -= steps
	slot.step += steps
	if q := &s.sequences[slot.sequence]; slot.step == q.steps {
		slot.sequence, slot.step = q.next, 0
	}
}
