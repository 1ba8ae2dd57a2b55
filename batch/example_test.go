package batch_test

import (
	"context"
	"fmt"
	"log"
	"sync"

	"example.com/lstm"
	"example.com/lstm/batch"
)

// A goroutine for each stream steps it. What comes at the same time is a batch.
func Example() {
	net, err := lstm.New(lstm.RandomModel(1, 1, 3, 32)) // or lstm.Open("model.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	b, err := batch.New(net, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	ys := make([][]float32, 100)
	var group sync.WaitGroup
	for i := range ys {
		group.Go(func() {
			s, y := b.NewStream(), make([]float32, net.OutputSize())
			for _, x := range [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} {
				if err := s.Step(context.Background(), x, y); err != nil {
					log.Fatal(err)
				}
			}
			ys[i] = y
		})
	}
	group.Wait()
	fmt.Println(ys[0], ys[99])
	fmt.Println(b.Stats().Steps, "steps")
	// Output:
	// [0.017149746] [0.017149746]
	// 300 steps
}

// A callback takes the output, and several steps may be on their way.
func ExampleStream_Submit() {
	net, err := lstm.New(lstm.RandomModel(1, 1, 3, 32))
	if err != nil {
		log.Fatal(err)
	}
	b, err := batch.New(net, nil)
	if err != nil {
		log.Fatal(err)
	}
	s := b.NewStream()
	for i, x := range [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} {
		y := make([]float32, net.OutputSize())
		err := s.Submit(context.Background(), x, y, func(err error) {
			fmt.Println("step", i, y, err)
		})
		if err != nil { // of a queue that is full, for instance
			log.Fatal(err)
		}
	}
	b.Close() // after which all callbacks have returned
	// Output:
	// step 0 [-0.040002465] <nil>
	// step 1 [0.0017780513] <nil>
	// step 2 [0.017149746] <nil>
}

// Between two steps the state is there to be read, set and stored.
func ExampleStream_Do() {
	net, err := lstm.New(lstm.RandomModel(1, 1, 3, 32))
	if err != nil {
		log.Fatal(err)
	}
	b, err := batch.New(net, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, s := context.Background(), b.NewStream()
	if err := s.Step(ctx, []float32{1, 0, 0}, nil); err != nil {
		log.Fatal(err)
	}
	b.Close() // Do goes on to work

	var data []byte
	err = s.Do(ctx, func(_ *lstm.Network, state *lstm.State) (err error) {
		data, err = state.MarshalBinary()
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	state := net.NewState()
	if err := state.UnmarshalBinary(data); err != nil {
		log.Fatal(err)
	}
	fmt.Println(state.Finite(), len(data), "bytes") // for NewStreamFrom
	// Output:
	// true 300 bytes
}
