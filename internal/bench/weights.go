package bench

import (
	"example.com/lstm"
)

// A Weights is how a layer's weights are stored, and with how many bits what they are
// multiplied with, in figures that compare formats.
type Weights string

// Formats are what is measured, the first of which is what the others are compared
// with.
var Formats = []Weights{Float32, Float16, Int8, Int8NarrowInput}

const (
	Float32         Weights = "float32"
	Float16         Weights = "float16"
	Int8            Weights = "int8"
	Int8NarrowInput Weights = "int8,x=7" // with 7 bits for x, too, instead of 14
)

// Network is a network of the shape with weights of that format.
func (s Shape) Network(w Weights) (*lstm.Network, error) {
	var options []lstm.Option
	switch w {
	case Float16:
		options = append(options, lstm.WithWeights(lstm.Float16))
	case Int8:
		options = append(options, lstm.WithWeights(lstm.Int8))
	case Int8NarrowInput:
		options = append(options, lstm.WithWeights(lstm.Int8), lstm.WithInputBits(7))
	}
	return lstm.New(s.Model(), options...)
}

// Of says that c is of weights of that format.
func (c *Candidate) Of(w Weights) *Candidate {
	c.Weights = w
	return c
}

// FormatShapes are those whose formats are measured beside peers.
var FormatShapes = []Shape{{16, 32}, {64, 64}, {128, 128}, {256, 256}, {512, 512}, {1024, 1024}}

// FormatBatches are the numbers of streams in batches of those.
var FormatBatches = []int{8, 32}

// OurFormats returns what is measured of the shape's formats beside peers: steps,
// sequences and batches, on the path that a program that uses this package has here.
// Figures of the same kind are a group.
func (s Shape) OurFormats() ([][]*Candidate, error) {
	groups := make([][]*Candidate, 2+len(FormatBatches))
	for _, w := range Formats {
		n, err := s.Network(w)
		if err != nil {
			return nil, err
		}
		path := lstm.Path()
		list := []*Candidate{s.Step(n, path), s.Forward(n, path)}
		for _, batch := range FormatBatches {
			list = append(list, s.StepBatch(n, path, batch))
		}
		for i, c := range list {
			groups[i] = append(groups[i], c.Of(w))
		}
	}
	return groups, nil
}

// stepFormats are single steps of the formats that are not float32's, for a path.
func (s Shape) stepFormats(path string) (group []*Candidate, err error) {
	for _, w := range Formats[1:] {
		n, err := s.Network(w)
		if err != nil {
			return nil, err
		}
		group = append(group, s.Step(n, path).Of(w))
	}
	return group, nil
}
