package lstm

import (
	"cmp"
	"slices"

	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/panel"
)

// Forward runs one sequence of T steps through the network and writes the output
// of every step.
//
// x has the shape [T, InputSize] and y [T, OutputSize], both row by row; T is
// len(x) / InputSize and may be 0. y may be nil if the outputs are not wanted.
// initial is what the sequence begins with, nil for what NewState returns. final
// takes what it ends with, which is initial if T is 0, and may be nil. They may be
// the same state. x, y and the states must not overlap in any other way. Forward
// panics, before anything has changed, if a length is wrong.
func (n *SequenceNetwork) Forward(x, y []float32, initial, final *SequenceState) {
	must(n.CheckForward(x, y, initial, final))
	room := n.takeRoom()
	room.add(len(x)/n.input, rowsOf(x, n.input), rowsOf(y, n.output), initial, final)
	n.run(room)
}

// ForwardBatch runs many sequences, each of its own length. It computes what
// Forward(xs[i], ys[i], initial[i], final[i]) would for every i, faster, since each
// weight is read once for several sequences. There is no padding: a short sequence
// costs its own steps only. What PyTorch computes of a packed sequence, this
// computes of its parts.
//
// All slices have the same length, which may be 0; ys, initial and final may be nil
// as a whole, and so may their elements. A state may be initial of several sequences,
// but final of one only, and then initial of no other than that. No ys[i] may
// overlap another or one of xs. ForwardBatch panics, before anything has changed, if a
// length is wrong or a state occurs where it must not.
func (n *SequenceNetwork) ForwardBatch(xs, ys [][]float32, initial, final []*SequenceState) {
	must(n.CheckForwardBatch(xs, ys, initial, final))
	room := n.takeRoom()
	for i, x := range xs {
		var y []float32
		if ys != nil {
			y = ys[i]
		}
		room.add(len(x)/n.input, rowsOf(x, n.input), rowsOf(y, n.output), at(initial, i), at(final, i))
	}
	n.run(room)
}

// ForwardPadded runs the sequences of a padded batch, as ONNX's LSTM with
// sequence_lens does: x has the shape [T, B, InputSize] and y [T, B, OutputSize],
// where step t of sequence b is row t·B + b. B is the number of lengths, and
// lengths[b] the number of steps of sequence b, from 0 to T, which is
// len(x) / (B · InputSize). Only those steps are computed; the outputs past the end of
// a sequence are zero. A backward direction begins at the last step that there is.
//
// initial and final are those of [SequenceNetwork.ForwardBatch], but a sequence
// without steps ends with zeros, whatever it has begun with. x and y must not
// overlap. ForwardPadded panics, before anything has changed, if a length is wrong
// or a state occurs where it must not.
//
// Where sequences lie one after another, [B, T, InputSize], ForwardBatch takes
// them as slices of it.
func (n *SequenceNetwork) ForwardPadded(lengths []int, x, y []float32, initial, final []*SequenceState) {
	must(n.CheckForwardPadded(lengths, x, y, initial, final))
	room := n.takeRoom()
	batch := len(lengths)
	for b, steps := range lengths {
		column := func(floats []float32, width int) matrix {
			return matrix{floats: floats, width: width, stride: batch * width, offset: b * width}
		}
		if steps > 0 {
			room.add(steps, column(x, n.input), column(y, n.output), at(initial, b), at(final, b))
		} else if f := at(final, b); f != nil {
			f.clear()
		}
	}
	n.run(room)
	if y == nil || batch == 0 {
		return
	}
	for t := range len(y) / (batch * n.output) {
		for b, steps := range lengths {
			if t >= steps {
				clear(y[(t*batch+b)*n.output:][:n.output])
			}
		}
	}
}

// at is states[i], or nil where there are none.
func at(states []*SequenceState, i int) *SequenceState {
	if states == nil {
		return nil
	}
	return states[i]
}

// clear makes all numbers zero.
func (s *SequenceState) clear() {
	for i := range s.H {
		clear(s.H[i])
		clear(s.C[i])
	}
}

// A sequenceRoom is what a call needs besides the network.
type sequenceRoom struct {
	jobs     []job
	states   [][]*State   // of each direction of each segment, of each sequence of a group
	buffers  [2][]float32 // outputs of segments for the next ones, in turn
	merged   []float32    // outputs of a backward direction that is merged
	row      []float32    // an input of a segment without LSTM layers, and what is between its layers
	schedule schedule
}

// job is one sequence.
type job struct {
	steps          int
	x, y           matrix // a row for each step; y has no floats if the outputs are not wanted
	initial, final *SequenceState
	in, out        matrix // of the segment at work
	row            int    // of the first step in buffers
}

// takeRoom returns a room that no other call is using, to be given back by run.
func (n *SequenceNetwork) takeRoom() *sequenceRoom {
	if free := n.rooms.take(); free != nil {
		return free
	}
	return new(sequenceRoom)
}

// add adds a sequence.
func (r *sequenceRoom) add(steps int, x, y matrix, initial, final *SequenceState) {
	r.jobs = append(r.jobs, job{steps: steps, x: x, y: y, initial: initial, final: final})
}

const (
	// maxGroup is how many sequences go through the segments together, at most: so
	// many that the slots of a schedule can be filled evenly.
	maxGroup = 4 * maxSlots

	// maxGroupFloats is how many floats their outputs may be, where they wait for
	// the next segment, unless a group that fills a tile takes more.
	maxGroupFloats = 1 << 22 // 16 MiB
)

// run runs the jobs of a room, in groups of sequences that are about as long, and
// gives the room back.
func (n *SequenceNetwork) run(room *sequenceRoom) {
	slices.SortFunc(room.jobs, func(a, b job) int { return cmp.Compare(b.steps, a.steps) })
	for rest := room.jobs; len(rest) > 0; {
		size := n.groupSize(rest)
		n.runGroup(room, rest[:size])
		rest = rest[size:]
	}
	clear(room.jobs) // whose memory is not ours to keep
	room.jobs = room.jobs[:0]
	n.rooms.giveBack(room)
}

// groupSize is the number of sequences of the next group.
func (n *SequenceNetwork) groupSize(jobs []job) int {
	groups := (len(jobs) + maxGroup - 1) / maxGroup
	most := (len(jobs) + groups - 1) / groups
	width := int64(n.buffers[0] + n.buffers[1] + n.merged)
	size, floats := 0, int64(0)
	for size < most {
		floats += int64(jobs[size].steps) * width
		if size >= panel.MaxColumns && floats > maxGroupFloats {
			break
		}
		size++
	}
	if left := len(jobs) - size; left < panel.MaxColumns {
		size += left
	}
	return size
}

// runGroup runs sequences segment by segment.
func (n *SequenceNetwork) runGroup(room *sequenceRoom, jobs []job) {
	steps := 0
	for i := range jobs {
		jobs[i].row = steps
		steps += jobs[i].steps
	}
	for i := range room.buffers {
		room.buffers[i] = grown(room.buffers[i], steps*n.buffers[i])
	}
	room.merged = grown(room.merged, steps*n.merged)
	n.begin(room, jobs)
	states := room.states
	for s := range n.segments {
		segment := &n.segments[s]
		for i := range jobs {
			j := &jobs[i]
			j.in = j.out
			if s == 0 {
				j.in = j.x
			}
			j.out = rowsOf(room.buffers[s%2], segment.output).from(j.row)
			if s == len(n.segments)-1 {
				j.out = j.y
			}
		}
		if segment.forward != nil {
			segment.runForward(&room.schedule, states[0], jobs)
			states = states[1:]
		}
		if segment.backward != nil {
			segment.runBackward(&room.schedule, states[0], jobs, room.merged)
			states = states[1:]
		}
		if segment.last {
			segment.spreadLast(jobs)
		}
		if segment.outputs != nil {
			segment.runOutputs(jobs, room)
		}
	}
	n.end(room, jobs)
}

// runForward runs the forward direction of a segment. What it makes of a step is the
// beginning of the step's output.
func (s *segment) runForward(schedule *schedule, states []*State, jobs []job) {
	for i := range jobs {
		j := &jobs[i]
		schedule.add(j.steps, j.in, j.out.first(s.forward.outputs.size))
	}
	s.forward.forwardScheduled(schedule, states)
	schedule.clear()
}

// runBackward runs the backward direction of a segment, after the forward one. What
// it makes of a step is the end of the step's output, or goes into that from merged.
func (s *segment) runBackward(schedule *schedule, states []*State, jobs []job, merged []float32) {
	apart := s.isMerged()
	width := s.backward.outputs.size
	for i := range jobs {
		j := &jobs[i]
		y := j.out.columns(s.output-width, width)
		if apart && y.floats != nil {
			y = rowsOf(merged, width).from(j.row)
		}
		schedule.add(j.steps, j.in.reversed(j.steps), y.reversed(j.steps))
	}
	s.backward.forwardScheduled(schedule, states)
	schedule.clear()
	if !apart {
		return
	}
	for i := range jobs {
		j, backward := &jobs[i], rowsOf(merged, width).from(jobs[i].row)
		switch {
		case j.out.floats == nil || j.steps == 0:
		case s.last:
			s.merge.merge(j.out.row(j.steps-1), backward.row(0))
		default:
			for t := range j.steps {
				s.merge.merge(j.out.row(t), backward.row(t))
			}
		}
	}
}

// isMerged reports whether outputs of the backward direction go into those of the
// forward one.
func (s *segment) isMerged() bool { return s.forward != nil && s.merge != MergeConcat }

// spreadLast puts what the directions end with, which is in the last row and the
// first, into every row.
func (s *segment) spreadLast(jobs []job) {
	fromLast := s.output
	if !s.isMerged() {
		fromLast -= s.backward.outputs.size
	}
	for i := range jobs {
		j := &jobs[i]
		if j.out.floats == nil || j.steps == 0 {
			continue
		}
		first, last := j.out.row(0), j.out.row(j.steps-1)
		copy(first, last[:fromLast])
		for t := 1; t < j.steps; t++ {
			copy(j.out.row(t), first)
		}
	}
}

// runOutputs runs layers that are no LSTM layers and have a segment of their own.
func (s *segment) runOutputs(jobs []job, room *sequenceRoom) {
	padded := paddedInput(s.input)
	room.row = grown(room.row, padded+s.outputs.scratch())
	row, scratch := room.row[:padded], room.row[padded:]
	clear(row[s.input:])
	for i := range jobs {
		j := &jobs[i]
		for t := range j.steps {
			if j.out.floats != nil {
				flushTo(row[:s.input], j.in.row(t))
				s.outputs.apply(row, j.out.row(t), scratch)
			}
		}
	}
}

// begin sets the states of the jobs in every direction.
func (n *SequenceNetwork) begin(room *sequenceRoom, jobs []job) {
	if room.states == nil {
		room.states = make([][]*State, len(n.directions))
	}
	e := 0 // of a SequenceState
	for d, network := range n.directions {
		for len(room.states[d]) < len(jobs) {
			room.states[d] = append(room.states[d], network.NewState())
		}
		for i := range jobs {
			s := room.states[d][i]
			s.Reset()
			if initial := jobs[i].initial; initial != nil {
				for l := range network.layers {
					copy(s.H(l), initial.H[e+l])
					copy(s.C(l), initial.C[e+l])
				}
			}
		}
		e += len(network.layers)
	}
}

// end copies the states of the jobs to where they are wanted.
func (n *SequenceNetwork) end(room *sequenceRoom, jobs []job) {
	e := 0
	for d, network := range n.directions {
		for i := range jobs {
			if final := jobs[i].final; final != nil {
				s := room.states[d][i]
				for l := range network.layers {
					copy(final.H[e+l], s.H(l))
					copy(final.C[e+l], s.C(l))
				}
			}
		}
		e += len(network.layers)
	}
}

// grown is floats if they are enough, or else others.
func grown(floats []float32, n int) []float32 {
	if len(floats) < n {
		return aligned.New(n)
	}
	return floats
}
