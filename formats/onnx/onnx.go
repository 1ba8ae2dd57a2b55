// Package onnx reads ONNX files into models of package lstm, and writes them.
//
// A graph is read if it is a network that package lstm runs, whatever its exporter
// has written round the LSTM nodes: transposes, reshapes, slices and the arithmetic
// of sizes are followed, and fall away. A graph that is anything else is an error,
// which names the node, its operator and the reason. docs/onnx.md in the repository
// has the list of operators, and what becomes of them.
//
// A network has one input, and computes an output for each step. So it is with what
// is read:
//
//   - Graph inputs that are initial states are what a State is; there is nothing left
//     of them in the model. Outputs that are final states are passed over.
//   - A graph whose output is of the last step only, or of the first, becomes a
//     network whose output is the same at that step. The metadata say so, under
//     the key onnx.output. So it is with what both directions of an LSTM end with, put
//     together, which is [lstm.Bidirectional] with Last.
//   - The integers that choose the rows of an embedding become one-hot inputs. The
//     metadata say so, under the key onnx.input.
//   - Several outputs become heads.
package onnx

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/lstm"
)

// An Option tells [Open] and [Read] what they cannot know or would refuse.
type Option func(*options)

type options struct {
	outputs   []string // nil for all
	lstms     []string // nodes that are read alone, nil for the whole graph
	nonFinite bool
	folder    fs.FS
	tensors   map[string][]byte
}

func (o *options) has(name string) bool { _, ok := o.tensors[name]; return ok }

// WithOutput reads the outputs of those names, and passes over the graph's other
// outputs and what they alone need. Names of inner values may be given, too.
func WithOutput(names ...string) Option {
	return func(o *options) { o.outputs = slices.Clone(names) }
}

// WithLSTM reads the LSTM nodes of those names and nothing else, each but the first on
// the outputs of the one before. It is for graphs of which a network of this package
// can be a part only, such as those with convolutions before an LSTM: the calling code
// computes what is round the nodes, and has their initial states and the lengths of
// sequences, too, unless the graph has constants for them. Nodes in the branches of an
// If are found as well; one without a name has that of its first output.
func WithLSTM(names ...string) Option {
	return func(o *options) { o.lstms = slices.Clone(names) }
}

// WithNonFinite takes weights that are NaN or infinite as they are, and those of
// type double that are too large for a float32 as infinite.
func WithNonFinite() Option { return func(o *options) { o.nonFinite = true } }

// WithFolder reads tensors that are in files of their own, as models above 2 GB have
// them, from that folder. [Open] reads them from the folder of the model's file.
// Names that lead out of it are refused in any case; that links do not is up to the
// folder: [os.Root.FS] does not follow them out. Its files must be io.ReaderAts.
func WithFolder(folder fs.FS) Option { return func(o *options) { o.folder = folder } }

// WithInput takes a tensor for an input of the graph of that name: an encoded
// TensorProto, as the test cases of ONNX have in their .pb files. So files can be
// read whose weights are inputs.
func WithInput(name string, tensor []byte) Option {
	return func(o *options) {
		if o.tensors == nil {
			o.tensors = map[string][]byte{}
		}
		o.tensors[name] = tensor
	}
}

// Open reads the ONNX file at path, and tensors in files of their own from its folder
// and those below it, to which links must not lead out of it. [Read] says what is an
// error.
func Open(path string, options ...Option) (*lstm.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	defer f.Close()
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	defer root.Close()
	m, err := Read(f, append([]Option{WithFolder(root.FS())}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, inner(err))
	}
	return m, nil
}

// Read reads an ONNX file from r, to its end.
//
// It is an [lstm.ErrDamaged] if the file is truncated or contradicts itself, or has a
// weight that is not finite; an [lstm.ErrShape] if tensors do not go together; and an
// [lstm.ErrUnsupported] if the graph is something else than a network of package lstm,
// or larger than the limits in docs/onnx.md. Reading takes time and memory in
// proportion to the file.
//
// All types of floats become float32, rounded to nearest, ties to even. The metadata
// of the file are those of the model.
func Read(r io.Reader, options ...Option) (*lstm.Model, error) {
	m, err := read(r, makeOptions(options))
	if err != nil {
		return nil, &prefixed{err}
	}
	return m, nil
}

// prefixed is an error of this package.
type prefixed struct{ err error }

func (p *prefixed) Error() string { return "onnx: " + strings.TrimPrefix(p.err.Error(), "lstm: ") }
func (p *prefixed) Unwrap() error { return p.err }

// inner is err without a prefix.
func inner(err error) error {
	if p, ok := err.(*prefixed); ok {
		return p.err
	}
	return err
}

func makeOptions(list []Option) *options {
	o := &options{}
	for _, option := range list {
		option(o)
	}
	return o
}

// The versions of the standard operators that are read: with 7 the rules of how
// shapes go together began, and what is newer may mean something else.
const (
	oldestOpset = 7
	newestOpset = 25
)

func read(r io.Reader, o *options) (*lstm.Model, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f, err := parseFile(data)
	if err != nil {
		return nil, err
	}
	if f.opset < oldestOpset || f.opset > newestOpset {
		return nil, unsupported("its operators are of version %d, want %d to %d", f.opset, oldestOpset, newestOpset)
	}
	size := int64(len(data))
	for _, t := range o.tensors {
		size += int64(len(t))
	}
	if o.lstms != nil {
		if o.outputs != nil {
			return nil, fmt.Errorf("onnx.WithLSTM and onnx.WithOutput contradict each other")
		}
		if f, err = f.only(o.lstms, o, size); err != nil {
			return nil, err
		}
	}
	e, err := newEvaluator(f, o, size)
	if err != nil {
		return nil, err
	}
	m, err := e.model()
	if err != nil && o.lstms == nil {
		err = f.hint(err)
	}
	return m, err
}
