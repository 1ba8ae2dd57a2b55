package lstm

import (
	"encoding/json"
	"fmt"
	"maps"
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

// layerStructure is what there is to say of one layer.
type layerStructure struct {
	Cell     string `json:"cell,omitempty"` // Cell.text
	Residual bool   `json:"residual,omitempty"`
}

// structure returns the document of m, "" if it has nothing to say.
func (m *Model) structure() string {
	s := structure{Version: structureVersion}
	needed := false
	for _, layer := range m.Layers {
		w := layer.(*Weights)
		l := layerStructure{Cell: w.Cell.text(), Residual: w.Residual}
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

// takeStructure does to the layers of m what the metadata say, and makes those that
// are left its own.
func (m *Model) takeStructure(metadata map[string]string) error {
	key := statedict.StructureKey(m.Source.LSTM)
	text, ok := metadata[key]
	delete(metadata, key)
	delete(metadata, statedict.StructureKey(lstmModule)) // of an LSTM that is passed over
	if len(metadata) > 0 {
		m.Metadata = metadata
	}
	if !ok {
		return nil
	}
	if err := m.apply(text); err != nil {
		return fmt.Errorf("metadata %s: %w", safetensors.Quote(key), err)
	}
	return nil
}

// apply does to the layers of m what a document says.
func (m *Model) apply(text string) error {
	s, err := parseStructure(text)
	if err != nil {
		return err
	}
	if len(s.Layers) != len(m.Layers) {
		return errkind.Errorf(ErrUnsupported, "it has %d layers, want %d, as there are in the tensors", len(s.Layers), len(m.Layers))
	}
	for l := range s.Layers {
		from, w := &s.Layers[l], m.Layers[l].(*Weights)
		w.Residual = from.Residual
		if from.Cell == "" {
			continue
		}
		if w.Cell, err = parseCell(from.Cell); err != nil {
			return fmt.Errorf("layer %d: %w", l, err)
		}
	}
	return nil
}

func parseStructure(text string) (*structure, error) {
	var version struct{ Version int }
	if err := json.Unmarshal([]byte(text), &version); err != nil {
		return nil, errkind.Errorf(ErrDamaged, "%w", err)
	}
	if version.Version != structureVersion {
		return nil, errkind.Errorf(ErrUnsupported, "version is %d, want %d", version.Version, structureVersion)
	}
	var s structure
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, errkind.Errorf(ErrUnsupported, "%w", err)
	}
	return &s, nil
}
