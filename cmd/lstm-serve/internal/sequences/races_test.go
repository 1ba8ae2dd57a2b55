package sequences

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/internal/lstmtest"
)

// discard is a logger of which nobody reads anything.
func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// A gateStore waits before it reads, until the channel is closed.
type gateStore struct {
	*memoryStore
	open chan struct{}
}

func (g *gateStore) Get(id string) ([]byte, error) {
	<-g.open
	return g.memoryStore.Get(id)
}

// A request that has been accepted is answered before Close goes on, even if the one before
// it tells Close late that there are no more.
func TestCloseToldLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := &gateStore{newMemoryStore(), make(chan struct{})}
		s, err := New(n, &Options{Store: disk, CheckpointInterval: time.Hour})
		require.NoError(t, err)
		answered := false
		s.Submit(background, Request{ID: "a", Start: true, X: inputs(n, 1, 1)}, func(_ Answer, err error) {
			answered = true
			if err != nil {
				t.Error(err)
			}
		})
		s.signalDrained()
		go func() {
			time.Sleep(time.Second)
			close(disk.open)
		}()
		require.NoError(t, s.Close(background))
		require.True(t, answered)
		require.EqualValues(t, 1, disk.step(t, "a"))
	})
}

// What is loaded for nobody any longer does not wait for a keeper that has ended.
func TestCloseWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		s, err := New(n, &Options{Store: disk, CheckpointInterval: time.Hour})
		require.NoError(t, err)
		for i := range 200 {
			newClient(t, n, i, 1).step(s, 1)
		}
		require.NoError(t, s.Close(background))

		gate := &gateStore{disk, make(chan struct{})}
		s, err = New(n, &Options{Store: gate, CheckpointInterval: time.Hour, LiveBytes: 1})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(background)
		for i := range 200 {
			go s.Export(ctx, fmt.Sprint(i), false)
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.Zero(t, s.Stats().Waiting)
		go func() {
			time.Sleep(time.Second)
			close(gate.open)
		}()
		require.NoError(t, s.Close(background))
	})
}

// A sequence that starts and ends again and again has one place among those that have ended.
func TestEndedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		s := newSequences(t, n, &Options{IdleTime: time.Minute})
		for i := range 100 {
			_, err := s.Infer(background, Request{ID: "a", Start: true, End: true, Step: 1, X: inputs(n, i, 1)})
			require.NoError(t, err)
		}
		listed := func() int {
			s.ended.mutex.Lock()
			defer s.ended.mutex.Unlock()
			return len(s.ended.all)
		}
		pass(30 * time.Second)
		require.Equal(t, 1, listed())
		pass(time.Minute)
		require.Zero(t, listed())
		require.Zero(t, s.Stats().Sequences)
	})
}

// A last answer as large as the state it takes the place of does not keep the sequence
// among the live ones.
func TestLiveWithSameBytes(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	s := newSequences(t, n, nil)
	extra := int(s.stateBytes-sequenceBytes) / 4
	o := n.OutputSize()
	require.Zero(t, extra%o)
	_, err := s.Infer(background, Request{ID: "a", Start: true, Step: 1, X: inputs(n, 1, 1)})
	require.NoError(t, err)
	_, err = s.Infer(background, Request{ID: "a", End: true, Step: 2, X: inputs(n, 1, 1+extra/o)})
	require.NoError(t, err)
	require.Zero(t, s.Stats().Live)
}

// While storing fails, sequences that come and go leave nothing behind.
func TestStoreFailsShortSequences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		s, err := New(n, &Options{Store: disk, CheckpointInterval: time.Second, Logger: discard()})
		require.NoError(t, err)
		disk.fail(errFull)
		x := inputs(n, 1, 1)
		infer := func(id string, start bool) {
			_, err := s.Infer(background, Request{ID: id, Start: start, End: !start, X: x})
			require.NoError(t, err)
		}
		for i := range mostRecords {
			infer(fmt.Sprint(i), true)
		}
		pass(2 * time.Second)
		for i := range 3000 {
			infer(fmt.Sprint("short", i), true)
			infer(fmt.Sprint("short", i), false)
		}
		pass(2 * time.Second)
		require.Equal(t, mostRecords, s.Stats().Unstored)
		disk.fail(nil)
		require.NoError(t, s.Close(background))
		require.Equal(t, mostRecords, disk.count())
	})
}

// A start whose predecessor cannot be deleted from the store is refused: a sudden end would
// bring that back, perhaps at the very step at which the client goes on.
func TestStartOverStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		o := &Options{Store: disk, CheckpointInterval: time.Second, Logger: discard()}
		s, err := New(n, o)
		require.NoError(t, err)
		before, after := inputs(n, 1, 4), inputs(n, 2, 4)
		_, err = s.Infer(background, Request{ID: "a", Start: true, Step: 1, X: part(before, 2, 0, 3)})
		require.NoError(t, err)
		pass(2 * time.Second)
		disk.fail(errFull)
		_, err = s.Infer(background, Request{ID: "a", Start: true, Step: 1, X: part(after, 2, 0, 3)})
		requireCode(t, codes.Unavailable, err)
		a, err := s.Infer(background, Request{ID: "a", Step: 4, X: part(before, 2, 3, 4)})
		require.NoError(t, err, "it is as it was")
		lstmtest.RequireBits(t, part(outputs(n, before), 2, 3, 4), a.Y, "step 4")
		require.Equal(t, 1, s.Stats().Sequences)
		require.EqualValues(t, 1, s.Stats().Started)
		disk.fail(nil)
		_, err = s.Infer(background, Request{ID: "a", Start: true, Step: 1, X: part(after, 2, 0, 3)})
		require.NoError(t, err)
		require.NoError(t, s.Close(background))
	})
}

// Tombstones in the store do not keep sequences from starting for longer than they are
// promised to be kept, after a restart either.
func TestStoredEndedMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		o := &Options{Store: disk, CheckpointInterval: time.Second, MostSequences: 10, wall: time.Now}
		s, err := New(n, o)
		require.NoError(t, err)
		x := inputs(n, 1, 1)
		for i := range 10 {
			_, err := s.Infer(background, Request{ID: fmt.Sprint(i), Start: true, End: true, Step: 1, X: x})
			require.NoError(t, err)
		}
		require.NoError(t, s.Close(background))
		require.Equal(t, 10, disk.count())

		s, err = New(n, o)
		require.NoError(t, err)
		pass(DefaultIdleTime + time.Minute)
		for {
			if _, err = s.Infer(background, Request{ID: "new", Start: true, Step: 1, X: x}); err == nil {
				break
			}
			requireCode(t, codes.ResourceExhausted, err)
			require.Less(t, s.now(), 2*DefaultIdleTime)
			pass(time.Minute)
		}
		require.NoError(t, s.Close(background))
	})
}

// The number of a step stays one that a record can have.
func TestMostSteps(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	disk := newMemoryStore()
	s := newSequences(t, n, &Options{Store: disk})
	x := inputs(n, 1, 2)
	_, err := s.Infer(background, Request{ID: "a", Start: true, X: x})
	require.NoError(t, err)
	data, err := s.Export(background, "a", false)
	require.NoError(t, err)
	r, err := decodeRecord(data)
	require.NoError(t, err)
	r.step, r.last = mostSteps-2, answer{}
	_, err = s.Import(background, "a", r.append(nil))
	require.NoError(t, err)
	_, err = s.Infer(background, Request{ID: "a", X: x})
	requireStep(t, codes.FailedPrecondition, mostSteps-2, err)
	a, err := s.Infer(background, Request{ID: "a", X: x[:2]})
	require.NoError(t, err)
	require.EqualValues(t, uint64(mostSteps-1), a.Step)
	require.EqualValues(t, uint64(mostSteps-1), disk.step(t, "a"))
}
