package sequences

import (
	"context"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// Export returns the record of a sequence, which other processes can import.
func (s *Sequences) Export(ctx context.Context, id string, release bool) ([]byte, error) {
	return nil, inferr.Errorf(codes.Unimplemented, "sequences cannot be exported")
}

// Import takes in the record of a sequence.
func (s *Sequences) Import(ctx context.Context, id string, record []byte) (Description, error) {
	return Description{}, inferr.Errorf(codes.Unimplemented, "sequences cannot be imported")
}
