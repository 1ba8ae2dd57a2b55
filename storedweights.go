package lstm

import (
	"math"

	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/safetensors"
	"example.com/lstm/internal/statedict"
)

// scales is where the scales of w.tensors() are, nil for those that have none.
func (w *Weights) scales() []*[]float32 {
	list := make([]*[]float32, len(w.tensors()))
	list[0], list[1], list[4] = &w.ScaleIH, &w.ScaleHH, &w.ScaleHR
	return list
}

// scales is where those of d.tensors() are.
func (d *Linear) scales() []*[]float32 { return []*[]float32{&d.Scale, nil} }

// bytes are the matrices of w as int8, by the names of their parameters; none unless
// that is the format of w.
func (w *Weights) bytes() map[string]panel.ByteMatrix {
	if w.Format != Int8 {
		return nil
	}
	ih, hh := byteMatrices(w)
	return map[string]panel.ByteMatrix{"weight_ih": ih, "weight_hh": hh, "weight_hr": byteMatrix(w.WeightHR, w.HiddenSize, w.ScaleHR)}
}

// bytes is that of a linear layer.
func (d *Linear) bytes() map[string]panel.ByteMatrix {
	if d.Format != Int8 {
		return nil
	}
	return map[string]panel.ByteMatrix{"weight": byteMatrix(d.Weight, d.InFeatures, d.Scale)}
}

// storedTensors are the tensors of a file that hold the numbers of p, in that format.
// bytes are those numbers as int8.
func storedTensors(name string, p statedict.Parameter, numbers []float32, format WeightFormat, bytes panel.ByteMatrix) []safetensors.Tensor {
	switch {
	case !p.Matrix || format == Float32:
		return []safetensors.Tensor{{Name: name, Shape: p.Shape, Data: numbers}}
	case format == Float16:
		return []safetensors.Tensor{{Name: name, Shape: p.Shape, Data: numbers, Half: true}}
	}
	return []safetensors.Tensor{
		{Name: name, Shape: p.Shape, Bytes: bytes.Weights},
		{Name: statedict.ScaleName(name), Shape: p.Shape[:1], Data: bytes.Scales},
	}
}

// A byteTensor is a matrix of a file that is int8: its whole numbers, which become
// weights when the scales are known, too.
type byteTensor struct {
	entry, scaleEntry *safetensors.Entry
	weights, scales   *[]float32
	format            *WeightFormat // of its layer
}

// setFormat makes the layer's format int8, unless that is another.
func (b *byteTensor) setFormat() error {
	if *b.format == Float16 {
		return errkind.Errorf(ErrUnsupported, "%w", b.entry.Errorf("dtype is I8, want the %v of its layer, or F32", *b.format))
	}
	*b.format = Int8
	return nil
}

// maxScale is the scale of a row whose largest magnitude is that of the largest float32.
// It is rounded up, so that 127 times it overflows.
const maxScale float32 = math.MaxFloat32 / maxByte

// dequantise multiplies the numbers, which have been read, with the scales.
func (b *byteTensor) dequantise() error {
	scales := *b.scales
	columns := len(*b.weights) / len(scales)
	for r, scale := range scales {
		if !(scale >= 0 && scale <= maxScale) {
			return errkind.Errorf(ErrDamaged, "%w", b.scaleEntry.Errorf("element [%d] is %v, want a number from 0 to %.4g", r, scale, maxScale))
		}
		row := (*b.weights)[r*columns:][:columns]
		if scale == 0 {
			clear(row) // and no -0
		}
		for k, w := range row {
			row[k] = min(math.MaxFloat32, max(-math.MaxFloat32, float32(w*scale)))
		}
	}
	return nil
}

// tensorPlaces are where the numbers of each tensor of a file belong, and which are
// not weights before their scales are known.
type tensorPlaces struct {
	numbers map[string]*[]float32 // by the names of tensors
	bytes   []byteTensor
}

// add places tensors, and the scales of those that are int8, in a layer of that
// format.
func (p *tensorPlaces) add(tensors, scaleTensors []*safetensors.Entry, numbers, scales []*[]float32, format *WeightFormat) {
	for i, e := range tensors {
		if e == nil {
			continue
		}
		p.numbers[e.Name] = numbers[i]
		if s := scaleTensors[i]; s != nil {
			p.numbers[s.Name] = scales[i]
			p.bytes = append(p.bytes, byteTensor{e, s, numbers[i], scales[i], format})
		}
	}
}

// setFormats gives layers the format of their tensors.
func (p *tensorPlaces) setFormats() error {
	for i := range p.bytes {
		if err := p.bytes[i].setFormat(); err != nil {
			return err
		}
	}
	return nil
}

// finish makes weights of what has been read.
func (p *tensorPlaces) finish() error {
	for i := range p.bytes {
		if err := p.bytes[i].dequantise(); err != nil {
			return err
		}
	}
	return nil
}
