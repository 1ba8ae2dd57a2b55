package main

import (
	"math"
	"runtime"

	"example.com/lstm"
)

// plain is what a Go programmer writes first: loops over rows, and package math.
type plain struct{}

func (plain) name() string    { return "plain Go" }
func (plain) version() string { return runtime.Version() }

func (plain) open(layer *lstm.Weights, j job, x []float32) (runner, error) {
	r := &plainRunner{newLoop(layer, j, x)}
	return r, nil
}

// loop is what implementations in Go have in common.
type loop struct {
	layer *lstm.Weights
	job   job
	bias  []float32 // [4H]
	x     []float32 // [rows, input]
	h, c  []float32 // [streams, hidden]
	y     []float32 // [rows, hidden]
	sums  []float32 // [rows, 4H], what the gates are computed from
}

func newLoop(layer *lstm.Weights, j job, x []float32) loop {
	rows := len(layer.BiasIH)
	l := loop{
		layer: layer, job: j, x: x,
		bias: make([]float32, rows),
		h:    make([]float32, j.streams*layer.HiddenSize),
		c:    make([]float32, j.streams*layer.HiddenSize),
		y:    make([]float32, j.rows()*layer.HiddenSize),
		sums: make([]float32, j.rows()*rows),
	}
	for i := range l.bias {
		l.bias[i] = layer.BiasIH[i] + layer.BiasHH[i]
	}
	return l
}

// begin goes before a call.
func (l *loop) begin() {
	if l.job.lengths != "" {
		clear(l.h)
		clear(l.c)
	}
}

func (l *loop) outputs() []float32 { return l.y }

// state is that of a stream.
func (l *loop) state(s int) (h, c []float32) {
	n := l.layer.HiddenSize
	return l.h[s*n:][:n], l.c[s*n:][:n]
}

// update computes the gates of a stream and its next state.
func (l *loop) update(sums, h, c []float32) {
	hidden := len(h)
	for u := range h {
		i := sigmoid(sums[u])
		f := sigmoid(sums[hidden+u])
		g := tanh(sums[2*hidden+u])
		o := sigmoid(sums[3*hidden+u])
		c[u] = f*c[u] + i*g
		h[u] = o * tanh(c[u])
	}
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
func tanh(x float32) float32    { return float32(math.Tanh(float64(x))) }

type plainRunner struct{ loop }

func (r *plainRunner) run() error {
	r.begin()
	x, y := r.x, r.y
	for _, stretch := range r.job.stretches() {
		for range stretch.steps {
			for s := range stretch.streams {
				h, c := r.state(s)
				r.step(x, h, c)
				copy(y, h)
				x, y = x[r.layer.InputSize:], y[len(h):]
			}
		}
	}
	return nil
}

func (r *plainRunner) step(x, h, c []float32) {
	input, hidden := r.layer.InputSize, r.layer.HiddenSize
	sums := r.sums[:len(r.bias)]
	for row := range sums {
		sum := r.bias[row]
		for k, w := range r.layer.WeightIH[row*input:][:input] {
			sum += w * x[k]
		}
		for k, w := range r.layer.WeightHH[row*hidden:][:hidden] {
			sum += w * h[k]
		}
		sums[row] = sum
	}
	r.update(sums, h, c)
}
