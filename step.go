package lstm

// Step advances the stream of s by one time step with the input x, and writes
// the output to y: the head's result, or without a head the last layer's h.
//
// x has InputSize elements and y OutputSize; y may be nil if the output is not
// wanted. x and y may overlap: x is read before y is written. Step panics,
// before anything has changed, if a length is wrong or s is not a state of n.
func (n *Network) Step(s *State, x, y []float32) {
	if fault := n.checkStep(s, x, y); fault != stepFine {
		panic(n.stepError(fault, s, x, y))
	}
	if len(x) < shortInput {
		flushGeneric(s.input(), x)
	} else {
		flushTo(s.input(), x)
	}
	for i := range n.layers {
		l := &n.layers[i]
		l.step(s.concat(l), s.cell(l), s.nextHidden(l))
	}
	s.swap()
	if y != nil {
		n.writeOutput(s, y)
	}
}

// writeOutput writes what the last step of s has left in the last layer to y,
// through the head if there is one.
func (n *Network) writeOutput(s *State, y []float32) {
	top := &n.layers[len(n.layers)-1]
	if n.head == nil {
		copy(y, s.hidden(top))
		return
	}
	n.head.apply(s.paddedHidden(top), y)
}
