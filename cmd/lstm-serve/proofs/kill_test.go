package proofs

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inference"
)

// What a kill takes back, at most the steps since the last checkpoint, clients take
// again, and every answer is that of an undisturbed network.
func TestKill(t *testing.T) {
	for _, c := range []struct {
		name, interval string
		rewinds        bool // may be needed
	}{
		{"checkpoints", "50ms", true},
		{"every step is stored", "0s", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, []string{program}, "-checkpoint-interval", c.interval)
			clients := []inference.GRPCInferenceServiceClient{s.dial(t)}
			s.waitReady(t, clients[0])
			counted, wait := runAudits(t, clients)
			all := int64(*sequenceCount) * int64(*stepCount)
			for kill := range *killCount {
				counted.reach(t, all*int64(kill+1)/int64(*killCount+1))
				s.kill(t)
				s.start(t)
			}
			wait()
			require.GreaterOrEqual(t, counted.answers, all)
			require.Positive(t, counted.retries.Load(), "nobody has noticed that the server was killed")
			if !c.rewinds {
				require.Zero(t, counted.rewinds.Load(), "steps that were stored have been lost")
			}
			t.Logf("%d answers, %d retries, %d steps again", counted.answers, counted.retries.Load(), counted.rewinds.Load())
		})
	}
}

// runAudits begins with all sequences, in turn on the clients, and returns what waits
// for their ends.
func runAudits(t *testing.T, clients []inference.GRPCInferenceServiceClient) (counted *totals, wait func()) {
	t.Helper()
	network, err := lstm.New(randomModel)
	require.NoError(t, err)
	counted = newTotals()
	group, ctx := errgroup.WithContext(t.Context())
	for i := range *sequenceCount {
		group.Go(func() error {
			return newAudit(network, i, *stepCount, clients[i%len(clients)], counted).run(ctx)
		})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		counted.finish(group.Wait())
	}()
	return counted, func() {
		<-ended
		require.NoError(t, counted.err)
	}
}
