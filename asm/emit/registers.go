package emit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The maps of registers are comments at the beginning of loops. Which registers a
// loop uses, and what for, is taken from its instructions, whatever emitted them.

// Place is a label or an instruction of a function, as the maps need it.
type Place struct {
	Label  string
	Live   []int // at a label: the registers whose contents are needed after it
	Target string
	Uses   []Use
}

// Use is a register in an instruction.
type Use struct {
	ID     int    // of the virtual register
	Role   string // what it holds; without one it is left out
	Class  int    // of its real register; the map has a line for each class
	Number int
	Name   string
	Size   int // the widest of several names is taken
}

// RegisterMaps returns the comments for the labels at which loops begin. A map
// has the registers that keep something from one iteration to the next and, if
// there is no loop in the loop, those that are set in it. One that would repeat
// the map before it is left out.
func RegisterMaps(function []Place) map[string][]string {
	maps := map[string][]string{}
	var before []string
	for first, p := range function {
		last := lastJumpTo(function, first)
		if last < 0 {
			continue
		}
		loop := function[first : last+1]
		innermost := true
		for i := range loop[1:] {
			innermost = innermost && lastJumpTo(loop, i+1) < 0
		}
		var uses []Use
		for _, in := range loop {
			for _, u := range in.Uses {
				if u.Role != "" && (innermost || slices.Contains(p.Live, u.ID)) {
					uses = append(uses, u)
				}
			}
		}
		lines := registerMap(uses)
		if len(lines) > 0 && !slices.Equal(lines, before) {
			maps[p.Label], before = lines, lines
		}
	}
	return maps
}

// lastJumpTo returns the index of the last jump back to a label, or -1.
func lastJumpTo(function []Place, at int) int {
	label := function[at].Label
	if label == "" {
		return -1
	}
	for i := len(function) - 1; i > at; i-- {
		if function[i].Target == label {
			return i
		}
	}
	return -1
}

// registerMap says what registers hold, role by role in the order of the first
// register of each.
func registerMap(uses []Use) []string {
	uses = slices.Clone(uses)
	slices.SortStableFunc(uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Number, b.Number), cmp.Compare(b.Size, a.Size))
	})
	const begin = "Registers: "
	var lines []string
	for len(uses) > 0 {
		class := uses[:sameClass(uses)]
		uses = uses[len(class):]
		var roles []string
		of := map[string][]Use{}
		for _, u := range class {
			if of[u.Role] == nil {
				roles = append(roles, u.Role)
			}
			// The widest comes first.
			if n := len(of[u.Role]); n == 0 || of[u.Role][n-1].Number != u.Number {
				of[u.Role] = append(of[u.Role], u)
			}
		}
		var parts []string
		for _, role := range roles {
			parts = append(parts, role+" "+strings.Join(ranges(of[role]), " "))
		}
		lines = append(lines, wrap(parts)...)
	}
	for i := range lines {
		if i == 0 {
			lines[i] = begin + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", len(begin)) + lines[i]
		}
	}
	return lines
}

// sameClass is the number of uses at the beginning that have the same class.
func sameClass(uses []Use) int {
	n := slices.IndexFunc(uses, func(u Use) bool { return u.Class != uses[0].Class })
	if n < 0 {
		return len(uses)
	}
	return n
}

// ranges are the names of registers, three and more in a row as a range.
func ranges(uses []Use) []string {
	var names []string
	for len(uses) > 0 {
		n := 1
		for n < len(uses) && follows(uses[n-1], uses[n]) {
			n++
		}
		if n < 3 {
			n = 1
			names = append(names, uses[0].Name)
		} else {
			names = append(names, uses[0].Name+"-"+uses[n-1].Name)
		}
		uses = uses[n:]
	}
	return names
}

// follows says that the names of two registers are the same letters and numbers
// one apart.
func follows(a, b Use) bool {
	letters, ok := strings.CutSuffix(a.Name, fmt.Sprint(a.Number))
	return ok && b.Number == a.Number+1 && b.Name == fmt.Sprint(letters, b.Number)
}

// wrap joins parts with commas to lines that are not too long.
func wrap(parts []string) []string {
	const width = 70
	lines := []string{""}
	for i, part := range parts {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = part
		case len(*last)+len(part) < width:
			*last += " " + part
		default:
			lines = append(lines, part)
			last = &lines[len(lines)-1]
		}
		if i < len(parts)-1 {
			*last += ","
		}
	}
	return lines
}
