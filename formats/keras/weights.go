package keras

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/safetensors"
	"example.com/lstm/internal/sizes"
)

// manifestGroup is a group of a weightsManifest: weights, one after another, in
// files that are one after another, too.
type manifestGroup struct {
	Paths   []string          `json:"paths"`
	Weights []json.RawMessage `json:"weights"`

	entries []manifestEntry // of Weights
}

// maxEntries bounds the weights of a group, and the groups. What they become takes
// much more memory than their text, which may be two characters.
const maxEntries = 4 * maxLayers

// parseGroup reads a group and its weights.
func parseGroup(text json.RawMessage) (g manifestGroup, err error) {
	if err := json.Unmarshal(text, &g); err != nil {
		return g, damaged(err)
	}
	if len(g.Weights) > maxEntries {
		return g, errkind.Errorf(lstm.ErrUnsupported, "a group of weights has %d, want at most %d", len(g.Weights), maxEntries)
	}
	g.entries = make([]manifestEntry, len(g.Weights))
	for i, text := range g.Weights {
		if err := json.Unmarshal(text, &g.entries[i]); err != nil {
			return g, damaged(err)
		}
	}
	return g, nil
}

type manifestEntry struct {
	Name         string        `json:"name"`
	Shape        []int         `json:"shape"`
	DType        string        `json:"dtype"`
	Quantization *quantization `json:"quantization"`
	Group        string        `json:"group"`
}

// quantization says how a number is stored: as v of the type, which stands for
// v·scale + min, or as float16.
type quantization struct {
	DType string   `json:"dtype"`
	Scale *float64 `json:"scale"`
	Min   *float64 `json:"min"`
}

// tensor is a weight of a layer that has been read.
type tensor struct {
	name  string // as in the file
	parts []string
	shape []int
	data  []float32
}

// isUnused reports whether the weight is of the training: of the optimizer, or the
// random numbers of a dropout.
func (e *manifestEntry) isUnused() bool {
	return e.Group == "optimizer" || strings.Contains(e.Name, "seed_generator")
}

// dtypes are the types that numbers are stored in, with their bytes and what they
// stand for; nil for those that only weights of the training have.
var dtypes = map[string]struct {
	size    int
	float32 func(b []byte, q *quantization) float32
}{
	"float32": {4, func(b []byte, _ *quantization) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"float16": {2, func(b []byte, _ *quantization) float32 { return float16.Widen(binary.LittleEndian.Uint16(b)) }},
	"uint8":   {1, func(b []byte, q *quantization) float32 { return q.value(float64(b[0])) }},
	"uint16":  {2, func(b []byte, q *quantization) float32 { return q.value(float64(binary.LittleEndian.Uint16(b))) }},
	"int32":   {4, nil},
	"bool":    {1, nil},
}

// value is what TensorFlow.js computes: in float64, each operation rounded, and
// then rounded to float32.
func (q *quantization) value(v float64) float32 { return float32(float64(v**q.Scale) + *q.Min) }

// stored returns the type that the numbers are stored in.
func (e *manifestEntry) stored() (string, error) {
	fail := func(format string, args ...any) (string, error) {
		return "", e.errorf(lstm.ErrUnsupported, format, args...)
	}
	if e.DType != "float32" && e.DType != "float16" && !e.isUnused() {
		return fail("dtype is %s, want float32", safetensors.Quote(e.DType))
	}
	q := e.Quantization
	if q == nil {
		if _, ok := dtypes[e.DType]; !ok {
			return fail("dtype is %s, want float32", safetensors.Quote(e.DType))
		}
		return e.DType, nil
	}
	switch q.DType {
	case "float16":
	case "uint8", "uint16":
		if q.Scale == nil || q.Min == nil {
			return fail("quantization is %s without scale or min", q.DType)
		}
	default:
		return fail("quantization is %s, want uint8, uint16 or float16", safetensors.Quote(q.DType))
	}
	return q.DType, nil
}

func (e *manifestEntry) errorf(kind error, format string, args ...any) error {
	return errkind.Errorf(kind, "weight %s: "+format, append([]any{safetensors.Quote(e.Name)}, args...)...)
}

// maxName bounds the names of weights, which are looked up at each of their slashes.
const maxName = 1000

// readWeights returns the weights of each layer in the order of the manifest, from
// files in folder or below. It reads nothing before the files have the sizes that
// the manifest says.
func readWeights(fsys fs.FS, folder string, manifest []json.RawMessage, layers map[string]bool) (map[string][]*tensor, error) {
	w := weightReader{layers: layers, weights: make(map[string][]*tensor), files: make(map[string]bool), names: make(map[string]bool)}
	if len(manifest) > maxEntries {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "there are %d groups of weights, want at most %d", len(manifest), maxEntries)
	}
	for _, text := range manifest {
		g, err := parseGroup(text)
		if err != nil {
			return nil, err
		}
		if err := w.read(fsys, folder, &g); err != nil {
			return nil, err
		}
	}
	return w.weights, nil
}

type weightReader struct {
	layers  map[string]bool
	weights map[string][]*tensor
	files   map[string]bool // that have been there
	names   map[string]bool // of weights that have been there
}

func (w *weightReader) read(fsys fs.FS, folder string, g *manifestGroup) error {
	files, err := g.check(fsys, folder, w.files)
	if err != nil {
		return err
	}
	from := &joined{fsys: fsys, files: files}
	defer from.close()
	r := bufio.NewReaderSize(from, 1<<16)
	for i := range g.entries {
		e := &g.entries[i]
		if w.names[e.Name] {
			return e.errorf(lstm.ErrDamaged, "there are two of this name")
		}
		w.names[e.Name] = true
		layer, parts := e.owner(w.layers)
		if layer == "" && !e.isUnused() {
			return e.errorf(lstm.ErrDamaged, "it belongs to no layer of the model, want a name that begins with that of a layer and /")
		}
		data, err := e.read(r)
		if err != nil {
			return err
		}
		if !e.isUnused() {
			w.weights[layer] = append(w.weights[layer], &tensor{name: e.Name, parts: parts, shape: e.Shape, data: data})
		}
	}
	return nil
}

// owner returns the layer that the weight belongs to and the rest of its name.
func (e *manifestEntry) owner(layers map[string]bool) (name string, parts []string) {
	if len(e.Name) > maxName {
		return "", nil
	}
	for i, c := range e.Name {
		if c == '/' && layers[e.Name[:i]] {
			return e.Name[:i], strings.Split(e.Name[i+1:], "/")
		}
	}
	return "", nil
}

// check returns the files of a group, which together have as many bytes as its
// weights. No file is there twice.
func (g *manifestGroup) check(fsys fs.FS, folder string, seen map[string]bool) ([]string, error) {
	var files []string
	var total int64
	for _, p := range g.Paths {
		name := path.Clean(p)
		if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, `\:`) {
			return nil, errkind.Errorf(lstm.ErrUnsupported, "weights are in %s, want a file in the folder of the model", safetensors.Quote(p))
		}
		name = path.Join(folder, name)
		if seen[name] {
			return nil, errkind.Errorf(lstm.ErrDamaged, "weights are in %s twice, want each file once", safetensors.Quote(p))
		}
		seen[name] = true
		size, err := fileSize(fsys, name)
		if err != nil {
			return nil, err
		}
		if total += size; total < 0 {
			return nil, errkind.Errorf(lstm.ErrDamaged, "the files of weights are larger than can be")
		}
		files = append(files, name)
	}
	left := total
	for i := range g.entries {
		e := &g.entries[i]
		dtype, err := e.stored()
		if err != nil {
			return nil, err
		}
		for _, n := range e.Shape {
			if n < 0 {
				return nil, e.errorf(lstm.ErrShape, "shape is %s, want sizes from 0 on", safetensors.SizesText(e.Shape))
			}
		}
		bytes, ok := sizes.Product(append([]int{dtypes[dtype].size}, e.Shape...)...)
		if left -= int64(bytes); !ok || left < 0 {
			return nil, e.errorf(lstm.ErrDamaged, "shape is %s of %s, which goes beyond the %d bytes of the files %s",
				safetensors.SizesText(e.Shape), dtype, total, safetensors.Quote(strings.Join(g.Paths, ", ")))
		}
	}
	if left > 0 {
		return nil, errkind.Errorf(lstm.ErrDamaged, "the files %s have %d bytes after the last weight, want none", safetensors.Quote(strings.Join(g.Paths, ", ")), left)
	}
	return files, nil
}

// read returns the numbers of a weight that check has found to be there.
func (e *manifestEntry) read(r io.Reader) ([]float32, error) {
	name, err := e.stored()
	if err != nil {
		return nil, err
	}
	dtype := dtypes[name]
	n, _ := sizes.Product(e.Shape...)
	if e.isUnused() {
		if _, err := io.CopyN(io.Discard, r, int64(n)*int64(dtype.size)); err != nil {
			return nil, e.truncated(err)
		}
		return nil, nil
	}
	data := make([]float32, n)
	var block [4096]byte
	for i := 0; i < n; {
		b := block[:min(len(block), (n-i)*dtype.size)]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, e.truncated(err)
		}
		for ; len(b) > 0; b = b[dtype.size:] {
			v := dtype.float32(b, e.Quantization)
			if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
				return nil, e.errorf(lstm.ErrDamaged, "number %d is %v, want a finite number", i, v)
			}
			data[i] = v
			i++
		}
	}
	return data, nil
}

func (e *manifestEntry) truncated(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return e.errorf(lstm.ErrDamaged, "%w", err)
}

// joined reads files one after another, and has at most one of them open.
type joined struct {
	fsys  fs.FS
	files []string
	open  fs.File
}

func (j *joined) Read(b []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.files) == 0 {
				return 0, io.EOF
			}
			f, err := j.fsys.Open(j.files[0])
			if err != nil {
				return 0, err
			}
			j.open, j.files = f, j.files[1:]
		}
		n, err := j.open.Read(b)
		if err == io.EOF {
			j.close()
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (j *joined) close() {
	if j.open != nil {
		j.open.Close()
		j.open = nil
	}
}
