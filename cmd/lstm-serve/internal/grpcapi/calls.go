package grpcapi

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// ServerLive says that there is a server.
func (g *Server) ServerLive(context.Context, *inference.ServerLiveRequest) (*inference.ServerLiveResponse, error) {
	return &inference.ServerLiveResponse{Live: true}, nil
}

// ServerReady says whether the server should get requests.
func (g *Server) ServerReady(context.Context, *inference.ServerReadyRequest) (*inference.ServerReadyResponse, error) {
	return &inference.ServerReadyResponse{Ready: g.ready()}, nil
}

// ready says whether the server should get requests: not if it is stopping.
func (g *Server) ready() bool {
	select {
	case <-g.stopping:
		return false
	default:
		return g.infer.Ready() == nil
	}
}

// ModelReady says whether a model can be used.
func (g *Server) ModelReady(_ context.Context, r *inference.ModelReadyRequest) (*inference.ModelReadyResponse, error) {
	err := g.infer.ModelReady(r.Name, r.Version)
	if status.Code(toStatus(err)) == codes.NotFound {
		return nil, toStatus(err)
	}
	return &inference.ModelReadyResponse{Ready: err == nil}, nil
}

// ServerMetadata says what the server is.
func (g *Server) ServerMetadata(context.Context, *inference.ServerMetadataRequest) (*inference.ServerMetadataResponse, error) {
	return &inference.ServerMetadataResponse{Name: infer.Name, Version: g.options.Version, Extensions: infer.Extensions}, nil
}

// ModelMetadata says what a model is.
func (g *Server) ModelMetadata(_ context.Context, r *inference.ModelMetadataRequest) (*inference.ModelMetadataResponse, error) {
	m, err := g.infer.Metadata(r.Name, r.Version)
	if err != nil {
		return nil, toStatus(err)
	}
	return &inference.ModelMetadataResponse{
		Name: m.Name, Versions: m.Versions, Platform: m.Platform,
		Inputs: tensorMetadata(m.Inputs), Outputs: tensorMetadata(m.Outputs), Properties: m.Properties,
	}, nil
}

func tensorMetadata(tensors []infer.TensorMetadata) (list []*inference.ModelMetadataResponse_TensorMetadata) {
	for _, t := range tensors {
		list = append(list, &inference.ModelMetadataResponse_TensorMetadata{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
	}
	return list
}

// RepositoryIndex lists the models.
func (g *Server) RepositoryIndex(_ context.Context, r *inference.RepositoryIndexRequest) (*inference.RepositoryIndexResponse, error) {
	if err := checkRepository(r.RepositoryName); err != nil {
		return nil, err
	}
	response := &inference.RepositoryIndexResponse{}
	for _, m := range g.infer.Index() {
		if m.Ready || !r.Ready {
			response.Models = append(response.Models, &inference.RepositoryIndexResponse_ModelIndex{
				Name: m.Name, Version: m.Version, State: m.State(), Reason: m.Reason})
		}
	}
	return response, nil
}

// RepositoryModelLoad loads a model from its file.
func (g *Server) RepositoryModelLoad(ctx context.Context, r *inference.RepositoryModelLoadRequest) (*inference.RepositoryModelLoadResponse, error) {
	if err := checkRepository(r.RepositoryName); err != nil {
		return nil, err
	}
	if g.options.Load == nil {
		return nil, status.Error(codes.Unimplemented, "models cannot be loaded, there is no folder of models")
	}
	if len(r.Parameters) > 0 {
		return nil, status.Errorf(codes.InvalidArgument, "there are %d parameters for loading, want none", len(r.Parameters))
	}
	if err := g.options.Load(ctx, r.ModelName); err != nil {
		return nil, toStatus(err)
	}
	return &inference.RepositoryModelLoadResponse{}, nil
}

func checkRepository(name string) error {
	if name != "" {
		return status.Errorf(codes.NotFound, "there is no repository %.100q, want no name", name)
	}
	return nil
}
