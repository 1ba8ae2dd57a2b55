package sequences

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/internal/lstmtest"
)

// A sequence that moves from one process to another and back goes on bit for bit, and its
// last answer can be had wherever it is, but nowhere else.
func TestMove(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	here, there := newSequences(t, n, nil), newSequences(t, newNetwork(t, 1, 2, 8), nil)
	x := inputs(n, 1, 11)
	want := outputs(n, x)
	step := func(s *Sequences, i int) (Answer, error) {
		return s.Infer(background, Request{ID: "a", Start: i == 1, Step: uint64(i), X: part(x, 2, i-1, i)})
	}
	for i := 1; i <= 10; i++ {
		a, err := step(here, i)
		require.NoError(t, err)
		lstmtest.RequireBits(t, part(want, 2, i-1, i), a.Y, "step %d", i)

		record, err := here.Export(background, "a", true)
		require.NoError(t, err)
		again, err := here.Export(background, "a", true)
		require.NoError(t, err)
		r, err := decodeRecord(record)
		require.NoError(t, err)
		r2, err := decodeRecord(again)
		require.NoError(t, err)
		r2.used = r.used
		require.Equal(t, r, r2, "for who has not got the first")
		d, err := here.Describe("a")
		require.NoError(t, err)
		require.True(t, d.Moved)
		if i > 1 { // a start would start over
			_, err = step(here, i)
			requireStep(t, codes.FailedPrecondition, uint64(i), err)
		}
		_, err = step(here, i+1)
		requireStep(t, codes.FailedPrecondition, uint64(i), err)

		d, err = there.Import(background, "a", record)
		require.NoError(t, err)
		require.Equal(t, Description{ID: "a", Step: uint64(i), Live: true}, d)
		a, err = step(there, i)
		require.NoError(t, err)
		require.True(t, a.Repeated)
		lstmtest.RequireBits(t, part(want, 2, i-1, i), a.Y, "step %d again", i)
		here, there = there, here
	}
	require.EqualValues(t, 10, here.Stats().Imported+there.Stats().Imported)
	require.EqualValues(t, 10, here.Stats().Released+there.Stats().Released)
}

func TestImportRefused(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	s := newSequences(t, n, &Options{MostSequences: 2})
	x := inputs(n, 1, 4)
	_, err := s.Infer(background, Request{ID: "a", Start: true, X: part(x, 2, 0, 2)})
	require.NoError(t, err)
	early, err := s.Export(background, "a", false)
	require.NoError(t, err)
	_, err = s.Infer(background, Request{ID: "a", X: part(x, 2, 2, 3)})
	require.NoError(t, err)

	_, err = s.Import(background, "a", early)
	requireStep(t, codes.AlreadyExists, 3, err)
	_, err = s.Import(background, "b", early)
	requireCode(t, codes.InvalidArgument, err)
	_, err = s.Import(background, "a", bytes.Repeat([]byte{1}, 200))
	requireCode(t, codes.InvalidArgument, err)
	_, err = s.Export(background, "b", true)
	requireStep(t, codes.NotFound, 0, err)
	late, err := s.Export(background, "a", false)
	require.NoError(t, err)

	other := newSequences(t, newNetwork(t, 2, 2, 8), nil)
	_, err = other.Import(background, "a", early)
	requireCode(t, codes.FailedPrecondition, err)
	require.Zero(t, other.Stats().Sequences)

	a, err := s.Infer(background, Request{ID: "a", X: part(x, 2, 3, 4)})
	require.NoError(t, err)
	lstmtest.RequireBits(t, part(outputs(n, x), 2, 3, 4), a.Y, "after what was refused")

	require.NoError(t, s.Remove(background, "a"))
	for _, id := range []string{"b", "c"} {
		_, err = s.Infer(background, Request{ID: id, Start: true, X: x})
		require.NoError(t, err)
	}
	_, err = s.Import(background, "a", late)
	requireCode(t, codes.ResourceExhausted, err)
	require.Equal(t, 2, s.Stats().Batch.Streams)
	require.NoError(t, s.Remove(background, "b"))
	_, err = s.Import(background, "a", late)
	require.NoError(t, err)
	a, err = s.Infer(background, Request{ID: "a", X: part(x, 2, 3, 4)})
	require.NoError(t, err)
	lstmtest.RequireBits(t, part(outputs(n, x), 2, 3, 4), a.Y, "after the import")
}

// A sequence that has moved may start again here.
func TestStartAfterMove(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	s := newSequences(t, n, nil)
	x := inputs(n, 1, 2)
	start := Request{ID: "a", Start: true, Step: 1, X: part(x, 2, 0, 1)}
	for range 2 {
		a, err := s.Infer(background, start)
		require.NoError(t, err)
		require.False(t, a.Repeated)
		_, err = s.Infer(background, Request{ID: "a", Step: 2, X: part(x, 2, 1, 2)})
		require.NoError(t, err)
		_, err = s.Export(background, "a", true)
		require.NoError(t, err)
	}
	require.Equal(t, 1, s.Stats().Sequences)
}

// A sequence that has ended can move, too, so that the end can be repeated.
func TestMoveEnded(t *testing.T) {
	n := newNetwork(t, 1, 2, 8)
	s, other := newSequences(t, n, nil), newSequences(t, n, nil)
	r := Request{ID: "a", Start: true, End: true, Step: 1, X: inputs(n, 1, 2)}
	want, err := s.Infer(background, r)
	require.NoError(t, err)
	record, err := s.Export(background, "a", true)
	require.NoError(t, err)
	_, err = other.Import(background, "a", record)
	require.NoError(t, err)
	got, err := other.Infer(background, r)
	require.NoError(t, err)
	require.True(t, got.Repeated)
	lstmtest.RequireBits(t, want.Y, got.Y, "end")
}
