package main

import (
	"runtime/debug"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"example.com/lstm"
)

// gonum multiplies with Gonum's BLAS, whose kernels for float32 are assembly,
// and has package math compute the gates.
type gonum struct{}

func (gonum) name() string { return "Gonum" }

func (gonum) version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == "gonum.org/v1/gonum" {
			return dep.Version
		}
	}
	return ""
}

func (gonum) open(layer *lstm.Weights, j job, x []float32) (runner, error) {
	return &gonumRunner{newLoop(layer, j, x)}, nil
}

type gonumRunner struct{ loop }

// run multiplies the inputs of all steps and streams with their weights first,
// which are there from the beginning, and then follows the steps.
func (r *gonumRunner) run() error {
	r.begin()
	rows, hidden := len(r.bias), r.layer.HiddenSize
	for at := 0; at < len(r.sums); at += rows {
		copy(r.sums[at:], r.bias)
	}
	accumulate(r.layer.WeightIH, rows, r.x, r.sums)
	sums, y := r.sums, r.y
	for _, stretch := range r.job.stretches() {
		h := r.h[:stretch.streams*hidden]
		for range stretch.steps {
			accumulate(r.layer.WeightHH, rows, h, sums[:stretch.streams*rows])
			for s := range stretch.streams {
				h, c := r.state(s)
				r.update(sums[:rows], h, c)
				sums = sums[rows:]
			}
			y = y[copy(y, h):]
		}
	}
	return nil
}

// accumulate adds the products of the matrix weights and each of the vectors to
// sums: one vector by Gemv, several by Gemm.
func accumulate(weights []float32, rows int, vectors, sums []float32) {
	n := len(sums) / rows
	k := len(vectors) / n
	w := blas32.General{Rows: rows, Cols: k, Stride: k, Data: weights}
	if n == 1 {
		blas32.Gemv(blas.NoTrans, 1, w, blas32.Vector{N: k, Inc: 1, Data: vectors}, 1, blas32.Vector{N: rows, Inc: 1, Data: sums})
		return
	}
	x := blas32.General{Rows: n, Cols: k, Stride: k, Data: vectors}
	z := blas32.General{Rows: n, Cols: rows, Stride: rows, Data: sums}
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, x, w, 1, z)
}
