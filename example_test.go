package lstm_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"math"

	"example.com/lstm"
)

// Run a model over a stream, one time step at a time. RandomModel stands in for
// a trained one, which Open reads from a file.
func Example() {
	net, err := lstm.New(lstm.RandomModel(1, 2, 3, 32)) // or lstm.Open("model.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	state := net.NewState()
	y := make([]float32, net.OutputSize())
	for _, x := range [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} {
		net.Step(state, x, y)
		fmt.Println(y)
	}
	// Output:
	// [0.015417777 -0.11575215]
	// [0.057198294 -0.14232816]
	// [0.07256999 -0.13645627]
}

// counter is the network of ExampleNew: one unit whose cell adds up its input.
// The input, forget and output gates are open, and 0.01 is so small that tanh
// is almost the identity; the head scales it back.
func counter() *lstm.Network {
	net, err := lstm.New(&lstm.Model{
		Layers: []lstm.Layer{&lstm.Weights{
			InputSize:  1,
			HiddenSize: 1,
			WeightIH:   []float32{0, 0, 0.01, 0}, // gates i, f, g, o
			WeightHH:   []float32{0, 0, 0, 0},
			BiasIH:     []float32{20, 20, 0, 20},
		}},
		Heads: []lstm.Head{{Layers: []lstm.Layer{
			&lstm.Linear{InFeatures: 1, OutFeatures: 1, Weight: []float32{100}},
		}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return net
}

// A network need not come from a file. The cell of this one adds up its input,
// scaled to where tanh is almost the identity, and the head scales it back.
func ExampleNew() {
	net, err := lstm.New(&lstm.Model{
		Layers: []lstm.Layer{&lstm.Weights{
			InputSize:  1,
			HiddenSize: 1,
			WeightIH:   []float32{0, 0, 0.01, 0}, // gates i, f, g, o
			WeightHH:   []float32{0, 0, 0, 0},
			BiasIH:     []float32{20, 20, 0, 20}, // i, f and o are open
		}},
		Heads: []lstm.Head{{Layers: []lstm.Layer{
			&lstm.Linear{InFeatures: 1, OutFeatures: 1, Weight: []float32{100}},
		}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	state, y := net.NewState(), make([]float32, 1)
	for range 3 {
		net.Step(state, []float32{1}, y)
		fmt.Printf("%.2f\n", y[0])
	}
	// Output:
	// 1.00
	// 2.00
	// 3.00
}

// Errors name the tensor, its size and the size that was expected.
func ExampleNew_error() {
	_, err := lstm.New(&lstm.Model{
		Layers: []lstm.Layer{&lstm.Weights{
			InputSize:  2,
			HiddenSize: 3,
			WeightIH:   make([]float32, 24),
			WeightHH:   make([]float32, 30),
		}},
	})
	fmt.Println(err)
	// Output: lstm: layer 0: WeightHH has 30 elements, want 36, shape [4H, H]
}

// A step continues the stream that its state belongs to. The output may be left
// out where it is not wanted. (The network is the counter in New's example.)
func ExampleNetwork_Step() {
	net := counter()
	first, second := net.NewState(), net.NewState()
	y := make([]float32, net.OutputSize())

	net.Step(first, []float32{1}, nil)
	net.Step(second, []float32{7}, nil)
	net.Step(first, []float32{2}, y)
	fmt.Printf("first: %.1f\n", y)
	net.Step(second, []float32{1}, y)
	fmt.Printf("second: %.1f\n", y)
	// Output:
	// first: [3.0]
	// second: [8.0]
}

// A batch is as many steps of as many streams, whichever are ready.
func ExampleNetwork_StepBatch() {
	net := counter()
	states := []*lstm.State{net.NewState(), net.NewState(), net.NewState()}
	xs := [][]float32{{1}, {2}, {3}}
	ys := [][]float32{{0}, {0}, {0}}

	net.StepBatch(states, xs, ys)
	net.StepBatch(states[:2], xs[:2], ys[:2]) // the third has to wait
	fmt.Printf("%.1f\n", ys)
	// Output: [[2.0] [4.0] [3.0]]
}

// Inputs and outputs of a batch may be one slice each.
func ExampleNetwork_StepBatchFlat() {
	net := counter()
	states := []*lstm.State{net.NewState(), net.NewState(), net.NewState()}
	x := []float32{1, 2, 3} // [3, 1]
	y := make([]float32, len(states)*net.OutputSize())
	net.StepBatchFlat(states, x, y)
	net.StepBatchFlat(states, x, y)
	fmt.Printf("%.1f\n", y)
	// Output: [2.0 4.0 6.0]
}

// Sequences of a batch have lengths of their own. (The network is the counter in
// New's example.)
func ExampleNetwork_ForwardBatch() {
	net := counter()
	states := []*lstm.State{net.NewState(), net.NewState(), net.NewState()}
	xs := [][]float32{{1, 1, 1, 1}, {}, {5, 5}} // [4, 1], [0, 1] and [2, 1]
	ys := [][]float32{make([]float32, 4), nil, make([]float32, 2)}
	net.ForwardBatch(states, xs, ys)
	fmt.Printf("%.1f\n", ys)
	// Output: [[1.0 2.0 3.0 4.0] [] [5.0 10.0]]
}

// What a stranger sends is checked before it is used, and answered.
func ExampleNetwork_CheckStep() {
	net := counter()
	state, y := net.NewState(), make([]float32, net.OutputSize())
	request := []float32{1, 2}
	err := net.CheckStep(state, request, y)
	fmt.Println(err)
	fmt.Println(errors.Is(err, lstm.ErrShape))
	// Output:
	// lstm: Step: x has length 2, want 1 (InputSize)
	// true
}

// A new model takes over live streams, whose h and c it continues with.
func ExampleNetwork_Adopt() {
	net := counter()
	state, y := net.NewState(), make([]float32, net.OutputSize())
	net.Step(state, []float32{5}, nil)

	retrained := counter()
	if err := retrained.Adopt(state); err != nil {
		log.Fatal(err) // the layers have other sizes
	}
	retrained.Step(state, []float32{1}, y)
	fmt.Printf("%.1f, and now the old network owns it: %v\n", y, net.Owns(state))
	// Output: [6.0], and now the old network owns it: false
}

// Fingerprints tell whether two networks compute the same.
func ExampleNetwork_Fingerprint() {
	a, b := counter(), counter()
	c, err := lstm.New(lstm.RandomModel(1, 1, 1, 1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Fingerprint() == b.Fingerprint(), a.Fingerprint() == c.Fingerprint())
	// Output: true false
}

// A sequence may be cut anywhere: every bit of the outputs is the same.
func ExampleNetwork_Forward() {
	net, err := lstm.New(lstm.RandomModel(1, 2, 3, 32))
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{ // five steps, three inputs each
		0.1, 0.2, 0.3,
		0.4, 0.5, 0.6,
		0.7, 0.8, 0.9,
		1.0, 1.1, 1.2,
		1.3, 1.4, 1.5,
	}
	whole := make([]float32, 5*net.OutputSize())
	net.Forward(net.NewState(), x, whole)

	state, parts := net.NewState(), make([]float32, 5*net.OutputSize())
	net.Forward(state, x[:2*3], parts[:2*net.OutputSize()])
	net.Forward(state, x[2*3:], parts[2*net.OutputSize():])
	for i := range whole {
		if parts[i] != whole[i] {
			fmt.Println("output", i, "differs")
		}
	}
	fmt.Println(whole[8:])
	// Output: [0.024213329 -0.12868685]
}

// A stream goes on in another process, or on another machine.
func ExampleState_MarshalBinary() {
	net := counter()
	state := net.NewState()
	net.Step(state, []float32{1}, nil)
	net.Step(state, []float32{1}, nil)
	data, err := state.MarshalBinary()
	if err != nil {
		log.Fatal(err)
	}

	// There, with the same model.
	resumed := net.NewState()
	if err := resumed.UnmarshalBinary(data); err != nil {
		log.Fatal(err)
	}
	y := make([]float32, 1)
	net.Step(resumed, []float32{1}, y)
	fmt.Printf("%d bytes, and then %.1f\n", len(data), y)
	// Output: 52 bytes, and then [3.0]
}

// Streams go on with other weights where that is meant: as the numbers that
// their states are.
func ExampleDecodeState() {
	old := counter()
	state := old.NewState()
	old.Step(state, []float32{4}, nil)
	data, err := state.MarshalBinary()
	if err != nil {
		log.Fatal(err)
	}

	net, err := lstm.New(lstm.RandomModel(1, 0, 1, 1))
	if err != nil {
		log.Fatal(err)
	}
	taken := net.NewState()
	err = taken.UnmarshalBinary(data)
	fmt.Println("other weights:", errors.Is(err, lstm.ErrWeights))

	values, err := lstm.DecodeState(data)
	if err != nil {
		log.Fatal(err)
	}
	if err := taken.SetValues(values); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("c is %.2f\n", taken.C(0))
	// Output:
	// other weights: true
	// c is [0.04]
}

// A NaN in an input is there for good, so long as the state goes on.
func ExampleState_Finite() {
	net := counter()
	state := net.NewState()
	for _, x := range []float32{1, float32(math.NaN()), 2} {
		before := state.Clone()
		net.Step(state, []float32{x}, nil)
		if !state.Finite() {
			state.CopyFrom(before) // as if x had not been there
		}
	}
	fmt.Printf("%.2f\n", state.C(0))
	// Output: [0.03]
}

// The hidden and the cell state are open to reading and writing.
func ExampleState_C() {
	net := counter()
	state, y := net.NewState(), make([]float32, 1)
	state.C(0)[0] = 0.41
	net.Step(state, []float32{1}, y)
	fmt.Printf("%.2f\n", state.C(0))
	// Output: [0.42]
}

// A layer that runs in both directions, over a whole sequence. OpenSequence reads such
// a network from a file.
func ExampleSequenceNetwork() {
	direction := func(seed uint64) *lstm.Weights { return lstm.RandomModel(seed, 0, 2, 4).Layers[0].(*lstm.Weights) }
	net, err := lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{
		&lstm.Bidirectional{Forward: direction(1), Backward: direction(2)},
	}})
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{0.1, 0.2, 0.3, 0.4, 0.5, 0.6} // three steps
	y, final := make([]float32, 3*net.OutputSize()), net.NewState()
	net.Forward(x, y, nil, final)
	fmt.Println(y[len(y)-8:][:4]) // forward, after the last step
	fmt.Println(final.H[0])       // the same
	fmt.Println(y[4:8])           // backward, after the first
	fmt.Println(final.H[1])       // the same
	// Output:
	// [-0.06539686 0.06355616 0.10801996 -0.2835933]
	// [-0.06539686 0.06355616 0.10801996 -0.2835933]
	// [-0.053056873 0.17996585 -0.17789063 -0.021219037]
	// [-0.053056873 0.17996585 -0.17789063 -0.021219037]
}

// A padded batch: two sequences, of which the first has one step and the other two.
func ExampleSequenceNetwork_ForwardPadded() {
	model := lstm.RandomModel(1, 0, 1, 2)
	net, err := lstm.NewSequenceNetwork(model)
	if err != nil {
		log.Fatal(err)
	}
	x := []float32{
		0.5, 0.5, // step 0 of both
		0, 0.25, // step 1, which the first sequence has not
	}
	y := make([]float32, 4*net.OutputSize())
	net.ForwardPadded([]int{1, 2}, x, y, nil, nil)
	fmt.Println(y[0] == y[2], y[4:6], y[6] != 0)
	// Output: true [0 0] true
}

func ExampleSigmoid() {
	x := []float32{-1, 0, 1}
	lstm.Sigmoid(x, x) // in place
	fmt.Println(x)
	// Output: [0.26894143 0.5 0.7310586]
}

func ExampleTanh() {
	x, y := []float32{-1, 0, 1}, make([]float32, 3)
	lstm.Tanh(y, x)
	fmt.Println(y)
	// Output: [-0.7615942 0 0.7615942]
}

func ExampleActivation_Apply() {
	x := []float32{-1, 0, 1}
	lstm.Activation{Function: lstm.ActivationLeakyReLU, Alpha: 0.25}.Apply(x, x) // in place
	fmt.Println(x)
	// Output: [-0.25 0 1]
}

// A model without a file, for tests.
func ExampleRandomModel() {
	model := lstm.RandomModel(1, 2, 3, 16, 8) // 2 outputs; 3 inputs, layers of 16 and 8 units
	net, err := lstm.New(model)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(net.InputSize(), net.HiddenSize(0), net.HiddenSize(1), net.OutputSize(), model.Layers[0].(*lstm.Weights).WeightIH[:2])
	// Output: 3 16 8 2 [0.04913047 -0.20544413]
}

// A file as small as the network's weights.
func ExampleModel_Write() {
	m := lstm.RandomModel(1, 10, 64, 128, 128) // or lstm.ReadModel
	for _, layer := range m.Layers {
		layer.(*lstm.Weights).Format = lstm.Int8
	}
	m.Heads[0].Layers[0].(*lstm.Linear).Format = lstm.Float16

	var file bytes.Buffer
	if err := m.Write(&file); err != nil {
		log.Fatal(err)
	}
	fmt.Println("file:", file.Len()/1024, "KiB")
	net, err := lstm.Read(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("network:", net.MemorySize()/1024, "KiB")
	// Output:
	// file: 243 KiB
	// network: 238 KiB
}

// The weights of a network in half and in a quarter of the memory.
func ExampleWithWeights() {
	m := lstm.RandomModel(1, 2, 64, 128)
	x, y := make([]float32, 64), make([]float32, 2)
	x[0] = 1
	for _, format := range []lstm.WeightFormat{lstm.Float32, lstm.Float16, lstm.Int8} {
		net, err := lstm.New(m, lstm.WithWeights(format)) // Open takes it, too
		if err != nil {
			log.Fatal(err)
		}
		net.Step(net.NewState(), x, y)
		fmt.Printf("%v: %d KiB, %.3f\n", format, net.MemorySize()/1024, y)
	}
	// Output:
	// float32: 387 KiB, [0.034 0.035]
	// float16: 194 KiB, [0.034 0.035]
	// int8: 106 KiB, [0.034 0.035]
}
