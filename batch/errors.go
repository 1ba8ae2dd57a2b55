package batch

import (
	"errors"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
)

// Kinds of errors, for errors.Is, beside [lstm.ErrShape], which x and y of a wrong
// length are, and the error of the context. A step that ends with one of these has
// not been taken, unless it says otherwise.
var (
	// ErrQueueFull: as many steps wait as may, see [Options].QueueSize.
	ErrQueueFull = errors.New("batch: the queue is full")
	// ErrClosed: the Batcher is closed.
	ErrClosed = errors.New("batch: the batcher is closed")
	// ErrStreamClosed: the Stream is closed, by its Close, or because it was idle
	// for longer than [Options].IdleTime.
	ErrStreamClosed = errors.New("batch: the stream is closed")
	// ErrNonFinite: the step has been taken, and its output or its state has a NaN
	// or an infinity. What then has become of the state, [Options].NonFinite says.
	ErrNonFinite = errors.New("batch: the result of the step is not finite")
)

// checkLengths returns an error if x or y is not as long as a step needs.
func (w *worker) checkLengths(method string, x, y []float32) error {
	if len(x) != w.inputSize {
		return errkind.Errorf(lstm.ErrShape, "batch: %s: x has length %d, want %d (InputSize)", method, len(x), w.inputSize)
	}
	if y != nil && len(y) != w.outputSize {
		return errkind.Errorf(lstm.ErrShape, "batch: %s: y has length %d, want %d (OutputSize)", method, len(y), w.outputSize)
	}
	return nil
}
