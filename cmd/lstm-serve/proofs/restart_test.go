package proofs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// Two replicas are restarted one after another while clients go on: SIGTERM stores all
// sequences, so nothing is lost and no step is taken again.
func TestRollingRestart(t *testing.T) {
	replicas := []*server{newServer(t, []string{program}), newServer(t, []string{program})}
	var clients []inference.GRPCInferenceServiceClient
	for _, s := range replicas {
		clients = append(clients, s.dial(t))
		s.waitReady(t, clients[len(clients)-1])
	}
	counted, wait := runAudits(t, clients)
	all := int64(*sequenceCount) * int64(*stepCount)
	for i, s := range replicas {
		counted.reach(t, all*int64(i+1)/4)
		s.stop(t)
		s.start(t)
		s.waitReady(t, clients[i])
	}
	wait()
	require.Equal(t, all, counted.answers)
	require.Zero(t, counted.rewinds.Load(), "steps have been lost")
}
