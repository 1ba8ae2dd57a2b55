package sequences

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

// While nothing can be stored, sequences that are brought back and step cannot leave the
// memory again: there is an end to that, and nothing is lost.
func TestMemoryWhileStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		const most = 20_000
		s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: time.Second, LiveBytes: most, Logger: discard()})
		var clients []*client
		for i := range 300 {
			clients = append(clients, newClient(t, n, i, 3))
			clients[i].step(s, 1)
			pass(2 * time.Second)
		}
		disk.fail(errFull)
		pass(2 * time.Second)
		refused := map[*client]bool{}
		for _, c := range clients {
			i := n.InputSize()
			if a, err := s.Infer(background, Request{ID: c.id, Step: 2, X: part(c.x, i, 1, 2)}); err == nil {
				require.EqualValues(t, 2, a.Step)
				c.next = 3
			} else {
				requireCode(t, codes.Unavailable, err)
				refused[c] = true
			}
			require.Less(t, s.Stats().Bytes, int64(2*most)+s.stateBytes+100)
		}
		require.NotEmpty(t, refused)
		require.Less(t, len(refused), len(clients))
		disk.fail(nil)
		pass(2 * time.Second)
		for _, c := range clients {
			pass(2 * time.Second)
			if c.step(s, 1); refused[c] {
				require.EqualValues(t, 3, c.next)
			} else {
				require.EqualValues(t, 4, c.next)
			}
		}
	})
}
