//go:build onednn

package main

// #cgo LDFLAGS: -ldnnl
// #include <oneapi/dnnl/dnnl.h>
// #include "onednn.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"example.com/lstm"
)

// onednn is Intel's library, called directly, with its weights packed beforehand.
type onednn struct{}

func openOneDNN() (peer, error) {
	// OpenMP, from which it has its threads, has read this when the program began.
	if threads := os.Getenv("OMP_NUM_THREADS"); threads != "1" {
		return nil, fmt.Errorf("OMP_NUM_THREADS is %q, want 1", threads)
	}
	return onednn{}, nil
}

func (onednn) name() string { return "oneDNN" }

func (onednn) version() string {
	v := C.dnnl_version()
	version := fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
	if most := os.Getenv("ONEDNN_MAX_CPU_ISA"); most != "" {
		version += " with " + most
	}
	return version
}

func (onednn) open(layer *lstm.Weights, j job, x []float32) (runner, error) {
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
	p := C.onednn_open(C.int(layer.InputSize), C.int(layer.HiddenSize),
		C.int(len(steps)), unsafe.SliceData(steps), unsafe.SliceData(streams), sequences,
		pointer(layer.WeightIH), pointer(layer.WeightHH), pointer(bias))
	if p == nil {
		return nil, errors.New("oneDNN has refused the network")
	}
	copy(unsafe.Slice((*float32)(C.onednn_x(p)), len(x)), x)
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
