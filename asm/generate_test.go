package main

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// generated is made once for all tests.
var generated = sync.OnceValues(generate)

// The committed files are what the plan makes now: neither stale nor edited.
func TestCommittedFilesAreFresh(t *testing.T) {
	files, err := generated()
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		committed, err := os.ReadFile(filepath.Join("..", f.name))
		require.NoError(t, err)
		if bytes.Equal(committed, f.content) {
			continue
		}
		number, is, want := firstDifference(committed, f.content)
		t.Errorf("%s is not what the plan makes; go generate writes it anew.\nline %d is   %q\nand must be  %q",
			f.name, number, is, want)
	}
}

// firstDifference returns the first line in which a and b differ, counted from
// 1; a missing line is empty.
func firstDifference(a, b []byte) (number int, inA, inB []byte) {
	linesA, linesB := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range max(len(linesA), len(linesB)) {
		inA, inB = nil, nil
		if i < len(linesA) {
			inA = linesA[i]
		}
		if i < len(linesB) {
			inB = linesB[i]
		}
		if !bytes.Equal(inA, inB) {
			return i + 1, inA, inB
		}
	}
	return 0, nil, nil
}

func TestFirstDifference(t *testing.T) {
	number, a, b := firstDifference([]byte("x\ny\nz\n"), []byte("x\nY\nz\n"))
	require.Equal(t, 2, number)
	require.Equal(t, "y", string(a))
	require.Equal(t, "Y", string(b))

	number, a, b = firstDifference([]byte("x"), []byte("x\ny"))
	require.Equal(t, 2, number)
	require.Empty(t, a)
	require.Equal(t, "y", string(b))

	number, _, _ = firstDifference([]byte("x\n"), []byte("x\n"))
	require.Zero(t, number)
}

// The plan gives the same text every time: nothing in it depends on the order
// of a map.
func TestGenerateIsDeterministic(t *testing.T) {
	first, err := generated()
	require.NoError(t, err)
	again, err := generate()
	require.NoError(t, err)
	require.Equal(t, len(first), len(again))
	for i := range first {
		require.True(t, bytes.Equal(first[i].content, again[i].content), first[i].name)
	}
}
