package x86

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/reg"
)

// roles records what the registers of a kernel are for, to print it at the
// kernel's head.
type roles struct {
	registers int // vector registers there are
	names     []string
	of        map[string][]reg.Virtual
}

// add records that r has the role of that name. Registers without a name hold
// something for a moment only.
func (rs *roles) add(name string, r reg.Virtual) {
	if rs.of == nil {
		rs.of = map[string][]reg.Virtual{}
	}
	if !slices.Contains(rs.names, name) {
		rs.names = append(rs.names, name)
	}
	rs.of[name] = append(rs.of[name], r)
}

// lines is the register map, once the registers are allocated.
func (rs *roles) lines(a reg.Allocation) ([]string, error) {
	lines := []string{"Registers:"}
	width := 0
	for _, name := range rs.names {
		width = max(width, len(name))
	}
	for _, name := range rs.names {
		var found []reg.Physical
		for _, v := range rs.of[name] {
			p := reg.ToPhysical(a.LookupRegister(v))
			if p == nil {
				continue // never used
			}
			if p.Kind() == reg.KindVector && int(p.PhysicalIndex()) >= rs.registers {
				return nil, fmt.Errorf("needs more than %d vector registers", rs.registers)
			}
			if !slices.ContainsFunc(found, func(q reg.Physical) bool { return q.ID() == p.ID() }) {
				found = append(found, p)
			}
		}
		if name == "" || len(found) == 0 {
			continue
		}
		slices.SortFunc(found, func(p, q reg.Physical) int { return int(p.PhysicalIndex()) - int(q.PhysicalIndex()) })
		var asm []string
		for _, p := range found {
			asm = append(asm, p.Asm())
		}
		lines = append(lines, fmt.Sprintf("  %-*s  %s", width, name, strings.Join(asm, " ")))
	}
	return lines, nil
}
