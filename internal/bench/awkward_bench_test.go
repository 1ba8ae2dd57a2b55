package bench_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// BenchmarkAwkwardStep times steps with numbers that some processors, or some
// libraries, are slow with, in turns with ordinary steps of a network of the
// same size, and reports the ratio of the medians: it should be 1.
func BenchmarkAwkwardStep(b *testing.B) {
	for _, size := range []int{32, 128} {
		for _, c := range awkwardSteps {
			b.Run(fmt.Sprintf("size=%d/numbers=%s", size, c.name), func(b *testing.B) {
				ordinary, awkward := ordinaryStep.stepper(b, size), c.stepper(b, size)
				lstmtest.BenchEachPath(b, func(b *testing.B, _ string) {
					var times [2][]float64
					for b.Loop() {
						for i, step := range []func() time.Duration{ordinary, awkward} {
							times[i] = append(times[i], float64(step()))
						}
					}
					slices.Sort(times[0])
					slices.Sort(times[1])
					b.ReportMetric(times[1][len(times[1])/2]/times[0][len(times[0])/2], "ratio")
				})
			})
		}
	}
}

// A stepCase is a network, the state it is in before some steps, and their input.
type stepCase struct {
	name    string
	weights float32 // times ordinary ones
	bias    float32 // times ordinary ones
	state   float32 // every h and c
	x       float32 // every input
}

var ordinaryStep = stepCase{"ordinary", 1, 1, 0.5, 0.5}

var awkwardSteps = []stepCase{
	ordinaryStep,
	{"decayed-states", 1, 0, 0x1.8p-130, 0},
	{"decayed-states-with-bias", 1, 1, 0x1.8p-130, 0},
	{"decaying-states", 1, 0, 0x1p-50, 0},
	{"subnormal-inputs-with-bias", 1, 1, 0.5, 0x1p-130},
	{"tiny-weights", 0x1p-70, 0, 0.5, 0.5},
	{"tiny-weights-and-inputs", 0x1p-100, 0, 0x1p-70, 0x1p-70},
	{"inputs-at-the-threshold", 1, 0, 0.5, 0x1p-64},
	{"sums-at-the-threshold", 0x1p-30, 0, 0x1p-34, 0x1p-34},
	{"zero", 1, 0, 0, 0},
	{"saturated", 32, 1, 0.5, 0.5},
	{"far-saturated", 0x1p+20, 1, 0.5, 0.5},
	{"overflowing", 0x1p+100, 1, 0.5, math.MaxFloat32},
	{"infinite-inputs", 1, 1, 0.5, lstmtest.Inf},
	{"NaN-inputs", 1, 1, 0.5, lstmtest.NaN},
	{"NaN-states", 1, 1, lstmtest.NaN, 0.5},
}

// stepper returns a function that makes some steps from that state, and says
// how long they took. They are few, so that the numbers stay what they are.
func (c stepCase) stepper(b *testing.B, size int) func() time.Duration {
	const steps = 8
	r, weights, bias := lstmtest.NewRand(1), math.Sqrt(2/float64(size)), 0.5 // the ordinary ones
	scaled := func(n int, scale float64, by float32) []float32 {
		floats := lstmtest.Normals(r, n, scale)
		for i := range floats {
			floats[i] *= by
		}
		return floats
	}
	n, err := lstm.New(&lstm.Model{Layers: []lstm.Layer{&lstm.Weights{
		InputSize: size, HiddenSize: size,
		WeightIH: scaled(4*size*size, weights, c.weights), WeightHH: scaled(4*size*size, weights, c.weights),
		BiasIH: scaled(4*size, bias, c.bias), BiasHH: scaled(4*size, bias, c.bias),
	}}})
	if err != nil {
		b.Fatal(err)
	}
	s := n.NewState()
	x := slices.Repeat([]float32{c.x}, size)
	return func() time.Duration {
		for i := range size {
			s.H(0)[i], s.C(0)[i] = c.state, c.state
		}
		start := time.Now()
		for range steps {
			n.Step(s, x, nil)
		}
		return time.Since(start)
	}
}
