// Package rtneural reads the JSON files of networks that run in audio plug-ins, and makes
// [lstm.Model]s of them. There are two forms, which RTNeural's own loaders read
// (https://github.com/jatinchowdhury18/RTNeural, model_loader.h and torch_helpers.h):
//
//   - layers, as its Keras script writes them: {"in_shape": …, "layers": [{"type": "lstm",
//     "activation": "tanh", "shape": …, "weights": […]}, …]}. Weights are [inputs][outputs], the
//     gates of an LSTM i, f, c, o, and there is one bias;
//   - a PyTorch state_dict, {"lstm.weight_ih_l0": [[…], …], …}, perhaps as the state_dict beside
//     model_data, as Automated-GuitarAmpModelling and the plug-ins of GuitarML have it.
//
// Some of these networks add their input to their output: model_data with skip, or
// in_skip beside layers, as AIDA-X has it. A [lstm.Model] has no such connection round all of
// its layers. So it is made of one round the LSTM: a linear layer in front writes the inputs to
// the places of units that are always 0, to which [lstm.Weights.Residual] adds them, and the head
// adds them to its outputs. That is exact, and takes about twice the time.
package rtneural

import (
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
)

// Open reads the file at path, see [Read]. Errors name the path.
func Open(path string, options ...lstm.Option) (*lstm.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("rtneural: %w", err)
	}
	defer f.Close()
	m, err := read(f, options)
	if err != nil {
		return nil, &readError{path + ": ", err}
	}
	return m, nil
}

// Read reads a file from r, to its end.
//
// Layers say what follows what, so the options make no difference; those of weights can be
// given to [lstm.New]. Of a state_dict they settle what
// its names leave open, as in [lstm.ReadModel]; where model_data say that it is a SimpleRNN, its layers
// are rec and its head is lin.
//
// Layers other than lstm, dense, time-distributed-dense and activation are refused by name; so is
// what else would change the outputs: an LSTM with another activation than tanh, which
// RTNeural does not run, and gains.
//
// A file may be hostile: memory and time are bounded by its size. Errors are
// [lstm.ErrDamaged], [lstm.ErrShape] or [lstm.ErrUnsupported], unless r has failed.
func Read(r io.Reader, options ...lstm.Option) (*lstm.Model, error) {
	m, err := read(r, options)
	if err != nil {
		return nil, &readError{"", err}
	}
	return m, nil
}

func read(r io.Reader, options []lstm.Option) (*lstm.Model, error) {
	root, err := parse(r)
	if err != nil {
		return nil, err
	}
	file, ok := root.(*object)
	if !ok {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "the file is %s, want an object", describe(root))
	}
	if file.get("layers") != nil {
		return readLayers(file)
	}
	return readStateDict(file, options)
}

// readError says whose error it is.
type readError struct {
	where string
	err   error
}

func (e *readError) Error() string {
	return "rtneural: " + e.where + strings.TrimPrefix(e.err.Error(), "lstm: ")
}

func (e *readError) Unwrap() error { return e.err }
