package emit

import (
	"cmp"
	"maps"
	"slices"
)

// Constants are loaded wherever a function needs them, which is right when
// registers are scarce. Where they are not, a constant is loaded before the loop
// and stays in its register. How many can stay is found by trying, those first
// that are loaded most often.

// hoist returns the function with constants loaded before the loops that use
// them, from the outermost loops to the innermost, as long as there are
// registers for all.
func (f *Function) hoist() *Function {
	for _, begin := range f.loops() {
		before, l := f, f.loopAt(begin)
		var stay []string
		for _, name := range before.constantsOf(l) {
			trial := before.hoisted(l, append(stay, name))
			if _, stuck := trial.tryAllocate(); stuck == nil {
				stay, f = append(stay, name), trial
			}
		}
	}
	return f
}

// loop is a part of a function's nodes: from a label to the last jump back.
type loop struct{ first, last int }

func (l loop) length() int { return l.last - l.first }

// loops returns the labels of all loops, from the longest to the shortest.
func (f *Function) loops() []label {
	var found []label
	for _, n := range f.nodes {
		if n, ok := n.(label); ok && f.loopAt(n).length() > 0 {
			found = append(found, n)
		}
	}
	slices.SortStableFunc(found, func(a, b label) int {
		return cmp.Compare(f.loopAt(b).length(), f.loopAt(a).length())
	})
	return found
}

// loopAt is the loop that begins at a label. Its length is 0 if there is none,
// or if there is a way into it other than past its label.
func (f *Function) loopAt(begin label) loop {
	first := slices.Index(f.nodes, node(begin))
	last := first
	for i, n := range f.nodes[first:] {
		if in, ok := n.(*Instruction); ok && in.Target == string(begin) {
			last = first + i
		}
	}
	for i, n := range f.nodes {
		in, ok := n.(*Instruction)
		if ok && in.Target != "" && (i < first || i > last) && slices.Contains(f.nodes[first:last+1], node(label(in.Target))) {
			return loop{first, first}
		}
	}
	return loop{first, last}
}

// constantsOf returns the names of the constants that a loop loads and does not
// overwrite, those with most loads first.
func (f *Function) constantsOf(l loop) []string {
	loads := map[string]int{}
	for _, n := range f.nodes[l.first:l.last] {
		if name := f.constantAt(n); name != "" {
			loads[name]++
		}
	}
	return slices.SortedFunc(maps.Keys(loads), func(a, b string) int {
		return cmp.Or(cmp.Compare(loads[b], loads[a]), cmp.Compare(a, b))
	})
}

// constantAt returns the name of the constant that a node loads to a register
// that nothing else writes to.
func (f *Function) constantAt(n node) string {
	load, ok := n.(*Instruction)
	if !ok || load.Constant == "" {
		return ""
	}
	for _, n := range f.nodes {
		if other, ok := n.(*Instruction); ok && other != load && slices.Contains(other.Writes, load.Writes[0]) {
			return ""
		}
	}
	return load.Constant
}

// hoisted returns a copy of the function that loads those constants before the
// loop and not in it.
func (f *Function) hoisted(l loop, names []string) *Function {
	g := *f
	g.registers = slices.Clone(f.registers)
	g.nodes = append(slices.Clone(f.nodes[:l.first]), comment("Constants that stay in registers."))
	stays := map[string]Register{}
	moved := map[Register]Register{} // registers of the loads in the loop
	for _, n := range f.nodes[l.first:l.last] {
		name := f.constantAt(n)
		if !slices.Contains(names, name) {
			continue
		}
		load := n.(*Instruction)
		if _, ok := stays[name]; !ok {
			stays[name] = g.Register(f.registers[load.Writes[0]].class, "constants")
			g.nodes = append(g.nodes, load.replace(load.Writes[0], stays[name]))
		}
		moved[load.Writes[0]] = stays[name]
	}
	for _, n := range f.nodes[l.first:] {
		in, ok := n.(*Instruction)
		if !ok {
			g.nodes = append(g.nodes, n)
			continue
		}
		if len(in.Writes) == 1 && moved[in.Writes[0]] != 0 {
			continue
		}
		for _, r := range in.Reads {
			if to, ok := moved[r]; ok {
				in = in.replace(r, to)
			}
		}
		g.nodes = append(g.nodes, in)
	}
	return &g
}

// replace returns a copy of the instruction with one register in place of
// another.
func (i *Instruction) replace(old, new Register) *Instruction {
	c := *i
	c.Operands = nil
	for _, o := range i.Operands {
		c.Operands = append(c.Operands, o.Replace(old, new))
	}
	c.Reads, c.Writes = slices.Clone(i.Reads), slices.Clone(i.Writes)
	for _, list := range [][]Register{c.Reads, c.Writes} {
		for i, r := range list {
			list[i] = r.Replaced(old, new)
		}
	}
	return &c
}
