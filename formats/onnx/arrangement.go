package onnx

import (
	"encoding/json"
	"slices"
)

// arrangement is what a graph does not show of a Model: which value is the output of
// its Layers, and the names of the heads.
type arrangement struct {
	Layers string   `json:"layers"`
	Heads  []string `json:"heads"`
}

// arrangement reads that of the file, and takes it from the metadata. layers is how
// many of the chain are Layers, -1 if nothing says it.
func (e *evaluator) arrangement(chain []*stage, outputs int) (layers int, heads []string, err error) {
	text, ok := e.file.metadata[arrangementKey]
	if !ok {
		return -1, nil, nil
	}
	delete(e.file.metadata, arrangementKey)
	if e.options.outputs != nil {
		return -1, nil, nil
	}
	wrong := damaged("metadata %.80q are %.80q, which is not for this graph", arrangementKey, text)
	var a arrangement
	if err := json.Unmarshal([]byte(text), &a); err != nil || len(a.Heads) != outputs && (len(a.Heads) != 0 || outputs != 1) {
		return 0, nil, wrong
	}
	v, err := e.value(a.Layers)
	d, ok := v.(*data)
	if err != nil || !ok {
		return 0, nil, wrong
	}
	s, _, err := e.whole(d)
	if err != nil {
		return 0, nil, wrong
	}
	layers = slices.Index(chain, s) + 1
	switch {
	case layers <= lastLSTM(chain):
		// The boundary is inside of what has become one layer.
		return -1, nil, nil
	case len(a.Heads) == 0 && layers != len(chain):
		return 0, nil, wrong
	}
	return layers, a.Heads, nil
}
