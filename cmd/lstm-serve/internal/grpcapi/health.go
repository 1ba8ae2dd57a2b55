package grpcapi

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// health returns the status of a service: "" or the name of the one that there is.
func (g *Server) health(service string) (healthpb.HealthCheckResponse_ServingStatus, bool) {
	switch {
	case service != "" && service != inference.GRPCInferenceService_ServiceDesc.ServiceName:
		return healthpb.HealthCheckResponse_SERVICE_UNKNOWN, false
	case g.ready():
		return healthpb.HealthCheckResponse_SERVING, true
	}
	return healthpb.HealthCheckResponse_NOT_SERVING, true
}

// Check is that of gRPC's health service: what ServerReady says.
func (g *Server) Check(_ context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	health, known := g.health(r.Service)
	if !known {
		return nil, status.Errorf(codes.NotFound, "there is no service %.100q", r.Service)
	}
	return &healthpb.HealthCheckResponse{Status: health}, nil
}

// List is that of gRPC's health service.
func (g *Server) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	response := &healthpb.HealthListResponse{Statuses: map[string]*healthpb.HealthCheckResponse{}}
	for _, service := range []string{"", inference.GRPCInferenceService_ServiceDesc.ServiceName} {
		health, _ := g.health(service)
		response.Statuses[service] = &healthpb.HealthCheckResponse{Status: health}
	}
	return response, nil
}

// Watch is that of gRPC's health service: it tells the status at once and when it
// changes. It ends when the server stops.
func (g *Server) Watch(r *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	ticker := time.NewTicker(g.options.HealthInterval)
	defer ticker.Stop()
	last := healthpb.HealthCheckResponse_UNKNOWN
	for {
		if health, _ := g.health(r.Service); health != last {
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: health}); err != nil {
				return err
			}
			last = health
		}
		select {
		case <-g.stopping:
			if last != healthpb.HealthCheckResponse_SERVING {
				return errStopping
			}
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-ticker.C:
		}
	}
}

// errStopping ends calls that have no end of their own.
var errStopping = status.Error(codes.Unavailable, "the server is stopping")
