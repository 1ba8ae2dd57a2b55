package lstm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
	"example.com/lstm/internal/statedict"
)

// structureVersion is that of structure. Readers refuse other versions, and names
// that they do not know, since what those say changes what is computed.
const structureVersion = 1

// structure is a JSON document in the metadata of a file, which says what the names
// and shapes of tensors cannot say. Only files of models have one that need it.
type structure struct {
	Version int              `json:"version"`
	Layers  []layerStructure `json:"layers"` // of each LSTM layer, from the input up
	// Order is the words of all layers, see orderEntry. Without it there are the layers of
	// the LSTM, and the head that the tensors make certain.
	Order []string        `json:"order,omitempty"`
	Heads []headStructure `json:"heads,omitempty"` // with Order only

	order []orderEntry // of Order
}

// headStructure is a head.
type headStructure struct {
	Name  string   `json:"name,omitempty"`
	Order []string `json:"order"`

	order []orderEntry
}

// layerStructure is what there is to say of one layer, and of its only direction or
// the forward one.
type layerStructure struct {
	directionStructure
	Backward directionStructure `json:"backward,omitzero"`
	Merge    string             `json:"merge,omitempty"`   // Merge.String, unless it is MergeConcat
	Reverse  bool               `json:"reverse,omitempty"` // the only direction is the backward one
	Last     bool               `json:"last,omitempty"`    // Bidirectional.Last
}

type directionStructure struct {
	Cell      string `json:"cell,omitempty"` // Cell.text
	Residual  bool   `json:"residual,omitempty"`
	Format    string `json:"format,omitempty"` // WeightFormat.String, unless it is Float32
	InputBits int    `json:"input_bits,omitempty"`
}

func (w *Weights) structure() directionStructure {
	d := directionStructure{Cell: w.Cell.text(), Residual: w.Residual, InputBits: w.InputBits}
	if w.Format != Float32 {
		d.Format = w.Format.String()
	}
	return d
}

// structure returns the document of m, "" if it has nothing to say.
func (m *Model) structure() string {
	s := structure{Version: structureVersion}
	needed := m.hasOrder()
	if needed {
		s.Order = words(m.Layers, layerModule)
		for h, head := range m.Heads {
			s.Heads = append(s.Heads, headStructure{Name: head.Name, Order: words(head.Layers, func(l int) string { return headModule(h, l) })})
		}
	}
	for _, layer := range m.Layers {
		var l layerStructure
		switch layer := layer.(type) {
		case *Linear, Activation:
			continue
		case *Weights:
			l.directionStructure = layer.structure()
		case *Bidirectional:
			l.Last = layer.Last
			if layer.Forward == nil {
				l.directionStructure, l.Reverse = layer.Backward.structure(), true
				break
			}
			l.directionStructure, l.Backward = layer.Forward.structure(), layer.Backward.structure()
			if layer.Merge != MergeConcat {
				l.Merge = layer.Merge.String()
			}
		}
		s.Layers = append(s.Layers, l)
		needed = needed || l != layerStructure{}
	}
	if !needed {
		return ""
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // there is nothing in it that JSON cannot say
	}
	return string(text)
}

// forTensors is what s says of where tensors belong.
func (s *structure) forTensors() (t statedict.Structure) {
	for _, l := range s.Layers {
		t.Uses = append(t.Uses, statedict.Use{Merged: l.Merge != "" && l.Merge != MergeConcat.String(), Reverse: l.Reverse})
	}
	t.Order = statedictOrder(s.order)
	for _, h := range s.Heads {
		t.Heads = append(t.Heads, statedictOrder(h.order))
	}
	return t
}

// metadataOfFile returns the metadata of m with its structure.
func (m *Model) metadataOfFile() (map[string]string, error) {
	key := statedict.StructureKey(lstmModule)
	if text, ok := m.Metadata[key]; ok {
		return nil, errkind.Errorf(ErrUnsupported, "metadata %q: it is %s, want another key, since this one stands for the structure of the model", key, safetensors.Quote(text))
	}
	for h, head := range m.Heads {
		if !utf8.ValidString(head.Name) {
			return nil, errkind.Errorf(ErrUnsupported, "head %d: Name is %s, want valid UTF-8", h, safetensors.Quote(head.Name))
		}
	}
	text := m.structure()
	if text == "" {
		return m.Metadata, nil
	}
	if len(text) > maxStructure {
		return nil, structureLengthError(text)
	}
	metadata := map[string]string{key: text}
	maps.Copy(metadata, m.Metadata)
	return metadata, nil
}

// readStructure returns the document of a module, the zero structure if the metadata
// have none. Stacks of modules have none.
func readStructure(metadata map[string]string, modules []string) (s structure, err error) {
	for _, module := range modules {
		key := statedict.StructureKey(module)
		text, ok := metadata[key]
		if !ok {
			continue
		}
		if len(modules) > 1 {
			return s, errkind.Errorf(ErrUnsupported, "metadata %s: it speaks of one module, and the LSTM is a stack of %d, want that module alone: lstm.WithLSTM(%s)",
				safetensors.Quote(key), len(modules), safetensors.Quote(module))
		}
		if s, err = parseStructure(text); err != nil {
			return s, fmt.Errorf("metadata %s: %w", safetensors.Quote(key), err)
		}
	}
	return s, nil
}

// takeStructure does to the layers of m what their structure says, and makes the
// metadata that are left its own.
func (m *Model) takeStructure(s *structure, metadata map[string]string) error {
	key := statedict.StructureKey(m.Source.LSTM)
	delete(metadata, key)
	delete(metadata, statedict.StructureKey(lstmModule)) // of an LSTM that is passed over
	if len(metadata) > 0 {
		m.Metadata = metadata
	}
	if s.Version == 0 {
		return nil // there was none
	}
	if err := m.apply(s); err != nil {
		return fmt.Errorf("metadata %s: %w", safetensors.Quote(key), err)
	}
	return nil
}

// apply does to the layers of m what a document says.
func (m *Model) apply(s *structure) error {
	var lstms []Layer
	for _, layer := range m.Layers {
		switch layer.(type) {
		case *Weights, *Bidirectional:
			lstms = append(lstms, layer)
		}
	}
	if len(s.Layers) != len(lstms) {
		return errkind.Errorf(ErrUnsupported, "it has %d layers, want %d, as there are in the tensors", len(s.Layers), len(lstms))
	}
	for l := range s.Layers {
		if err := s.Layers[l].apply(lstms[l]); err != nil {
			return fmt.Errorf("layer %d: %w", l, err)
		}
	}
	return nil
}

func (l *layerStructure) apply(to Layer) error {
	b, ok := to.(*Bidirectional)
	switch {
	case ok:
		b.Last = l.Last
	case l.Last:
		return errkind.Errorf(ErrUnsupported, "it has last, want that of a layer that reads sequences from their end")
	}
	if !ok || b.Forward == nil {
		if l.Backward != (directionStructure{}) {
			return errkind.Errorf(ErrUnsupported, "it says what the backward direction is, want that of a layer with both")
		}
		w, _ := to.(*Weights)
		if ok {
			w = b.Backward
		}
		return l.directionStructure.apply(w)
	}
	if l.Merge != "" {
		merge := slices.Index(mergeNames[:], l.Merge)
		if merge < 0 {
			return errkind.Errorf(ErrUnsupported, "merge is %s, want one of %s", safetensors.Quote(l.Merge), strings.Join(mergeNames[:], ", "))
		}
		b.Merge = Merge(merge)
	}
	if err := l.directionStructure.apply(b.Forward); err != nil {
		return err
	}
	return l.Backward.apply(b.Backward)
}

func (d *directionStructure) apply(w *Weights) (err error) {
	w.Residual, w.InputBits = d.Residual, d.InputBits
	if d.Format != "" {
		if w.Format, err = parseWeightFormat(d.Format); err != nil {
			return err
		}
	}
	if d.Cell != "" {
		w.Cell, err = parseCell(d.Cell)
	}
	return err
}

// maxStructure is the most bytes of a document, which takes up to 250 times as much
// memory when it is read.
const maxStructure = 1 << 18

func structureLengthError(text string) error {
	return errkind.Errorf(ErrUnsupported, "the structure of the model has %d bytes, want at most %d", len(text), maxStructure)
}

func parseStructure(text string) (s structure, err error) {
	if len(text) > maxStructure {
		return s, structureLengthError(text)
	}
	var version struct{ Version int }
	if err := json.Unmarshal([]byte(text), &version); err != nil {
		return s, errkind.Errorf(ErrDamaged, "%w", err)
	}
	if version.Version != structureVersion {
		return s, errkind.Errorf(ErrUnsupported, "version is %d, want %d", version.Version, structureVersion)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, errkind.Errorf(ErrUnsupported, "%w", err)
	}
	return s, s.parseOrders()
}

// parseOrders reads the words of all layers and heads.
func (s *structure) parseOrders() (err error) {
	if s.Order == nil && s.Heads != nil {
		return errkind.Errorf(ErrUnsupported, "it has heads and no order, want both or none")
	}
	if s.order, err = parseOrder(s.Order); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	for h := range s.Heads {
		head := &s.Heads[h]
		if head.order, err = parseOrder(head.Order); err != nil {
			return fmt.Errorf("head %d: %w", h, err)
		}
		for i, entry := range head.order {
			if entry.Kind == statedict.LSTMStage {
				return errkind.Errorf(ErrUnsupported, "head %d: entry %d is %q, want a linear layer or an activation", h, i, entry.word())
			}
		}
	}
	return nil
}
