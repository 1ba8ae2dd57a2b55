// Command anomaly is a service that says how unusual values of metrics are. Lines "name
// value" come back with how far the value is from what was expected, over what is usual.
//
//	go run ./examples/anomaly &
//	printf 'cpu %d\n' 50 51 50 49 51 50 49 50 51 49 50 90 50 | curl --data-binary @- localhost:8080
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/lstm"
	"example.com/lstm/batch"
)

// model stands in for a trained one, which lstm.Open reads from a file: a cell that is a
// moving average, c' = 0.9 c + 0.1 x, scaled to where tanh is almost the identity.
var model = &lstm.Model{
	Layers: []lstm.Layer{&lstm.Weights{InputSize: 1, HiddenSize: 1, WeightIH: []float32{0, 0, 1e-3, 0},
		WeightHH: make([]float32, 4), BiasIH: []float32{-2.1972246, 2.1972246, 0, 20}}}, // gates i, f, g, o
	Heads: []lstm.Head{{Layers: []lstm.Layer{&lstm.Linear{InFeatures: 1, OutFeatures: 1, Weight: []float32{1e3}}}}},
}

type service struct {
	batcher *batch.Batcher
	mutex   sync.Mutex
	metrics map[string]*metric
}

type metric struct {
	mutex         sync.Mutex // one value after another
	stream        *batch.Stream
	values        int
	first, spread float32    // the first value, and how far the others are from what was expected
	expected      [1]float32 // less first
}

func newService(n *lstm.Network) (s *service, err error) {
	s = &service{metrics: map[string]*metric{}}
	s.batcher, err = batch.New(n, &batch.Options{NonFinite: batch.UndoNonFinite, IdleTime: time.Hour, OnIdle: func(idle *batch.Stream) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		maps.DeleteFunc(s.metrics, func(_ string, m *metric) bool { return m.stream == idle })
	}})
	return s, err
}

func (s *service) score(ctx context.Context, name string, value float32) (score float32, err error) {
	s.mutex.Lock()
	if s.metrics[name] == nil {
		s.metrics[name] = &metric{stream: s.batcher.NewStream(), first: value}
	}
	m := s.metrics[name]
	s.mutex.Unlock()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	x, y := [1]float32{value - m.first}, [1]float32{}
	if err := m.stream.Step(ctx, x[:], y[:]); err != nil {
		return 0, err // of too many at the same time, or of a NaN, which has been undone
	}
	off := max(x[0]-m.expected[0], m.expected[0]-x[0])
	if m.values++; m.values > 10 { // before, it does not know yet
		score = off / max(m.spread, 1e-6)
	}
	m.spread, m.expected = m.spread+(off-m.spread)/float32(min(m.values, 20)), y
	return score, nil
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for line := range strings.Lines(string(body)) {
		var name string
		var value, score float32
		if _, err = fmt.Sscan(line, &name, &value); err == nil {
			score, err = s.score(r.Context(), name, value)
		}
		fmt.Fprintln(w, name, value, score, err)
	}
}

func main() {
	if n, err := lstm.New(model); err != nil {
		log.Fatal(err)
	} else if s, err := newService(n); err != nil {
		log.Fatal(err)
	} else {
		log.Fatal(http.ListenAndServe("localhost:8080", s))
	}
}
