// Package torch reads the checkpoints that PyTorch's torch.save writes, files with
// endings such as .pt, .pth, .bin or .ckpt, and makes a [lstm.Model] of the state_dict
// in them. Nothing of a file is executed.
//
// A checkpoint is a zip archive of a pickle, which says what there is, and of the bytes of
// the tensors. Pickles are programs that build objects of any class and call any function.
// Here a small machine runs them that knows dictionaries, lists, tuples, numbers, text, and
// the few classes and functions of which tensors are made; any other is an error that
// names it. (The pickle readers that there are for Go allocate what a file claims, and
// panic on some of what it may hold: github.com/nlpodyssey/gopickle v0.2.0 does both.)
//
// Where the state_dict lies in the file does not matter: a tensor's name is the path to it,
// so that lstm.weight_ih_l0 in {"model": state_dict} is model.lstm.weight_ih_l0. What
// becomes of the names is what [lstm.ReadModel] says of a safetensors file, with the same
// options. An optimizer's state is passed over, as are tensors beside the state_dict that
// are no matrix or vector of floating-point numbers: the epoch, the loss, the state of a random
// number generator. [lstm.Model.Source] lists them.
package torch

import (
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/lstm"
)

// Open reads the checkpoint at path, see [Read]. Errors name the path.
func Open(path string, options ...lstm.Option) (*lstm.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	m, err := read(f, info.Size(), options)
	if err != nil {
		return nil, &readError{path + ": ", err}
	}
	return m, nil
}

// Read reads a checkpoint of size bytes.
//
// Elements of float32, float16, bfloat16 and float64 become float32, float64 rounded to
// nearest, ties to even. Views of any strides and tensors that share their storage are read,
// as are files of big-endian machines.
//
// A file may be hostile: memory and time are bounded by its size. Errors are
// [lstm.ErrDamaged], [lstm.ErrShape] or [lstm.ErrUnsupported], unless r has failed, and name what is
// wrong. So are files that torch.save wrote before PyTorch 1.6, which are no zip archives, and
// those of torch.jit.save, which are programs.
func Read(r io.ReaderAt, size int64, options ...lstm.Option) (*lstm.Model, error) {
	m, err := read(r, size, options)
	if err != nil {
		return nil, &readError{"", err}
	}
	return m, nil
}

func read(r io.ReaderAt, size int64, options []lstm.Option) (*lstm.Model, error) {
	a, err := openArchive(r, size)
	if err != nil {
		return nil, err
	}
	root, err := unpickle(a.pickle)
	if err != nil {
		return nil, err
	}
	found, err := flatten(root)
	if err != nil {
		return nil, err
	}
	var tensors []lstm.Tensor
	var passedOver []string
	for _, t := range found {
		if t.passedOver {
			passedOver = append(passedOver, t.name)
			continue
		}
		tensors = append(tensors, lstm.Tensor{Name: t.name, Shape: t.shape, Data: func() ([]float32, error) { return a.elements(t.tensor) }})
	}
	m, err := lstm.FromTensors(tensors, options...)
	if err != nil {
		return nil, err
	}
	m.Source.Unused = append(m.Source.Unused, passedOver...)
	return m, nil
}

// readError says whose error it is.
type readError struct {
	where string
	err   error
}

func (e *readError) Error() string {
	return "torch: " + e.where + strings.TrimPrefix(e.err.Error(), "lstm: ")
}

func (e *readError) Unwrap() error { return e.err }
