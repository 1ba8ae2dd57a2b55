package x86

import (
	"fmt"
	"slices"

	"example.com/lstm/asm/emit"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// roles are what the registers of a kernel hold. Those without one hold something
// for a moment.
type roles map[reg.ID]string

// operands are the registers of each instruction of a function, before avo finds
// real ones for them.
func operands(fn *ir.Function) map[*ir.Instruction][]reg.Register {
	of := map[*ir.Instruction][]reg.Register{}
	for _, in := range fn.Instructions() {
		for _, op := range in.Operands {
			of[in] = append(of[in], operand.Registers(op)...)
		}
	}
	return of
}

// addMaps puts the maps of registers at the loops of a compiled function.
func addMaps(fn *ir.Function, rs roles, operands map[*ir.Instruction][]reg.Register) {
	var places []emit.Place
	for i, n := range fn.Nodes {
		switch n := n.(type) {
		case ir.Label:
			places = append(places, emit.Place{Label: string(n), Live: liveAt(fn.Nodes[i:])})
		case *ir.Instruction:
			var p emit.Place
			if target := n.TargetLabel(); target != nil {
				p.Target = string(*target)
			}
			for _, r := range operands[n] {
				real := reg.ToPhysical(fn.Allocation.LookupRegister(r))
				p.Uses = append(p.Uses, emit.Use{
					ID: int(r.ID()), Role: rs[r.ID()],
					Class: int(r.Kind()), Number: int(real.PhysicalIndex()), Name: real.Asm(), Size: int(r.Size()),
				})
			}
			places = append(places, p)
		}
	}
	maps := emit.RegisterMaps(places)
	var nodes []ir.Node
	for _, n := range fn.Nodes {
		nodes = append(nodes, n)
		if label, ok := n.(ir.Label); ok && maps[string(label)] != nil {
			nodes = append(nodes, ir.NewComment(maps[string(label)]...))
		}
	}
	fn.Nodes = nodes
}

// liveAt are the registers whose contents are needed at the beginning of nodes.
func liveAt(nodes []ir.Node) []int {
	var live []int
	i := slices.IndexFunc(nodes, func(n ir.Node) bool { _, ok := n.(*ir.Instruction); return ok })
	for id := range nodes[i].(*ir.Instruction).LiveIn {
		live = append(live, int(id))
	}
	return live
}

// checkRegisters sees to it that a kernel has the vector registers that it uses:
// avo knows only of the most there are.
func checkRegisters(fn *ir.Function, vectors int) error {
	for _, in := range fn.Instructions() {
		for _, r := range in.Registers() {
			if p := reg.ToPhysical(r); p.Kind() == reg.KindVector && int(p.PhysicalIndex()) >= vectors {
				return fmt.Errorf("%s needs more than %d vector registers", fn.Name, vectors)
			}
		}
	}
	return nil
}
