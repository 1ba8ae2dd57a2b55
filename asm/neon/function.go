// Package neon is the back-end for NEON: [Machine] turns the plan's operations into
// instructions. They are emitted much as with avo on amd64: a [Function] has a
// method for each.
//
// Operands are typed: a general register, a vector register, a lane and an address
// cannot stand for each other. Sources come first and the destination last, as in
// Go's assembler. What that assembler lacks is printed as a WORD from the one
// table in word.go, with the instruction as comment.
package neon

import "example.com/lstm/asm/emit"

// File is an assembly file in the making.
type File struct{ *emit.File }

// Function is an assembly function in the making.
type Function struct {
	*emit.Function
	file      *emit.File
	constants X // address of the file's constants, once there is need of one
}

// NewFile begins a file for that build constraint, as in ConstraintExpr of avo.
func NewFile(constraint string) File { return File{emit.NewFile(&set, constraint)} }

// Function begins a function of that name and Go signature.
func (file File) Function(name, signature string) *Function {
	return &Function{Function: file.File.Function(name, signature), file: file.File}
}

// X returns a new general register, V a new vector register.
func (f *Function) X(role string) X { return X{f.Register(general, role)} }
func (f *Function) V(role string) V { return V{f.Register(vector, role)} }

// ids are general registers, vs vector registers, in a list for the allocation.
func ids(rs ...X) []emit.Register {
	var list []emit.Register
	for _, r := range rs {
		list = append(list, r.id)
	}
	return list
}

func vs(rs ...V) []emit.Register {
	var list []emit.Register
	for _, r := range rs {
		list = append(list, r.id)
	}
	return list
}
