package gen

import (
	"fmt"
	"math"
	"strings"
)

// text is an expression as comments have it, and how tightly it holds together.
type text struct {
	string
	strength int
}

// The strengths of expressions.
const (
	loose   = iota // bits
	sum            // a + b
	product        // a·b
	atom
)

// text is the operation with the texts of its arguments. Brackets show what is
// rounded first.
func (o operation) text(of func(Value) text) text {
	// arg is argument i, in brackets if it holds together less than strength.
	arg := func(i, strength int) string {
		a := of(o.args[i])
		if a.strength < strength {
			return "(" + a.string + ")"
		}
		return a.string
	}
	switch o.op {
	case FMA:
		return text{arg(0, product) + "·" + arg(1, product) + " + " + arg(2, product), sum}
	case FNMA:
		return text{arg(2, product) + " - " + arg(0, product) + "·" + arg(1, product), sum}
	case Mul:
		return text{arg(0, product) + "·" + arg(1, product), product}
	case Add:
		return text{arg(0, product) + " + " + arg(1, product), sum}
	case Sub:
		return text{arg(0, product) + " - " + arg(1, product), sum}
	case Div:
		return text{arg(0, product) + "/" + arg(1, atom), product}
	case Min:
		return text{"min(" + arg(0, loose) + ", " + arg(1, loose) + ")", atom}
	case Max:
		return text{"max(" + arg(0, loose) + ", " + arg(1, loose) + ")", atom}
	case And:
		if c := o.args[1].constant; c != nil && c.Bits == math.MaxInt32 {
			return text{"|" + arg(0, loose) + "|", atom}
		}
		return text{arg(0, atom) + " & " + arg(1, atom), loose}
	case Or:
		return text{arg(0, atom) + " | " + arg(1, atom), loose}
	case AddInt:
		return text{"bits of " + arg(0, atom) + " + " + arg(1, atom), loose}
	case ShiftBits:
		return text{fmt.Sprintf("%s << %d", arg(0, atom), o.shift), loose}
	case ZeroBelow:
		return text{arg(2, atom) + " or 0 where " + arg(0, sum) + " < " + arg(1, sum), loose}
	case IfBelow:
		return text{arg(2, sum) + " where " + arg(0, sum) + " < " + arg(1, sum) + ", else " + arg(3, sum), loose}
	}
	panic(fmt.Sprintf("gen: operation %d has no text", o.op))
}

// text is what a thread calls a value.
func (t *Thread) text(v Value) text {
	if v.constant != nil {
		return text{v.constant.text(), atom}
	}
	of, ok := t.texts[v.id]
	if !ok {
		panic("gen: a value without a name in: " + t.name)
	}
	return of
}

// text is the value of a small integer, else the name that the contract has for
// the constant, without that of the function whose it is.
func (c Constant) text() string {
	if v := math.Float32frombits(c.Bits); v == float32(int8(v)) && v != 0 {
		return fmt.Sprint(v)
	}
	for _, function := range []string{"sigmoid", "tanh", "softsign", "exp", "elu", "softplus"} {
		if name, ok := strings.CutPrefix(c.Name, function); ok {
			return name
		}
	}
	return c.Name
}
