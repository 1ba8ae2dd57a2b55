package emit

import "slices"

// points are instructions, by their index: those after which a register holds
// something that is still needed. An instruction's own result counts, needed or
// not, since it has to go somewhere.
type points []uint64

func (p points) has(i int) bool { return p[i/64]>>(i%64)&1 != 0 }
func (p points) add(i int)      { p[i/64] |= 1 << (i % 64) }

func (p points) overlaps(q points) bool {
	for i := range p {
		if p[i]&q[i] != 0 {
			return true
		}
	}
	return false
}

func (p points) addAll(q points) {
	for i := range p {
		p[i] |= q[i]
	}
}

// code is the function's instructions, and the ways between them.
type code struct {
	instructions []*Instruction
	before       [][]int        // the instructions that may come right before each; the first is the entry
	places       map[string]int // of labels: the index of the next instruction
}

func (f *Function) code() code {
	c := code{places: map[string]int{}}
	for _, n := range f.nodes {
		switch n := n.(type) {
		case label:
			c.places[string(n)] = len(c.instructions)
		case *Instruction:
			c.instructions = append(c.instructions, n)
		}
	}
	last := len(c.instructions) - 1
	if last < 0 || !c.instructions[last].Ends {
		f.Fail("runs off its end")
	}
	c.before = make([][]int, len(c.instructions))
	for i, in := range c.instructions {
		if !in.Ends {
			c.before[i+1] = append(c.before[i+1], i)
		}
		if in.Target != "" {
			to, ok := c.places[in.Target]
			if !ok || to > last {
				f.Fail("no instruction at label %s", in.Target)
			}
			c.before[to] = append(c.before[to], i)
		}
	}
	return c
}

// liveness returns the points of each register. From every instruction that
// reads a register it walks back to all that may have written what is read.
func (f *Function) liveness(c code) []points {
	live := make([]points, len(f.registers))
	for id := range live {
		live[id] = make(points, (len(c.instructions)+63)/64)
	}
	for i, in := range c.instructions {
		for _, r := range in.Writes {
			live[r].add(i)
		}
	}
	for i, in := range c.instructions {
		for _, r := range in.Reads {
			f.walkBack(c, i, live[r])
		}
	}
	return live
}

// walkBack adds to live the points between instruction i, which reads a
// register, and the instructions that wrote it. It stops where an earlier walk
// has been.
func (f *Function) walkBack(c code, i int, live points) {
	todo := []int{i}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if at == 0 {
			f.Fail("%s: may read a register that nothing was written to", c.instructions[i].text(nil))
		}
		for _, p := range c.before[at] {
			if live.has(p) {
				continue // before that is what wrote it, or an earlier walk
			}
			live.add(p)
			todo = append(todo, p)
		}
	}
}

// allocate finds real registers for all.
func (f *Function) allocate() Allocation {
	found, stuck := f.tryAllocate()
	if stuck != nil {
		f.Fail("no free register for the result of %s", stuck.text(nil))
	}
	return found
}

// tryAllocate gives every register, in the order in which they are first
// written, the lowest real one that is free at all of its points: a linear scan
// that also uses the holes. It returns the instruction whose result finds none.
func (f *Function) tryAllocate() (found Allocation, stuck *Instruction) {
	c := f.code()
	live := f.liveness(c)
	busy := make([][]points, len(f.set.Classes))
	for k, class := range f.set.Classes {
		for range class.Numbers {
			busy[k] = append(busy[k], make(points, (len(c.instructions)+63)/64))
		}
	}
	found = make(Allocation, len(f.registers))
	for id := range found {
		found[id] = unused
	}
	for _, in := range c.instructions {
		for _, r := range in.Writes {
			if found[r] != unused {
				continue
			}
			k := f.registers[r].class
			free := slices.IndexFunc(busy[k], func(p points) bool { return !p.overlaps(live[r]) })
			if free < 0 {
				return nil, in
			}
			busy[k][free].addAll(live[r])
			found[r] = f.set.Classes[k].Numbers[free]
		}
	}
	return found, nil
}

// unused is in place of the number of a register that is never written.
const unused = -1
