package apitest

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/safetensors"
)

// fingerprintOf makes a network of a model, whatever it can run.
func fingerprintOf(t *testing.T, m *lstm.Model, options ...lstm.Option) lstm.Fingerprint {
	t.Helper()
	n, err := lstm.NewSequenceNetwork(m, options...)
	require.NoError(t, err)
	return n.Fingerprint()
}

// written is the file of a model.
func written(t testing.TB, m *lstm.Model) []byte {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	return file.Bytes()
}

// inFormat is m with all its weights in a format, as a file brings it back.
func inFormat(t testing.TB, m *lstm.Model, options ...lstm.Option) *lstm.Model {
	t.Helper()
	m, err := lstm.ReadModel(bytes.NewReader(written(t, m)), options...)
	require.NoError(t, err)
	m.Source = lstm.Source{}
	return m
}

// typesOf are the element types of the tensors in a file.
func typesOf(t *testing.T, file []byte) map[string]string {
	t.Helper()
	f, err := safetensors.Read(bytes.NewReader(file))
	require.NoError(t, err)
	types := make(map[string]string)
	for _, e := range f.Entries {
		types[e.Name] = e.DType
	}
	return types
}

// What is read makes the network that was written, whatever the formats of its layers,
// and is written as the same file.
func TestStoredWeightsRoundTrip(t *testing.T) {
	coupled := inFormat(t, formatModel(), lstm.WithWeights(lstm.Int8))
	coupled.Layers[0].(*lstm.Weights).Cell.Coupled = true
	tiny := inFormat(t, formatModel(), lstm.WithWeights(lstm.Int8))
	for _, w := range [][]float32{weightsOf(tiny, 0).WeightIH, weightsOf(tiny, 0).WeightHR, weightsOf(tiny, 1).WeightHH} {
		for i := range w {
			// 2^-64, the least number that is not flushed, is rounded to one that would be.
			w[i] = 0x1p-64
			if i%4 == 0 {
				w[i] = 1.1 * 0x1p-60
			}
		}
		clear(w[:9])
	}
	for name, m := range map[string]*lstm.Model{
		"mixed":           mixedFormats(),
		"float16":         inFormat(t, formatModel(), lstm.WithWeights(lstm.Float16)),
		"int8":            inFormat(t, formatModel(), lstm.WithWeights(lstm.Int8)),
		"int8, 7 bits":    inFormat(t, formatModel(), lstm.WithWeights(lstm.Int8), lstm.WithInputBits(7)),
		"int8, 14 bits":   inFormat(t, formatModel(), lstm.WithWeights(lstm.Int8), lstm.WithInputBits(14)),
		"int8, coupled":   coupled,
		"int8, tiny":      tiny,
		"int8, backwards": inFormat(t, bidirectionalModel(), lstm.WithWeights(lstm.Int8)),
		"float16, order":  inFormat(t, orderedModel(), lstm.WithWeights(lstm.Float16)),
		"int8, order":     inFormat(t, orderedModel(), lstm.WithWeights(lstm.Int8)),
	} {
		want := fingerprintOf(t, m)
		file := written(t, m)
		got, err := lstm.ReadModel(bytes.NewReader(file))
		require.NoError(t, err, name)
		require.Equal(t, want, fingerprintOf(t, got), name)
		require.Equal(t, file, written(t, got), name)
		again, err := lstm.ReadModel(bytes.NewReader(written(t, got)))
		require.NoError(t, err, name)
		require.Equal(t, got, again, name)

		// The options of reading and those of New say the same.
		require.Equal(t, fingerprintOf(t, got, lstm.WithWeights(lstm.Float32)),
			fingerprintOf(t, inFormat(t, got, lstm.WithWeights(lstm.Float32))), name)
	}
}

// 127 times the scale of the largest float32, rounded, is infinite.
func TestStoredLargestWeight(t *testing.T) {
	m := formatModel()
	w := m.Layers[0].(*lstm.Weights)
	w.Format, w.WeightIH[0], w.WeightHH[0] = lstm.Int8, math.MaxFloat32, -math.MaxFloat32
	read := inFormat(t, m)
	require.Equal(t, fingerprintOf(t, m), fingerprintOf(t, read))
	require.Equal(t, w.WeightIH[0], read.Layers[0].(*lstm.Weights).WeightIH[0])
	require.Equal(t, written(t, m), written(t, read))
}

// The types of tensors are those of their layers, and the largest come first.
func TestStoredWeightsTypes(t *testing.T) {
	m := mixedFormats()
	types := typesOf(t, written(t, m))
	for name, want := range map[string]string{
		"lstm.weight_ih_l0": "F16", "lstm.weight_hr_l0": "F16", "lstm.bias_ih_l0": "F32",
		"lstm.weight_ih_l1": "I8", "lstm.weight_ih_l1_scale": "F32", "lstm.weight_hh_l1_scale": "F32", "lstm.bias_hh_l1": "F32",
		"lstm.weight_hh_l2": "F32", "lstm.weight_hh_l2_reverse": "I8", "lstm.weight_hh_l2_reverse_scale": "F32",
		"layers.3.weight": "F16", "heads.0.0.weight": "I8", "heads.0.0.weight_scale": "F32", "heads.1.0.weight": "F32",
	} {
		require.Equal(t, want, types[name], name)
	}
	f, err := safetensors.Read(bytes.NewReader(written(t, m)))
	require.NoError(t, err)
	var order []string
	for _, e := range f.Entries {
		order = append(order, e.DType)
	}
	require.Equal(t, []string{"F32", "F16", "I8"}, slices.Compact(order))

	// A quarter of the size, and half.
	m = lstm.RandomModel(1, 10, 128, 128, 128)
	size := func(format lstm.WeightFormat) float64 {
		return float64(len(written(t, inFormat(t, m, lstm.WithWeights(format)))))
	}
	require.InDelta(t, 0.5, size(lstm.Float16)/size(lstm.Float32), 0.01)
	require.InDelta(t, 0.25, size(lstm.Int8)/size(lstm.Float32), 0.025)
}

// int8Entries are the tensors of an int8 LSTM of one layer, H = 3 and I = 2.
func int8Entries() map[string]safetensors.Tensor {
	ones := func(n int) []float32 { return slices.Repeat([]float32{0.5}, n) }
	list := []safetensors.Tensor{
		{Name: "lstm.weight_ih_l0", Shape: []int{12, 2}, Bytes: slices.Repeat([]int8{127, -3}, 12)},
		{Name: "lstm.weight_ih_l0_scale", Shape: []int{12}, Data: ones(12)},
		{Name: "lstm.weight_hh_l0", Shape: []int{12, 3}, Bytes: slices.Repeat([]int8{-127, 0, 1}, 12)},
		{Name: "lstm.weight_hh_l0_scale", Shape: []int{12}, Data: ones(12)},
	}
	entries := make(map[string]safetensors.Tensor)
	for _, e := range list {
		entries[e.Name] = e
	}
	return entries
}

// fileOf has those tensors.
func fileOf(t testing.TB, tensors map[string]safetensors.Tensor, metadata map[string]string) []byte {
	t.Helper()
	var list []safetensors.Tensor
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		list = append(list, tensors[name])
	}
	var file bytes.Buffer
	require.NoError(t, safetensors.Write(&file, list, metadata))
	return file.Bytes()
}

// Tensors of int8 say by themselves in which format their layer is.
func TestReadInt8WithoutStructure(t *testing.T) {
	file := fileOf(t, int8Entries(), nil)
	m, err := lstm.ReadModel(bytes.NewReader(file))
	require.NoError(t, err)
	w := weightsOf(m, 0)
	require.Equal(t, lstm.Int8, w.Format)
	require.Equal(t, slices.Repeat([]float32{63.5, -1.5}, 12), w.WeightIH)
	require.Equal(t, slices.Repeat([]float32{-63.5, 0, 0.5}, 12), w.WeightHH)
	require.Equal(t, slices.Repeat([]float32{0.5}, 12), w.ScaleHH)
	require.Empty(t, m.Source.Unused)

	// One of two matrices may be int8: the other becomes so in a network.
	entries := int8Entries()
	delete(entries, "lstm.weight_hh_l0_scale")
	entries["lstm.weight_hh_l0"] = safetensors.Tensor{Name: "lstm.weight_hh_l0", Shape: []int{12, 3}, Data: slices.Repeat([]float32{-63.5, 0, 0.5}, 12)}
	m, err = lstm.ReadModel(bytes.NewReader(fileOf(t, entries, nil)))
	require.NoError(t, err)
	require.Equal(t, lstm.Int8, weightsOf(m, 0).Format)
	require.Nil(t, weightsOf(m, 0).ScaleHH)

	// With the parameters of a cell, and a head.
	entries = make(map[string]safetensors.Tensor)
	for name, e := range int8Entries() {
		e.Name = "cell." + strings.Replace(strings.TrimPrefix(name, "lstm."), "_l0", "", 1)
		entries[e.Name] = e
	}
	entries["head.weight"] = safetensors.Tensor{Name: "head.weight", Shape: []int{1, 3}, Bytes: []int8{1, 2, -127}}
	entries["head.weight_scale"] = safetensors.Tensor{Name: "head.weight_scale", Shape: []int{1}, Data: []float32{2}}
	m, err = lstm.ReadModel(bytes.NewReader(fileOf(t, entries, nil)))
	require.NoError(t, err)
	require.Equal(t, lstm.Int8, weightsOf(m, 0).Format)
	require.Equal(t, &lstm.Linear{InFeatures: 3, OutFeatures: 1, Weight: []float32{2, 4, -254}, Format: lstm.Int8, Scale: []float32{2}}, headOf(m))
	require.Empty(t, m.Source.Unused)
}

// Contradictions between tensors are named.
func TestReadInt8Refuses(t *testing.T) {
	const ih, scale = "lstm.weight_ih_l0", "lstm.weight_ih_l0_scale"
	set := func(name string, change func(e *safetensors.Tensor)) func(map[string]safetensors.Tensor) {
		return func(entries map[string]safetensors.Tensor) {
			e := entries[name]
			e.Name = name
			e.Bytes, e.Data = slices.Clone(e.Bytes), slices.Clone(e.Data)
			change(&e)
			entries[name] = e
		}
	}
	element := func(x float32) func(map[string]safetensors.Tensor) {
		return set(scale, func(e *safetensors.Tensor) { e.Data[7] = x })
	}
	remove := func(name string) func(map[string]safetensors.Tensor) {
		return func(entries map[string]safetensors.Tensor) { delete(entries, name) }
	}
	for name, c := range map[string]struct {
		change    func(map[string]safetensors.Tensor)
		structure string
		kind      error
		want      string
	}{
		"no scales": {remove(scale), "", lstm.ErrUnsupported,
			`tensor "lstm.weight_ih_l0": dtype is I8, want tensor "lstm.weight_ih_l0_scale" too, with a scale for each row`},
		"scales alone": {remove(ih), "", lstm.ErrUnsupported,
			`tensor "lstm.weight_ih_l0" is missing, want one of shape [4H, I]`},
		"scales alone in a layer": {func(entries map[string]safetensors.Tensor) {
			remove(ih)(entries)
			remove("lstm.weight_hh_l0")(entries)
		}, "", lstm.ErrUnsupported, `tensor "lstm.weight_ih_l0" is missing, want one of shape [4H, I] beside tensor "lstm.weight_ih_l0_scale" of shape [12]`},
		"scales of float32": {set(ih, func(e *safetensors.Tensor) { e.Bytes, e.Data = nil, make([]float32, 24) }), "", lstm.ErrUnsupported,
			`tensor "lstm.weight_ih_l0_scale": it is the scale of tensor "lstm.weight_ih_l0", want one of dtype I8`},
		"scales of no matrix": {set("lstm.bias_ih_l0_scale", func(e *safetensors.Tensor) { e.Shape, e.Data = []int{12}, make([]float32, 12) }), "", lstm.ErrUnsupported,
			`tensor "lstm.bias_ih_l0_scale": shape is [12], no part of an LSTM`},
		"scales of a projection that is not there": {set("lstm.weight_hr_l0_scale", func(e *safetensors.Tensor) { e.Shape, e.Data = []int{3}, make([]float32, 3) }), "", lstm.ErrUnsupported,
			`tensor "lstm.weight_hr_l0_scale": it is the scale of tensor "lstm.weight_hr_l0", want one of dtype I8`},
		"too few scales": {set(scale, func(e *safetensors.Tensor) { e.Shape, e.Data = []int{11}, e.Data[:11] }), "", lstm.ErrShape,
			`tensor "lstm.weight_ih_l0_scale": shape is [11], want [12] = one for each row of tensor "lstm.weight_ih_l0"`},
		"scales in two dimensions": {set(scale, func(e *safetensors.Tensor) { e.Shape = []int{12, 1} }), "", lstm.ErrShape,
			`tensor "lstm.weight_ih_l0_scale": shape is [12 1], want [12]`},
		"scales of int8": {set(scale, func(e *safetensors.Tensor) { e.Data, e.Bytes = nil, make([]int8, 12) }), "", lstm.ErrUnsupported,
			`tensor "lstm.weight_ih_l0_scale": dtype is "I8", want F32, F16, BF16 or F64`},
		"a bias of int8": {set("lstm.bias_hh_l0", func(e *safetensors.Tensor) { e.Shape, e.Bytes = []int{12}, make([]int8, 12) }), "", lstm.ErrUnsupported,
			`tensor "lstm.bias_hh_l0": dtype is "I8", want F32, F16, BF16 or F64`},
		"a matrix of another shape": {set(ih, func(e *safetensors.Tensor) { e.Shape = []int{8, 3} }), "", lstm.ErrShape,
			`tensor "lstm.weight_ih_l0": shape is [8 3], want [12 3] = [4H, I]`},
		"a scale that is negative": {element(-0.5), "", lstm.ErrDamaged,
			`tensor "lstm.weight_ih_l0_scale": element [7] is -0.5, want a number from 0 to 2.679e+36`},
		"a scale that is too large": {element(3e36), "", lstm.ErrDamaged,
			`tensor "lstm.weight_ih_l0_scale": element [7] is 3e+36, want a number from 0 to 2.679e+36`},
		"a scale that is NaN": {element(float32(math.NaN())), "", lstm.ErrDamaged,
			`tensor "lstm.weight_ih_l0_scale": element [7] is NaN, want`},
		"a scale that is infinite": {element(float32(math.Inf(1))), "", lstm.ErrDamaged,
			`tensor "lstm.weight_ih_l0_scale": element [7] is +Inf, want`},
		"-128": {set(ih, func(e *safetensors.Tensor) { e.Bytes[5] = -128 }), "", lstm.ErrUnsupported,
			`tensor "lstm.weight_ih_l0": element [2 1] is -128, want -127 to 127`},
		"another format": {func(map[string]safetensors.Tensor) {}, `{"version":1,"layers":[{"format":"float16"}]}`, lstm.ErrUnsupported,
			`tensor "lstm.weight_ih_l0": dtype is I8, want the float16 of its layer, or F32`},
		"a head without scales": {set("head.weight", func(e *safetensors.Tensor) { e.Shape, e.Bytes = []int{1, 3}, make([]int8, 3) }), "", lstm.ErrUnsupported,
			`tensor "head.weight": dtype is I8, want tensor "head.weight_scale" too`},
	} {
		t.Run(name, func(t *testing.T) {
			entries := int8Entries()
			c.change(entries)
			var metadata map[string]string
			if c.structure != "" {
				metadata = map[string]string{"lstm.structure": c.structure}
			}
			file := fileOf(t, entries, metadata)
			for _, options := range [][]lstm.Option{nil, {lstm.WithNonFinite()}, {lstm.WithWeights(lstm.Float32)}} {
				m, err := lstm.ReadModel(bytes.NewReader(file), options...)
				require.Nil(t, m)
				require.ErrorIs(t, err, c.kind)
				assertFileError(t, err, c.want)
			}
		})
	}
}

// Weights that are not as their format wants them are not written.
func TestWriteRefusesFormats(t *testing.T) {
	m := formatModel()
	weightsOf(m, 0).Format = lstm.Int8
	weightsOf(m, 0).WeightIH[5*7+2] = float32(math.Inf(1))
	var file bytes.Buffer
	require.EqualError(t, m.Write(&file), "lstm: layer 0: WeightIH[7][2] is +Inf, want a finite number where Format is int8")
	require.Zero(t, file.Len())
}

// What a file makes a reader take is bounded by its size, also where int8 is padded
// most: a head of one output.
func TestReadInt8Takes(t *testing.T) {
	const inputs = 1 << 17
	m := &lstm.Model{
		Layers: []lstm.Layer{&lstm.Linear{InFeatures: inputs, OutFeatures: 1, Weight: make([]float32, inputs), Format: lstm.Int8}, lstm.RandomModel(1, 0, 1, 1).Layers[0]},
	}
	m.Layers[0].(*lstm.Linear).Weight[5] = 1
	file := written(t, m)
	runtime.GC()
	used := allocated(func() {
		_, err := lstm.Read(bytes.NewReader(file))
		require.NoError(t, err)
	})
	require.Less(t, float64(used), 45*float64(len(file)), fmt.Sprintf("%.1f times", float64(used)/float64(len(file))))
}
