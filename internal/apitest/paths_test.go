package apitest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

func TestPathIsTheBest(t *testing.T) {
	paths := lstm.Paths()
	require.Equal(t, []string{"generic", "portable"}, paths[:2])
	require.Equal(t, paths[len(paths)-1], lstm.Path())
}
