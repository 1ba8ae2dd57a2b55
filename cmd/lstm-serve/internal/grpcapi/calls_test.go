package grpcapi_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"

	"example.com/lstm/cmd/lstm-serve/internal/grpcapi"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

func requireMessage(t testing.TB, want, got proto.Message) {
	t.Helper()
	require.True(t, proto.Equal(want, got), "want %v, got %v", want, got)
}

func TestServerCalls(t *testing.T) {
	f := newFixture(t, &grpcapi.Options{Version: "1.2"}, nil)
	ctx := t.Context()
	live, err := f.ServerLive(ctx, &inference.ServerLiveRequest{})
	require.NoError(t, err)
	require.True(t, live.Live)
	ready, err := f.ServerReady(ctx, &inference.ServerReadyRequest{})
	require.NoError(t, err)
	require.True(t, ready.Ready)
	metadata, err := f.ServerMetadata(ctx, &inference.ServerMetadataRequest{})
	require.NoError(t, err)
	requireMessage(t, &inference.ServerMetadataResponse{Name: "lstm-serve", Version: "1.2",
		Extensions: []string{"sequence", "sequence(string_id)", "model_repository", "binary_tensor_data", "parameters"}}, metadata)
}

func TestModelCalls(t *testing.T) {
	f := newFixture(t, nil, nil)
	ctx := t.Context()
	ready, err := f.ModelReady(ctx, &inference.ModelReadyRequest{Name: "plain", Version: "1"})
	require.NoError(t, err)
	require.True(t, ready.Ready)
	_, err = f.ModelReady(ctx, &inference.ModelReadyRequest{Name: "none"})
	requireStatus(t, err, codes.NotFound, `"none"`)
	metadata, err := f.ModelMetadata(ctx, &inference.ModelMetadataRequest{Name: "heads"})
	require.NoError(t, err)
	tensor := func(name string, size int64) *inference.ModelMetadataResponse_TensorMetadata {
		return &inference.ModelMetadataResponse_TensorMetadata{Name: name, Datatype: "FP32", Shape: []int64{-1, size}}
	}
	requireMessage(t, &inference.ModelMetadataResponse{
		Name: "heads", Versions: []string{"1"}, Platform: "lstm",
		Inputs:     []*inference.ModelMetadataResponse_TensorMetadata{tensor("input", 3)},
		Outputs:    []*inference.ModelMetadataResponse_TensorMetadata{tensor("mean", 1), tensor("spread", 2)},
		Properties: map[string]string{"fingerprint": f.heads.Fingerprint().String(), "sequences": "true"},
	}, metadata)
	_, err = f.ModelMetadata(ctx, &inference.ModelMetadataRequest{Name: "heads", Version: "2"})
	requireStatus(t, err, codes.NotFound, `"2"`)
}

func TestRepositoryIndex(t *testing.T) {
	f := newFixture(t, nil, nil)
	index, err := f.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{Ready: true})
	require.NoError(t, err)
	requireMessage(t, &inference.RepositoryIndexResponse{Models: []*inference.RepositoryIndexResponse_ModelIndex{
		{Name: "heads", Version: "1", State: "READY"}, {Name: "plain", Version: "1", State: "READY"}}}, index)
	_, err = f.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{RepositoryName: "other"})
	requireStatus(t, err, codes.NotFound, `"other"`)
}

func TestRepositoryModelLoad(t *testing.T) {
	var loaded []string
	f := newFixture(t, &grpcapi.Options{Load: func(_ context.Context, model string) error {
		loaded = append(loaded, model)
		if model != "plain" {
			return inferr.Errorf(codes.NotFound, "there is no file of model %q", model)
		}
		return nil
	}}, nil)
	_, err := f.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: "plain"})
	require.NoError(t, err)
	_, err = f.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: "../plain"})
	requireStatus(t, err, codes.NotFound, "../plain")
	require.Equal(t, []string{"plain", "../plain"}, loaded)
	_, err = f.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: "plain",
		Parameters: map[string]*inference.ModelRepositoryParameter{"config": {}}})
	requireStatus(t, err, codes.InvalidArgument, "1 parameters")
	_, err = f.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{RepositoryName: "other"})
	requireStatus(t, err, codes.NotFound, `"other"`)
	require.Len(t, loaded, 2)

	f = newFixture(t, nil, nil)
	_, err = f.RepositoryModelLoad(t.Context(), &inference.RepositoryModelLoadRequest{ModelName: "plain"})
	requireStatus(t, err, codes.Unimplemented, "no folder")
}

func TestHealth(t *testing.T) {
	f := newFixture(t, &grpcapi.Options{HealthInterval: time.Millisecond}, nil)
	health := healthpb.NewHealthClient(f.connection)
	const service = "inference.GRPCInferenceService"
	for _, name := range []string{"", service} {
		r, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: name})
		require.NoError(t, err)
		require.Equal(t, healthpb.HealthCheckResponse_SERVING, r.Status)
	}
	_, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "other"})
	requireStatus(t, err, codes.NotFound, `"other"`)
	list, err := health.List(t.Context(), &healthpb.HealthListRequest{})
	require.NoError(t, err)
	require.Len(t, list.Statuses, 2)

	unknown, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{Service: "other"})
	require.NoError(t, err)
	r, err := unknown.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVICE_UNKNOWN, r.Status)
	watch, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	r, err = watch.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, r.Status)

	// Watching ends with the server, and holds nothing up.
	require.NoError(t, f.server.Shutdown(t.Context()))
	r, err = watch.Recv()
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, r.Status)
	_, err = watch.Recv()
	requireStatus(t, err, codes.Unavailable, "stopping")
}

func TestReflection(t *testing.T) {
	f := newFixture(t, nil, nil)
	stream, err := reflectionpb.NewServerReflectionClient(f.connection).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}))
	r, err := stream.Recv()
	require.NoError(t, err)
	var names []string
	for _, s := range r.GetListServicesResponse().Service {
		names = append(names, s.Name)
	}
	require.Contains(t, names, "inference.GRPCInferenceService")
	require.Contains(t, names, "grpc.health.v1.Health")
	require.NoError(t, stream.CloseSend())
}
