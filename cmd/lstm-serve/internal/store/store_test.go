package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, folder string, o *Options) *Store {
	t.Helper()
	s, err := Open(folder, o)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	s := open(t, folder, nil)
	a, b := s.Model("a"), s.Model("b")
	get := func(m *Model, id string) string {
		record, err := m.Get(id)
		require.NoError(t, err)
		return string(record)
	}
	require.Empty(t, get(a, "1"))
	require.NoError(t, a.Write([]string{"1", "2", "1"}, [][]byte{[]byte("one"), []byte("two"), []byte("uno")}))
	require.Equal(t, "uno", get(a, "1"))
	require.Equal(t, "two", get(a, "2"))
	require.Empty(t, get(b, "1"))
	require.NoError(t, a.Write([]string{"1", "3"}, [][]byte{nil, nil}))
	require.Empty(t, get(a, "1"))

	_, err := Open(folder, nil)
	require.ErrorContains(t, err, "in use")
	require.NoError(t, s.Close())
	require.Error(t, a.Write([]string{"1"}, [][]byte{nil}))
	_, err = a.Get("1")
	require.Error(t, err)
	require.Equal(t, "two", get(open(t, folder, nil).Model("a"), "2"))

	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, FileName), make([]byte, 1<<16), 0o600))
	_, err = Open(broken, nil)
	require.Error(t, err)
}

func TestRange(t *testing.T) {
	m := open(t, t.TempDir(), nil).Model("m")
	all := func(most int) (ids []string) {
		last := ""
		for {
			next, err := m.Range(last, most, func(id string, record []byte) {
				require.Equal(t, id, string(record))
				ids = append(ids, id)
			})
			require.NoError(t, err)
			if next == "" {
				return ids
			}
			last = next
		}
	}
	require.Empty(t, all(3))
	var want []string
	for i := range 10 {
		id := fmt.Sprint(i)
		want = append(want, id)
		require.NoError(t, m.Write([]string{id}, [][]byte{[]byte(id)}))
	}
	for most := 1; most <= 11; most++ {
		require.Equal(t, want, all(most))
	}
}

// What does not fit leaves everything as it was.
func TestFull(t *testing.T) {
	m := open(t, t.TempDir(), &Options{MostBytes: 1 << 20}).Model("m")
	record := make([]byte, 10_000)
	written := 0
	for ; ; written++ {
		if err := m.Write([]string{fmt.Sprint(written)}, [][]byte{record}); err != nil {
			break
		}
		require.Less(t, written, 200)
	}
	got, err := m.Get(fmt.Sprint(written))
	require.NoError(t, err)
	require.Nil(t, got)
	for i := range written {
		got, err := m.Get(fmt.Sprint(i))
		require.NoError(t, err)
		require.Len(t, got, len(record))
	}
}

// Errors come to clients, who need not know where the file is.
func TestErrorsWithoutPath(t *testing.T) {
	require.NoError(t, wrap(nil))
	err := wrap(&fs.PathError{Op: "write", Path: "/secret/sequences.db", Err: fs.ErrPermission})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.EqualError(t, err, "store: write: "+fs.ErrPermission.Error())
	require.EqualError(t, wrap(errors.New("other")), "store: other")
}
