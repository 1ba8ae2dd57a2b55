package neon

import (
	"fmt"

	"example.com/lstm/asm/emit"
)

// The forms of a register.
type (
	arranged struct { // all lanes
		v           V
		arrangement string
	}
	element struct { // one lane
		v     V
		size  string
		index int
	}
	whole  V // without saying what is in it
	scalar V // as a scalar register of the floating-point unit
	pair   [2]V
)

func (r X) Asm(a emit.Allocation) string { return fmt.Sprintf("R%d", a.Number(r.id)) }

func (o arranged) Asm(a emit.Allocation) string {
	return fmt.Sprintf("V%d.%s", a.Number(o.v.id), o.arrangement)
}

func (o element) Asm(a emit.Allocation) string {
	return fmt.Sprintf("V%d.%s[%d]", a.Number(o.v.id), o.size, o.index)
}

func (o whole) Asm(a emit.Allocation) string { return fmt.Sprintf("V%d", a.Number(o.id)) }

func (o scalar) Asm(a emit.Allocation) string { return fmt.Sprintf("F%d", a.Number(o.id)) }

func (o pair) Asm(a emit.Allocation) string {
	return fmt.Sprintf("(%s, %s)", scalar(o[0]).Asm(a), scalar(o[1]).Asm(a))
}

func (m Mem) Asm(a emit.Allocation) string {
	if m.Offset == 0 {
		return fmt.Sprintf("(%s)", m.Base.Asm(a))
	}
	return fmt.Sprintf("%d(%s)", m.Offset, m.Base.Asm(a))
}

func immediate(n int) emit.Literal { return emit.Literal(fmt.Sprintf("$%d", n)) }

func (r X) replaced(old, new emit.Register) X { return X{r.id.Replaced(old, new)} }
func (r V) replaced(old, new emit.Register) V { return V{r.id.Replaced(old, new)} }

func (r X) Replace(old, new emit.Register) emit.Operand { return r.replaced(old, new) }

func (m Mem) Replace(old, new emit.Register) emit.Operand {
	return Mem{m.Base.replaced(old, new), m.Offset}
}

func (o whole) Replace(old, new emit.Register) emit.Operand {
	return whole(V(o).replaced(old, new))
}

func (o scalar) Replace(old, new emit.Register) emit.Operand {
	return scalar(V(o).replaced(old, new))
}

func (o pair) Replace(old, new emit.Register) emit.Operand {
	return pair{o[0].replaced(old, new), o[1].replaced(old, new)}
}

func (o arranged) Replace(old, new emit.Register) emit.Operand {
	return arranged{o.v.replaced(old, new), o.arrangement}
}

func (o element) Replace(old, new emit.Register) emit.Operand {
	return element{o.v.replaced(old, new), o.size, o.index}
}
