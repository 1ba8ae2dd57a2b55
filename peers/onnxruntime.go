//go:build cgo

package main

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"example.com/lstm"
)

// onnxruntime runs ONNX models with ONNX Runtime, through the package that Go
// services use for it.
type onnxruntime struct{}

// openONNXRuntime loads the shared library at path.
func openONNXRuntime(path string) (peer, error) {
	if path == "" {
		return nil, errors.New("no -onnxruntime; the npm package onnxruntime-node has the library")
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(); err != nil {
		return nil, err
	}
	return onnxruntime{}, nil
}

func (onnxruntime) name() string    { return "ONNX Runtime" }
func (onnxruntime) version() string { return ort.GetVersion() }

func (onnxruntime) open(layer *lstm.Weights, j job, x []float32) (runner, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	err = errors.Join(
		options.SetIntraOpNumThreads(1),
		options.SetInterOpNumThreads(1),
		options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
	)
	if err != nil {
		return nil, err
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(onnxModel(layer, j),
		[]string{"X", "initial_h", "initial_c"}, []string{"Y", "Y_h", "Y_c"}, options)
	if err != nil {
		return nil, err
	}
	r := &onnxRunner{session: session}
	if err := r.bind(layer, j, x); err != nil {
		return nil, fmt.Errorf("binding the tensors: %w", err)
	}
	return r, nil
}

// onnxRunner has its tensors bound to the session twice, so that the states of
// even calls are written where odd calls read them: nothing is copied.
type onnxRunner struct {
	session  *ort.DynamicAdvancedSession
	bindings [2]*ort.IoBinding
	next     int

	// Their memory is Go's, and the bindings do not keep it from being collected.
	x, y *ort.Tensor[float32]
	h, c [2]*ort.Tensor[float32]
}

func (r *onnxRunner) bind(layer *lstm.Weights, j job, x []float32) error {
	input, hidden := int64(layer.InputSize), int64(layer.HiddenSize)
	steps, streams := int64(j.steps), int64(j.streams)
	var err error
	if r.x, err = ort.NewTensor(ort.NewShape(steps, streams, input), x); err != nil {
		return err
	}
	if r.y, err = ort.NewEmptyTensor[float32](ort.NewShape(steps, 1, streams, hidden)); err != nil {
		return err
	}
	for i := range r.bindings {
		for _, state := range []**ort.Tensor[float32]{&r.h[i], &r.c[i]} {
			if *state, err = ort.NewEmptyTensor[float32](ort.NewShape(1, streams, hidden)); err != nil {
				return err
			}
		}
	}
	for i := range r.bindings {
		b, err := r.session.CreateIoBinding()
		if err != nil {
			return err
		}
		err = errors.Join(
			b.BindInput("X", r.x), b.BindInput("initial_h", r.h[i]), b.BindInput("initial_c", r.c[i]),
			b.BindOutput("Y", r.y), b.BindOutput("Y_h", r.h[1-i]), b.BindOutput("Y_c", r.c[1-i]),
		)
		if err != nil {
			return err
		}
		r.bindings[i] = b
	}
	return nil
}

func (r *onnxRunner) run() error {
	err := r.session.RunWithBinding(r.bindings[r.next])
	r.next = 1 - r.next
	return err
}

func (r *onnxRunner) outputs() []float32 { return r.y.GetData() }
