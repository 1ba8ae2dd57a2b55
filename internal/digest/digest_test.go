package digest

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/lstmtest"
)

var write = flag.Bool("write", false, "write table.txt anew, with the results of the oracle")

func TestTable(t *testing.T) {
	header, _, _ := strings.Cut(Format(), "\n")
	if *write {
		// The results of a contract never change: others are those of another.
		if strings.HasPrefix(committed, header) {
			for name, d := range Table() {
				for _, c := range Cases() {
					if c.Name == name {
						require.Equal(t, d, c.Compute(), "%s has another result: raise lstm.Contract first", name)
					}
				}
			}
		}
		lstmtest.UsePath(t, "generic")
		committed = Format()
		require.NoError(t, os.WriteFile("table.txt", []byte(committed), 0o644))
	}
	require.True(t, strings.HasPrefix(committed, header+"\n"), "table.txt is not of this contract, which begins: %s", header)
	lstmtest.EveryPath(t, func(t *testing.T) {
		cases := Cases()
		if dispatch.All[dispatch.Active()].Dot { // all others are those of another path
			cases = formatCases()
		}
		require.NoError(t, verify(lstm.Path(), cases))
	})
}

// However a network is run, the result is the same; and whatever else differs,
// it is not.
func TestWaysAreEqual(t *testing.T) {
	byResult, byComputation := map[Digest]string{}, map[string]Digest{}
	names := map[string]bool{}
	for _, c := range Cases() {
		require.False(t, names[c.Name], "%s is there twice", c.Name)
		names[c.Name] = true
		computation, _, _ := strings.Cut(c.Name, ":")
		d, ok := Table()[c.Name]
		require.True(t, ok, c.Name)
		if first, ok := byComputation[computation]; ok {
			require.Equal(t, first, d, c.Name)
			continue
		}
		require.NotContains(t, byResult, d, c.Name)
		byComputation[computation], byResult[d] = d, computation
	}
	require.Len(t, Table(), len(names), "cases in the table")
}

// Results are numbers, mostly: a case full of NaNs would prove little.
func TestCasesAreTelling(t *testing.T) {
	for _, c := range Cases() {
		if testing.Short() && !strings.HasSuffix(c.Name, "steps") {
			continue
		}
		values, numbers, distinct := 0, 0, map[uint32]bool{}
		c.compute(func(_ string, piece []float32) {
			for _, v := range piece {
				values++
				if v == v {
					numbers++
				}
				distinct[canonical(v)] = true
			}
		})
		require.Greater(t, 3*numbers, values, c.Name)
		if values > 100 {
			require.GreaterOrEqual(t, len(distinct), 10, c.Name)
		}
	}
}

// The message names the case and the first number that differs.
func TestExplanation(t *testing.T) {
	c := Case{"a case", func(emit func(string, []float32)) {
		y := []float32{1, 2, 3}
		if lstm.Path() != "generic" {
			y[1] = 2.5
		}
		emit("first", []float32{7})
		emit("second", y)
	}}
	paths := lstm.Paths()
	best := paths[len(paths)-1]
	lstmtest.UsePath(t, best)
	if len(paths) > 1 {
		require.Equal(t, "second[1] is 0x1.4p+01 (0x40200000), and 0x1p+01 (0x40000000) on path generic", c.explain(best))
	}
	require.Contains(t, c.explain("generic"), "all paths of this machine differ from the table")

	require.NoError(t, dispatch.Set(best))
	usual := committed
	defer func() { committed = usual }()
	first := Cases()[0].Name
	committed = strings.Replace(usual, "  "+first, "0  "+first, 1)
	committed = strings.Replace(committed, "\n", "\n0", 1)
	require.Panics(t, func() { Table() })
	committed = strings.Replace(usual, "  "+first, "  other", 1)
	require.ErrorContains(t, Verify("generic"), "case "+first+" is not in the table")
	line, rest, _ := strings.Cut(usual[strings.Index(usual, "\n")+1:], "\n")
	committed = "0000000000000000" + line[16:] + "\n" + rest
	require.ErrorContains(t, Verify(best), ", want 0000000000000000; path generic computes the same as this path")
	require.Equal(t, best, lstm.Path())
	require.ErrorContains(t, Verify("avx1024"), "avx1024")
}

// The generator's first numbers, for whoever writes it in another language.
func TestGenerator(t *testing.T) {
	g := newGenerator("")
	require.Equal(t, []uint32{782313, 2833741, 7361553}, []uint32{g.next(), g.next(), g.next()})
	require.Equal(t, []float32{3.585813, 1.9975638, -2.9775019}, g.uniform(3, 4))
	require.Equal(t, []int{47, 9, 25}, []int{g.below(100), g.below(100), g.below(100)})
	require.Equal(t, []float32{1.2461329e+17, -2.2148951e+20}, g.anything(2))
}
