package keras

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/safetensors"
)

// options reads the config of a layer. The first error stays, and the methods
// return zero values after it.
type options struct {
	owner *layer
	left  map[string]json.RawMessage // what nothing has asked for
	err   error
}

func readOptions(l *layer) *options {
	o := &options{owner: l}
	if l.Config != nil {
		if err := json.Unmarshal(l.Config, &o.left); err != nil {
			o.err = l.Errorf(lstm.ErrDamaged, "config: %w", err)
		}
	}
	return o
}

// take decodes an option into v and reports whether there is one that is not null.
func (o *options) take(name string, v any) bool {
	raw, ok := o.left[name]
	delete(o.left, name)
	if o.err != nil || !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		o.err = o.owner.Errorf(lstm.ErrDamaged, "%s: %w", name, err)
		return false
	}
	return true
}

// flag is an option that is false where the file says nothing.
func (o *options) flag(name string) (v bool) {
	o.take(name, &v)
	return v
}

// bias is use_bias, which is true where the file says nothing.
func (o *options) bias() bool {
	v := true
	o.take("use_bias", &v)
	return v
}

// number is an option of one number that a float32 can have.
func (o *options) number(name string, usual float64) float64 {
	v := usual
	if o.take(name, &v) && math.Abs(v) > math.MaxFloat32 {
		o.err = o.owner.Errorf(lstm.ErrUnsupported, "%s is %v, want a number that a float32 can have", name, v)
	}
	return v
}

// size is an option that must be there, from 1 on.
func (o *options) size(name string) (v int) {
	if o.take(name, &v); o.err == nil && v < 1 {
		o.err = o.owner.Errorf(lstm.ErrDamaged, "%s is %d, want at least 1", name, v)
	}
	return v
}

// one is an option that names one of several things.
func (o *options) one(name string, of ...string) string {
	raw := o.left[name]
	var v string
	if o.take(name, &v); o.err == nil && !slices.Contains(of, v) {
		o.err = o.owner.Errorf(lstm.ErrUnsupported, "%s is %s, want one of %s", name, safetensors.Quote(strings.Trim(string(raw), `"`)), strings.Join(of, ", "))
	}
	return v
}

// inner is the layer or cell that an option holds; nil if there is none.
func (o *options) inner(name string) *layer {
	var raw json.RawMessage
	if !o.take(name, &raw) {
		return nil
	}
	l, err := parseLayer(raw)
	if err != nil {
		o.err = o.owner.Errorf(lstm.ErrDamaged, "%s: %w", name, err)
	}
	return l
}

// finish returns the first error. An option that nothing has asked for is one,
// unless it is null or false, or is known to make no difference to a trained network.
func (o *options) finish(known ...string) error {
	if o.err != nil {
		return o.err
	}
	var unknown []string
	for name, raw := range o.left {
		if text := string(raw); text != "null" && text != "false" && !slices.Contains(known, name) && !noDifference[name] {
			unknown = append(unknown, name)
		}
	}
	if unknown != nil {
		slices.Sort(unknown)
		return o.owner.Errorf(lstm.ErrUnsupported, "it has the option %s, which is not known here", safetensors.Quote(unknown[0]))
	}
	return nil
}

// noDifference has the options that make no difference to the outputs of a trained
// network: names, shapes that the weights have, too, how training begins and what
// holds it back, and how Keras does its work.
var noDifference = set(
	"name", "trainable", "dtype", "batch_size", "batch_input_shape", "batch_shape", "input_shape", "input_dim", "input_length", "sparse", "ragged", "build_config",
	"embeddings_initializer", "embeddings_regularizer", "embeddings_constraint",
	"kernel_initializer", "recurrent_initializer", "bias_initializer", "unit_forget_bias",
	"kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer",
	"kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed",
	"stateful", "unroll", "implementation", "time_major", "return_state", "zero_output_for_mask", "use_cudnn",
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}
