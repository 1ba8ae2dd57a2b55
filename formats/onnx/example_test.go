package onnx_test

import (
	"bytes"
	"fmt"
	"log"

	"example.com/lstm"
	"example.com/lstm/formats/onnx"
)

// A stream through a network that PyTorch has exported. With a SequenceNetwork
// instead of a Network, bidirectional layers run, too.
func Example() {
	model, err := onnx.Open("testdata/example.onnx")
	if err != nil {
		log.Fatal(err)
	}
	net, err := lstm.New(model)
	if err != nil {
		log.Fatal(err)
	}
	state, y := net.NewState(), make([]float32, net.OutputSize())
	for _, x := range [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} {
		net.Step(state, x, y)
		fmt.Println(y)
	}
	// Output:
	// [-0.32116693 0.15577379]
	// [-0.33311808 0.16305923]
	// [-0.34040865 0.17332612]
}

func ExampleWrite() {
	var file bytes.Buffer
	if err := onnx.Write(&file, lstm.RandomModel(1, 2, 3, 32)); err != nil {
		log.Fatal(err)
	}
	model, err := onnx.Read(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(model.Layers), len(model.Heads))
	// Output: 1 1
}
