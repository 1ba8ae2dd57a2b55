package load

import (
	"context"
	"crypto/tls"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// A Server is where a server of the Open Inference Protocol is, and a model of it.
type Server struct {
	Address string
	Model   string
	Token   string      // none if empty
	TLS     *tls.Config // nil for connections that are not encrypted
}

// GRPC is a server's gRPC front end.
type GRPC struct {
	Server
	unary   bool
	senders int
	model   modelMetadata
}

// modelMetadata are what requests of a model have to know.
type modelMetadata struct {
	input   string // its name
	inputs  int    // numbers of a step
	outputs int    // all tensors together
}

// NewGRPC asks the server at the address for its model. Requests go over one stream for
// each connection, or if unary is set, by calls of their own, of which each connection
// has as many at a time as senders.
func NewGRPC(ctx context.Context, server Server, unary bool, senders int) (*GRPC, error) {
	g := &GRPC{Server: server, unary: unary, senders: senders}
	connection, err := g.dial()
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	client := inference.NewGRPCInferenceServiceClient(connection)
	m, err := client.ModelMetadata(g.withToken(ctx), &inference.ModelMetadataRequest{Name: g.Model})
	if err != nil {
		return nil, fmt.Errorf("asking %s for model %q: %w", g.Address, g.Model, err)
	}
	var in, out [][]int64
	for _, t := range m.Inputs {
		in = append(in, t.Shape)
	}
	for _, t := range m.Outputs {
		out = append(out, t.Shape)
	}
	if g.model.inputs, g.model.outputs, err = sizes(in, out); err != nil {
		return nil, fmt.Errorf("model %q: %w", g.Model, err)
	}
	g.model.input = m.Inputs[0].Name
	return g, nil
}

// sizes are how many numbers a step takes and gives, by the shapes of the tensors.
func sizes(inputs, outputs [][]int64) (input, output int, err error) {
	if len(inputs) != 1 || len(outputs) == 0 {
		return 0, 0, fmt.Errorf("it has %d inputs and %d outputs, want 1 and at least 1", len(inputs), len(outputs))
	}
	size := func(shape []int64) int {
		const most = 1 << 20
		if n := len(shape); n > 0 && shape[n-1] > 0 && shape[n-1] <= most {
			return int(shape[n-1])
		}
		err = fmt.Errorf("a tensor has shape %v, want the size of a step at the end", shape)
		return 0
	}
	input = size(inputs[0])
	for _, shape := range outputs {
		output += size(shape)
	}
	return input, output, err
}

func (g *GRPC) dial() (*grpc.ClientConn, error) {
	security := insecure.NewCredentials()
	if g.TLS != nil {
		security = credentials.NewTLS(g.TLS)
	}
	const mostMessage = 1 << 30
	return grpc.NewClient(g.Address, grpc.WithTransportCredentials(security),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostMessage), grpc.MaxCallSendMsgSize(mostMessage)))
}

func (g *GRPC) withToken(ctx context.Context) context.Context {
	if g.Token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+g.Token)
}

// Sizes are the model's.
func (g *GRPC) Sizes() (input, output int) { return g.model.inputs, g.model.outputs }

// Connect opens a connection of its own.
func (g *GRPC) Connect(ctx context.Context, answered func(*Request, Answer)) (Connection, error) {
	connection, err := g.dial()
	if err != nil {
		return nil, err
	}
	ctx = g.withToken(context.WithoutCancel(ctx))
	if g.unary {
		return newUnary(ctx, g, connection, answered), nil
	}
	return newStreams(ctx, g, connection, answered), nil
}
