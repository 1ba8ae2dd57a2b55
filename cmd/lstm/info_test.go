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
	require.Regexp(t, `lstm 0 +3 +5 +160 +plain\n`, r.out)
	require.Regexp(t, `linear +5 +2 +10\n`, r.out)
	require.Regexp(t, `"a\\nmodel" +forged\n`, r.out)
	require.Regexp(t, `origin +"a\\x1b\[2Jb"\n`, r.out)

	w := m.Layers[0].(*lstm.Weights)
	w.ProjSize, w.WeightHH, w.WeightHR = 4, make([]float32, 4*5*4), make([]float32, 4*5)
	m.Heads[0].Layers[0] = &lstm.Linear{InFeatures: 4, OutFeatures: 2, Weight: make([]float32, 8)}
	r = lstmWith(t, "", "info", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `lstm 0, 5 units +3 +4 +160 +plain\n`, r.out)

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
	}
	r := lstmWith(t, "", "info", writeModel(t, m))
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `lstm 0 +2 +3 +60 +peephole\n`, r.out)
	require.Regexp(t, `lstm 1 +3 +4 +112 +coupled clip=3 gate=tanh\n`, r.out)
	require.Regexp(t, `lstm 2 +4 +5 +180 +peephole cell_clip=0.5\n`, r.out)
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
