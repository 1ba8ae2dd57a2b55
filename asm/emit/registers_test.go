package emit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegisterMaps(t *testing.T) {
	use := func(id int, role string, class, number int, name string) Use {
		return Use{ID: id, Role: role, Class: class, Number: number, Name: name, Size: len(name)}
	}
	n := use(1, "elements left", 0, 0, "AX")
	pointers := []Use{use(2, "x", 0, 9, "R9"), use(3, "x", 0, 8, "R8"), use(4, "x", 0, 10, "R10"), use(5, "y", 0, 1, "CX")}
	sums := []Use{use(6, "sums", 1, 9, "V9"), use(7, "sums", 1, 10, "V10")}
	temporary, factor := use(8, "", 1, 2, "V2"), use(9, "weights", 1, 3, "V3")
	narrow, wide := use(6, "sums", 1, 9, "V9"), use(6, "sums", 1, 9, "WW9")

	for _, tt := range []struct {
		name     string
		function []Place
		want     map[string][]string
	}{
		{"no loop", []Place{{Target: "end"}, {Uses: pointers}, {Label: "end"}}, map[string][]string{}},
		{
			"classes and ranges",
			[]Place{{Label: "loop"}, {Uses: pointers}, {Uses: sums}, {Target: "loop", Uses: []Use{n}}},
			map[string][]string{"loop": {"Registers: elements left AX, y CX, x R8-R10", "           sums V9 V10"}},
		},
		{
			"an innermost loop has what is set in it, but nothing of a moment",
			[]Place{{Label: "loop"}, {Uses: []Use{temporary, factor}}, {Target: "loop"}},
			map[string][]string{"loop": {"Registers: weights V3"}},
		},
		{
			"a loop around it has what stays, and only if it is used there",
			[]Place{
				{Label: "outer", Live: []int{1, 2}}, {Uses: []Use{factor, n}},
				{Label: "inner"}, {Uses: sums}, {Target: "inner"}, {Target: "outer"}, {Uses: pointers},
			},
			map[string][]string{"outer": {"Registers: elements left AX"}, "inner": {"Registers: sums V9 V10"}},
		},
		{
			"the widest name",
			[]Place{{Label: "loop"}, {Uses: []Use{narrow}}, {Uses: []Use{wide}}, {Uses: []Use{narrow}}, {Target: "loop"}},
			map[string][]string{"loop": {"Registers: sums WW9"}},
		},
		{
			"the same map once, until another has been",
			[]Place{
				{Label: "a"}, {Target: "a", Uses: []Use{n}}, {Label: "b"}, {Target: "b", Uses: []Use{n}},
				{Label: "c"}, {Target: "c", Uses: sums}, {Label: "d"}, {Target: "d", Uses: []Use{n}},
			},
			map[string][]string{
				"a": {"Registers: elements left AX"}, "c": {"Registers: sums V9 V10"}, "d": {"Registers: elements left AX"},
			},
		},
		{
			"long lines",
			[]Place{{Label: "loop"}, {Uses: []Use{
				use(1, "the first of several roles with long names", 0, 1, "R1"),
				use(2, "the second of them, which has commas", 0, 2, "R2"), use(3, "last", 0, 3, "R3"),
			}}, {Target: "loop"}},
			map[string][]string{"loop": {
				"Registers: the first of several roles with long names R1,",
				"           the second of them, which has commas R2, last R3",
			}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, RegisterMaps(tt.function))
		})
	}
}
