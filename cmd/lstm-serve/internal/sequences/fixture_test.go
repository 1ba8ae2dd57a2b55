package sequences

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/internal/lstmtest"
)

var background = context.Background()

func newNetwork(t testing.TB, seed uint64, sizes ...int) *lstm.Network {
	t.Helper()
	n, err := lstm.New(lstm.RandomModel(seed, 2, sizes...))
	require.NoError(t, err)
	return n
}

func newSequences(t testing.TB, n *lstm.Network, o *Options) *Sequences {
	t.Helper()
	s, err := New(n, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(background)) })
	return s
}

// inputs are steps of one stream, the same for the same number.
func inputs(n *lstm.Network, stream, steps int) []float32 {
	return lstmtest.Normals(lstmtest.NewRand(stream), n.InputSize()*steps, 1)
}

// outputs are what the steps put out from the beginning.
func outputs(n *lstm.Network, x []float32) []float32 {
	i, o := n.InputSize(), n.OutputSize()
	state := n.NewState()
	y := make([]float32, len(x)/i*o)
	for t := range len(x) / i {
		n.Step(state, x[t*i:][:i], y[t*o:][:o])
	}
	return y
}

// part is steps from to to-1 of x, whose steps have that size.
func part(x []float32, size, from, to int) []float32 { return x[from*size : to*size] }

// pass lets time pass in a bubble, and all happen that happens then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func requireCode(t testing.TB, code codes.Code, err error) *inferr.Error {
	t.Helper()
	var e *inferr.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
	return e
}

// requireStep says that err refuses a request and tells at which step the sequence is.
func requireStep(t testing.TB, code codes.Code, step uint64, err error) {
	t.Helper()
	e := requireCode(t, code, err)
	require.True(t, e.HasStep, "%v", err)
	require.Equal(t, step, e.Step, "%v", err)
}

// A memoryStore is a Store that can fail.
type memoryStore struct {
	mutex   sync.Mutex
	records map[string][]byte
	err     error // of Write
	readErr error // of Get
}

func newMemoryStore() *memoryStore { return &memoryStore{records: map[string][]byte{}} }

func (m *memoryStore) Get(id string) ([]byte, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return bytes.Clone(m.records[id]), m.readErr
}

func (m *memoryStore) Write(ids []string, records [][]byte) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.err != nil {
		return m.err
	}
	for i, id := range ids {
		m.records[id] = bytes.Clone(records[i])
		if records[i] == nil {
			delete(m.records, id)
		}
	}
	return nil
}

func (m *memoryStore) Range(after string, most int, visit func(id string, record []byte)) (last string, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	ids := slices.Sorted(maps.Keys(m.records))
	ids = ids[len(ids)-len(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id <= after })):]
	for i, id := range ids {
		if i == most {
			return last, nil
		}
		visit(id, m.records[id])
		last = id
	}
	return "", nil
}

func (m *memoryStore) count() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.records)
}

// fail makes writing fail with err, or not if it is nil.
func (m *memoryStore) fail(err error) {
	m.mutex.Lock()
	m.err = err
	m.mutex.Unlock()
}

// kill is what is left after a sudden end.
func (m *memoryStore) kill() *memoryStore {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return &memoryStore{records: maps.Clone(m.records)}
}

func (m *memoryStore) step(t testing.TB, id string) uint64 {
	data, err := m.Get(id)
	require.NoError(t, err)
	if data == nil {
		return 0
	}
	r, err := decodeRecord(data)
	require.NoError(t, err)
	return r.step
}

var errFull = errors.New("no space left on device")

// A client takes the steps of one sequence, and resumes as the answers tell it.
type client struct {
	t      testing.TB
	n      *lstm.Network
	id     string
	x, y   []float32 // all inputs and all outputs that there should be
	next   uint64    // step to be taken
	stored uint64
}

func newClient(t testing.TB, n *lstm.Network, i, steps int) *client {
	x := inputs(n, i, steps)
	return &client{t: t, n: n, id: fmt.Sprint(i), x: x, y: outputs(n, x), next: 1}
}

// step takes the next steps, as many as that, resuming where the server is.
func (c *client) step(s *Sequences, steps int) {
	i, o := c.n.InputSize(), c.n.OutputSize()
	for {
		from, to := int(c.next)-1, int(c.next)-1+steps
		a, err := s.Infer(background, Request{ID: c.id, Start: c.next == 1, Step: c.next, X: part(c.x, i, from, to)})
		if err == nil {
			require.EqualValues(c.t, to, a.Step)
			lstmtest.RequireBits(c.t, part(c.y, o, from, to), a.Y, "sequence %s, step %d", c.id, c.next)
			require.GreaterOrEqual(c.t, a.StoredStep, c.stored)
			c.next, c.stored = a.Step+1, a.StoredStep
			return
		}
		e := requireCode(c.t, codes.FailedPrecondition, err)
		if c.next > 1 && !e.HasStep {
			require.NoError(c.t, err)
		}
		require.GreaterOrEqual(c.t, e.Step, c.stored, "what is stored stays")
		require.Less(c.t, e.Step, c.next)
		c.next = e.Step + 1
	}
}
