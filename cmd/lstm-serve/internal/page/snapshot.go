package page

import (
	"context"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/latency"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
)

// A source is what the page shows: a server.
type source interface {
	// snapshot is called once a second, by one goroutine at a time.
	snapshot() snapshot
	// Infer is that of infer.Server.
	Infer(ctx context.Context, r *infer.Request, done func(*infer.Response, error))
}

// A snapshot is what the server has done until a moment.
type snapshot struct {
	models   []model        // in the order in which they are shown
	requests uint64         // for inference, that were answered
	errors   uint64         // how many of them with an error
	latency  latency.Counts // how long the answers took
}

// A model is one of the server's models. The numbers at its end are 0 for those that
// have no sequences.
type model struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Inputs     int    `json:"inputs"`
	Outputs    int    `json:"outputs"`
	Hidden     []int  `json:"hidden"` // sizes of the LSTM layers, nil if it takes whole sequences only
	Parameters int    `json:"parameters"`
	Bytes      int    `json:"bytes"` // of memory
	Ready      bool   `json:"ready"`

	Live       int      `json:"live"`   // sequences in memory
	Stored     int      `json:"stored"` // sequences that are only in the store
	Steps      uint64   `json:"steps"`  // of sequences, since the server started
	BatchSizes []uint64 `json:"-"`      // how many batches had 1, 2, … steps
}

// server is the source of a page that is not under test.
type server struct{ *infer.Server }

func (s server) snapshot() snapshot {
	stats := s.Stats()
	now := snapshot{models: []model{}, latency: stats.Latency}
	for code, n := range stats.Answered {
		now.requests += n
		if codes.Code(code) != codes.OK {
			now.errors += n
		}
	}
	for _, m := range s.Models() {
		now.models = append(now.models, modelOf(m))
	}
	return now
}

func modelOf(m *repository.Model) model {
	n := m.Network()
	all := model{Name: m.Name, Version: m.Version, Inputs: n.InputSize(), Outputs: n.OutputSize(), Ready: true}
	if m.Stream == nil {
		all.Parameters, all.Bytes = m.Whole.Parameters(), m.Whole.MemorySize()
		return all
	}
	network := m.Stream.Network()
	all.Parameters, all.Bytes = network.Parameters(), network.MemorySize()
	for i := range network.Layers() {
		all.Hidden = append(all.Hidden, network.HiddenSize(i))
	}
	stats := m.Stream.Stats()
	all.Ready = m.Stream.Ready() == nil
	all.Live, all.Stored = stats.Live, max(stats.Sequences-stats.Live, 0)
	all.Steps, all.BatchSizes = stats.Batch.Steps, stats.Batch.Sizes
	return all
}
