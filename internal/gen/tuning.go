package gen

import (
	"fmt"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/panel"
)

// Tuning is how the plan is shaped for one path: numbers found by measuring. None
// of them changes a result.
type Tuning struct {
	InstructionSet

	// StepBlock and TileBlock are the numbers of elements of x in one iteration
	// of the inner loop, for one column and for several: so much that the loop's
	// own instructions do not show, and no more, since what is left over goes one
	// by one.
	StepBlock, TileBlock int
	// TileVectors is the number of weight vectors that a tile multiplies with
	// each of its columns: that many times the columns, and what they are
	// multiplied from, must fit the registers.
	TileVectors int
	// WeightsAtOnce is the number of weight vectors that there are registers for
	// beside the sums and their multipliers.
	WeightsAtOnce int
	// HalvesAtOnce is the same for weights of binary16 that are used for one column:
	// unlike others, they pass through registers there, too.
	HalvesAtOnce int
	// Lockstep is the number of activations of a cell whose operations take
	// turns, so that one's latency hides another's, as registers allow.
	Lockstep int
	// TileLockstep is the same for the cells of tiles, whose sums wait in memory.
	TileLockstep int
	// CellLockstep is the same for the kernels of cells alone.
	CellLockstep int
	// ElementVectors is the same for the elementwise kernels, which have the
	// registers to themselves.
	ElementVectors int
	// LongVectors is the same for those by way of e^x, which hold more at once.
	LongVectors int
	// ShadowSteps is the number of elements of x that a step needs to have the
	// cells of one panel computed while the weights of the next come from memory,
	// among that many of their rows; 0 if the registers do not suffice for both.
	ShadowSteps int
	// HalvesShadow is ShadowSteps for weights of binary16.
	HalvesShadow int
	// ShadowLockstep is Lockstep for those cells.
	ShadowLockstep int
	// Dots has the numbers of kernels of int8 weights, nil if the path has none of
	// its own.
	Dots *DotTuning
	// HeadRows is the number of rows that the head sums side by side.
	HeadRows int
}

// DotTuning is how the kernels of int8 weights are shaped.
type DotTuning struct {
	// StepBlock and TileBlock are the numbers of groups of four elements in one
	// iteration of the inner loop, for one column and for several.
	StepBlock, TileBlock int
	// Vectors and Columns are the shape of a tile: that many weight vectors times
	// that many columns at a time, for which there are registers.
	Vectors, Columns int
	// WeightsAtOnce is the number of weight vectors that there are registers for
	// beside these sums; 0 for none, so that every column loads each again.
	WeightsAtOnce int
	// Sets is the number of sums that each chain of a single column is split into,
	// as even and odd groups are, to hide the latency of products.
	Sets int
	// DigitVectors is the number of weight vectors that a single column of digits
	// is multiplied with at a time, each with both digits.
	DigitVectors int
	// Words says that a step makes int16 of the digits of x before it multiplies them
	// with the weights of all panels.
	Words bool
	// ShadowGroups is the number of groups of h that a step needs to have the cells
	// of one panel computed among as many rows of the next; 0 if the registers do
	// not suffice for both.
	ShadowGroups int
}

// KBlock is the number of elements of x in one iteration of the inner loop, for
// that many columns.
func (t *Tuning) KBlock(columns int) int {
	if columns == 1 {
		return t.StepBlock
	}
	return t.TileBlock
}

// check panics if the path's registers do not suffice for the numbers, as far as
// that can be computed: activations are too many to count their registers here, and
// the back-ends panic where they find none.
func (t *Tuning) check() {
	fail := func(format string, args ...any) {
		panic(fmt.Sprintf("gen: tuning of %s: %s", t.Name, fmt.Sprintf(format, args...)))
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"StepBlock", t.StepBlock},
		{"TileBlock", t.TileBlock},
		{"TileVectors", t.TileVectors},
		{"WeightsAtOnce", t.WeightsAtOnce},
		{"HalvesAtOnce", t.HalvesAtOnce},
		{"Lockstep", t.Lockstep},
		{"TileLockstep", t.TileLockstep},
		{"CellLockstep", t.CellLockstep},
		{"ElementVectors", t.ElementVectors},
		{"LongVectors", t.LongVectors},
		{"HeadRows", t.HeadRows},
	} {
		if n.value < 1 {
			fail("%s is %d, want at least 1", n.name, n.value)
		}
	}
	if steps := max(t.ShadowSteps, t.HalvesShadow); steps > 0 && t.ShadowLockstep < 1 {
		fail("ShadowLockstep is %d, want at least 1 for %d steps in the shadow", t.ShadowLockstep, steps)
	}
	row := panel.RowFloats / t.Lanes
	if row%t.TileVectors != 0 {
		fail("a row of %d vectors is not whole passes of %d", row, t.TileVectors)
	}
	const multiplier = 1
	for _, of := range []struct {
		what    string
		vectors int
	}{
		{"a tile", t.TileVectors*panel.MaxColumns + min(t.TileVectors, t.WeightsAtOnce) + multiplier},
		{"a step", row + multiplier}, // weights may be multiplied from memory
		{"a step with halves", row + t.HalvesAtOnce + multiplier},
		{"the head", t.HeadRows*max(1, contract.HeadSums/t.Lanes) + multiplier},
	} {
		if of.vectors > t.Registers {
			fail("%s needs %d vector registers, and there are %d", of.what, of.vectors, t.Registers)
		}
	}
	if t.Dots != nil {
		t.Dots.check(t, fail)
	}
}

// check is that of a path's tuning.
func (d *DotTuning) check(t *Tuning, fail func(format string, args ...any)) {
	for _, n := range []struct {
		name  string
		value int
	}{
		{"StepBlock", d.StepBlock},
		{"TileBlock", d.TileBlock},
		{"Vectors", d.Vectors},
		{"Columns", d.Columns},
		{"Sets", d.Sets},
		{"DigitVectors", d.DigitVectors},
	} {
		if n.value < 1 {
			fail("%s of int8 is %d, want at least 1", n.name, n.value)
		}
	}
	row := panel.RowFloats / t.Lanes
	for _, vectors := range []int{d.Vectors, d.DigitVectors} {
		if row%vectors != 0 {
			fail("a row of %d vectors of int8 is not whole passes of %d", row, vectors)
		}
	}
	const multiplier, product, digits = 1, 1, 2
	for _, of := range []struct {
		what    string
		vectors int
	}{
		{"a tile of int8", d.Vectors*d.Columns + d.WeightsAtOnce + multiplier + product},
		{"a step of int8", row*d.Sets + d.WeightsAtOnce + multiplier + product},
		{"a step of digits", (d.DigitVectors+multiplier)*digits + min(d.DigitVectors, d.WeightsAtOnce) + product},
	} {
		if of.vectors > t.Registers {
			fail("%s needs %d vector registers, and there are %d", of.what, of.vectors, t.Registers)
		}
	}
}

// Tunings are the paths that there is assembly for.
var Tunings = []*Tuning{&AVX2, &AVX512, &AVX512VNNI, &NEON, &NEONDot}

// withDots is the tuning of a path that differs from its base in the kernels of int8
// weights.
func withDots(base *Tuning, path dispatch.Path, dots *DotTuning) Tuning {
	t := *base
	t.InstructionSet, t.Dots = instructionSet(path, base.Registers), dots
	return t
}

// The tuning of each path. Numbers without a reason beside them are those that the
// benchmarks of steps, batches and activations at the root found fastest.
var (
	AVX2 = Tuning{
		InstructionSet: instructionSet(dispatch.AVX2, 16),

		StepBlock:      8,
		TileBlock:      4,
		TileVectors:    2, // × 6 columns = 12 sums, 2 weights and 1 or 2 multipliers
		WeightsAtOnce:  8, // all there are: a row
		HalvesAtOnce:   2, // as many as fit
		Lockstep:       2, // beside 8 sums, and what each activation holds
		TileLockstep:   3, // i, g and f of a vector
		CellLockstep:   3,
		ElementVectors: 3,
		LongVectors:    2, // as many as fit: 1 takes a sixth longer
		ShadowSteps:    32,
		// The loop is bound by its instructions, of which the conversions are many, and
		// not by loads: cells among its rows made a step 1 to 4 % longer.
		HalvesShadow:   0,
		ShadowLockstep: 1, // beside the next panel's 8 sums
		Dots: &DotTuning{
			StepBlock:    2,
			TileBlock:    1,
			Vectors:      4, // × 3 columns = 12 sums, 2 of a multiplier, a product and the ones
			Columns:      3,
			Sets:         1,
			DigitVectors: 4,
			Words:        true,
		},
		HeadRows: 4, // × 2 sums = 8 chains, enough for a latency of 4 cycles
	}
	AVX512 = Tuning{
		InstructionSet: instructionSet(dispatch.AVX512, 32),

		StepBlock:      4,
		TileBlock:      4,
		TileVectors:    4, // × 6 columns = 24 sums, 4 weights and 1 or 2 multipliers
		WeightsAtOnce:  8,
		HalvesAtOnce:   4,
		Lockstep:       4,
		TileLockstep:   6, // i, g and f of two vectors
		CellLockstep:   6,
		ElementVectors: 4,
		LongVectors:    3, // as many as fit
		ShadowSteps:    48,
		HalvesShadow:   48,
		ShadowLockstep: 2,
		HeadRows:       4,
	}
	NEON = Tuning{
		InstructionSet: instructionSet(dispatch.NEON, 32),

		StepBlock:      4, // one load of x
		TileBlock:      4,
		TileVectors:    4, // × 6 columns = 24 sums, 6 registers of multipliers and 2 weights
		WeightsAtOnce:  2, // one load of a pair
		HalvesAtOnce:   2,
		Lockstep:       3,
		TileLockstep:   4,
		CellLockstep:   3,
		ElementVectors: 4, // a block; 2 to 6 make no difference, see docs/neon.md
		LongVectors:    2, // half a block; 4 do not fit
		ShadowSteps:    0, // 16 sums and their weights leave too few registers
		Dots: &DotTuning{
			StepBlock:     4, // one load of q
			TileBlock:     1,
			Vectors:       4, // × 3 columns = 12 sums, 3 registers of q, a multiplier, 4 weights and 8 of products
			Columns:       3,
			WeightsAtOnce: 4, // which are multiplied side by side
			Sets:          1,
			DigitVectors:  8, // × 2 digits
		},
		HeadRows: 4, // × 4 sums
	}
	AVX512VNNI = withDots(&AVX512, dispatch.AVX512VNNI, &DotTuning{
		StepBlock:     4,
		TileBlock:     1,
		Vectors:       4, // × 6 columns = 24 sums, 4 weights, a multiplier and the sign bits
		Columns:       6,
		WeightsAtOnce: 4,
		Sets:          2,
		DigitVectors:  4,
		ShadowGroups:  16,
	})
	NEONDot = withDots(&NEON, dispatch.NEONDot, &DotTuning{
		StepBlock:     4, // one load of q
		TileBlock:     4,
		Vectors:       4, // × 6 columns = 24 sums, 6 registers of q and 2 weights
		Columns:       6,
		WeightsAtOnce: 2, // one load of a pair
		Sets:          1, // 16 sums are chains enough
		DigitVectors:  8, // × 2 digits
	})
)
