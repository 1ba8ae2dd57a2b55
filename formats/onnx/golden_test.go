package onnx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/safetensors"
)

// A goldenCase is a graph of a folder of testdata, and what ONNX Runtime has made of
// it (see testdata/README.md).
type goldenCase struct {
	Name    string        `json:"name"`
	Inputs  []goldenValue `json:"inputs"`
	Outputs []goldenValue `json:"outputs"`

	path    string
	tensors map[string]safetensors.Tensor
}

// goldenValue is an input or an output, whose axes have a letter each: B streams, T
// steps, F features, L layers and directions, K h and c.
type goldenValue struct {
	Name     string `json:"name"`
	Axes     string `json:"axes"`
	Shape    []int  `json:"shape"`
	Integers int    `json:"integers"`
}

func goldenCases(t *testing.T, folder string) (cases []goldenCase) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", folder, "cases.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &cases))
	for i := range cases {
		c := &cases[i]
		c.path = filepath.Join("testdata", folder, c.Name+".onnx")
		c.tensors = readTensors(t, strings.TrimSuffix(c.path, ".onnx")+".run.safetensors")
	}
	return cases
}

func readTensors(t *testing.T, path string) map[string]safetensors.Tensor {
	t.Helper()
	r, err := os.Open(path)
	require.NoError(t, err)
	defer r.Close()
	f, err := safetensors.Read(r)
	require.NoError(t, err)
	data := map[string]*[]float32{}
	for _, e := range f.Entries {
		data[e.Name] = new([]float32)
	}
	require.NoError(t, f.ReadData(func(e *safetensors.Entry) *[]float32 { return data[e.Name] }, false))
	tensors := map[string]safetensors.Tensor{}
	for _, e := range f.Entries {
		tensors[e.Name] = safetensors.Tensor{Name: e.Name, Shape: e.Shape, Data: *data[e.Name]}
	}
	return tensors
}

// at is an element of a tensor, by the letters of its axes.
func (c *goldenCase) at(name, axes string, places map[byte]int) float32 {
	tensor := c.tensors[name]
	i := 0
	for k, n := range tensor.Shape {
		i = i*n + places[axes[k]]
	}
	return tensor.Data[i]
}

// size is that of the axis of a letter.
func (c *goldenCase) size(name, axes string, letter byte) int {
	if k := strings.IndexByte(axes, letter); k >= 0 {
		return c.tensors[name].Shape[k]
	}
	return 1
}

// goldenTolerance is for two float32 implementations of a short sequence, whose
// outputs are of the size of 1: sixteen steps of float32 between 0.5 and 1.
const goldenTolerance = 16 * 0x1p-24

func TestGoldens(t *testing.T) {
	for _, folder := range []string{"torch"} {
		for _, c := range goldenCases(t, folder) {
			t.Run(folder+"/"+c.Name, func(t *testing.T) {
				m, err := Open(c.path)
				require.NoError(t, err)
				c.check(t, m, goldenTolerance)
			})
		}
	}
}

func (c *goldenCase) check(t *testing.T, m *lstm.Model, tolerance float64) {
	t.Helper()
	n, err := lstm.NewSequenceNetwork(m)
	require.NoError(t, err)
	x := c.Inputs[0]
	streams, steps := c.size("in."+x.Name, x.Axes, 'B'), c.size("in."+x.Name, x.Axes, 'T')
	for b := range streams {
		length := steps
		initial := n.NewState()
		for _, in := range c.Inputs[1:] {
			if in.Name == "lengths" {
				length = int(c.at("in.lengths", "B", map[byte]int{'B': b}))
				continue
			}
			if in.Name == "s" { // h and c in one
				for f := range initial.H[0] {
					initial.H[0][f] = c.at("in.s", in.Axes, map[byte]int{'B': b, 'F': f, 'K': 0})
					initial.C[0][f] = c.at("in.s", in.Axes, map[byte]int{'B': b, 'F': f, 'K': 1})
				}
				continue
			}
			to, of := c.state(initial, "in."+in.Name, in.Axes)
			for l := range to {
				for f := range c.size("in."+in.Name, in.Axes, 'F') { // a state may have more, see skipped
					to[l][f] = of(b, l, f)
				}
			}
		}
		var xs []float32
		for s := range length {
			row := make([]float32, n.InputSize())
			for f := range row {
				if x.Integers > 0 {
					if int(c.at("in."+x.Name, x.Axes, map[byte]int{'B': b, 'T': s})) == f {
						row[f] = 1
					}
				} else {
					row[f] = c.at("in."+x.Name, x.Axes, map[byte]int{'B': b, 'T': s, 'F': f})
				}
			}
			xs = append(xs, row...)
		}
		ys, final := make([]float32, length*n.OutputSize()), n.NewState()
		n.Forward(xs, ys, initial, final)
		checkNetwork(t, m, xs, ys, initial, final)

		offset := 0
		for _, out := range c.Outputs {
			if out.Name == "sn" {
				for f := range final.H[0] {
					require.InDelta(t, c.at("out.sn", out.Axes, map[byte]int{'B': b, 'F': f, 'K': 0}), final.H[0][f], tolerance)
					require.InDelta(t, c.at("out.sn", out.Axes, map[byte]int{'B': b, 'F': f, 'K': 1}), final.C[0][f], tolerance)
				}
				continue
			}
			if state, of := c.state(final, "out."+out.Name, out.Axes); state != nil {
				for l, h := range state {
					for f := range c.size("out."+out.Name, out.Axes, 'F') {
						require.InDelta(t, of(b, l, f), h[f], tolerance, "%s of stream %d, layer %d", out.Name, b, l)
					}
				}
				continue
			}
			size := c.size("out."+out.Name, out.Axes, 'F')
			first := 0 // step of the output
			if !strings.Contains(out.Axes, "T") {
				first = length - 1
			}
			for s := first; s < length; s++ {
				for f := range size {
					want := c.at("out."+out.Name, out.Axes, map[byte]int{'B': b, 'T': s, 'F': f})
					require.InDelta(t, want, ys[s*n.OutputSize()+offset+f], tolerance, "%s of stream %d, step %d, feature %d", out.Name, b, s, f)
				}
			}
			offset += size
		}
		if offset > 0 {
			require.Equal(t, n.OutputSize(), offset)
		}
	}
}

// state returns the part of a state that a tensor is about, which is called h0, c0, hn
// or cn, of all LSTMs, or for the K-th LSTM node h0.K and so on, and its elements.
func (c *goldenCase) state(s *lstm.SequenceState, name, axes string) (to [][]float32, of func(stream, layer, feature int) float32) {
	_, which, _ := strings.Cut(name, ".")
	which, node, ofNode := strings.Cut(which, ".")
	to = map[string][][]float32{"h0": s.H, "c0": s.C, "hn": s.H, "cn": s.C}[which]
	if ofNode && to != nil {
		k, _ := strconv.Atoi(node)
		count := c.size(name, axes, 'L')
		to = to[k*count:][:count]
	}
	return to, func(stream, layer, feature int) float32 {
		return c.at(name, axes, map[byte]int{'B': stream, 'L': layer, 'F': feature})
	}
}

// checkNetwork compares steps and batches with a sequence, if the model has steps.
func checkNetwork(t *testing.T, m *lstm.Model, xs, ys []float32, initial, final *lstm.SequenceState) {
	t.Helper()
	if slices.ContainsFunc(m.Layers, func(l lstm.Layer) bool { _, ok := l.(*lstm.Bidirectional); return ok }) {
		return
	}
	n, err := lstm.New(m)
	require.NoError(t, err)
	states := []*lstm.State{n.NewState(), n.NewState(), n.NewState()}
	for _, s := range states {
		for l := range initial.H {
			copy(s.H(l), initial.H[l])
			copy(s.C(l), initial.C[l])
		}
	}
	y := [3][]float32{make([]float32, n.OutputSize()), make([]float32, n.OutputSize()), make([]float32, n.OutputSize())}
	for k := 0; k < len(xs); k += n.InputSize() {
		x := xs[k:][:n.InputSize()]
		n.Step(states[0], x, y[0])
		n.StepBatch(states[1:], [][]float32{x, x}, y[1:])
		want := ys[k/n.InputSize()*n.OutputSize():][:n.OutputSize()]
		for _, got := range y {
			lstmtest.RequireBits(t, want, got, "step %d", k/n.InputSize())
		}
	}
	for l := range final.H {
		lstmtest.RequireBits(t, final.H[l], states[0].H(l), "h of layer %d", l)
		lstmtest.RequireBits(t, final.C[l], states[2].C(l), "c of layer %d", l)
	}
}
