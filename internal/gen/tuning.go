package gen

// Tuning is how the plan is shaped for one path: facts about its registers, and
// numbers found by measuring. None of them changes a result.
type Tuning struct {
	// Path is what the names of the path's kernels end with, see package dispatch.
	Path string
	// Lanes is the number of float32 in the widest vector.
	Lanes int
	// Registers is the number of vector registers.
	Registers int

	// StepBlock and TileBlock are the numbers of elements of x in one iteration
	// of the inner loop, for one column and for several.
	StepBlock, TileBlock int
	// TileVectors is the number of weight vectors that a tile multiplies with
	// each of its columns: so many times the columns, and what they are
	// multiplied from, must fit the registers.
	TileVectors int
	// WeightsAtOnce is the number of weight vectors that there are registers for
	// beside the sums and their multipliers.
	WeightsAtOnce int
	// Lockstep is the number of activations of a cell whose operations take
	// turns, so that one's latency hides another's, as registers allow.
	Lockstep int
	// TileLockstep is the same for the cells of tiles, whose sums wait in memory.
	TileLockstep int
	// ElementVectors is the same for the elementwise kernels, which have the
	// registers to themselves.
	ElementVectors int
	// ShadowSteps is the number of elements of x that a step needs to have the
	// cells of one panel computed while the weights of the next come from memory,
	// 0 if the registers do not suffice for both.
	ShadowSteps int
	// ShadowLockstep is Lockstep for those cells.
	ShadowLockstep int
	// HeadRows is the number of rows that the head sums side by side.
	HeadRows int
}

// KBlock is the number of elements of x in one iteration of the inner loop, for
// that many columns.
func (t *Tuning) KBlock(columns int) int {
	if columns == 1 {
		return t.StepBlock
	}
	return t.TileBlock
}

// Tunings are the paths that there is assembly for.
var Tunings = []*Tuning{&AVX2, &AVX512, &NEON}

// The tuning of each path.
var (
	AVX2 = Tuning{
		Path:           "AVX2",
		Lanes:          8,
		Registers:      16,
		StepBlock:      8,
		TileBlock:      4,
		TileVectors:    2, // × 6 columns = 12 sums, 2 weights and 1 or 2 multipliers
		WeightsAtOnce:  8, // all there are: a row
		Lockstep:       2,
		TileLockstep:   3,
		ElementVectors: 3,
		ShadowSteps:    32,
		ShadowLockstep: 1,
		HeadRows:       4,
	}
	AVX512 = Tuning{
		Path:           "AVX512",
		Lanes:          16,
		Registers:      32,
		StepBlock:      4,
		TileBlock:      4,
		TileVectors:    4, // × 6 columns = 24 sums, 4 weights and 1 or 2 multipliers
		WeightsAtOnce:  8,
		Lockstep:       4,
		TileLockstep:   6,
		ElementVectors: 4,
		ShadowSteps:    48,
		ShadowLockstep: 2,
		HeadRows:       4,
	}
	NEON = Tuning{
		Path:           "NEON",
		Lanes:          4,
		Registers:      32,
		StepBlock:      4, // one load of x
		TileBlock:      4,
		TileVectors:    4, // × 6 columns = 24 sums, 6 registers of multipliers and 2 weights
		WeightsAtOnce:  2,
		Lockstep:       3,
		TileLockstep:   4,
		ElementVectors: 4,
		ShadowSteps:    0, // 16 sums and their weights leave too few registers
		HeadRows:       4,
	}
)
