package apitest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// formatModel is a model with everything that has weights.
func formatModel() *lstm.Model {
	m := lstm.RandomModel(7, 3, 5, 9, 6)
	w := m.Layers[0].(*lstm.Weights)
	w.ProjSize = 4
	w.WeightHH = w.WeightHH[:4*9*4]
	w.WeightHR = slices.Repeat([]float32{0.25, -0.5, 1, 0.125}, 9)
	above := m.Layers[1].(*lstm.Weights)
	above.InputSize, above.WeightIH = 4, above.WeightIH[:4*6*4]
	return m
}

func TestWeightFormatString(t *testing.T) {
	require.Equal(t, "float32 float16 int8 WeightFormat(3)", fmt.Sprint(lstm.Float32, lstm.Float16, lstm.Int8, lstm.WeightFormat(3)))
}

// What cannot be in a format is refused, with layer, tensor, row and value.
func TestWeightFormatErrors(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		change func(first, second *lstm.Weights, head *lstm.Linear)
		kind   error
		want   string
	}{
		{func(_, w *lstm.Weights, _ *lstm.Linear) { w.Format = 3 }, lstm.ErrUnsupported,
			"layer 1: Format is WeightFormat(3), want Float32, Float16 or Int8"},
		{func(_, _ *lstm.Weights, d *lstm.Linear) { d.Format = 9 }, lstm.ErrUnsupported,
			"head: Format is WeightFormat(9), want Float32, Float16 or Int8"},
		{func(w, _ *lstm.Weights, _ *lstm.Linear) { w.InputBits = 7 }, lstm.ErrUnsupported,
			"layer 0: InputBits is 7, want 0 where Format is float32"},
		{func(w, _ *lstm.Weights, _ *lstm.Linear) { w.Format, w.InputBits = lstm.Int8, 8 }, lstm.ErrUnsupported,
			"layer 0: InputBits is 8, want 7, 14 or 0"},
		{func(w, _ *lstm.Weights, _ *lstm.Linear) { w.Format, w.WeightIH[5*7+2] = lstm.Float16, nan }, lstm.ErrDamaged,
			"layer 0: WeightIH[7][2] is NaN, want a finite number where Format is float16"},
		{func(w, _ *lstm.Weights, _ *lstm.Linear) { w.Format, w.WeightHH[4*30+1] = lstm.Float16, -65520 }, lstm.ErrUnsupported,
			"layer 0: WeightHH[30][1] is -65520, which as a float16 is infinite, want less than 65520 in magnitude"},
		{func(w, _ *lstm.Weights, _ *lstm.Linear) { w.Format, w.WeightHR[9*3+8] = lstm.Int8, -inf }, lstm.ErrDamaged,
			"layer 0: WeightHR[3][8] is -Inf, want a finite number where Format is int8"},
		{func(_, _ *lstm.Weights, d *lstm.Linear) { d.Format, d.Weight[6*2] = lstm.Int8, inf }, lstm.ErrDamaged,
			"head: Weight[2][0] is +Inf, want a finite number where Format is int8"},
		{func(w, _ *lstm.Weights, _ *lstm.Linear) { w.ScaleHH = make([]float32, 36) }, lstm.ErrShape,
			"layer 0: ScaleHH has 36 elements, want nil where Format is not int8 or there is no WeightHH"},
		{func(_, w *lstm.Weights, _ *lstm.Linear) { w.Format, w.ScaleHR = lstm.Int8, make([]float32, 4) }, lstm.ErrShape,
			"layer 1: ScaleHR has 4 elements, want nil where Format is not int8 or there is no WeightHR"},
		{func(w, _ *lstm.Weights, _ *lstm.Linear) { w.Format, w.ScaleIH = lstm.Int8, make([]float32, 35) }, lstm.ErrShape,
			"layer 0: ScaleIH has 35 elements, want 36, shape [4H]"},
		{func(_, _ *lstm.Weights, d *lstm.Linear) { d.Format, d.Scale = lstm.Int8, []float32{1, 1, -1} }, lstm.ErrDamaged,
			"head: Scale[2] is -1, want a finite number that is not negative"},
		{func(_, _ *lstm.Weights, d *lstm.Linear) { d.Format, d.Scale = lstm.Int8, []float32{1, nan, 1} }, lstm.ErrDamaged,
			"head: Scale[1] is NaN, want a finite number that is not negative"},
		{func(w, _ *lstm.Weights, _ *lstm.Linear) {
			w.Format, w.ScaleHR, w.WeightHR[9] = lstm.Int8, []float32{1, 0.5, 1, 1}, 64
		}, lstm.ErrUnsupported, "layer 0: WeightHR[1][0] is 64, 128 times its ScaleHR of 0.5, want 127 times at most"},
		{func(_, _ *lstm.Weights, d *lstm.Linear) {
			d.Format, d.Scale, d.Weight[0], d.Weight[1] = lstm.Int8, []float32{0, 1, 1}, 0, 0.5
		}, lstm.ErrUnsupported, "head: Weight[0][1] is 0.5, +Inf times its Scale of 0, want 127 times at most"},
	} {
		m := formatModel()
		c.change(m.Layers[0].(*lstm.Weights), m.Layers[1].(*lstm.Weights), m.Heads[0].Layers[0].(*lstm.Linear))
		n, err := lstm.New(m)
		require.EqualError(t, err, "lstm: "+c.want)
		require.ErrorIs(t, err, c.kind)
		require.Nil(t, n)
		s, err := lstm.NewSequenceNetwork(m)
		require.EqualError(t, err, "lstm: "+c.want)
		require.Nil(t, s)
	}
	_, err := lstm.New(formatModel(), lstm.WithWeights(4))
	require.EqualError(t, err, "lstm: layer 0: Format is WeightFormat(4), want Float32, Float16 or Int8")
	_, err = lstm.New(formatModel(), lstm.WithWeights(lstm.Int8), lstm.WithInputBits(-7))
	require.EqualError(t, err, "lstm: layer 0: InputBits is -7, want 7, 14 or 0")
	_, err = lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{}}}, lstm.WithWeights(lstm.Int8))
	require.ErrorIs(t, err, lstm.ErrShape)
	var noWeights *lstm.Weights
	_, err = lstm.New(&lstm.Model{Layers: []lstm.Layer{noWeights, nil}}, lstm.WithWeights(lstm.Int8))
	require.EqualError(t, err, "lstm: layer 0 is a nil *lstm.Weights")

	// Float32 takes numbers of any kind.
	m := formatModel()
	m.Layers[0].(*lstm.Weights).WeightIH[0] = inf
	_, err = lstm.New(m)
	require.NoError(t, err)
}

// Options say the format for all layers, as the model itself can, which they leave
// alone; the last one counts.
func TestWithWeights(t *testing.T) {
	m := formatModel()
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	path := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	type network interface{ Fingerprint() lstm.Fingerprint }
	fingerprints := map[lstm.Fingerprint]bool{}
	for _, format := range []lstm.WeightFormat{lstm.Float32, lstm.Float16, lstm.Int8} {
		said := formatModel()
		for _, layer := range said.Layers {
			layer.(*lstm.Weights).Format = format
		}
		said.Heads[0].Layers[0].(*lstm.Linear).Format = format
		want, err := lstm.New(said)
		require.NoError(t, err)
		fingerprints[want.Fingerprint()] = true
		with := lstm.WithWeights(format)
		for _, made := range []func() (network, error){
			func() (network, error) { return lstm.New(m, with) },
			func() (network, error) { return lstm.NewSequenceNetwork(m, lstm.WithWeights(lstm.Int8), with) },
			func() (network, error) { return lstm.Open(path, with) },
			func() (network, error) { return lstm.OpenSequence(path, with) },
		} {
			got, err := made()
			require.NoError(t, err)
			require.Equal(t, want.Fingerprint(), got.Fingerprint())
		}
		read, err := lstm.ReadModel(bytes.NewReader(file.Bytes()), with)
		require.NoError(t, err)
		read.Source = lstm.Source{}
		require.Equal(t, said, read)
	}
	require.Equal(t, formatModel(), m)
	for _, bits := range []int{7, 14} {
		n, err := lstm.New(m, lstm.WithInputBits(bits), lstm.WithWeights(lstm.Int8))
		require.NoError(t, err)
		fingerprints[n.Fingerprint()] = true
	}
	require.Len(t, fingerprints, 5)
	plain, err := lstm.New(m)
	require.NoError(t, err)
	same, err := lstm.New(m, lstm.WithInputBits(14))
	require.NoError(t, err)
	require.Equal(t, plain.Fingerprint(), same.Fingerprint(), "there is no layer of int8")
}

// mixedFormats is a model with layers of every kind, in every format.
func mixedFormats() *lstm.Model {
	linear := func(in, out int, format lstm.WeightFormat) *lstm.Linear {
		return &lstm.Linear{InFeatures: in, OutFeatures: out, Weight: lstm.RandomModel(2, 0, in, out).Layers[0].(*lstm.Weights).WeightIH[:in*out], Format: format}
	}
	direction := func(format lstm.WeightFormat) *lstm.Weights {
		w := lstm.RandomModel(1, 0, 6, 3).Layers[0].(*lstm.Weights)
		w.Format = format
		return w
	}
	all := formatModel()
	all.Layers[0].(*lstm.Weights).Format = lstm.Float16
	all.Layers[1].(*lstm.Weights).Format, all.Layers[1].(*lstm.Weights).InputBits = lstm.Int8, 14
	all.Layers = append(all.Layers, &lstm.Bidirectional{Forward: direction(lstm.Float32), Backward: direction(lstm.Int8)}, linear(6, 4, lstm.Float16))
	all.Heads = []lstm.Head{{Name: "a", Layers: []lstm.Layer{linear(4, 1, lstm.Int8)}}, {Layers: []lstm.Layer{linear(4, 2, lstm.Float32)}}}
	return all
}

// A structure says the formats, and nothing where there is nothing to say.
func TestWeightFormatsInStructures(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, formatModel().Write(&file))
	require.NotContains(t, file.String(), "structure")

	err := readWithStructure(t, `{"version":1,"layers":[{"format":"int4"},{}]}`)
	require.ErrorIs(t, err, lstm.ErrUnsupported)
	require.ErrorContains(t, err, `layer 0: format is "int4", want float32, float16 or int8`)
	err = readWithStructure(t, `{"version":1,"layers":[{"format":"int8","input_bits":9},{}]}`)
	require.ErrorContains(t, err, "layer 0: InputBits is 9, want 7, 14 or 0")
}

// readWithStructure reads a file of formatModel that has this structure.
func readWithStructure(t *testing.T, structure string) error {
	t.Helper()
	m := formatModel()
	const key, other = "lstm.structure", "lstm_structure"
	m.Metadata = map[string]string{other: structure}
	var file bytes.Buffer
	require.NoError(t, m.Write(&file))
	_, err := lstm.ReadModel(bytes.NewReader(bytes.Replace(file.Bytes(), []byte(other), []byte(key), 1)))
	return err
}

// A state says the formats of its layers, and a network of others refuses it by their
// names; but it may be adopted, or set.
func TestStatesOfOtherFormats(t *testing.T) {
	m := lstm.RandomModel(3, 0, 4, 17, 9)
	network := func(options ...lstm.Option) *lstm.Network {
		n, err := lstm.New(m, options...)
		require.NoError(t, err)
		return n
	}
	networks := []*lstm.Network{
		network(), network(lstm.WithWeights(lstm.Float16)), network(lstm.WithWeights(lstm.Int8)),
		network(lstm.WithWeights(lstm.Int8), lstm.WithInputBits(7)),
	}
	names := []string{"float32", "float16", "int8 with inputs of 14 bits", "int8 with inputs of 7 bits"}
	numbers := []int{0, 1, 2 + 256*14, 2 + 256*7}
	for i, n := range networks {
		s := n.NewState()
		advance(n, s, i, 3)
		data, err := s.MarshalBinary()
		require.NoError(t, err)
		version := 3
		if i == 0 {
			version = 2
		} else {
			require.EqualValues(t, numbers[i], binary.LittleEndian.Uint32(data[40:]))
		}
		require.EqualValues(t, version, binary.LittleEndian.Uint16(data[4:]))
		v, err := lstm.DecodeState(data)
		require.NoError(t, err)
		require.Equal(t, s.H(0), v.H[0])
		require.Equal(t, s.C(1), v.C[1])
		for j, other := range networks {
			to := other.NewState()
			err := to.UnmarshalBinary(data)
			if i == j {
				require.NoError(t, err)
				lstmtest.RequireValues(t, lstmtest.Values(s, 2), to, "%s", names[i])
				continue
			}
			require.EqualError(t, err, fmt.Sprintf("lstm: state: the state was computed with weights of layer 0 in the format %s, want %s (DecodeState reads it as numbers)", names[i], names[j]))
			require.ErrorIs(t, err, lstm.ErrWeights)
			lstmtest.RequireValues(t, lstmtest.Values(other.NewState(), 2), to, "after an error")

			require.NoError(t, to.SetValues(v))
			adopted := s.Clone()
			require.NoError(t, other.Adopt(adopted))
			advance(other, to, 9, 4)
			advance(other, adopted, 9, 4)
			lstmtest.RequireValues(t, lstmtest.Values(to, 2), adopted, "%s adopted from %s", names[j], names[i])
		}
	}

	// A format of a later version, and sizes that are not there.
	s := networks[2].NewState()
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	err = s.UnmarshalBinary(edited(data, 40, 5, 3))
	require.EqualError(t, err, "lstm: state: the state was computed with weights of layer 0 in the format WeightFormat(5) with inputs of 3 bits, want int8 with inputs of 14 bits (DecodeState reads it as numbers)")
	_, err = lstm.DecodeState(edited(data, 24, 200))
	require.ErrorIs(t, err, lstm.ErrDamaged)
	for n := range data {
		short := slices.Clone(data[:n])
		if n >= 4 {
			copy(short[n-4:], binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(short[:n-4])))
		}
		_, err := lstm.DecodeState(short)
		require.ErrorIs(t, err, lstm.ErrDamaged, "%d bytes", n)
	}
}

// formatFingerprint computes the definition in docs/state.md of a model of one layer
// and one head, both of that format.
func formatFingerprint(m *lstm.Model, format lstm.WeightFormat) lstm.Fingerprint {
	h := &fingerprintHash{}
	w, d := m.Layers[0].(*lstm.Weights), m.Heads[0].Layers[0].(*lstm.Linear)
	layerText, linearText := "float16", "float16 linear"
	if format == lstm.Int8 {
		layerText, linearText = "int8 input_bits=14", "int8 input_bits=7 linear"
	}
	h.number(lstm.Contract)
	h.number(1)
	h.number(w.InputSize)
	h.number(w.HiddenSize)
	h.text(layerText)
	h.text("plain")
	h.text("projection")
	h.number(w.ProjSize)
	h.number(-1)
	h.number(0) // before the layer
	h.number(0) // before the heads
	h.number(1)
	h.number(1)
	h.text(linearText)
	h.number(d.InFeatures)
	h.number(d.OutFeatures)
	for r := range 4 * w.HiddenSize {
		h.floats(w.BiasIH[r] + w.BiasHH[r])
	}
	ih, scaleIH := ofFormat(format, w.WeightIH, w.InputSize)
	hh, scaleHH := ofFormat(format, w.WeightHH, w.ProjSize)
	hr, scaleHR := ofFormat(format, w.WeightHR, w.HiddenSize)
	head, scale := ofFormat(format, d.Weight, d.InFeatures)
	h.columns(ih, w.InputSize)
	h.columns(hh, w.ProjSize)
	h.floats(scaleIH...)
	h.floats(scaleHH...)
	h.columns(hr, w.HiddenSize)
	h.floats(scaleHR...)
	if format == lstm.Int8 {
		h.columns(head, d.InFeatures)
		h.floats(scale...)
	} else {
		h.floats(head...)
	}
	h.floats(d.Bias...)
	return h.sum()
}

// ofFormat returns weights as they are in a format, as numbers, and the scales.
func ofFormat(format lstm.WeightFormat, weights []float32, columns int) (numbers, scales []float32) {
	if format == lstm.Float16 {
		for _, w := range weights {
			_, exponent := math.Frexp(float64(w))
			unit := math.Ldexp(1, max(exponent-11, -24))
			numbers = append(numbers, float32(math.RoundToEven(float64(w)/unit)*unit))
		}
		return numbers, nil
	}
	for row := range slices.Chunk(weights, columns) {
		var most float64
		for _, w := range row {
			most = max(most, math.Abs(float64(w)))
		}
		scales = append(scales, float32(most/127))
		for _, w := range row {
			q := math.RoundToEven(float64(w) * 127 / most)
			numbers = append(numbers, float32(q)+0) // no -0
		}
	}
	return numbers, scales
}

func TestFingerprintOfFormats(t *testing.T) {
	for _, hidden := range []int{1, 9, 20, 40} {
		const size = 70
		m := lstm.RandomModel(5, 3, 5, hidden)
		w, d := m.Layers[0].(*lstm.Weights), m.Heads[0].Layers[0].(*lstm.Linear)
		other := lstm.RandomModel(6, 0, size, hidden).Layers[0].(*lstm.Weights)
		w.ProjSize, w.WeightHH = size, other.WeightIH
		w.WeightHR = lstm.RandomModel(7, size, 1, hidden).Heads[0].Layers[0].(*lstm.Linear).Weight
		d.InFeatures, d.Weight = size, lstm.RandomModel(8, 3, 1, size).Heads[0].Layers[0].(*lstm.Linear).Weight
		for _, format := range []lstm.WeightFormat{lstm.Float16, lstm.Int8} {
			n, err := lstm.New(m, lstm.WithWeights(format))
			require.NoError(t, err)
			require.Equal(t, formatFingerprint(m, format), n.Fingerprint(), "%v, hidden size %d", format, hidden)
			s, err := lstm.NewSequenceNetwork(m, lstm.WithWeights(format))
			require.NoError(t, err)
			require.Equal(t, n.Fingerprint(), s.Fingerprint())
		}
	}
}

// fingerprintHash takes what a fingerprint is made of.
type fingerprintHash struct{ bytes []byte }

func (h *fingerprintHash) number(n int) {
	h.bytes = binary.LittleEndian.AppendUint32(h.bytes, uint32(n))
}

func (h *fingerprintHash) text(s string) {
	h.number(len(s))
	h.bytes = append(h.bytes, s...)
}

func (h *fingerprintHash) floats(list ...float32) {
	for _, v := range list {
		h.number(int(math.Float32bits(v)))
	}
}

// columns takes a matrix column by column.
func (h *fingerprintHash) columns(matrix []float32, columns int) {
	for k := range columns {
		for i := k; i < len(matrix); i += columns {
			h.floats(matrix[i])
		}
	}
}

func (h *fingerprintHash) sum() lstm.Fingerprint {
	sum := sha256.Sum256(h.bytes)
	return lstm.Fingerprint(sum[:16])
}
