package infer

import (
	"context"

	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

const (
	// stepsAtOnce is how many steps are computed before the context is looked at again:
	// enough for Forward to be at its best.
	stepsAtOnce = 256
	// sequencesAtOnce is how many sequences are computed together, which is how many states
	// a request takes memory for.
	sequencesAtOnce = 32
)

// computeWhole computes the sequences of c from their beginning, and returns their outputs,
// [batch, steps, size].
func (s *Server) computeWhole(ctx context.Context, c *call) ([]float32, error) {
	select {
	case s.computing <- struct{}{}:
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
	defer func() { <-s.computing }()
	y := make([]float32, c.batch*c.steps*c.size)
	xs, ys := rows(c.x, c.batch), rows(y, c.batch)
	if whole := c.model.Whole; whole != nil {
		if err := whole.CheckForwardBatch(xs, ys, nil, nil); err != nil {
			return nil, inferr.Errorf(codes.InvalidArgument, "%v", err)
		}
		whole.ForwardBatch(xs, ys, nil, nil)
		return y, nil
	}
	return y, forward(ctx, c.model.Stream.Network(), xs, ys)
}

// forward computes sequences of the same length, of at least one step, from their
// beginning, and ends when ctx does.
func forward(ctx context.Context, n *lstm.Network, xs, ys [][]float32) error {
	states := make([]*lstm.State, min(len(xs), sequencesAtOnce))
	for i := range states {
		states[i] = n.NewState()
	}
	for len(xs) > 0 {
		together := min(len(xs), len(states))
		states, x, y := states[:together], xs[:together], ys[:together]
		xs, ys = xs[together:], ys[together:]
		if err := n.CheckForwardBatch(states, x, y); err != nil {
			return inferr.Errorf(codes.InvalidArgument, "%v", err)
		}
		for _, s := range states {
			s.Reset()
		}
		for len(x[0]) > 0 {
			if err := contextError(ctx); err != nil {
				return err
			}
			n.ForwardBatch(states, cut(x, n.InputSize()), cut(y, n.OutputSize()))
		}
	}
	return nil
}

// rows cuts s into n slices of the same length.
func rows(s []float32, n int) [][]float32 {
	parts := make([][]float32, n)
	size := len(s) / n
	for i := range parts {
		parts[i] = s[i*size:][:size:size]
	}
	return parts
}

// cut removes the next steps, of so many elements each, from the front of all sequences,
// which have the same length, and returns them.
func cut(sequences [][]float32, elements int) [][]float32 {
	front := make([][]float32, len(sequences))
	size := min(len(sequences[0]), stepsAtOnce*elements)
	for i, s := range sequences {
		front[i], sequences[i] = s[:size:size], s[size:]
	}
	return front
}
