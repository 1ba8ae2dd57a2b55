package infer_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/infer"
)

func TestSetParameter(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		want  infer.Sequence
	}{
		{"sequence_id", int64(5), infer.Sequence{ID: "5"}},
		{"sequence_id", uint64(5), infer.Sequence{ID: "5"}},
		{"sequence_id", "5", infer.Sequence{ID: "5"}},
		{"sequence_id", int64(-1), infer.Sequence{ID: "18446744073709551615"}},
		{"sequence_id", uint64(math.MaxUint64), infer.Sequence{ID: "18446744073709551615"}},
		{"sequence_id", int64(0), infer.Sequence{}},
		{"sequence_id", uint64(0), infer.Sequence{}},
		{"sequence_id", "", infer.Sequence{}},
		{"sequence_start", true, infer.Sequence{Start: true}},
		{"sequence_end", true, infer.Sequence{End: true}},
		{"sequence_end", false, infer.Sequence{}},
		{"sequence_step", int64(7), infer.Sequence{Step: 7}},
		{"sequence_step", uint64(7), infer.Sequence{Step: 7}},
		{"priority", "high", infer.Sequence{}},
	} {
		var s infer.Sequence
		require.NoError(t, s.SetParameter(c.name, c.value))
		require.Equal(t, c.want, s)
	}
}

func TestSetParameterRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		say   string
	}{
		{"sequence_id", 1.5, "1.5"},
		{"sequence_id", true, "true"},
		{"sequence_start", int64(1), "a bool"},
		{"sequence_end", strings.Repeat("x", 1e6), "a bool"},
		{"sequence_step", int64(-1), "-1"},
		{"sequence_step", "1", `"1"`},
		{"sequence_step", nil, "of another type"},
	} {
		var s infer.Sequence
		err := s.SetParameter(c.name, c.value)
		requireError(t, err, codes.InvalidArgument, c.name, c.say)
		require.Less(t, len(err.Error()), 500)
		require.Equal(t, infer.Sequence{}, s)
	}
}
