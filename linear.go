package lstm

import (
	"fmt"

	"example.com/lstm/internal/aligned"
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/panel"
	"example.com/lstm/internal/sizes"
)

func (d *Linear) input() features  { return features{field: "InFeatures", n: d.InFeatures} }
func (d *Linear) output() features { return features{field: "OutFeatures", n: d.OutFeatures} }

func (d *Linear) parameters() int { return len(d.Weight) + len(d.Bias) }

func (d *Linear) takeRoom(room *aligned.Room) bool {
	if d.Format == Int8 {
		return room.Take(panel.BiasFloats(panel.RowUnits(d.OutFeatures)), 1+panel.Int8Rows(d.InFeatures))
	}
	return room.Take(d.OutFeatures, sizes.RoundUp(d.InFeatures, contract.HeadSums)+1)
}

func (d *Linear) check(name string) error {
	if d == nil {
		return fmt.Errorf("lstm: %s is a nil *lstm.Linear", name)
	}
	if err := checkSize(name, "InFeatures", d.InFeatures); err != nil {
		return err
	}
	if err := checkSize(name, "OutFeatures", d.OutFeatures); err != nil {
		return err
	}
	if err := checkTensor(name, "Weight", d.Weight, "[OutFeatures, InFeatures]", d.OutFeatures, d.InFeatures); err != nil {
		return err
	}
	if d.Bias != nil {
		if err := checkTensor(name, "Bias", d.Bias, "[OutFeatures]", d.OutFeatures); err != nil {
			return err
		}
	}
	return d.checkFormat(name)
}

// packedLinear is a Linear layer, whose rows are padded to whole vectors or, where
// they are int8, lie in panels.
type packedLinear struct {
	inputs  int
	format  WeightFormat
	weights []float32 // [outputs, inputs rounded up to contract.HeadSums], nil of int8
	bias    []float32 // [outputs], with zeros after it of int8
	bytes   rowPanels // of int8
}

// packLinear packs the weights of a Linear layer, which have been checked. raw: it
// reads the input of the network.
func packLinear(d *Linear, raw bool) *packedLinear {
	p := &packedLinear{inputs: d.InFeatures, format: d.Format}
	if d.Format == Int8 {
		p.bytes = packRowPanels(d.OutFeatures, d.InFeatures, d.Weight, d.Scale, Int8, raw)
		p.bias = aligned.New(panel.BiasFloats(panel.RowUnits(d.OutFeatures)))
		flushTo(p.bias[:len(d.Bias)], d.Bias)
		return p
	}
	p.bias, p.weights = panel.PackHead(d.InFeatures, d.OutFeatures, d.Weight, d.Bias)
	if d.Format == Float16 {
		p.weights = float16.Pack(p.weights)
	}
	return p
}

// memorySize is the bytes of memory that d occupies.
func (d *packedLinear) memorySize() int {
	return 4*(len(d.weights)+len(d.bias)) + d.bytes.memorySize()
}

// apply computes the output y of x, in calls of bounded length. x is padded with zeros
// to the length of a row. scratch is for a quantised x.
func (d *packedLinear) apply(x, y, scratch []float32) {
	switch d.format {
	case Float32:
		rows := max(1, maxCallFloats/len(x))
		for o := 0; o < len(y); o += rows {
			end := min(o+rows, len(y))
			head(d.weights[o*len(x):end*len(x)], d.bias[o:end], x, y[o:end])
		}
	case Float16:
		rows := max(1, maxFloat16Floats/len(x))
		for o := 0; o < len(y); o += rows {
			end := min(o+rows, len(y))
			headFloat16(d.weights[o*len(x)/2:end*len(x)/2], d.bias[o:end], x, y[o:end])
		}
	case Int8:
		d.applyBytes(x, y, scratch)
	}
}

// applyBytes is apply of int8 weights. The memory for sums is on the stack, where Go
// clears it.
func (d *packedLinear) applyBytes(x, y, scratch []float32) {
	x = x[:d.inputs]
	d.bytes.quantise(x, scratch)
	columns := [1]column{{x: d.bytes.chain(x, scratch)}}
	var z [4 * panel.RowFloats]float32
	from, p, rows := chainStart{sums: d.bias, stride: panel.RowFloats}, d.bytes.panels, d.bytes.callRows(1, len(z))
	for first := 0; first < len(y); first += rows {
		n := min(rows, len(y)-first)
		p.gates(from, columns[:], panel.RowUnits(n), z[:], len(z))
		copy(y[first:], z[:n])
		from, p = from.advance(rows/panel.Gates), p.advance(rows/panel.Gates)
	}
}
