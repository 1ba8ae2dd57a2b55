package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"example.com/lstm/formats/keras"
	"example.com/lstm/formats/onnx"
)

// The keys of a model file's metadata that say what its numbers mean. The
// first two hold a list, one entry for each input or output of the network,
// in order.
const (
	keyInputs   = "lstm.inputs"   // [{"name": …, "mean": …, "std": …}, …]
	keyOutputs  = "lstm.outputs"  // the same, and "truth": COLUMN, "ahead": ROWS
	keyIndex    = "lstm.index"    // the column that names a row
	keyEvaluate = "lstm.evaluate" // {"column": …, "from": …}
)

// A layout says which columns of a table are a model's inputs, and what its
// outputs are.
type layout struct {
	inputs   []input // nil: all columns, in their order, as they are
	outputs  []output
	index    string      // column copied to the output, or ""
	evaluate *evaluation // nil: all rows
	oneHot   string      // what of the file's own inputs each step is, such as "one of 80", or ""
}

// oneHotKeys are where readers of graphs say that inputs are one-hot.
var oneHotKeys = []string{keras.InputKey, onnx.InputKey}

// A quantity is a number with a name and a scale: the network sees
// (value - mean) / std.
type quantity struct {
	Name string   `json:"name"`
	Mean float64  `json:"mean"`
	Std  *float64 `json:"std"` // nil means 1
}

type input struct{ quantity }

type output struct {
	quantity
	Truth string `json:"truth"` // column that holds the true value, or ""
	Ahead int    `json:"ahead"` // how many rows later it does
}

// An evaluation says which rows count for the forecast error: those whose
// Column is From or comes after it in the order of strings, as dates do when
// they start with the year.
type evaluation struct {
	Column string `json:"column"`
	From   string `json:"from"`
}

// maxAhead bounds the forecasts that wait for their truth, those of all outputs
// together, and so memory: to 32 MiB.
const maxAhead = 1 << 20

// parseLayout reads the layout of a network from its metadata, given the number
// of its inputs and outputs.
func parseLayout(metadata map[string]string, inputs, outputs int) (*layout, error) {
	l := &layout{index: metadata[keyIndex]}
	for _, key := range oneHotKeys {
		l.oneHot += metadata[key]
	}
	if text, ok := metadata[keyInputs]; ok {
		if err := decode(keyInputs, text, &l.inputs); err != nil {
			return nil, err
		}
		if len(l.inputs) != inputs {
			return nil, fmt.Errorf("metadata %s: it names %s, want %d, the network's input size",
				keyInputs, count(len(l.inputs), "column"), inputs)
		}
		for i := range l.inputs {
			if err := l.inputs[i].check(); err != nil {
				return nil, fmt.Errorf("metadata %s: entry %d: %w", keyInputs, i+1, err)
			}
		}
	}
	if text, ok := metadata[keyOutputs]; ok {
		if err := decode(keyOutputs, text, &l.outputs); err != nil {
			return nil, err
		}
		if len(l.outputs) != outputs {
			return nil, fmt.Errorf("metadata %s: it names %s, want %d, the network's output size",
				keyOutputs, count(len(l.outputs), "output"), outputs)
		}
		waiting := 0
		for i := range l.outputs {
			if err := l.outputs[i].check(); err != nil {
				return nil, fmt.Errorf("metadata %s: entry %d: %w", keyOutputs, i+1, err)
			}
			if waiting += l.outputs[i].Ahead; waiting > maxAhead {
				return nil, fmt.Errorf("metadata %s: entry %d: ahead of the outputs up to this one is %d in all, want at most %d",
					keyOutputs, i+1, waiting, maxAhead)
			}
		}
	} else {
		for i := range outputs {
			l.outputs = append(l.outputs, output{quantity: quantity{Name: fmt.Sprintf("y%d", i)}})
		}
	}
	if text, ok := metadata[keyEvaluate]; ok {
		if err := decode(keyEvaluate, text, &l.evaluate); err != nil {
			return nil, err
		}
		if l.evaluate == nil || l.evaluate.Column == "" {
			return nil, fmt.Errorf(`metadata %s: it names no "column": %s`, keyEvaluate, printable(text, 200))
		}
	}
	// Where all columns are inputs, none is left to have another meaning.
	if l.inputs == nil && l.index != "" {
		return nil, fmt.Errorf("metadata %s is %s, but there is no %s", keyIndex, quoted(l.index), keyInputs)
	}
	return l, nil
}

// decode reads the JSON text of a key. Unknown fields are errors: a mistyped
// "mean" that was ignored would silently give wrong forecasts.
func decode(key, text string, v any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("metadata %s: %s in %s", key, printable(err.Error(), 200), printable(text, 200))
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("metadata %s: there is more after its JSON value: %s", key, printable(text, 200))
	}
	return nil
}

func (q *quantity) check() error {
	if q.Name == "" {
		return fmt.Errorf(`it has no "name"`)
	}
	if q.Std != nil && *q.Std == 0 {
		return fmt.Errorf("%s: std is 0, want a number to divide by", quoted(q.Name))
	}
	return nil
}

func (o *output) check() error {
	if err := o.quantity.check(); err != nil {
		return err
	}
	// It is the header of a column of the rows, which may go to a terminal.
	if !isPrintable(o.Name) {
		return fmt.Errorf("%s: there are characters in its name that cannot be shown", quoted(o.Name))
	}
	if o.Ahead < 0 || o.Ahead > maxAhead {
		return fmt.Errorf("%s: ahead is %d, want 0 to %d", quoted(o.Name), o.Ahead, maxAhead)
	}
	if o.Ahead > 0 && o.Truth == "" {
		return fmt.Errorf(`%s: ahead is %d, but there is no "truth"`, quoted(o.Name), o.Ahead)
	}
	return nil
}

func (q *quantity) std() float64 {
	if q.Std == nil {
		return 1
	}
	return *q.Std
}

// asIs tells whether the network sees the value itself.
func (q *quantity) asIs() bool { return q.Mean == 0 && q.std() == 1 }

// normalize is what the network sees of a value.
func (q *quantity) normalize(value float64) float32 {
	return float32((value - q.Mean) / q.std())
}

// restore is the inverse of normalize. The product is rounded by itself, so
// that no compiler fuses it with the sum and changes digits between machines.
func (q *quantity) restore(y float32) float32 {
	if q.asIs() {
		return y // also when it is -0, to which adding a mean of 0 gives +0
	}
	return float32(float64(float64(y)*q.std()) + q.Mean)
}

// hasTruth tells whether any output can be compared with a column.
func (l *layout) hasTruth() bool {
	for i := range l.outputs {
		if l.outputs[i].Truth != "" {
			return true
		}
	}
	return false
}
