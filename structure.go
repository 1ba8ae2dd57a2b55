package lstm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

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
}

// layerStructure is what there is to say of one layer, and of its only direction or
// the forward one.
type layerStructure struct {
	directionStructure
	Backward directionStructure `json:"backward,omitzero"`
	Merge    string             `json:"merge,omitempty"`   // Merge.String, unless it is MergeConcat
	Reverse  bool               `json:"reverse,omitempty"` // the only direction is the backward one
}

type directionStructure struct {
	Cell     string `json:"cell,omitempty"` // Cell.text
	Residual bool   `json:"residual,omitempty"`
}

func (w *Weights) structure() directionStructure {
	return directionStructure{Cell: w.Cell.text(), Residual: w.Residual}
}

// structure returns the document of m, "" if it has nothing to say.
func (m *Model) structure() string {
	s := structure{Version: structureVersion}
	needed := false
	for _, layer := range m.Layers {
		var l layerStructure
		switch layer := layer.(type) {
		case *Weights:
			l.directionStructure = layer.structure()
		case *Bidirectional:
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

// uses is what s says of the directions of layers.
func (s *structure) uses() []statedict.Use {
	var uses []statedict.Use
	for _, l := range s.Layers {
		uses = append(uses, statedict.Use{Merged: l.Merge != "" && l.Merge != MergeConcat.String(), Reverse: l.Reverse})
	}
	return uses
}

// metadataOfFile returns the metadata of m with its structure.
func (m *Model) metadataOfFile() (map[string]string, error) {
	key := statedict.StructureKey(lstmModule)
	if text, ok := m.Metadata[key]; ok {
		return nil, errkind.Errorf(ErrUnsupported, "metadata %q: it is %s, want another key, since this one stands for the structure of the model", key, safetensors.Quote(text))
	}
	text := m.structure()
	if text == "" {
		return m.Metadata, nil
	}
	metadata := map[string]string{key: text}
	maps.Copy(metadata, m.Metadata)
	return metadata, nil
}

// readStructure returns the document of a module, the zero structure if the metadata
// have none.
func readStructure(metadata map[string]string, module string) (s structure, err error) {
	key := statedict.StructureKey(module)
	if text, ok := metadata[key]; ok {
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
	if len(s.Layers) != len(m.Layers) {
		return errkind.Errorf(ErrUnsupported, "it has %d layers, want %d, as there are in the tensors", len(s.Layers), len(m.Layers))
	}
	for l := range s.Layers {
		if err := s.Layers[l].apply(m.Layers[l]); err != nil {
			return fmt.Errorf("layer %d: %w", l, err)
		}
	}
	return nil
}

func (l *layerStructure) apply(to Layer) error {
	b, ok := to.(*Bidirectional)
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
	w.Residual = d.Residual
	if d.Cell != "" {
		w.Cell, err = parseCell(d.Cell)
	}
	return err
}

func parseStructure(text string) (s structure, err error) {
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
	return s, nil
}
