package gen

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLineText: the comment of a line is made of its operations.
func TestLineText(t *testing.T) {
	f := &Formula{inputs: map[int]func() Vec{}}
	th := f.Thread("f: ")
	x := th.see(f.Input(nil), "x")
	c := constant(Float("tanhScale", 0.5))
	th.line()
	a := th.do(FMA, x, c, th.do(Sub, x, one))
	b := th.let("b", FNMA, a, a, th.do(And, x, allButSign))
	th.let("y", Div, th.do(Mul, x, b), th.do(Div, x, b))
	th.line("the end")
	th.shift("s", th.do(Min, c, th.do(Add, x, b)), 23)
	require.Equal(t, "f: b = |x| - (x·Scale + (x - 1))·(x·Scale + (x - 1)), y = x·b/(x/b)", th.finished(0).text)
	require.Equal(t, "f: s = min(Scale, x + b) << 23 (the end)", th.finished(1).text)

	require.PanicsWithValue(t, "gen: a value without a name in: g: ", func() {
		other := f.Thread("g: ")
		other.line()
		other.do(Mul, x, x) // which is x in the first thread only
	})
}
