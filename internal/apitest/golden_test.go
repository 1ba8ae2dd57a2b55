package apitest

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// golden is a run of a network by PyTorch (see testdata/README.md).
type golden struct {
	network  *lstm.Network
	steps    int
	x        []float32 // [T, I]
	h0, c0   []float32 // [L, H]
	h, c     []float32 // [T, L, H], after every step
	y        []float32 // [T, O]
	tolerate struct{ h, c, y float64 }
}

// driftFactor times the drift of PyTorch's float32 run, its largest difference
// from a float64 run of the same network, is what a result may differ from it.
// Two float32 runs that round in other places are both about as far from the
// truth as the drift, and so may be twice the drift from each other; half of
// that again is allowed because the drift is the maximum of one sample. The
// largest difference there is today is 1.93 times the drift.
const driftFactor = 3

func openGolden(t *testing.T, name string) *golden {
	t.Helper()
	n, err := lstm.Open(name + ".model.safetensors")
	require.NoError(t, err)
	file, err := os.Open(name + ".run.safetensors")
	require.NoError(t, err)
	defer file.Close()
	tensors, metadata := readTensors(t, file)

	steps := tensors["x"].Shape[0]
	layers, hidden := n.Layers(), n.HiddenSize(0)
	take := func(name string, shape ...int) []float32 {
		require.Equal(t, shape, tensors[name].Shape, name)
		return tensors[name].Data
	}
	g := &golden{
		network: n,
		steps:   steps,
		x:       take("x", steps, n.InputSize()),
		h0:      take("h0", layers, hidden),
		c0:      take("c0", layers, hidden),
		h:       take("h", steps, layers, hidden),
		c:       take("c", steps, layers, hidden),
		y:       take("y", steps, n.OutputSize()),
	}
	for key, tolerate := range map[string]*float64{"drift_h": &g.tolerate.h, "drift_c": &g.tolerate.c, "drift_y": &g.tolerate.y} {
		drift, err := strconv.ParseFloat(metadata[key], 64)
		require.NoError(t, err, key)
		require.Less(t, drift, 1e-6, "%s: the run says nothing if float32 is this far off", key)
		*tolerate = driftFactor * drift
	}
	return g
}

// begin returns the state before the first step.
func (g *golden) begin() *lstm.State {
	s := g.network.NewState()
	g.each(func(l int, part func([]float32) []float32) {
		copy(s.H(l), part(g.h0))
		copy(s.C(l), part(g.c0))
	})
	return s
}

// each calls do for every layer, with a function that takes the layer's part
// out of a tensor [L, H].
func (g *golden) each(do func(l int, part func([]float32) []float32)) {
	hidden := g.network.HiddenSize(0)
	for l := range g.network.Layers() {
		do(l, func(t []float32) []float32 { return t[l*hidden:][:hidden] })
	}
}

func (g *golden) input(step int) []float32 {
	return g.x[step*g.network.InputSize():][:g.network.InputSize()]
}

func (g *golden) output(step int) []float32 {
	return g.y[step*g.network.OutputSize():][:g.network.OutputSize()]
}

// requireState compares s with h and c after a step.
func (g *golden) requireState(t *testing.T, step int, s *lstm.State) {
	t.Helper()
	width := g.network.Layers() * g.network.HiddenSize(0)
	g.each(func(l int, part func([]float32) []float32) {
		requireClose(t, part(g.h[step*width:]), s.H(l), g.tolerate.h, "h of layer %d after step %d", l, step)
		requireClose(t, part(g.c[step*width:]), s.C(l), g.tolerate.c, "c of layer %d after step %d", l, step)
	})
}

func requireClose(t *testing.T, want, got []float32, tolerance float64, what string, args ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), append([]any{what}, args...)...)
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= tolerance) {
			t.Fatalf(what+": element %d is %g, want %g, which is %.2g more than the tolerated %.2g",
				append(args, i, got[i], want[i], d, tolerance)...)
		}
	}
}

func TestGolden(t *testing.T) {
	runs, err := filepath.Glob("../../testdata/golden/*.run.safetensors")
	require.NoError(t, err)
	require.NotEmpty(t, runs, "no golden vectors")
	for _, run := range runs {
		name := strings.TrimSuffix(run, ".run.safetensors")
		g := openGolden(t, name)
		t.Run(filepath.Base(name), func(t *testing.T) {
			lstmtest.EachPath(t, g.test)
		})
	}
}

func (g *golden) test(t *testing.T) {
	n := g.network
	r := lstmtest.NewRand(16, g.steps)

	t.Run("Step", func(t *testing.T) {
		s, y := g.begin(), make([]float32, n.OutputSize())
		for step := range g.steps {
			n.Step(s, g.input(step), y)
			g.requireState(t, step, s)
			requireClose(t, g.output(step), y, g.tolerate.y, "y of step %d", step)
		}
	})

	t.Run("Forward", func(t *testing.T) {
		s, y := g.begin(), make([]float32, len(g.y))
		n.Forward(s, g.x, y)
		requireClose(t, g.y, y, g.tolerate.y, "y")
		g.requireState(t, g.steps-1, s)
	})

	t.Run("Forward in parts", func(t *testing.T) {
		s, y := g.begin(), make([]float32, len(g.y))
		for step := 0; step < g.steps; {
			end := min(g.steps, step+1+r.IntN(40))
			n.Forward(s, g.x[step*n.InputSize():end*n.InputSize()], y[step*n.OutputSize():end*n.OutputSize()])
			g.requireState(t, end-1, s)
			step = end
		}
		requireClose(t, g.y, y, g.tolerate.y, "y")
	})

	// The stream in a batch, among others at other steps of the same run.
	t.Run("StepBatch", func(t *testing.T) {
		const streams = panel.MaxColumns + 2
		var states []*lstm.State
		var xs, ys [][]float32
		for i := range streams {
			states, xs, ys = append(states, g.begin()), append(xs, nil), append(ys, make([]float32, n.OutputSize()))
			n.Forward(states[i], g.x[:i*n.InputSize()], nil)
		}
		for step := range min(200, g.steps-streams) {
			for i := range streams {
				xs[i] = g.input(step + i)
			}
			n.StepBatch(states, xs, ys)
			for i, s := range states {
				requireClose(t, g.output(step+i), ys[i], g.tolerate.y, "y of step %d, column %d", step+i, i)
				g.requireState(t, step+i, s)
			}
		}
	})
}
