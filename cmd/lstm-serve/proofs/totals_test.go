package proofs

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// totals are counted over all audits.
type totals struct {
	retries atomic.Int64 // of requests without an answer
	rewinds atomic.Int64 // steps that the server had lost and the client took again

	mutex   sync.Mutex
	answers int64      // of steps, those that were given again included
	more    *sync.Cond // there is another answer, or the end
	ended   bool
	err     error
}

func newTotals() *totals {
	t := &totals{}
	t.more = sync.NewCond(&t.mutex)
	return t
}

func (c *totals) answered() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.answers++
	c.more.Broadcast()
}

// finish says what has become of the audits.
func (c *totals) finish(err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ended, c.err = true, err
	c.more.Broadcast()
}

// reach returns when there are so many answers.
func (c *totals) reach(t *testing.T, answers int64) {
	t.Helper()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for c.answers < answers && !c.ended {
		c.more.Wait()
	}
	require.False(t, c.ended, "the audits have ended too early: %v", c.err)
}
