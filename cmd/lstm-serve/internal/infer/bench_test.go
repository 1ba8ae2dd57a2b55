package infer_test

import (
	"context"
	"testing"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

// A step of a sequence, one after another, without a protocol.
func BenchmarkInfer(b *testing.B) {
	f := newFixture(b, nil)
	r := &infer.Request{Model: "plain", Sequence: infer.Sequence{ID: "a", Start: true}, Inputs: input(numbers(3), 1, 1, 3)}
	answered := make(chan error, 1)
	done := func(_ *infer.Response, err error) { answered <- err }
	b.ReportAllocs()
	for b.Loop() {
		f.Infer(context.Background(), r, done)
		if err := <-answered; err != nil {
			b.Fatal(err)
		}
		r.Sequence.Start = false
	}
}
