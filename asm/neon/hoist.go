package neon

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
		if in, ok := n.(*instruction); ok && in.target == begin {
			last = first + i
		}
	}
	for i, n := range f.nodes {
		in, ok := n.(*instruction)
		if ok && in.target != "" && (i < first || i > last) && slices.Contains(f.nodes[first:last+1], node(in.target)) {
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
	load, ok := n.(*instruction)
	if !ok || load.constant == "" {
		return ""
	}
	for _, n := range f.nodes {
		if other, ok := n.(*instruction); ok && other != load && slices.Contains(other.writes, load.writes[0]) {
			return ""
		}
	}
	return load.constant
}

// hoisted returns a copy of the function that loads those constants before the
// loop and not in it.
func (f *Function) hoisted(l loop, names []string) *Function {
	g := *f
	g.registers, g.roles = slices.Clone(f.registers), slices.Clone(f.roles)
	g.nodes = append(slices.Clone(f.nodes[:l.first]), comment("Constants that stay in registers."))
	stays := map[string]V{}
	moved := map[int]V{} // registers of the loads in the loop
	for _, n := range f.nodes[l.first:l.last] {
		name := f.constantAt(n)
		if !slices.Contains(names, name) {
			continue
		}
		load := n.(*instruction)
		if _, ok := stays[name]; !ok {
			stays[name] = g.V("constants")
			g.nodes = append(g.nodes, load.replace(V{load.writes[0]}, stays[name]))
		}
		moved[load.writes[0]] = stays[name]
	}
	for _, n := range f.nodes[l.first:] {
		in, ok := n.(*instruction)
		if !ok {
			g.nodes = append(g.nodes, n)
			continue
		}
		if len(in.writes) == 1 && moved[in.writes[0]] != (V{}) {
			continue
		}
		for _, id := range in.reads {
			if v, ok := moved[id]; ok {
				in = in.replace(V{id}, v)
			}
		}
		g.nodes = append(g.nodes, in)
	}
	return &g
}

// replace returns a copy of the instruction with the vector register b in place
// of a.
func (i *instruction) replace(a, b V) *instruction {
	c := *i
	c.operands = nil
	for _, o := range i.operands {
		c.operands = append(c.operands, o.replace(a, b))
	}
	c.reads, c.writes = slices.Clone(i.reads), slices.Clone(i.writes)
	for _, list := range [][]int{c.reads, c.writes} {
		for i, id := range list {
			if id == a.id {
				list[i] = b.id
			}
		}
	}
	return &c
}
