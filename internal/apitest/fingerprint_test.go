package apitest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// referenceFingerprint computes the definition in docs/state.md from the model,
// whose layers all have that cell.
func referenceFingerprint(m *lstm.Model, cell string) (f lstm.Fingerprint) {
	var b []byte
	number := func(n int) { b = binary.LittleEndian.AppendUint32(b, uint32(n)) }
	float := func(v float32) { b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v)) }
	text := func(s string) {
		number(len(s))
		b = append(b, s...)
	}
	var recurrent []*lstm.Weights
	stacks := [][]lstm.Layer{nil} // of other layers: before each LSTM layer, and after the last
	for _, layer := range m.Layers {
		last := len(stacks) - 1
		if w, ok := layer.(*lstm.Weights); ok {
			recurrent, stacks = append(recurrent, w), append(stacks, nil)
		} else {
			stacks[last] = append(stacks[last], layer)
		}
	}
	heads := m.Heads
	if top := &stacks[len(stacks)-1]; heads == nil && *top != nil {
		heads, *top = []lstm.Head{{Layers: *top}}, nil
	}
	others := len(slices.Concat(stacks...)) > 0 || len(heads) > 1
	for _, head := range heads {
		_, ok := head.Layers[0].(*lstm.Linear)
		others = others || !ok || len(head.Layers) > 1
	}
	number(lstm.Contract)
	number(len(recurrent))
	for _, w := range recurrent {
		number(w.InputSize)
		number(w.HiddenSize)
		text("float32")
		text(cell)
		if w.ProjSize > 0 {
			text("projection")
			number(w.ProjSize)
		}
		if w.Residual {
			text("residual")
		}
		if hasInitial(w) {
			text("initial")
		}
	}
	kinds := func(layers []lstm.Layer) {
		number(len(layers))
		for _, layer := range layers {
			switch layer := layer.(type) {
			case *lstm.Linear:
				text("linear")
				number(layer.InFeatures)
				number(layer.OutFeatures)
			case lstm.Activation:
				text(layer.Function.String())
				float(layer.Alpha)
				float(layer.Beta)
			}
		}
	}
	switch {
	case others:
		number(-1) // 2^32 - 1
		for _, stack := range stacks {
			kinds(stack)
		}
		number(len(heads))
		for _, head := range heads {
			kinds(head.Layers)
		}
	case heads == nil:
		number(0)
	default:
		number(heads[0].Layers[0].(*lstm.Linear).OutFeatures)
	}
	at := func(s []float32, i int) float32 {
		if s == nil {
			return 0
		}
		return s[i]
	}
	for _, w := range recurrent {
		rows := 4 * w.HiddenSize
		used := func(r int, v float32) float32 {
			if w.Cell.Coupled && r/w.HiddenSize == 1 {
				return 0
			}
			return v
		}
		for r := range rows {
			float(used(r, at(w.BiasIH, r)+at(w.BiasHH, r)))
		}
		for k := range w.InputSize {
			for r := range rows {
				float(used(r, w.WeightIH[r*w.InputSize+k]))
			}
		}
		recurrent := len(w.WeightHH) / rows
		for k := range recurrent {
			for r := range rows {
				float(used(r, w.WeightHH[r*recurrent+k]))
			}
		}
		peepholes := [][]float32{w.PeepholeI, w.PeepholeF, w.PeepholeO}
		if w.Cell.Coupled {
			peepholes = [][]float32{w.PeepholeI, w.PeepholeO}
		}
		for _, peephole := range peepholes {
			for _, v := range peephole {
				float(v)
			}
		}
		norms := [][]float32{w.NormI, w.NormF, w.NormG, w.NormO}
		if w.Cell.Coupled {
			norms = [][]float32{w.NormI, w.NormG, w.NormO}
		}
		for _, v := range slices.Concat(norms...) {
			float(v)
		}
		for k := range w.HiddenSize {
			for r := range w.ProjSize {
				float(w.WeightHR[r*w.HiddenSize+k])
			}
		}
		if hasInitial(w) {
			for k := range recurrent {
				float(at(w.InitialH, k))
			}
			for u := range w.HiddenSize {
				float(at(w.InitialC, u))
			}
		}
	}
	for _, head := range heads {
		stacks = append(stacks, head.Layers)
	}
	for _, layer := range slices.Concat(stacks...) {
		if d, ok := layer.(*lstm.Linear); ok {
			for _, v := range d.Weight {
				float(v)
			}
			for o := range d.OutFeatures {
				float(at(d.Bias, o))
			}
		}
	}
	sum := sha256.Sum256(b)
	copy(f[:], sum[:])
	return f
}

func hasInitial(w *lstm.Weights) bool { return w.InitialH != nil || w.InitialC != nil }

func TestFingerprintIsItsDefinition(t *testing.T) {
	for _, shape := range lstmtest.Shapes {
		for _, variant := range variants {
			m := lstm.RandomModel(1, shape.Outputs, shape.Sizes...)
			variant.change(m)
			cell := "plain"
			if clip := weightsOf(m, 0).Cell.ProjClip; clip != 0 {
				cell = fmt.Sprintf("proj_clip=%v", clip)
			}
			for _, without := range []string{"nothing", "biases"} {
				n, err := lstm.New(m)
				require.NoError(t, err)
				require.Equal(t, referenceFingerprint(m, cell), n.Fingerprint(), "%v, %s, without %s", shape, variant.name, without)
				for l := range m.Layers {
					weightsOf(m, l).BiasHH = nil
				}
				if m.Heads != nil {
					headOf(m).Bias = nil
				}
			}
		}
	}
}

func TestFingerprintOfCells(t *testing.T) {
	for _, shape := range lstmtest.Shapes {
		for _, cell := range cells {
			m := lstm.RandomModel(1, shape.Outputs, shape.Sizes...)
			for l := range m.Layers {
				cell.change(weightsOf(m, l))
			}
			n, err := lstm.New(m)
			require.NoError(t, err)
			require.Equal(t, referenceFingerprint(m, cell.name), n.Fingerprint(), "%v %s", shape, cell.name)
		}
	}
}

// Any parameter and any size makes another fingerprint; what is not used does
// not.
func TestFingerprintOfOtherLayers(t *testing.T) {
	seen := map[lstm.Fingerprint]int{}
	layers := lstm.RandomModel(1, 0, 4, 4, 4).Layers
	first, second := layers[0], layers[1]
	a, b := lstm.RandomModel(2, 4, 4, 4).Heads[0].Layers[0], lstm.RandomModel(3, 4, 4, 4).Heads[0].Layers[0]
	identity := lstm.Activation{Function: lstm.ActivationIdentity}
	type head = []lstm.Layer
	for i, c := range []struct {
		layers []lstm.Layer
		heads  []head
	}{
		{[]lstm.Layer{first, second}, nil},
		{[]lstm.Layer{first, second}, []head{{a}}},
		{[]lstm.Layer{a, first, second}, nil},
		{[]lstm.Layer{first, a, second}, nil},
		{[]lstm.Layer{first, a, second}, []head{{b}}},
		{[]lstm.Layer{a, first, second}, []head{{b}}},
		{[]lstm.Layer{b, first, second}, []head{{a}}},
		{[]lstm.Layer{first, second}, []head{{a, b}}},
		{[]lstm.Layer{first, second}, []head{{a}, {b}}},
		{[]lstm.Layer{first, second}, []head{{b}, {a}}},
		{[]lstm.Layer{first, second, a}, []head{{b}}},
		{[]lstm.Layer{first, second}, []head{{tanh}}},
		{[]lstm.Layer{first, second}, []head{{identity}}},
		{[]lstm.Layer{first, second, tanh}, []head{{identity}}},
		{[]lstm.Layer{tanh, first, second}, nil},
		{[]lstm.Layer{tanh, first, tanh, second}, nil},
	} {
		m := &lstm.Model{Layers: c.layers}
		for _, layers := range c.heads {
			m.Heads = append(m.Heads, lstm.Head{Layers: layers})
		}
		n, err := lstm.New(m)
		require.NoError(t, err)
		require.Equal(t, referenceFingerprint(m, "plain"), n.Fingerprint(), "%d", i)
		require.NotContains(t, seen, n.Fingerprint(), "%d", i)
		seen[n.Fingerprint()] = i
	}
	// What computes the same is the same.
	for _, last := range []head{{a}, {a, tanh}, {tanh}} {
		of := func(m *lstm.Model) lstm.Fingerprint {
			n, err := lstm.New(m)
			require.NoError(t, err)
			return n.Fingerprint()
		}
		require.Equal(t, of(&lstm.Model{Layers: layers, Heads: []lstm.Head{{Name: "y", Layers: last}}}),
			of(&lstm.Model{Layers: slices.Concat(layers, last)}))
	}
}

func TestFingerprintTellsNetworksApart(t *testing.T) {
	of := func(change func(m *lstm.Model)) lstm.Fingerprint {
		m := lstm.RandomModel(1, 2, 3, 9, 5)
		m.Metadata = map[string]string{"key": "value"}
		change(m)
		n, err := lstm.New(m)
		require.NoError(t, err)
		return n.Fingerprint()
	}
	same := of(func(*lstm.Model) {})
	seen := map[lstm.Fingerprint]string{same: "unchanged", {}: "none"}
	another := func(name string, change func(m *lstm.Model)) {
		f := of(change)
		require.Empty(t, seen[f], name)
		seen[f] = name
	}
	m := lstm.RandomModel(1, 2, 3, 9, 5)
	for i, tensor := range tensorsOf(m) {
		for j := range *tensor {
			another(fmt.Sprintf("tensor %d element %d", i, j), func(m *lstm.Model) { (*tensorsOf(m)[i])[j] += float32(1 + i) })
		}
	}
	another("no head", func(m *lstm.Model) { m.Heads = nil })
	another("no bias", func(m *lstm.Model) { weightsOf(m, 0).BiasHH = nil })
	another("another input size", func(m *lstm.Model) { *m = *lstm.RandomModel(1, 2, 4, 9, 5) })
	another("another hidden size", func(m *lstm.Model) { *m = *lstm.RandomModel(1, 2, 3, 8, 5) })
	for _, cell := range cells[1:] {
		another(cell.name, func(m *lstm.Model) { cell.change(weightsOf(m, 0)) })
		another(cell.name+" above", func(m *lstm.Model) { cell.change(weightsOf(m, 1)) })
	}
	for i := range 3 {
		for u := range 9 {
			another(fmt.Sprintf("peephole %d of unit %d", i, u), func(m *lstm.Model) {
				w := weightsOf(m, 0)
				addPeepholes(w)
				[][]float32{w.PeepholeI, w.PeepholeF, w.PeepholeO}[i][u]++
			})
		}
	}
	for i := range 4 {
		for u := range 9 {
			another(fmt.Sprintf("norm %d of unit %d", i, u), func(m *lstm.Model) {
				w := weightsOf(m, 0)
				addNormalization(w)
				[][]float32{w.NormI, w.NormF, w.NormG, w.NormO}[i][u]++
			})
		}
	}
	another("bias of a normalized layer", func(m *lstm.Model) {
		addNormalization(weightsOf(m, 0))
		weightsOf(m, 0).BiasIH[35]++
	})
	another("residual", func(m *lstm.Model) { *m = *lstm.RandomModel(1, 2, 3, 3, 5); weightsOf(m, 0).Residual = true })
	another("not residual", func(m *lstm.Model) { *m = *lstm.RandomModel(1, 2, 3, 3, 5) })
	another("projection", func(m *lstm.Model) { project(m, 0, 4) })
	another("projection to another size", func(m *lstm.Model) { project(m, 0, 9) })
	another("another projection", func(m *lstm.Model) { project(m, 0, 4); weightsOf(m, 0).WeightHR[35]++ })
	another("clip of a projection", func(m *lstm.Model) { project(m, 0, 4); weightsOf(m, 0).Cell.ProjClip = 0.5 })
	another("another clip of a projection", func(m *lstm.Model) { project(m, 0, 4); weightsOf(m, 0).Cell.ProjClip = 1 })
	another("initial h", func(m *lstm.Model) { weightsOf(m, 1).InitialH = []float32{0, 1, 0, 0, 0} })
	another("initial c", func(m *lstm.Model) { weightsOf(m, 1).InitialC = []float32{0, 1, 0, 0, 0} })
	another("initial c of another layer", func(m *lstm.Model) { weightsOf(m, 0).InitialC = []float32{0, 1, 0, 0, 0, 0, 0, 0, 0} })
	another("fewer layers", func(m *lstm.Model) { *m = *lstm.RandomModel(1, 2, 3, 9) })

	require.Equal(t, same, of(func(m *lstm.Model) { m.Metadata = nil }))
	require.Equal(t, same, of(func(m *lstm.Model) {
		for l := range m.Layers {
			w := weightsOf(m, l)
			w.BiasIH, w.BiasHH = w.BiasHH, w.BiasIH // their sum is used
		}
	}))
	require.Equal(t, same, of(func(m *lstm.Model) {
		weightsOf(m, 0).InitialH, weightsOf(m, 1).InitialC = make([]float32, 9), []float32{0, -0x1p-65, 0, 0, 0} // which is where streams begin anyway
	}))
	require.Equal(t, same, of(func(m *lstm.Model) { // what the zero Activations are
		weightsOf(m, 0).Cell.Gate.Function = lstm.ActivationSigmoid
		weightsOf(m, 0).Cell.Candidate.Function = lstm.ActivationTanh
		weightsOf(m, 1).Cell.Output.Function = lstm.ActivationTanh
	}))
	coupled := func(change func(w *lstm.Weights)) lstm.Fingerprint {
		return of(func(m *lstm.Model) {
			addPeepholes(weightsOf(m, 0))
			weightsOf(m, 0).Cell.Coupled = true
			change(weightsOf(m, 0))
		})
	}
	require.Equal(t, coupled(func(*lstm.Weights) {}), coupled(func(w *lstm.Weights) {
		w.PeepholeF[3], w.BiasIH[9], w.WeightIH[9*3], w.WeightHH[2*9*9-1] = 5, 5, 5, 5 // of f, which is 1 - i
	}))
	normalized := func(change func(w *lstm.Weights)) lstm.Fingerprint {
		return coupled(func(w *lstm.Weights) {
			addNormalization(w)
			change(w)
		})
	}
	require.Equal(t, normalized(func(*lstm.Weights) {}), normalized(func(w *lstm.Weights) {
		w.NormF[3], w.PeepholeF[3], w.BiasIH[9], w.Cell.NormEpsilon = 5, 5, 5, 1e-8
	}))
	require.NotEqual(t, normalized(func(*lstm.Weights) {}), normalized(func(w *lstm.Weights) { w.NormO[3]++ }))
	staged := func(change func(w *lstm.Weights)) lstm.Fingerprint {
		return coupled(func(w *lstm.Weights) {
			w.Cell.Output.Function = lstm.ActivationIdentity
			change(w)
		})
	}
	require.Equal(t, staged(func(*lstm.Weights) {}), staged(func(w *lstm.Weights) { w.PeepholeF[3] = 5 }))
	require.NotEqual(t, staged(func(*lstm.Weights) {}), staged(func(w *lstm.Weights) { w.PeepholeO[3]++ }))
	affine := func(alpha, beta float32) lstm.Fingerprint {
		return staged(func(w *lstm.Weights) {
			w.Cell.Gate = lstm.Activation{Function: lstm.ActivationAffine, Alpha: alpha, Beta: beta}
		})
	}
	require.Equal(t, affine(0, 0), affine(0x1p-65, float32(math.Copysign(0, -1))), "what is tiny is zero")
	require.NotEqual(t, affine(0, 1), affine(1, 0))
}

func tensorsOf(m *lstm.Model) (tensors []*[]float32) {
	for l := range m.Layers {
		w := weightsOf(m, l)
		tensors = append(tensors, &w.WeightIH, &w.WeightHH, &w.BiasIH, &w.BiasHH)
	}
	return append(tensors, &headOf(m).Weight, &headOf(m).Bias)
}

// Which NaN the sum of two biases is depends on the machine.
func TestFingerprintOfNaN(t *testing.T) {
	of := func(bits uint32) lstm.Fingerprint {
		m := lstm.RandomModel(1, 1, 3, 9)
		weightsOf(m, 0).WeightIH[3], headOf(m).Weight[4], headOf(m).Bias[0] = math.Float32frombits(bits), math.Float32frombits(bits), math.Float32frombits(bits)
		weightsOf(m, 0).BiasIH[0] = math.Float32frombits(bits)
		n, err := lstm.New(m)
		require.NoError(t, err)
		return n.Fingerprint()
	}
	require.Equal(t, of(0x7fc00000), of(0xffc12345))
}

func TestFingerprintFromManyGoroutines(t *testing.T) {
	m := lstm.RandomModel(1, 2, 3, 40)
	n, err := lstm.New(m)
	require.NoError(t, err)
	var group sync.WaitGroup
	var got [8]lstm.Fingerprint
	for i := range got {
		group.Go(func() { got[i] = n.Fingerprint() })
	}
	group.Wait()
	for _, f := range got {
		require.Equal(t, referenceFingerprint(m, "plain"), f)
	}
}

func TestFingerprintText(t *testing.T) {
	f := lstm.Fingerprint{0xab, 1, 15: 0xff}
	require.Equal(t, "ab0100000000000000000000000000ff", f.String())
	require.Equal(t, f.String(), fmt.Sprint(f))
	text, err := json.Marshal(map[string]lstm.Fingerprint{"model": f})
	require.NoError(t, err)
	require.Equal(t, `{"model":"`+f.String()+`"}`, string(text))
	var back map[string]lstm.Fingerprint
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, f, back["model"])

	for _, c := range []struct{ text, want string }{
		{"", `lstm: fingerprint "" has 0 digits, want 32`},
		{f.String()[1:], `lstm: fingerprint "b0100000000000000000000000000ff" has 31 digits, want 32`},
		{"x" + f.String()[1:], `lstm: fingerprint "xb0100000000000000000000000000ff": encoding/hex: invalid byte: U+0078 'x'`},
	} {
		got := f
		require.EqualError(t, got.UnmarshalText([]byte(c.text)), c.want)
		require.Equal(t, f, got, "changed by an error")
	}
}

// What the contract does to parameters is done to what is hashed.
func TestFingerprintOfTinyParameters(t *testing.T) {
	of := func(v float32) lstm.Fingerprint {
		m := lstm.RandomModel(1, 1, 3, 9)
		weightsOf(m, 0).WeightIH[3], weightsOf(m, 0).WeightHH[4], headOf(m).Weight[5] = v, v, v
		n, err := lstm.New(m)
		require.NoError(t, err)
		return n.Fingerprint()
	}
	require.Equal(t, of(0), of(-0x1p-65))
	require.NotEqual(t, of(0), of(0x1p-64))
}
