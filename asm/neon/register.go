package neon

import "example.com/lstm/asm/emit"

// X is a general register of 64 bits, V a vector register of 128. They are
// virtual: Print finds real ones for them.
type (
	X struct{ id emit.Register }
	V struct{ id emit.Register }
)

// Lane is one float32 of a vector register, or as many bits of something else.
type Lane struct {
	V     V
	Index int
}

// Mem is memory at an offset from a register.
type Mem struct {
	Base   X
	Offset int
}

// The classes of registers.
const (
	general = iota
	vector
)

// set has the registers that kernels may use. The kernels call nothing, and under
// ABI0 a function may overwrite every register but those that are left out here:
//
//	R16 R17  the linker's, for jumps too far for one instruction
//	R18      the platform's: Darwin and Windows change or need it
//	R26      Go's, for closures
//	R27      the assembler's, for constants and addresses that fit no instruction
//	R28      g, the goroutine
//	R29 R30  the frame pointer and the return address
//
// Of V8 to V15, C's functions preserve the lower halves; Go's preserve none.
var set = emit.Set{
	Name: "neon",
	Classes: []emit.Class{
		general: {Prefix: "R", Numbers: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 21, 22, 23, 24, 25}},
		vector: {Prefix: "V", Numbers: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
			16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}},
	},
	ConstantLanes: lanes,
}
