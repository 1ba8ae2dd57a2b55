package lstm

import (
	"fmt"
	"math"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/float16"
)

// A WeightFormat is how a [Network] stores the weights of a layer: its matrices.
// Biases, and all else that a layer has, are float32 in every format. Each has its own
// arithmetic, which docs/contract.md in the repository specifies, and keeps the
// promise that results are the same bits everywhere.
type WeightFormat uint8

const (
	// Float32 is weights as they are trained.
	Float32 WeightFormat = iota
	// Float16 is weights rounded to IEEE binary16, half as large. All else is computed
	// as with Float32, so that results differ by what the rounding does, some 1e-4. A
	// weight of 65520 or more has no such number, and is refused.
	Float16
	// Int8 is weights of 8 bits with a scale for each row of a matrix, a quarter as
	// large. What they are multiplied with, x and h, is rounded to as many bits as
	// Weights.InputBits says, with one scale for each vector in each step; h and c
	// themselves stay float32. Errors are some 1e-3 of h, see docs/contract.md.
	Int8
)

// weightFormatNames are what String returns and files have.
var weightFormatNames = [...]string{Float32: "float32", Float16: "float16", Int8: "int8"}

// String returns the name that files and commands have for f, such as "int8".
func (f WeightFormat) String() string {
	if int(f) < len(weightFormatNames) {
		return weightFormatNames[f]
	}
	return fmt.Sprintf("WeightFormat(%d)", uint8(f))
}

// parseWeightFormat reads what String returns.
func parseWeightFormat(name string) (WeightFormat, error) {
	for f, n := range weightFormatNames {
		if n == name {
			return WeightFormat(f), nil
		}
	}
	return 0, errkind.Errorf(ErrUnsupported, "format is %.40q, want float32, float16 or int8", name)
}

// The bits of the quantised elements of an input, see Weights.InputBits.
const (
	fewInputBits  = 7
	manyInputBits = 14
)

// WithWeights makes all layers, projections and heads have their weights in that
// format, whatever the model or the file says. Without it they have the Format of
// their [Weights] and [Linear].
func WithWeights(f WeightFormat) Option {
	return func(s *settings) { s.format = &f }
}

// WithInputBits sets the InputBits of all LSTM layers in the format [Int8] to 7, 14 or
// 0, see [Weights]. Other layers have none.
func WithInputBits(n int) Option {
	return func(s *settings) { s.inputBits = &n }
}

// changesWeights reports whether s changes a model.
func (s *settings) changesWeights() bool { return s.format != nil || s.inputBits != nil }

// model returns m as s wants its weights. What it changes is a copy.
func (s *settings) model(m *Model) *Model {
	if !s.changesWeights() {
		return m
	}
	changed := *m
	changed.Layers = s.layers(m.Layers)
	changed.Heads = nil
	for _, head := range m.Heads {
		changed.Heads = append(changed.Heads, Head{head.Name, s.layers(head.Layers)})
	}
	return &changed
}

func (s *settings) layers(layers []Layer) []Layer {
	changed := make([]Layer, len(layers))
	for i, layer := range layers {
		switch l := layer.(type) {
		case *Weights:
			changed[i] = s.weights(l)
		case *Bidirectional:
			if l != nil {
				l = &Bidirectional{s.weights(l.Forward), s.weights(l.Backward), l.Merge, l.Last}
			}
			changed[i] = l
		case *Linear:
			if l != nil && s.format != nil && l.Format != *s.format {
				d := *l
				d.Format, d.Scale = *s.format, nil
				l = &d
			}
			changed[i] = l
		default:
			changed[i] = layer
		}
	}
	return changed
}

func (s *settings) weights(w *Weights) *Weights {
	if w == nil {
		return nil
	}
	changed := *w
	if f := s.format; f != nil && w.Format != *f {
		changed.Format, changed.InputBits = *f, 0
		changed.ScaleIH, changed.ScaleHH, changed.ScaleHR = nil, nil, nil
	}
	if bits := s.inputBits; bits != nil && changed.Format == Int8 {
		changed.InputBits = *bits
	}
	return &changed
}

// checkFormat returns an error unless w can be in its format. Its tensors have been
// checked otherwise.
func (w *Weights) checkFormat(name string) error {
	if err := w.Format.check(name); err != nil {
		return err
	}
	switch {
	case w.Format != Int8 && w.InputBits != 0:
		return errkind.Errorf(ErrUnsupported, "lstm: %s: InputBits is %d, want 0 where Format is %v", name, w.InputBits, w.Format)
	case w.InputBits != 0 && w.InputBits != fewInputBits && w.InputBits != manyInputBits:
		return errkind.Errorf(ErrUnsupported, "lstm: %s: InputBits is %d, want %d, %d or 0", name, w.InputBits, fewInputBits, manyInputBits)
	}
	for _, m := range []formatMatrix{
		{"WeightIH", w.WeightIH, "ScaleIH", w.ScaleIH, w.InputSize, "[4H]"},
		{"WeightHH", w.WeightHH, "ScaleHH", w.ScaleHH, w.stateSize(), "[4H]"},
		{"WeightHR", w.WeightHR, "ScaleHR", w.ScaleHR, w.HiddenSize, "[P]"},
	} {
		if err := m.check(name, w.Format); err != nil {
			return err
		}
	}
	return nil
}

// checkFormat is that of a Linear layer.
func (d *Linear) checkFormat(name string) error {
	if err := d.Format.check(name); err != nil {
		return err
	}
	m := formatMatrix{"Weight", d.Weight, "Scale", d.Scale, d.InFeatures, "[OutFeatures]"}
	return m.check(name, d.Format)
}

func (f WeightFormat) check(name string) error {
	if int(f) >= len(weightFormatNames) {
		return errkind.Errorf(ErrUnsupported, "lstm: %s: Format is %v, want Float32, Float16 or Int8", name, f)
	}
	return nil
}

// A formatMatrix is a matrix whose format is checked, row-major, and the scales of
// its rows.
type formatMatrix struct {
	name       string
	weights    []float32
	scalesName string
	scales     []float32
	columns    int
	rowsShape  string
}

func (m *formatMatrix) check(owner string, f WeightFormat) error {
	rows := len(m.weights) / m.columns
	if m.scales != nil {
		if f != Int8 || rows == 0 {
			return errkind.Errorf(ErrShape, "lstm: %s: %s has %d elements, want nil where Format is not int8 or there is no %s", owner, m.scalesName, len(m.scales), m.name)
		}
		if err := checkTensor(owner, m.scalesName, m.scales, m.rowsShape, rows); err != nil {
			return err
		}
		for r, scale := range m.scales {
			if !(scale >= 0 && scale <= math.MaxFloat32) {
				return errkind.Errorf(ErrDamaged, "lstm: %s: %s[%d] is %v, want a finite number that is not negative", owner, m.scalesName, r, scale)
			}
		}
	}
	if f == Float32 {
		return nil
	}
	for i, w := range m.weights {
		r, k := i/m.columns, i%m.columns
		switch {
		case w-w != 0:
			return errkind.Errorf(ErrDamaged, "lstm: %s: %s[%d][%d] is %v, want a finite number where Format is %v", owner, m.name, r, k, w, f)
		case f == Float16:
			if _, finite := float16.Round(w); !finite {
				return errkind.Errorf(ErrUnsupported, "lstm: %s: %s[%d][%d] is %v, which as a float16 is infinite, want less than 65520 in magnitude", owner, m.name, r, k, w)
			}
		case m.scales != nil:
			if q := quotient(w, m.scales[r]); !(math.Abs(q) <= maxByte) {
				return errkind.Errorf(ErrUnsupported, "lstm: %s: %s[%d][%d] is %v, %v times its %s of %v, want %d times at most", owner, m.name, r, k, w, q, m.scalesName, m.scales[r], maxByte)
			}
		}
	}
	return nil
}
