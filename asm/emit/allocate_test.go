package emit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAllocationKeepsValues runs random functions twice at once, on their virtual
// registers and on the real ones: what an instruction reads is the same in both.
func TestAllocationKeepsValues(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		f := randomFunction(r).hoist()
		found, stuck := f.tryAllocate()
		require.Nil(t, stuck, "seed %d", seed)
		run(t, f, found, r)
	}
}

// randomFunction has loops, also ones that overlap, constants, and sums that
// live through all of it and leave a few registers.
func randomFunction(r *rand.Rand) *Function {
	f := newToy("func()")
	count := f.counter("")
	f.clear(count)
	sums := make([]Register, 1+r.IntN(len(toy.Classes[value].Numbers)-2))
	for i := range sums {
		sums[i] = f.value("")
		f.clear(sums[i])
	}
	any := func() Register { return sums[r.IntN(len(sums))] }
	constant := func() Register {
		c := f.value("")
		f.constant(string(rune('a'+r.IntN(10))), c)
		return c
	}
	var labels []string
	for i := range 100 {
		switch r.IntN(10) {
		case 0:
			labels = append(labels, fmt.Sprint("l", i))
			f.Label(labels[len(labels)-1])
		case 1:
			if len(labels) > 0 {
				f.loop(count, labels[r.IntN(len(labels))])
			}
		case 2, 3, 4:
			f.mac(constant(), any(), any())
		case 5:
			c := constant()
			f.mac(any(), any(), c) // overwritten
			f.mul(c, any(), any())
		case 6:
			x := f.value("")
			f.pair(any(), any(), x)
			f.mac(x, x, any())
		default:
			x := f.value("")
			f.mul(any(), any(), x)
			f.mac(x, any(), any())
		}
	}
	f.mul(any(), any(), any())
	f.ret()
	return f.Function
}

// run follows the function for a while, each jump as r has it. A result is a
// number of its own, but for constants, which are the same each time.
func run(t *testing.T, f *Function, found Allocation, r *rand.Rand) {
	type real struct{ class, number int }
	c := f.code()
	virtuals, reals := map[Register]string{}, map[real]string{}
	place := func(r Register) real { return real{f.registers[r].class, found[r]} }
	steps := 0
	for at := 0; at < len(c.instructions) && steps < 2000; steps++ {
		in := c.instructions[at]
		for _, r := range in.Reads {
			require.Equal(t, virtuals[r], reals[place(r)], "%s reads what %s left", in.text(nil), reals[place(r)])
		}
		for i, r := range in.Writes {
			require.Contains(t, f.set.Classes[place(r).class].Numbers, place(r).number)
			result := in.Constant
			if result == "" {
				result = fmt.Sprint(in.text(nil), " ", steps, " ", i)
			}
			virtuals[r], reals[place(r)] = result, result
		}
		next := at + 1
		if in.Target != "" && r.IntN(2) == 0 {
			next = c.places[in.Target]
		}
		at = next
	}
}

// TestAllRegisters: as many values at once as there are registers are possible,
// with several passing through the last one after each other, and one more is
// not.
func TestAllRegisters(t *testing.T) {
	build := func(values int) *Function {
		f := newToy("func()")
		sums := make([]Register, values)
		for i := range sums {
			sums[i] = f.value("")
			f.clear(sums[i])
		}
		n := f.counter("")
		f.clear(n)
		f.Label("again")
		for i := range sums {
			x := f.value("")
			f.clear(x)
			f.mac(x, x, sums[i])
		}
		f.loop(n, "again")
		f.ret()
		return f.Function
	}
	most := len(toy.Classes[value].Numbers) - 1
	found, stuck := build(most).tryAllocate()
	require.Nil(t, stuck)
	used := map[int]bool{}
	for r, virtual := range build(most).registers[1:] {
		if virtual.class == value {
			used[found[r+1]] = true
		}
	}
	require.Len(t, used, most+1)

	_, stuck = build(most + 1).tryAllocate()
	require.NotNil(t, stuck)
	require.Equal(t, "CLEAR", stuck.Opcode)
}

// TestHoist: constants are loaded before a loop, those first that are loaded most
// often, as long
// as a register is left for those that are not.
func TestHoist(t *testing.T) {
	for sums, stay := range map[int][]string{4: {"often", "twice", "once"}, 5: {"often"}, 6: nil} {
		f := newToy("func()")
		n := f.counter("")
		f.clear(n)
		values := make([]Register, sums)
		for i := range values {
			values[i] = f.value("")
			f.clear(values[i])
		}
		f.Label("loop")
		for _, name := range []string{"once", "often", "twice", "often", "twice", "often"} {
			c := f.value("")
			f.constant(name, c)
			f.mac(c, c, values[0])
		}
		for _, v := range values {
			f.mac(v, v, v)
		}
		f.loop(n, "loop")
		f.ret()

		before := true
		var hoisted, inLoop []string
		for _, n := range f.hoist().nodes {
			switch n := n.(type) {
			case label:
				before = false
			case *Instruction:
				if n.Constant != "" && before {
					hoisted = append(hoisted, n.Constant)
				} else if n.Constant != "" {
					inLoop = append(inLoop, n.Constant)
				}
			}
		}
		require.ElementsMatch(t, stay, hoisted, "%d sums", sums)
		for _, name := range stay {
			require.False(t, slices.Contains(inLoop, name), "%d sums: %s", sums, name)
		}
	}
}
