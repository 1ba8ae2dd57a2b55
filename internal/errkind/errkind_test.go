package errkind

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorf(t *testing.T) {
	err := Errorf(ErrDamaged, "tensor %q: %w", "x", io.ErrUnexpectedEOF)
	require.EqualError(t, err, `tensor "x": unexpected EOF`)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, err, ErrShape)
}
