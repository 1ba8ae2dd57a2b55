package panel

import "example.com/lstm/internal/sizes"

// A quantised block stands for up to [BlockElements] consecutive elements of a
// vector that int8 weights are multiplied with. It is memory of float32, most of
// which are not numbers but bits:
//
//	float 0  the scale s: element k is about q[k]·s
//	      1  what sums begin at where each weight w is taken for w + 128, an int32: -128
//	         times the sum of all q; with 14 bits, where that is for the sums of the
//	         hi, which are then multiplied with 128, -1 times
//	      2  what they begin at where products with a negative byte are its magnitude
//	         times the bits of w inverted, -w - 1: the sum of these magnitudes, with 14
//	         bits of the hi
//	      3  the largest magnitude of the vector
//	      4  the q, four to a float (a group): q[k] is byte k%4, from the lowest, of
//	         float 4 + k/4
//
// What is missing of the last group is zero, and so are groups up to a multiple of
// four. s and the magnitude are those of the whole vector. With 14 bits q is
// 128·hi + lo, hi from -64 to 63 and lo from 0 to 127; the bytes are the hi, and
// after them in a second plane lie the lo.
//
// A slice that stands for a block ends with the last group of the first plane, so
// that its length says how many groups there are.
const (
	BlockElements = 2048 // most of a block: so many products of 127 and 8191 fit an int32
	BlockHeader   = 4    // floats before the bytes
	GroupElements = 4    // of a float
	QuadBytes     = 16   // of which a plane is a multiple
)

// Floats of a block's header.
const (
	BlockScale         = 0
	BlockBiasedStart   = 1
	BlockInvertedStart = 2
	BlockLargest       = 3
)

// Groups returns the number of groups of n elements.
func Groups(n int) int { return (n + GroupElements - 1) / GroupElements }

// PlaneFloats returns the floats of a plane of that many groups.
func PlaneFloats(groups int) int { return sizes.RoundUp(groups, QuadBytes/4) }

// BlockFloats returns the floats of a block of n elements, at most BlockElements,
// with that many planes, 1 or 2.
func BlockFloats(n, planes int) int { return BlockHeader + planes*PlaneFloats(Groups(n)) }

// Int8Rows returns the rows of a panel of int8 weights for a vector of n elements.
// For each block there is a row of scales, float32, and then one row for each group of
// elements, in which a float is four int8, in order from the lowest byte; what is
// missing of the last group is zero. No weight is -128.
func Int8Rows(n int) int {
	blocks := (n + BlockElements - 1) / BlockElements
	return blocks + Groups(n)
}
