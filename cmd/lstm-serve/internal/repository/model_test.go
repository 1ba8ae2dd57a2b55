package repository

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
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
