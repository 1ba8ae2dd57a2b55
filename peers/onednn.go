//go:build onednn

package main

// #cgo LDFLAGS: -ldnnl
// #include <oneapi/dnnl/dnnl.h>
// #include "onednn.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"unsafe"

	"example.com/lstm"
)

// onednn is Intel's library, called directly, with its weights packed beforehand;
// with int8, quantised as they are packed, and its inputs before the call.
type onednn struct{ int8 bool }

func openOneDNN(int8 bool) (peer, error) {
	// OpenMP, from which it has its threads, has read this when the program began.
	if threads := os.Getenv("OMP_NUM_THREADS"); threads != "1" {
		return nil, fmt.Errorf("OMP_NUM_THREADS is %q, want 1", threads)
	}
	return onednn{int8}, nil
}

func (o onednn) name() string {
	if o.int8 {
		return "oneDNN int8"
	}
	return "oneDNN"
}

func (onednn) version() string {
	v := C.dnnl_version()
	version := fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
	if most := os.Getenv("ONEDNN_MAX_CPU_ISA"); most != "" {
		version += " with " + most
	}
	return version
}

func (o onednn) open(layer *lstm.Weights, j job, x []float32) (runner, error) {
	bias := make([]float32, len(layer.BiasIH))
	for i := range bias {
		bias[i] = layer.BiasIH[i] + layer.BiasHH[i]
	}
	var steps, streams []C.int
	for _, s := range j.stretches() {
		steps, streams = append(steps, C.int(s.steps)), append(streams, C.int(s.streams))
	}
	sequences := C.int(0)
	if j.lengths != "" {
		sequences = 1
	}
	pointer := func(s []float32) *C.float { return (*C.float)(unsafe.SliceData(s)) }
	var q *C.struct_onednn_int8
	ih, hh, scale := layer.WeightIH, layer.WeightHH, float32(0)
	if o.int8 {
		ih, hh = transposed(ih, len(bias)), transposed(hh, len(bias))
		// One scale has to do for x and h, which is less than 1.
		scale = 127 / max(1, largest(x))
		scales := rowScales(layer)
		pinner := new(runtime.Pinner)
		defer pinner.Unpin()
		pinner.Pin(unsafe.SliceData(scales))
		q = &C.struct_onednn_int8{scale: C.float(scale), weight_scales: pointer(scales)}
	}
	p := C.onednn_open(C.int(layer.InputSize), C.int(layer.HiddenSize),
		C.int(len(steps)), unsafe.SliceData(steps), unsafe.SliceData(streams), sequences,
		pointer(ih), pointer(hh), pointer(bias), q)
	if p == nil {
		return nil, errors.New("oneDNN has refused the network")
	}
	if o.int8 {
		bytes := unsafe.Slice((*uint8)(C.onednn_x(p)), len(x))
		for i, v := range x {
			bytes[i] = uint8(128 + int(math.RoundToEven(float64(v*scale))))
		}
	} else {
		copy(unsafe.Slice((*float32)(C.onednn_x(p)), len(x)), x)
	}
	n := j.rows() * layer.HiddenSize
	return &onednnRunner{p, unsafe.Slice((*float32)(C.onednn_y(p)), n)}, nil
}

type onednnRunner struct {
	p *C.struct_onednn_lstm
	y []float32
}

func (r *onednnRunner) run() error {
	if C.onednn_run(r.p) != 0 {
		return errors.New("oneDNN has failed to run the network")
	}
	return nil
}

func (r *onednnRunner) outputs() []float32 { return r.y }

// rowScales are what the weights of each row, in both matrices, are multiplied with
// to be int8.
func rowScales(layer *lstm.Weights) []float32 {
	scales := make([]float32, len(layer.BiasIH))
	for r := range scales {
		row := max(largest(layer.WeightIH[r*layer.InputSize:][:layer.InputSize]), largest(layer.WeightHH[r*layer.HiddenSize:][:layer.HiddenSize]))
		scales[r] = 127 / row
	}
	return scales
}

// transposed is a matrix of that many rows, column by column.
func transposed(matrix []float32, rows int) []float32 {
	columns := len(matrix) / rows
	t := make([]float32, 0, len(matrix))
	for c := range columns {
		for r := range rows {
			t = append(t, matrix[r*columns+c])
		}
	}
	return t
}
