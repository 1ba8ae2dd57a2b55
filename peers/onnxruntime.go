//go:build cgo

package main

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"example.com/lstm"
)

// onnxruntime runs ONNX models with ONNX Runtime, through the package that Go
// services use for it; with int8, models of its operator DynamicQuantizeLSTM, which
// quantises x and h as they come.
type onnxruntime struct{ int8 bool }

// openONNXRuntime loads the shared library at path.
func openONNXRuntime(path string, int8 bool) (peer, error) {
	if path == "" {
		return nil, errors.New("no -onnxruntime; the npm package onnxruntime-node has the library")
	}
	if !ort.IsInitialized() {
		ort.SetSharedLibraryPath(path)
		if err := ort.InitializeEnvironment(); err != nil {
			return nil, err
		}
	}
	return onnxruntime{int8}, nil
}

func (o onnxruntime) name() string {
	if o.int8 {
		return "ONNX Runtime int8"
	}
	return "ONNX Runtime"
}

func (onnxruntime) version() string { return ort.GetVersion() }

func (o onnxruntime) open(layer *lstm.Weights, j job, x []float32) (runner, error) {
	return o.openVariant(layer, j, x)
}

func (onnxruntime) has(layer lstm.Layer) bool { return onnxDirections(layer) != nil }

func (o onnxruntime) openVariant(layer lstm.Layer, j job, x []float32) (runner, error) {
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
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(onnxModel(layer, j, o.int8),
		[]string{"X", "initial_h", "initial_c"}, []string{"Y", "Y_h", "Y_c"}, options)
	if err != nil {
		return nil, err
	}
	directions := onnxDirections(layer)
	r := &onnxRunner{
		session: session,
		input:   directions[0].InputSize, hidden: directions[0].HiddenSize, directions: len(directions),
		residual: directions[0].Residual,
	}
	if err := r.bind(j, x); err != nil {
		return nil, fmt.Errorf("binding the tensors: %w", err)
	}
	return r, nil
}

// onnxRunner has its tensors bound to the session. A call goes through one binding
// after the other; or, where each call goes on from the last, takes turns between
// two, the states of one being written where the other reads them: nothing is copied.
type onnxRunner struct {
	session                   *ort.DynamicAdvancedSession
	input, hidden, directions int
	residual                  bool // y has no dimension for directions

	bindings []*ort.IoBinding
	each     int // bindings of a call
	next     int

	// Their memory is Go's, and the bindings do not keep it from being collected.
	x, y, zeros []float32
	h, c        [2][]float32
}

func (r *onnxRunner) bind(j job, x []float32) error {
	input, hidden := r.input, r.directions*r.hidden
	r.x, r.y, r.zeros = x, make([]float32, j.rows()*hidden), make([]float32, j.streams*hidden)
	for i := range r.h {
		r.h[i], r.c[i] = make([]float32, j.streams*hidden), make([]float32, j.streams*hidden)
	}
	if j.lengths == "" {
		r.each = 1
		return errors.Join(
			r.bindStretch(stretch{j.steps, j.streams}, x, r.y, r.h[0], r.c[0], r.h[1], r.c[1]),
			r.bindStretch(stretch{j.steps, j.streams}, x, r.y, r.h[1], r.c[1], r.h[0], r.c[0]),
		)
	}
	y, h, c := r.y, r.zeros, r.zeros
	for i, s := range j.stretches() {
		if err := r.bindStretch(s, x, y, h, c, r.h[i%2], r.c[i%2]); err != nil {
			return err
		}
		x, y, h, c = x[s.steps*s.streams*input:], y[s.steps*s.streams*hidden:], r.h[i%2], r.c[i%2]
		r.each++
	}
	return nil
}

// bindStretch adds a binding to the beginnings of x, y, the states before and those
// afterwards.
func (r *onnxRunner) bindStretch(s stretch, x, y, h, c, hAfter, cAfter []float32) error {
	b, err := r.session.CreateIoBinding()
	if err != nil {
		return err
	}
	r.bindings = append(r.bindings, b)
	steps, streams := int64(s.steps), int64(s.streams)
	input, hidden, directions := int64(r.input), int64(r.hidden), int64(r.directions)
	outputs := ort.NewShape(steps, directions, streams, hidden)
	if r.residual {
		outputs = ort.NewShape(steps, streams, hidden)
	}
	state := ort.NewShape(directions, streams, hidden)
	for _, value := range []struct {
		bind  func(string, ort.Value) error
		name  string
		data  []float32
		shape ort.Shape
	}{
		{b.BindInput, "X", x, ort.NewShape(steps, streams, input)},
		{b.BindInput, "initial_h", h, state},
		{b.BindInput, "initial_c", c, state},
		{b.BindOutput, "Y", y, outputs},
		{b.BindOutput, "Y_h", hAfter, state},
		{b.BindOutput, "Y_c", cAfter, state},
	} {
		tensor, err := ort.NewTensor(value.shape, value.data[:value.shape.FlattenedSize()])
		if err != nil {
			return err
		}
		if err := value.bind(value.name, tensor); err != nil {
			return err
		}
	}
	return nil
}

func (r *onnxRunner) run() error {
	for range r.each {
		if err := r.session.RunWithBinding(r.bindings[r.next]); err != nil {
			return err
		}
		r.next = (r.next + 1) % len(r.bindings)
	}
	return nil
}

func (r *onnxRunner) outputs() []float32 { return r.y }
