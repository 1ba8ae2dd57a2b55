package keras

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

const (
	maxDocument = 2 << 20 // bytes of model.json; one of a hundred layers has 200 KB
	maxLayers   = 10_000
)

// document is a model.json.
type document struct {
	Format   string            `json:"format"`
	Topology *topology         `json:"modelTopology"`
	Manifest []json.RawMessage `json:"weightsManifest"` // of manifestGroup
}

// topology says what the model is: in files of TensorFlow.js itself, in files that
// its converter makes of Keras's, in model_config.
type topology struct {
	Version string          `json:"keras_version"`
	Module  string          `json:"module"` // Keras 3 has these
	Class   string          `json:"class_name"`
	Config  json.RawMessage `json:"config"`
	Model   *topology       `json:"model_config"`
}

// layer is one layer of the model, with what errors call it.
type layer struct {
	Class   string          `json:"class_name"`
	Name    string          `json:"name"` // functional models have it here, too
	Config  json.RawMessage `json:"config"`
	Inbound json.RawMessage `json:"inbound_nodes"`
}

func (l *layer) String() string {
	return fmt.Sprintf("layer %s (%s)", safetensors.Quote(l.Name), shortened(l.Class))
}

// Errorf is an error of the layer.
func (l *layer) Errorf(kind error, format string, args ...any) error {
	return errkind.Errorf(kind, "%v: %w", l, fmt.Errorf(format, args...))
}

// wrap says of an error of something in l that it is there.
func (l *layer) wrap(err error) error { return fmt.Errorf("%v: %w", l, err) }

// shortened is a name that stands without quotes, where it is fit for that.
func shortened(name string) string {
	if quoted := safetensors.Quote(name); quoted != `"`+name+`"` || name == "" {
		return quoted
	}
	return name
}

func read(fsys fs.FS, name string) (*lstm.Model, error) {
	text, err := readDocument(fsys, name)
	if err != nil {
		return nil, err
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, damaged(err)
	}
	if d.Format != "" && d.Format != "layers-model" {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "format is %s, want layers-model: a graph of operations does not say which layers it was made of", safetensors.Quote(d.Format))
	}
	if d.Topology == nil {
		return nil, errkind.Errorf(lstm.ErrDamaged, "it has no modelTopology, want a model.json of a TensorFlow.js layers model")
	}
	version := d.Topology.Version
	if d.Topology.Model != nil {
		d.Topology = d.Topology.Model
		if version == "" {
			version = d.Topology.Version
		}
	}
	major, err := majorVersion(version, d.Topology.Module)
	if err != nil {
		return nil, err
	}
	net, err := d.Topology.network()
	if err != nil {
		return nil, err
	}
	names, err := net.names()
	if err != nil {
		return nil, err
	}
	weights, err := readWeights(fsys, path.Dir(name), d.Manifest, names)
	if err != nil {
		return nil, err
	}
	b := builder{major: major, weights: weights}
	m, err := b.build(net)
	if err != nil {
		return nil, err
	}
	if version != "" {
		m.Metadata[VersionKey] = version
	}
	return m, nil
}

// readDocument returns the bytes of a model.json.
func readDocument(fsys fs.FS, name string) ([]byte, error) {
	size, err := fileSize(fsys, name)
	if err != nil {
		return nil, err
	}
	if size > maxDocument {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "it has %d bytes, want at most %d; is it a model.json?", size, maxDocument)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDocument))
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return nil, errkind.Errorf(lstm.ErrDamaged, "it is no JSON object, want the model.json of a TensorFlow.js layers model; totfjs.py makes one of a .h5 or .keras file")
	}
	return text, nil
}

// fileSize returns the size of a regular file, without opening what may be a pipe.
func fileSize(fsys fs.FS, name string) (int64, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errkind.Errorf(lstm.ErrUnsupported, "%s is no regular file", safetensors.Quote(name))
	}
	return info.Size(), nil
}

// damaged is an error of the JSON decoder.
func damaged(err error) error { return errkind.Errorf(lstm.ErrDamaged, "%w", err) }

// majorVersion returns 2 or 3, whose hard_sigmoid differ, or 0 if the file does not
// say. TensorFlow.js computes what Keras 2 does.
func majorVersion(version, module string) (int, error) {
	const longest = 100 // it becomes part of the metadata
	switch {
	case len(version) > longest:
	case version == "" && module != "":
		return 3, nil // only Keras 3 writes a model without its version, and modules
	case version == "":
		return 0, nil
	case strings.HasPrefix(version, "2."), strings.HasPrefix(version, "tfjs-layers "):
		return 2, nil
	case strings.HasPrefix(version, "3."):
		return 3, nil
	}
	return 0, errkind.Errorf(lstm.ErrUnsupported, "keras_version is %s, want one that begins with 2., 3. or tfjs-layers", safetensors.Quote(version))
}

// network returns the layers of the model in their order.
func (t *topology) network() (*network, error) {
	switch t.Class {
	case "Sequential":
		return t.sequential()
	case "Model", "Functional":
		return t.functional()
	}
	return nil, errkind.Errorf(lstm.ErrUnsupported, "the model is of class %s, want Sequential, Functional or Model", safetensors.Quote(t.Class))
}

// sequential reads the layers of a Sequential model; before Keras 2.2.3 they are all
// there is to its config.
func (t *topology) sequential() (*network, error) {
	var config struct {
		Layers []json.RawMessage `json:"layers"`
	}
	var err error
	if bytes.HasPrefix(t.Config, []byte("[")) {
		err = json.Unmarshal(t.Config, &config.Layers)
	} else if t.Config != nil {
		err = json.Unmarshal(t.Config, &config)
	}
	if err != nil {
		return nil, damaged(err)
	}
	layers, err := parseLayers(config.Layers)
	return &network{trunk: layers}, err
}

// parseLayers reads layers, each with a name of its own.
func parseLayers(raw []json.RawMessage) ([]*layer, error) {
	if len(raw) > maxLayers {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "it has %d layers, want at most %d", len(raw), maxLayers)
	}
	layers := make([]*layer, len(raw))
	names := make(map[string]bool, len(raw))
	for i, text := range raw {
		l, err := parseLayer(text)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		if names[l.Name] {
			return nil, l.Errorf(lstm.ErrDamaged, "another layer has the same name")
		}
		layers[i], names[l.Name] = l, true
	}
	return layers, nil
}

// parseLayer reads one layer, whose name is in its config.
func parseLayer(text json.RawMessage) (*layer, error) {
	var l layer
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, damaged(err)
	}
	if l.Class == "" {
		return nil, errkind.Errorf(lstm.ErrDamaged, "it has no class_name")
	}
	var config struct {
		Name string `json:"name"`
	}
	if l.Config != nil {
		if err := json.Unmarshal(l.Config, &config); err != nil {
			return nil, l.Errorf(lstm.ErrDamaged, "config: %w", err)
		}
	}
	if config.Name != "" {
		l.Name = config.Name
	}
	if l.Name == "" {
		return nil, l.Errorf(lstm.ErrDamaged, "it has no name")
	}
	return &l, nil
}
