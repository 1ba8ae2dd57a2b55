package load

import (
	"context"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// streams sends all requests over one stream, of which it opens another if it breaks.
// All that was on its way has then failed.
type streams struct {
	ctx        context.Context
	cancel     context.CancelFunc
	g          *GRPC
	connection *grpc.ClientConn
	client     inference.GRPCInferenceServiceClient
	answered   func(*Request, Answer)
	running    sync.WaitGroup

	mutex sync.Mutex
	call  grpc.BidiStreamingClient[inference.ModelInferRequest, inference.ModelStreamInferResponse] // nil if there is none
	onWay []*Request                                                                                // by their numbers, nil if there is none
}

func newStreams(ctx context.Context, g *GRPC, connection *grpc.ClientConn, answered func(*Request, Answer)) *streams {
	s := &streams{g: g, connection: connection, client: inference.NewGRPCInferenceServiceClient(connection), answered: answered}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

func (s *streams) Send(r *Request) {
	call, err := s.begin(r)
	if err == nil {
		// Its error is that of receiving, which ends all requests, this one too.
		_ = call.Send(s.g.messageOf(r))
		return
	}
	s.answered(r, Answer{Err: errorOf(err)})
}

// begin notes that r is on its way over the stream that it returns.
func (s *streams) begin(r *Request) (grpc.BidiStreamingClient[inference.ModelInferRequest, inference.ModelStreamInferResponse], error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.call == nil {
		call, err := s.client.ModelStreamInfer(s.ctx)
		if err != nil {
			return nil, err
		}
		s.call = call
		s.running.Go(func() { s.receive(call) })
	}
	for r.Number >= len(s.onWay) {
		s.onWay = append(s.onWay, nil)
	}
	s.onWay[r.Number] = r
	return s.call, nil
}

// receive gets the answers until the stream ends.
func (s *streams) receive(call grpc.BidiStreamingClient[inference.ModelInferRequest, inference.ModelStreamInferResponse]) {
	var m inference.ModelStreamInferResponse
	for {
		if err := call.RecvMsg(&m); err != nil {
			s.end(err)
			return
		}
		if r := s.take(m.GetInferResponse().GetId()); r != nil {
			s.answered(r, streamAnswer(&m))
		}
	}
}

// take returns the request with that number, if it is on its way.
func (s *streams) take(id string) *Request {
	number, err := strconv.Atoi(id)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err != nil || number < 0 || number >= len(s.onWay) {
		return nil // never asked for: the request that is answered so gets no answer
	}
	r := s.onWay[number]
	s.onWay[number] = nil
	return r
}

// end ends what is on its way over the stream that has broken.
func (s *streams) end(err error) {
	failed := errorOf(err)
	if failed.Code == codes.Unknown || failed.Code == codes.OK {
		failed = inferr.Errorf(codes.Unavailable, "the stream has ended: %v", err)
	}
	s.mutex.Lock()
	onWay := s.onWay
	s.call, s.onWay = nil, nil
	s.mutex.Unlock()
	for _, r := range onWay {
		if r != nil {
			s.answered(r, Answer{Err: failed})
		}
	}
}

func (s *streams) Close() error {
	s.cancel()
	err := s.connection.Close()
	s.running.Wait()
	return err
}

// streamAnswer reads an answer. Errors have no code in the protocol; lstm-serve says
// the name of one in a parameter.
func streamAnswer(m *inference.ModelStreamInferResponse) Answer {
	if m.ErrorMessage == "" {
		return answerOf(m.InferResponse)
	}
	name := m.GetInferResponse().GetParameters()["error_code"].GetStringParam()
	return Answer{Err: inferr.Errorf(codeOf(name), "%s", m.ErrorMessage)}
}

func codeOf(name string) codes.Code {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if code.String() == name {
			return code
		}
	}
	return codes.Unknown
}
