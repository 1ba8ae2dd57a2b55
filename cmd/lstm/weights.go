package main

import (
	"fmt"

	"github.com/urfave/cli/v3"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm/commandline"
)

// A weightChoice is what flags say of the weights of layers.
type weightChoice struct {
	format    *lstm.WeightFormat // nil: as the file says
	inputBits int                // of int8 LSTM layers; 0: as the file says
}

func weightFlagsOf(cmd *cli.Command) (c weightChoice, err error) {
	c.format, c.inputBits, err = commandline.ParseWeights(cmd)
	return c, err
}

// String is c as the table of lstm accuracy has it.
func (c weightChoice) String() string {
	text := "as in the file"
	if c.format != nil {
		text = c.format.String()
	}
	if c.inputBits != 0 {
		text += fmt.Sprintf(", inputs of %d bits", c.inputBits)
	}
	return text
}

// apply gives all layers of m the format.
func (c weightChoice) apply(m *lstm.Model) {
	for _, p := range places(m) {
		c.applyTo(*p.layer)
	}
}

// applyTo gives a layer the format. What a layer has from another one goes.
func (c weightChoice) applyTo(layer lstm.Layer) {
	switch layer := layer.(type) {
	case *lstm.Weights:
		c.applyToWeights(layer)
	case *lstm.Bidirectional:
		for _, w := range []*lstm.Weights{layer.Forward, layer.Backward} {
			if w != nil {
				c.applyToWeights(w)
			}
		}
	case *lstm.Linear:
		if c.format != nil && layer.Format != *c.format {
			layer.Format, layer.Scale = *c.format, nil
		}
	}
}

func (c weightChoice) applyToWeights(w *lstm.Weights) {
	if c.format != nil && w.Format != *c.format {
		w.Format, w.InputBits = *c.format, 0
		w.ScaleIH, w.ScaleHH, w.ScaleHR = nil, nil, nil
	}
	if w.Format == lstm.Int8 && c.inputBits != 0 {
		w.InputBits = c.inputBits
	}
}

// A place is where a model has a layer with weights.
type place struct {
	name  string // as lstm info has it
	layer *lstm.Layer
}

// places lists the layers of m that have weights, from the input up.
func places(m *lstm.Model) []place {
	var list []place
	lstms, linears := 0, 0
	for l := range m.Layers {
		switch m.Layers[l].(type) {
		case *lstm.Weights, *lstm.Bidirectional:
			list = append(list, place{fmt.Sprintf("lstm %d", lstms), &m.Layers[l]})
			lstms++
		case *lstm.Linear:
			list = append(list, place{fmt.Sprintf("linear %d", linears), &m.Layers[l]})
			linears++
		}
	}
	for h := range m.Heads {
		linears := 0
		for l, layer := range m.Heads[h].Layers {
			if _, ok := layer.(*lstm.Linear); !ok {
				continue
			}
			name := headPrefix(m.Heads, h) + "linear"
			if linears > 0 {
				name += fmt.Sprintf(" %d", linears)
			}
			list = append(list, place{name, &m.Heads[h].Layers[l]})
			linears++
		}
	}
	return list
}

// headPrefix is what the names of layers of a head begin with.
func headPrefix(heads []lstm.Head, h int) string {
	switch {
	case heads[h].Name != "":
		return "head " + printable(heads[h].Name, mostOfName) + ": "
	case len(heads) == 1:
		return "head: "
	}
	return fmt.Sprintf("head %d: ", h)
}

// copyModel copies m but for its tensors, so that the copy's layers can have other
// formats.
func copyModel(m *lstm.Model) *lstm.Model {
	clone := func(layers []lstm.Layer) (list []lstm.Layer) {
		for _, layer := range layers {
			switch layer := layer.(type) {
			case *lstm.Weights:
				w := *layer
				list = append(list, &w)
			case *lstm.Bidirectional:
				b := *layer
				for _, w := range []**lstm.Weights{&b.Forward, &b.Backward} {
					if *w != nil {
						direction := **w
						*w = &direction
					}
				}
				list = append(list, &b)
			case *lstm.Linear:
				d := *layer
				list = append(list, &d)
			default:
				list = append(list, layer)
			}
		}
		return list
	}
	c := *m
	c.Layers, c.Heads = clone(m.Layers), nil
	for _, head := range m.Heads {
		c.Heads = append(c.Heads, lstm.Head{Name: head.Name, Layers: clone(head.Layers)})
	}
	return &c
}

// withWeights is m in a format.
func withWeights(m *lstm.Model, c weightChoice) *lstm.Model {
	m = copyModel(m)
	c.apply(m)
	return m
}
