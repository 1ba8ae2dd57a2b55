package keras_test

import (
	"fmt"
	"log"

	"example.com/lstm"
	"example.com/lstm/formats/keras"
)

// A model with return_sequences=False has an output for each step all the same: what
// Keras would put out if the sequence ended there.
func ExampleOpen() {
	model, err := keras.Open("testdata/models/lstm_last_dense/model.json")
	if err != nil {
		log.Fatal(err)
	}
	net, err := lstm.New(model)
	if err != nil {
		log.Fatal(err)
	}
	state, y := net.NewState(), make([]float32, net.OutputSize())
	net.Step(state, []float32{1, 0, 0}, y) // and so on, step by step
	fmt.Printf("%.3f\n", y)
	// Output:
	// [1.724 -0.372]
}

// Bidirectional layers, and those with go_backwards, run over whole sequences.
func ExampleOpen_sequence() {
	model, err := keras.Open("testdata/models/both_concat/model.json")
	if err != nil {
		log.Fatal(err)
	}
	net, err := lstm.NewSequenceNetwork(model)
	if err != nil {
		log.Fatal(err)
	}
	x, y := []float32{1, 0, 0, 0, 1, 0}, make([]float32, 2*net.OutputSize()) // two steps
	net.Forward(x, y, nil, nil)
	fmt.Printf("%.3f\n", y)
	// Output:
	// [-0.274 -0.164 -0.411 -0.124]
}
