package sequences

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
	"example.com/lstm/internal/lstmtest"
)

var modelRounds = flag.Int("model-rounds", 20, "how many random histories TestAgainstModel has")

// A version is what a sequence is at some time, as the model has it.
type version struct {
	phase phase
	moved bool
	step  uint64
	state *lstm.State // nil unless live; never changed
	last  Request     // and its answer; without X if it cannot be repeated
	y     []float32
}

// A modelled is a sequence of the model: the versions that a sudden end may leave, the last of
// which is what it is now.
type modelled struct{ versions []version }

func (m *modelled) now() *version { return &m.versions[len(m.versions)-1] }

// keep says that no version before the last is possible any longer.
func (m *modelled) keep() { m.versions = m.versions[len(m.versions)-1:] }

// stored says that no version of this life is possible that is before that step.
func (m *modelled) stored(step uint64) {
	i := slices.IndexFunc(m.versions, func(v version) bool { return v.phase != absent && v.step == step })
	if i >= 0 {
		m.versions = m.versions[i:]
	}
}

// A modelRun drives Sequences and the model with the same random requests.
type modelRun struct {
	t        *testing.T
	rand     *rand.Rand
	disk     *memoryStore
	s        *Sequences
	o        Options
	networks [2]*lstm.Network
	network  *lstm.Network
	all      map[string]*modelled
	exported map[string]exportedVersion
	log      []string
}

type exportedVersion struct {
	data []byte
	of   version
	by   *lstm.Network
}

// TestAgainstModel compares random histories, with failures of the store, sudden ends,
// reloads and moves, with a model that knows what may be true.
func TestAgainstModel(t *testing.T) {
	for i := range *modelRounds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &modelRun{
					t: t, rand: rand.New(rand.NewPCG(uint64(i), 1)), disk: newMemoryStore(),
					networks: [2]*lstm.Network{newNetwork(t, 1, 2, 4), newNetwork(t, 2, 2, 4)},
					all:      map[string]*modelled{}, exported: map[string]exportedVersion{},
				}
				r.network = r.networks[0]
				r.o = Options{Logger: discard(), LiveBytes: []int64{4000, 1 << 30}[i/2%2], IdleTime: 10 * time.Second, ExpireTime: 1000 * time.Hour, wall: time.Now}
				if i%2 == 1 {
					r.o.CheckpointInterval = time.Second
				}
				for i := range 6 {
					r.all[fmt.Sprint(i)] = &modelled{versions: []version{{}}}
				}
				r.open()
				defer func() {
					if t.Failed() {
						t.Log(strings.Join(r.log[max(0, len(r.log)-40):], "\n"))
					}
					r.disk.fail(nil)
					r.s.Close(background)
				}()
				for range 400 {
					r.act()
				}
			})
		})
	}
}

func (r *modelRun) open() {
	r.o.Store = r.disk
	s, err := New(r.network, &r.o)
	require.NoError(r.t, err)
	r.s = s
}

func (r *modelRun) note(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *modelRun) act() {
	id := fmt.Sprint(r.rand.IntN(len(r.all)))
	m := r.all[id]
	r.forgetEnded()
	switch r.rand.IntN(30) {
	case 0:
		pass(time.Duration(r.rand.IntN(3000)) * time.Millisecond)
	case 1:
		r.note("idle")
		pass(time.Minute)
	case 2:
		r.kill()
	case 3:
		r.restart()
	case 4, 5:
		switch how := r.rand.IntN(5); how {
		case 0:
			r.note("fail")
			r.disk.fail(errFull)
		default:
			r.note("works")
			r.disk.fail(nil)
		}
	case 6:
		r.network = r.networks[r.rand.IntN(2)]
		require.NoError(r.t, r.s.Swap(r.network))
	case 7:
		r.remove(id, m)
	case 8:
		r.export(id, m)
	case 9:
		r.bring(id, m)
	case 10:
		r.look(id, m)
	case 11, 12, 13:
		r.repeat(id, m)
	case 14:
		r.skip(id, m)
	case 15, 16, 17, 18:
		r.step(id, m, true)
	default:
		r.step(id, m, false)
	}
}

// forgetEnded says that what has ended may be gone.
func (r *modelRun) forgetEnded() {
	for id, m := range r.all {
		if m.now().phase == ended {
			d, err := r.s.Describe(id)
			if err != nil {
				requireCode(r.t, codes.NotFound, err)
				m.versions = append(m.versions, version{})
				continue
			}
			require.True(r.t, d.Ended)
		}
	}
}

// after is what v is after a request, and its answer.
func (r *modelRun) after(v *version, q Request) version {
	i, o := r.network.InputSize(), r.network.OutputSize()
	next := version{phase: live, step: v.step, last: q}
	next.state = r.network.NewState()
	if q.Start {
		next.step = 0
	} else {
		next.state = v.state.Clone()
		require.NoError(r.t, r.network.Adopt(next.state))
	}
	next.step += uint64(len(q.X) / i)
	next.y = make([]float32, len(q.X)/i*o)
	r.network.Forward(next.state, q.X, next.y)
	if q.Step == 0 {
		next.last.X = nil
	}
	if q.End {
		next.phase, next.state = ended, nil
		if q.Step == 0 {
			next = version{y: next.y}
		}
	}
	return next
}

func (r *modelRun) step(id string, m *modelled, start bool) {
	v := m.now()
	steps := 1 + r.rand.IntN(3)
	q := Request{ID: id, Start: start, End: r.rand.IntN(12) == 0, X: lstmtest.Normals(r.rand, steps*r.network.InputSize(), 1)}
	if r.rand.IntN(4) > 0 {
		q.Step = v.step + 1
		if start {
			q.Step = 1
		}
	}
	a, err := r.s.Infer(background, q)
	r.note("%s start %v end %v step %d+%d: %d %v", id, q.Start, q.End, q.Step, steps, a.StoredStep, err)
	switch {
	case !start && v.moved:
		requireStep(r.t, codes.FailedPrecondition, v.step, err)
		return
	case !start && v.phase != live:
		requireStep(r.t, codes.NotFound, 0, err)
		return
	}
	if start && v.phase == absent && isFull(err) {
		return
	}
	next := r.after(v, q)
	if start && r.o.CheckpointInterval > 0 {
		if err != nil {
			requireCode(r.t, codes.Unavailable, err)
			m.versions = append(m.versions, version{}, *v) // it may have been deleted
			return
		}
		m.versions = []version{{}} // and what was there before does not come back
	}
	m.versions = append(m.versions, next)
	if err != nil {
		require.Zero(r.t, r.o.CheckpointInterval)
		requireCode(r.t, codes.Unavailable, err)
		return
	}
	lstmtest.RequireBits(r.t, next.y, a.Y, "sequence %s", id)
	require.False(r.t, a.Repeated)
	if r.o.CheckpointInterval == 0 {
		require.Equal(r.t, a.Step, a.StoredStep)
		m.keep()
		return
	}
	m.stored(a.StoredStep)
}

func (r *modelRun) repeat(id string, m *modelled) {
	v := m.now()
	if v.last.X == nil || v.moved {
		return
	}
	a, err := r.s.Infer(background, v.last)
	r.note("%s repeated: %d %v", id, a.StoredStep, err)
	if err != nil {
		require.Zero(r.t, r.o.CheckpointInterval)
		requireStep(r.t, codes.Unavailable, v.step, err)
		return
	}
	require.True(r.t, a.Repeated)
	require.Equal(r.t, v.step, a.Step)
	lstmtest.RequireBits(r.t, v.y, a.Y, "sequence %s, repeated", id)
	if m.stored(a.StoredStep); r.o.CheckpointInterval == 0 {
		m.keep()
	}
}

// skip sends a step that is not next.
func (r *modelRun) skip(id string, m *modelled) {
	v := m.now()
	_, err := r.s.Infer(background, Request{ID: id, Step: v.step + 2 + r.rand.Uint64N(1<<63), X: make([]float32, r.network.InputSize())})
	if v.phase == live || v.moved {
		requireStep(r.t, codes.FailedPrecondition, v.step, err)
	} else {
		requireStep(r.t, codes.NotFound, 0, err)
	}
}

func (r *modelRun) remove(id string, m *modelled) {
	err := r.s.Remove(background, id)
	r.note("%s remove: %v", id, err)
	switch v := m.now(); {
	case v.phase == absent:
		requireStep(r.t, codes.NotFound, 0, err)
	case err != nil:
		requireCode(r.t, codes.Unavailable, err)
		m.versions = append(m.versions, version{}, *v)
	default:
		m.versions = []version{{}}
	}
}

func (r *modelRun) export(id string, m *modelled) {
	release := r.rand.IntN(2) == 0
	data, err := r.s.Export(background, id, release)
	r.note("%s export %v: %v", id, release, err)
	v := *m.now()
	switch {
	case v.phase == absent:
		requireStep(r.t, codes.NotFound, 0, err)
		return
	case err != nil:
		require.True(r.t, release && !v.moved)
		requireCode(r.t, codes.Unavailable, err)
		moved := v
		moved.moved = true
		m.versions = append(m.versions, moved, v)
		return
	}
	kept := v
	kept.moved = false
	r.exported[id] = exportedVersion{bytes.Clone(data), kept, r.network}
	if release && !v.moved {
		v.moved = true
		m.versions = []version{v}
	}
}

// bring imports what was exported last.
func (r *modelRun) bring(id string, m *modelled) {
	e, ok := r.exported[id]
	if !ok {
		return
	}
	v := *m.now()
	_, err := r.s.Import(background, id, e.data)
	r.note("%s import of step %d: %v", id, e.of.step, err)
	switch {
	case e.of.phase == live && e.by != r.network:
		requireCode(r.t, codes.FailedPrecondition, err)
	case v.phase != absent && v.step > e.of.step:
		requireStep(r.t, codes.AlreadyExists, v.step, err)
	case v.phase == absent && isFull(err):
	case err != nil:
		requireCode(r.t, codes.Unavailable, err)
		m.versions = append(m.versions, e.of, v)
	default:
		m.versions = []version{e.of}
	}
}

func (r *modelRun) look(id string, m *modelled) {
	d, err := r.s.Describe(id)
	v := m.now()
	if v.phase == absent {
		requireStep(r.t, codes.NotFound, 0, err)
		return
	}
	require.NoError(r.t, err)
	require.Equal(r.t, []any{v.step, v.phase == ended, v.moved}, []any{d.Step, d.Ended, d.Moved})
	require.LessOrEqual(r.t, d.StoredStep, d.Step)
	m.stored(d.StoredStep)
}

// restart closes the Sequences, which stores all unless the store fails.
func (r *modelRun) restart() {
	err := r.s.Close(background)
	r.note("close: %v", err)
	if err == nil {
		for _, m := range r.all {
			m.keep()
		}
	} else {
		require.ErrorIs(r.t, err, errFull)
	}
	r.reopen()
}

// kill ends the Sequences suddenly: what they do then nobody sees.
func (r *modelRun) kill() {
	r.note("kill")
	left := r.disk.kill()
	r.disk.fail(nil)
	require.NoError(r.t, r.s.Close(background))
	r.disk = left
	r.reopen()
}

// reopen looks which versions are there, and whether they may be.
func (r *modelRun) reopen() {
	r.disk.fail(nil)
	r.open()
	for id, m := range r.all {
		d, err := r.s.Describe(id)
		if err != nil {
			requireStep(r.t, codes.NotFound, 0, err)
			d = Description{}
		}
		found, err := r.find(id, m, d)
		require.NoError(r.t, err, "sequence %s is %+v, and may be one of %+v", id, d, m.versions)
		m.versions = []version{found}
	}
}

func (r *modelRun) find(id string, m *modelled, d Description) (version, error) {
	for i := len(m.versions) - 1; i >= 0; i-- {
		v := m.versions[i]
		switch {
		case v.step != d.Step || (v.phase == absent) != (d.Step == 0) || (v.phase == ended) != d.Ended || v.moved != d.Moved:
			continue
		case v.phase == live && !v.moved && !r.isStored(id, v.state):
			continue
		}
		return v, nil
	}
	if d.Step == 0 {
		for _, v := range m.versions {
			if v.phase == ended {
				return version{}, nil // for long enough
			}
		}
	}
	return version{}, errors.New("none of these")
}

// isStored reports whether the record of a sequence has that state, of whichever network.
func (r *modelRun) isStored(id string, state *lstm.State) bool {
	data, err := r.disk.Get(id)
	require.NoError(r.t, err)
	record, err := decodeRecord(data)
	require.NoError(r.t, err)
	got, err := lstm.DecodeState(record.state)
	require.NoError(r.t, err)
	encoded, err := state.MarshalBinary()
	require.NoError(r.t, err)
	want, err := lstm.DecodeState(encoded)
	require.NoError(r.t, err)
	return reflect.DeepEqual(want.H, got.H) && reflect.DeepEqual(want.C, got.C)
}

// isFull reports whether a sequence may not start because of the memory, which cannot be
// freed while storing fails.
func isFull(err error) bool {
	var e *inferr.Error
	return errors.As(err, &e) && e.Code == codes.ResourceExhausted
}
