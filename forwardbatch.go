package lstm

// ForwardBatch advances many streams, each by a sequence of its own length. It
// computes what Forward(states[i], xs[i], ys[i]) would for every i, faster, since
// each weight is read once for several streams. There is no padding: a short
// sequence costs its own steps only.
//
// states, xs and ys have the same length, which may be 0. xs[i] has the shape
// [T, InputSize] and ys[i] [T, OutputSize], both row by row; T is
// len(xs[i]) / InputSize, differs from stream to stream and may be 0. ys may be
// nil if the outputs are not wanted, and so may single ys[i]. Slices of xs may
// overlap one another; but no ys[i] may overlap another or one of xs, none of
// them may be memory of a state, as [State.H] returns it, and no state may occur
// twice. ForwardBatch panics, before anything has changed, if a length is wrong, a
// state is not one of n, or a state occurs twice.
func (n *Network) ForwardBatch(states []*State, xs, ys [][]float32) {
	must(n.CheckForwardBatch(states, xs, ys))
	s := n.schedules.take()
	if s == nil {
		s = new(schedule)
	}
	for i, x := range xs {
		var y []float32
		if ys != nil {
			y = ys[i]
		}
		s.add(len(x)/n.stateSize.input, rowsOf(x, n.stateSize.input), rowsOf(y, n.outputs.size))
	}
	n.forwardScheduled(s, states)
	s.clear()
	n.schedules.giveBack(s)
}

// forwardScheduled takes all steps of the streams that have been added to s.
func (n *Network) forwardScheduled(s *schedule, states []*State) {
	s.deal()
	n.forwardTogether(s, states)
	n.forwardRest(s, states)
}

// minTogether is the least number of sequences that take their steps together. Two
// are left to Forward, which takes in their inputs in tiles of full width: with
// AVX2 a tile of two columns would be a quarter slower, with AVX-512 a fifth faster
// ((128,128) on a Zen 4 core).
const minTogether = 3

// forwardTogether takes steps for as long as there are enough sequences. Input and
// hidden state are one chain, as in StepBatch. To take in the inputs of many steps
// before, as Forward does, gains nothing where a tile has five columns and more:
// sums that stop over in memory made it 2 % slower at (256,256) and 10 % at (16,32).
func (n *Network) forwardTogether(s *schedule, states []*State) {
	var batch [maxSlots]*State
	for active := s.active(); active >= minTogether; active = s.active() {
		for i := range active {
			stream := s.stream(i)
			batch[i] = states[stream]
			flushTo(batch[i].input(), s.xs[stream].row(s.slots[i].step))
		}
		n.stepBatch(batch[:active])
		for i := range active {
			if y := &s.ys[s.stream(i)]; y.floats != nil {
				n.writeOutput(batch[i], y.row(s.slots[i].step))
			}
			s.advance(i, 1)
		}
	}
}

// forwardRest takes the steps that are left, sequence after sequence.
func (n *Network) forwardRest(s *schedule, states []*State) {
	for i := range s.active() {
		for s.slots[i].steps > 0 {
			stream, step, left := s.stream(i), s.slots[i].step, s.left(i)
			n.forward(states[stream], left, s.xs[stream].from(step), s.ys[stream].from(step))
			s.advance(i, left)
		}
	}
}
