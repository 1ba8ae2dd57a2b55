package infer

import (
	"slices"

	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

const (
	// InputName is what the one input of every model is called.
	InputName = "input"
	// FP32 is the datatype of all tensors.
	FP32 = "FP32"
)

// takeInput puts the input of r into c if its name, type, shape and size are right.
func (c *call) takeInput(r *Request, inputSize int) error {
	if len(r.Inputs) != 1 {
		return WrongInputs(len(r.Inputs))
	}
	in := &r.Inputs[0]
	if in.Name != InputName {
		return inferr.Errorf(codes.InvalidArgument, "there is an input %.100q, want %q", in.Name, InputName)
	}
	if in.Datatype != FP32 {
		return inferr.Errorf(codes.InvalidArgument, "input %q has the datatype %.100q, want %s", in.Name, in.Datatype, FP32)
	}
	rank := len(in.Shape)
	if rank < 1 || rank > 3 || in.Shape[rank-1] != int64(inputSize) {
		return wrongShape(in, r, inputSize)
	}
	c.rank = copy(c.shape[:], in.Shape)
	batch, steps := int64(1), int64(1)
	if rank >= 2 {
		steps = in.Shape[rank-2]
	}
	if rank == 3 {
		batch = in.Shape[0]
	}
	if batch < 1 || steps < 1 || batch > 1 && r.Sequence.ID != "" {
		return wrongShape(in, r, inputSize)
	}
	// Quotients, since products of what a client says may overflow.
	n := int64(len(in.Data))
	if rows := n / int64(inputSize); n%int64(inputSize) != 0 || rows%steps != 0 || rows/steps != batch {
		return inferr.Errorf(codes.InvalidArgument, "input %q has %d elements, want those of its shape, %d", in.Name, n, in.Shape)
	}
	c.x, c.batch, c.steps = in.Data, int(batch), int(steps)
	return nil
}

// WrongInputs is the error of a request that has n inputs, and not one.
func WrongInputs(n int) error {
	return inferr.Errorf(codes.InvalidArgument, "there are %d inputs, want one, %q", n, InputName)
}

func wrongShape(in *Tensor, r *Request, inputSize int) error {
	batch := "B"
	if r.Sequence.ID != "" {
		batch = "1"
	}
	shape := in.Shape[:min(len(in.Shape), 8)]
	return inferr.Errorf(codes.InvalidArgument, "input %q has the shape %d (%d dimensions), want [%d], [T %[4]d] or [%s T %[4]d] with T of at least 1",
		in.Name, shape, len(in.Shape), inputSize, batch)
}

// checkLimits returns an error if c is larger than the server's options allow. Its input
// has as many elements as its shape says, so the products are small.
func (s *Server) checkLimits(c *call) error {
	rows := c.batch * c.steps
	if rows > s.options.MaxSteps {
		return inferr.Errorf(codes.InvalidArgument, "input %q has %d steps, want at most %d a request", InputName, rows, s.options.MaxSteps)
	}
	if len(c.x) > s.options.MaxElements {
		return inferr.Errorf(codes.InvalidArgument, "input %q has %d elements, want at most %d", InputName, len(c.x), s.options.MaxElements)
	}
	if rows > s.options.MaxElements/c.size {
		return inferr.Errorf(codes.InvalidArgument, "input %q has %d steps, whose output is %d elements each, want at most %d in all",
			InputName, rows, c.size, s.options.MaxElements)
	}
	return nil
}

// Elements returns how many elements the inputs of r have together with the outputs that
// they would have, before they are checked.
func (s *Server) Elements(r *Request) int64 {
	n := int64(0)
	for i := range r.Inputs {
		n += int64(len(r.Inputs[i].Data))
	}
	m, err := s.models.Model(r.Model, r.Version)
	if err != nil {
		return n
	}
	network := m.Network()
	return n + n/int64(network.InputSize())*int64(network.OutputSize())
}

// wanted returns those of the outputs that a request names, in its order; all if it
// names none.
func wanted(outputs []lstm.HeadOutput, names []string) ([]lstm.HeadOutput, error) {
	if len(names) == 0 {
		return outputs, nil
	}
	if len(names) > len(outputs) {
		return nil, inferr.Errorf(codes.InvalidArgument, "there are %d wanted outputs, want at most %d", len(names), len(outputs))
	}
	chosen := make([]lstm.HeadOutput, len(names))
	for i, name := range names {
		at := slices.IndexFunc(outputs, func(o lstm.HeadOutput) bool { return o.Name == name })
		if at < 0 {
			return nil, inferr.Errorf(codes.InvalidArgument, "there is no output %.100q, want %s", name, outputNames(outputs))
		}
		if slices.Contains(names[:i], name) {
			return nil, inferr.Errorf(codes.InvalidArgument, "output %q is wanted twice, want it once", name)
		}
		chosen[i] = outputs[at]
	}
	return chosen, nil
}

func outputNames(outputs []lstm.HeadOutput) []string {
	names := make([]string, len(outputs))
	for i, o := range outputs {
		names[i] = o.Name
	}
	return names
}

// columns returns size columns of a matrix with rows of width elements, from offset on:
// the matrix itself where that is the same.
func columns(y []float32, width, offset, size int) []float32 {
	if len(y) == width {
		return y[offset:][:size:size]
	}
	if size == width {
		return y
	}
	part := make([]float32, 0, len(y)/width*size)
	for ; len(y) > 0; y = y[width:] {
		part = append(part, y[offset:][:size]...)
	}
	return part
}
