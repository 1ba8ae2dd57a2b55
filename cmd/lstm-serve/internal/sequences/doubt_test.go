package sequences

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

// A doubtfulStore writes and says that it has failed, as a file does whose last sync fails,
// while that is so.
type doubtfulStore struct {
	*memoryStore
	doubtful bool
}

func (d *doubtfulStore) Write(ids []string, records [][]byte) error {
	d.mutex.Lock()
	doubtful := d.doubtful
	d.mutex.Unlock()
	if err := d.memoryStore.Write(ids, records); err != nil || !doubtful {
		return err
	}
	return errFull
}

func (d *doubtfulStore) setDoubtful(is bool) {
	d.mutex.Lock()
	d.doubtful = is
	d.mutex.Unlock()
}

// What has been written with an error is not believed to be as it was before: a sequence
// that is evicted afterwards comes back as it was.
func TestFailedButWritten(t *testing.T) {
	for _, change := range []func(*Sequences) error{
		func(s *Sequences) error { return s.Remove(background, "1") },
		func(s *Sequences) error {
			_, err := s.Export(background, "1", true)
			return err
		},
		func(s *Sequences) error {
			_, err := s.Infer(background, Request{ID: "1", Start: true, Step: 1, X: inputs(s.Network(), 9, 1)})
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, 1, 2, 8)
			disk := &doubtfulStore{memoryStore: newMemoryStore()}
			s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: time.Second, IdleTime: 10 * time.Second, Logger: discard()})
			c := newClient(t, n, 1, 10)
			c.step(s, 3)
			pass(2 * time.Second)
			disk.setDoubtful(true)
			requireCode(t, codes.Unavailable, change(s))
			disk.setDoubtful(false)
			pass(time.Minute)
			require.Zero(t, s.Stats().Live)
			require.EqualValues(t, 3, disk.step(t, "1"))
			d, err := s.Describe("1")
			require.NoError(t, err)
			require.Equal(t, Description{ID: "1", Step: 3, StoredStep: 3}, d)
			c.step(s, 2)
			require.EqualValues(t, 6, c.next)
			require.Equal(t, 1, s.Stats().Sequences)
		})
	}
}

func TestFailedImportWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		c := newClient(t, n, 1, 3)
		from := newSequences(t, n, nil)
		c.step(from, 3)
		record, err := from.Export(background, "1", true)
		require.NoError(t, err)
		disk := &doubtfulStore{memoryStore: newMemoryStore()}
		s := newSequences(t, n, &Options{Store: disk, CheckpointInterval: time.Second, Logger: discard()})
		disk.setDoubtful(true)
		_, err = s.Import(background, "1", record)
		requireCode(t, codes.Unavailable, err)
		disk.setDoubtful(false)
		pass(2 * time.Second)
		_, err = s.Describe("1")
		requireStep(t, codes.NotFound, 0, err)
		require.Zero(t, disk.count())
		require.Zero(t, s.Stats().Sequences)
		require.Zero(t, s.Stats().Stored)
	})
}

// That storing works again is found without anybody who has something to store.
func TestFailureEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 1, 2, 8)
		disk := newMemoryStore()
		o := &Options{Store: disk, CheckpointInterval: time.Second, ExpireTime: time.Hour, Logger: discard(), wall: time.Now}
		s, err := New(n, o)
		require.NoError(t, err)
		newClient(t, n, 1, 1).step(s, 1)
		require.NoError(t, s.Close(background))

		s = newSequences(t, n, o)
		pass(time.Hour - time.Minute)
		disk.fail(errFull)
		pass(5 * time.Minute) // it expires, and cannot be deleted
		require.ErrorIs(t, s.Ready(), errFull)
		disk.fail(nil)
		pass(2 * time.Second)
		require.NoError(t, s.Ready())
		require.False(t, s.Stats().Failing)
	})
}
