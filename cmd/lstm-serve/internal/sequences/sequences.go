// Package sequences keeps the sequences of a model: where each stream of data is, and
// what it has answered last.
package sequences

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A Request is for one step of a sequence, or for several.
type Request struct {
	ID         string
	Start, End bool
	Step       uint64    // number of the first step, 0 if the client does not count
	X          []float32 // [T, InputSize]
}

// An Answer is what the steps of a Request have put out.
type Answer struct {
	Y          []float32 // [T, OutputSize], only to be read
	Step       uint64    // number of the last step
	StoredStep uint64    // number of the last step that is stored, 0 if there is none
	Repeated   bool      // the answer was given before
}

// Options are how Sequences work.
type Options struct {
	Workers, BatchSize int           // see batch.Options
	Wait               time.Duration // see batch.Options

	MostWaiting        int
	MostSequences      int
	LiveBytes          int64
	IdleTime           time.Duration
	ExpireTime         time.Duration
	CheckpointInterval time.Duration
	Logger             *slog.Logger
}

// A Description says where a sequence is.
type Description struct {
	ID               string
	Step, StoredStep uint64
	Live, Ended      bool
}

// Sequences are those of one model.
type Sequences struct{ network *lstm.Network }

// New makes Sequences for a network.
func New(n *lstm.Network, o *Options) (*Sequences, error) { return &Sequences{n}, nil }

// Network is the network with which the next steps are taken.
func (s *Sequences) Network() *lstm.Network { return s.network }

// Submit takes the steps of r, and calls done when they have ended.
func (s *Sequences) Submit(ctx context.Context, r Request, done func(Answer, error)) {
	done(Answer{}, inferr.Errorf(codes.Unimplemented, "not there yet"))
}

// Infer takes the steps of r.
func (s *Sequences) Infer(ctx context.Context, r Request) (Answer, error) {
	return Answer{}, inferr.Errorf(codes.Unimplemented, "not there yet")
}

// Describe says where a sequence is.
func (s *Sequences) Describe(id string) (Description, error) {
	return Description{}, inferr.Errorf(codes.Unimplemented, "not there yet")
}

// Export returns the record of a sequence, which other processes can import.
func (s *Sequences) Export(ctx context.Context, id string, release bool) ([]byte, error) {
	return nil, inferr.Errorf(codes.Unimplemented, "not there yet")
}

// Import takes in the record of a sequence.
func (s *Sequences) Import(ctx context.Context, id string, record []byte) (Description, error) {
	return Description{}, inferr.Errorf(codes.Unimplemented, "not there yet")
}

// Remove ends a sequence, wherever it is.
func (s *Sequences) Remove(ctx context.Context, id string) error {
	return inferr.Errorf(codes.Unimplemented, "not there yet")
}

// Swap puts another network in place.
func (s *Sequences) Swap(n *lstm.Network) error { return nil }

// Ready returns why the sequences cannot be served, if they cannot.
func (s *Sequences) Ready() error { return nil }

// Close ends what has been accepted and stores all sequences.
func (s *Sequences) Close(ctx context.Context) error { return nil }
