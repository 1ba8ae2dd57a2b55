package repository

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

func TestOutputsHaveNamesOfTheirOwn(t *testing.T) {
	for _, c := range []struct{ heads, want []string }{
		{nil, []string{"output"}},
		{[]string{""}, []string{"output"}},
		{[]string{"fc"}, []string{"fc"}},
		{[]string{"a", "b"}, []string{"a", "b"}},
		{[]string{"", ""}, []string{"output_0", "output_1"}},
		{[]string{"a", "a", "output_1"}, []string{"a", "output_1", "output_2"}},
		{[]string{"output_1", "output_1"}, []string{"output_1", "output_2"}},
		{[]string{"\xff", "b"}, []string{"\uFFFD", "b"}},
	} {
		model := lstm.RandomModel(1, 0, 2, 4)
		for _, name := range c.heads {
			head := lstm.RandomModel(1, 3, 2, 4).Heads[0]
			head.Name = name
			model.Heads = append(model.Heads, head)
		}
		n, err := lstm.NewSequenceNetwork(model)
		require.NoError(t, err)
		m := &Model{Whole: n}
		var names []string
		for range 2 { // the second time they are kept
			names = nil
			for _, o := range m.Outputs(m.Network()) {
				names = append(names, o.Name)
			}
			require.Equal(t, c.want, names)
		}
	}
}

// While models are read, or sequences stored, nobody is told that there is no such model.
func TestModelOfUnreadyRepository(t *testing.T) {
	n, err := lstm.NewSequenceNetwork(lstm.RandomModel(1, 0, 2, 4))
	require.NoError(t, err)
	r := New(&Model{Name: "a", Version: "1", Whole: n})
	code := func(name string) codes.Code {
		_, err := r.Model(name, "")
		var e *inferr.Error
		require.ErrorAs(t, err, &e)
		return e.Code
	}
	r.SetUnready("the server is starting")
	require.Equal(t, codes.Unavailable, code("b"))
	_, err = r.Model("a", "")
	require.NoError(t, err)
	r.SetReady()
	require.Equal(t, codes.NotFound, code("b"))
}
