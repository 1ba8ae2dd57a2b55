package keras

import (
	"fmt"

	"example.com/lstm"
)

// addEmbedding adds the layer that an Embedding is of one-hot inputs. It can be the
// first only: the numbers that choose its rows come from outside.
func (b *builder) addEmbedding(l *layer) error {
	if b.layers != nil || b.size != 0 {
		return l.Errorf(lstm.ErrUnsupported, "it reads what other layers have computed, want whole numbers that are the input of the model")
	}
	o := readOptions(l)
	entries, size := o.size("input_dim"), o.size("output_dim")
	masks := o.flag("mask_zero")
	switch err := o.finish(); {
	case err != nil:
		return err
	case masks:
		return l.Errorf(lstm.ErrUnsupported, "mask_zero is true, which leaves out the steps with the number 0; let the calling code leave them out, and save the model with mask_zero=False")
	}
	rows, err := b.need(l, embeddingsKind, "", "[input_dim output_dim]", entries, size)
	if err != nil {
		return err
	}
	b.layers = append(b.layers, &lstm.Linear{InFeatures: entries, OutFeatures: size, Weight: transposed(rows, entries, size)})
	b.size, b.input = size, fmt.Sprintf("one of %d", entries)
	return nil
}
