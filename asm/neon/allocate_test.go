package neon

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAllocationKeepsValues runs random functions twice at once, on their virtual
// registers and on the real ones: what an instruction reads is the same in both.
func TestAllocationKeepsValues(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 0))
		f := randomFunction(r).hoist()
		found, stuck := f.tryAllocate()
		require.Nil(t, stuck, "seed %d", seed)
		run(t, f, found, r)
	}
}

// randomFunction has loops, also ones that overlap, constants, and sums that
// live through all of it.
func randomFunction(r *rand.Rand) *Function {
	f := NewFile("arm64").Function("f", "func()")
	count := f.X("")
	f.Clear(count)
	sums := make([]V, 1+r.IntN(20))
	for i := range sums {
		sums[i] = f.V("")
		f.ClearV(sums[i])
	}
	any := func() V { return sums[r.IntN(len(sums))] }
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	var labels []string
	for i := range 100 {
		switch r.IntN(10) {
		case 0:
			labels = append(labels, string(rune('A'+i)))
			f.Label(labels[len(labels)-1])
		case 1:
			if len(labels) > 0 {
				f.BIf(GT, labels[r.IntN(len(labels))])
			}
		case 2, 3, 4:
			c := f.V("")
			f.LoadConstant(names[r.IntN(len(names))], 1, c)
			f.FMLA(c, any(), any())
		case 5:
			c := f.V("")
			f.LoadConstant(names[r.IntN(len(names))], 1, c)
			f.FMLA(any(), any(), c) // overwritten
			f.FADD(c, any(), any())
		default:
			x := f.V("")
			f.FMUL(any(), any(), x)
			f.SUBSImmediate(1, count)
			f.FMLALane(Lane{x, r.IntN(4)}, any(), any())
		}
	}
	f.STRQ(any(), Mem{Base: count})
	f.RET()
	return f
}

// run follows the function for a while, each jump as r has it. A result is a
// number of its own, but for constants, which are the same each time.
func run(t *testing.T, f *Function, found allocation, r *rand.Rand) {
	type real struct {
		kind   kind
		number int
	}
	c := f.code()
	virtuals, reals := map[int]string{}, map[real]string{}
	place := func(id int) real { return real{f.registers[id].kind, found[id]} }
	steps := 0
	for at := 0; at < len(c.instructions) && steps < 2000; steps++ {
		in := c.instructions[at]
		for _, id := range in.reads {
			require.Equal(t, virtuals[id], reals[place(id)], "%s reads what %s left", in.text(nil), reals[place(id)])
		}
		for _, id := range in.writes {
			result := in.constant
			if result == "" {
				result = in.text(nil) + string(rune(steps))
			}
			virtuals[id], reals[place(id)] = result, result
		}
		next := at + 1
		if in.target != "" && r.IntN(2) == 0 {
			next = c.places[in.target]
		}
		at = next
	}
}
