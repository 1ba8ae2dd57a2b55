package load

import (
	"context"

	"google.golang.org/grpc"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// unary sends each request by a call of its own.
type unary struct {
	*senders
	connection *grpc.ClientConn
}

func newUnary(ctx context.Context, g *GRPC, connection *grpc.ClientConn, answered func(*Request, Answer)) *unary {
	client := inference.NewGRPCInferenceServiceClient(connection)
	call := func(r *Request) {
		m, err := client.ModelInfer(ctx, g.messageOf(r))
		if err != nil {
			answered(r, Answer{Err: errorOf(err)})
			return
		}
		answered(r, answerOf(m))
	}
	return &unary{newSenders(g.senders, func() func(*Request) { return call }), connection}
}

func (u *unary) Close() error {
	err := u.connection.Close()
	u.senders.close()
	return err
}
