// Package inference has the messages of the Open Inference Protocol, version 2, as gRPC
// has them. inference.proto says what they are; the rest is generated.
package inference

//go:generate protoc --proto_path=. --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative inference.proto
