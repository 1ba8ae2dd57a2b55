package main

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

func TestInfo(t *testing.T) {
	r := lstmWith(t, "", "info")
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `system +`+runtime.GOOS+"/"+runtime.GOARCH, r.out)
	require.Regexp(t, `CPU features +\S`, r.out)
	require.Regexp(t, `path +`+lstm.Path()+`, the `, r.out)
	require.Regexp(t, fmt.Sprintf(`contract +%d\n`, lstm.Contract), r.out)
	require.Contains(t, r.out, embeddedModel)
	require.Contains(t, r.out, keyInputs)
}

func TestInfoOfFile(t *testing.T) {
	m := randomModel(3, 2, map[string]string{"origin": "a\x1b[2Jb", "a\nmodel": "forged"})
	path := writeModel(t, m)
	r := lstmWith(t, "", "info", path)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, path)
	require.Regexp(t, `parameters +212, weights and biases\n`, r.out)
	net, err := lstm.New(m)
	require.NoError(t, err)
	require.Regexp(t, `fingerprint +`+net.Fingerprint().String()+`\n`, r.out)
	require.Regexp(t, `lstm 0 +3 +5 +160 +float32 +plain\n`, r.out)
	require.Regexp(t, `head: linear +5 +2 +10 +float32 *\n`, r.out)
	require.Regexp(t, `"a\\nmodel" +forged\n`, r.out)
	require.Regexp(t, `origin +"a\\x1b\[2Jb"\n`, r.out)

	w := m.Layers[0].(*lstm.Weights)
	w.ProjSize, w.WeightHH, w.WeightHR = 4, make([]float32, 4*5*4), make([]float32, 4*5)
	m.Heads[0].Layers[0] = &lstm.Linear{InFeatures: 4, OutFeatures: 2, Weight: make([]float32, 8)}
	r = lstmWith(t, "", "info", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `lstm 0, 5 units +3 +4 +160 +float32 +plain\n`, r.out)

	m.Metadata = nil
	r = lstmWith(t, "", "info", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `metadata +none`, r.out)

	r = lstmWith(t, "", "info", writeFile(t, "model.safetensors", "no model"))
	require.Equal(t, exitFailure, r.code)
	require.Regexp(t, `^lstm: [^:]*model\.safetensors: `, r.err)
}

func TestInfoOfCells(t *testing.T) {
	m := lstm.RandomModel(1, 0, 2, 3, 4, 5)
	for l, cell := range []lstm.Cell{{}, {Coupled: true, Clip: 3, Gate: lstm.Activation{Function: lstm.ActivationTanh}}, {CellClip: 0.5}} {
		w := m.Layers[l].(*lstm.Weights)
		w.Cell = cell
		if l != 1 {
			w.PeepholeI, w.PeepholeF, w.PeepholeO = make([]float32, w.HiddenSize), make([]float32, w.HiddenSize), make([]float32, w.HiddenSize)
		}
		if l == 2 {
			w.NormI, w.NormF = make([]float32, w.HiddenSize), make([]float32, w.HiddenSize)
			w.NormG, w.NormO = make([]float32, w.HiddenSize), make([]float32, w.HiddenSize)
		}
	}
	r := lstmWith(t, "", "info", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `lstm 0 +2 +3 +60 +float32 +peephole\n`, r.out)
	require.Regexp(t, `lstm 1 +3 +4 +112 +float32 +coupled clip=3 gate=tanh\n`, r.out)
	require.Regexp(t, `lstm 2 +4 +5 +180 +float32 +normalized peephole cell_clip=0.5\n`, r.out)
}

// Layers and heads of all kinds, in their order.
func TestInfoOfLayersAndHeads(t *testing.T) {
	linear := func(outputs, inputs int) *lstm.Linear {
		return &lstm.Linear{InFeatures: inputs, OutFeatures: outputs, Weight: make([]float32, outputs*inputs)}
	}
	relu, softmax := lstm.Activation{Function: lstm.ActivationReLU}, lstm.Activation{Function: lstm.ActivationSoftmax}
	m := lstm.RandomModel(1, 0, 3, 4, 5)
	m.Layers = []lstm.Layer{relu, linear(3, 2), m.Layers[0], lstm.ActivationELU.WithDefaults(), m.Layers[1]}
	m.Heads = []lstm.Head{{Name: "a\nb", Layers: []lstm.Layer{linear(7, 5), softmax}}, {Layers: []lstm.Layer{softmax}}}
	r := lstmWith(t, "", "info", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `heads +2, which the file describes\n`, r.out)
	require.Regexp(t, `\nrelu +2 +2 *\nlinear +2 +3 +6 +float32 *\nlstm 0 +3 +4 +112 +float32 +plain\nelu\(1\) +4 +4 *\nlstm 1 +4 +5 +180 +float32 +plain\n`+
		`head "a\\nb": linear +5 +7 +35 +float32 *\nhead "a\\nb": softmax +7 +7 *\nhead 1: softmax +5 +5 *\n`, r.out)

	// The flags say what the head is, in place of the file.
	r = lstmWith(t, "", "info", "-head", "heads.0.0", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `head +heads.0.0`, r.out)
	require.Regexp(t, `\nhead: linear +5 +7 +35 +float32 *\n`, r.out)
}

func TestCPUOptions(t *testing.T) {
	require.Equal(t, "cpu.avx2=off,cpu.fma=off", cpuOptions("gctrace=1,cpu.avx2=off,cpu.fma=off"))
	require.Empty(t, cpuOptions(""))
}

func TestDescribeFeatures(t *testing.T) {
	require.Equal(t, "A; not B", describeFeatures([]feature{{"A", true}, {"B", false}}))
	require.Equal(t, "A B", describeFeatures([]feature{{"A", true}, {"B", true}}))
	require.Equal(t, "not A", describeFeatures([]feature{{"A", false}}))
	require.Contains(t, describeFeatures(nil), runtime.GOARCH)
}
