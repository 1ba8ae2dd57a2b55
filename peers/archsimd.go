//go:build goexperiment.simd && amd64

package main

import (
	"errors"
	"runtime"
	"simd/archsimd"

	"example.com/lstm"
)

// simd is what a Go programmer tries who wants vectors without assembly: the
// step in Go's experimental package simd/archsimd, on 256 bits. The weights lie
// so that a vector is a gate of 8 units, and activations are short polynomials.
type simd struct{}

func openArchSIMD() (peer, error) {
	if !archsimd.X86.AVX2() || !archsimd.X86.FMA() {
		return nil, errors.New("the processor has no AVX2 or FMA")
	}
	return simd{}, nil
}

func (simd) name() string    { return "archsimd" }
func (simd) version() string { return runtime.Version() }

const (
	simdLanes = 8
	simdRow   = 4 * simdLanes // floats of a row: the gates i, f, g, o of 8 units
)

func (simd) open(layer *lstm.Weights, j job, x []float32) (runner, error) {
	l := newLoop(layer, j, x)
	input, hidden := layer.InputSize, layer.HiddenSize
	r := &simdRunner{loop: l, blocks: (hidden + simdLanes - 1) / simdLanes}
	k := input + hidden
	r.packed = make([]float32, r.blocks*(1+k)*simdRow)
	for u := range hidden {
		block := r.packed[u/simdLanes*(1+k)*simdRow:]
		for g := range 4 {
			row, lane := g*hidden+u, g*simdLanes+u%simdLanes
			block[lane] = l.bias[row]
			for i := range input {
				block[(1+i)*simdRow+lane] = layer.WeightIH[row*input+i]
			}
			for i := range hidden {
				block[(1+input+i)*simdRow+lane] = layer.WeightHH[row*hidden+i]
			}
		}
	}
	for range j.streams {
		r.states = append(r.states, simdState{
			xh: make([]float32, k), c: make([]float32, r.blocks*simdLanes), next: make([]float32, r.blocks*simdLanes),
		})
	}
	return r, nil
}

type simdRunner struct {
	loop
	packed []float32 // block after block: a row for the bias, and one for each element of [x; h]
	blocks int
	states []simdState
}

// simdState is a stream: [x; h], c, and the h that is being made.
type simdState struct{ xh, c, next []float32 }

func (r *simdRunner) run() error {
	input, hidden := r.layer.InputSize, r.layer.HiddenSize
	if r.job.lengths != "" {
		for _, state := range r.states {
			clear(state.xh)
			clear(state.c)
		}
	}
	x, y := r.x, r.y
	for _, stretch := range r.job.stretches() {
		for range stretch.steps {
			for s := range stretch.streams {
				state := &r.states[s]
				copy(state.xh, x[:input])
				r.step(state)
				copy(state.xh[input:], state.next[:hidden])
				copy(y, state.next[:hidden])
				x, y = x[input:], y[hidden:]
			}
		}
	}
	return nil
}

func (r *simdRunner) step(s *simdState) {
	w := r.packed
	for b := range r.blocks {
		zi := archsimd.LoadFloat32x8Slice(w)
		zf := archsimd.LoadFloat32x8Slice(w[8:])
		zg := archsimd.LoadFloat32x8Slice(w[16:])
		zo := archsimd.LoadFloat32x8Slice(w[24:])
		w = w[simdRow:]
		for _, v := range s.xh {
			row := (*[simdRow]float32)(w)
			x := archsimd.BroadcastFloat32x8(v)
			zi = archsimd.LoadFloat32x8((*[8]float32)(row[0:])).MulAdd(x, zi)
			zf = archsimd.LoadFloat32x8((*[8]float32)(row[8:])).MulAdd(x, zf)
			zg = archsimd.LoadFloat32x8((*[8]float32)(row[16:])).MulAdd(x, zg)
			zo = archsimd.LoadFloat32x8((*[8]float32)(row[24:])).MulAdd(x, zo)
			w = w[simdRow:]
		}
		c := archsimd.LoadFloat32x8Slice(s.c[b*simdLanes:])
		c = simdSigmoid(zf).MulAdd(c, simdSigmoid(zi).Mul(simdTanh(zg)))
		c.StoreSlice(s.c[b*simdLanes:])
		simdSigmoid(zo).Mul(simdTanh(c)).StoreSlice(s.next[b*simdLanes:])
	}
}

// simdSigmoid is 1 / (1 + e^-x).
func simdSigmoid(x archsimd.Float32x8) archsimd.Float32x8 {
	one := archsimd.BroadcastFloat32x8(1)
	return one.Div(one.Add(simdExp(archsimd.BroadcastFloat32x8(0).Sub(x))))
}

// simdTanh is 2·σ(2x) - 1.
func simdTanh(x archsimd.Float32x8) archsimd.Float32x8 {
	s := simdSigmoid(x.Add(x))
	return s.Add(s).Sub(archsimd.BroadcastFloat32x8(1))
}

// simdExp is e^x by 2^n and a Taylor polynomial of the rest, for |x| up to 87.
func simdExp(x archsimd.Float32x8) archsimd.Float32x8 {
	x = x.Min(archsimd.BroadcastFloat32x8(87)).Max(archsimd.BroadcastFloat32x8(-87))
	n := x.Mul(archsimd.BroadcastFloat32x8(1.442695)).RoundToEven()
	r := n.MulAdd(archsimd.BroadcastFloat32x8(-0.6931472), x)
	p := archsimd.BroadcastFloat32x8(1. / 720)
	for _, coefficient := range [...]float32{1. / 120, 1. / 24, 1. / 6, 1. / 2, 1, 1} {
		p = p.MulAdd(r, archsimd.BroadcastFloat32x8(coefficient))
	}
	scale := n.ConvertToInt32().Add(archsimd.BroadcastInt32x8(127)).ShiftAllLeft(23).AsFloat32x8()
	return p.Mul(scale)
}
