package gen

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Op is an operation on vectors, lane by lane. Each rounds once.
type Op int

// The operations. Min and Max return the second argument when it is a NaN; the
// first is none. Of two zeros they return either.
const (
	FMA        Op = iota // a·b + c
	FNMA                 // c - a·b
	Mul                  // a·b
	Add                  // a + b
	Sub                  // a - b
	Div                  // a / b
	Min                  // the smaller of a and b
	Max                  // the larger of a and b
	And                  // bits of a and b
	Or                   // bits of a or b
	AddInt               // a + b as integers
	SubInt               // a - b as integers
	MaxInt               // the larger of a and b as integers
	ToInt                // the integer nearest to a, ties to even; any if there is no such int32
	FromInt              // the number nearest to the integer a, ties to even
	ShiftBits            // bits of a shifted left by a constant
	ShiftRight           // the integer a shifted right by a constant, rounded down
	ZeroBelow            // c, or +0 where a < b, which no NaN is
	IfBelow              // c where a < b, else d; b is a constant, and a NaN is not below it
)

// operations are the names of all operations, and what their operands are: v for
// a vector, c for a constant, and e for either.
var operations = map[Op]struct{ name, operands string }{
	FMA:        {"FMA", "eee"},
	FNMA:       {"FNMA", "eee"},
	Mul:        {"Mul", "ee"},
	Add:        {"Add", "ee"},
	Sub:        {"Sub", "ee"},
	Div:        {"Div", "ee"},
	Min:        {"Min", "ev"},
	Max:        {"Max", "ev"},
	And:        {"And", "ee"},
	Or:         {"Or", "ee"},
	AddInt:     {"AddInt", "ee"},
	SubInt:     {"SubInt", "ee"},
	MaxInt:     {"MaxInt", "ee"},
	ToInt:      {"ToInt", "v"},
	FromInt:    {"FromInt", "v"},
	ShiftBits:  {"ShiftBits", "v"},
	ShiftRight: {"ShiftRight", "v"},
	ZeroBelow:  {"ZeroBelow", "vev"},
	IfBelow:    {"IfBelow", "vcvv"},
}

func (o Op) String() string {
	if name := operations[o].name; name != "" {
		return name
	}
	return fmt.Sprintf("Op(%d)", int(o))
}

// Constant is a value repeated in every lane, with the name of its symbol.
type Constant struct {
	Name string
	Bits uint32
}

// Float returns the constant of that value.
func Float(name string, v float32) Constant { return Constant{name, math.Float32bits(v)} }

// Operand is an argument of an operation: a vector, or a constant.
type Operand struct {
	Vec      Vec
	Constant *Constant
}

// Value is a result or an input of a formula. The zero Value is none.
type Value struct {
	id       int
	constant *Constant
}

func constant(c Constant) Value { return Value{constant: &c} }

// line is some operations that stay together, and what they are to say of
// themselves.
type line struct {
	text, note string
	ops        []operation
}

type operation struct {
	op     Op
	args   []Value
	shift  int
	result Value
	sink   func(Vec) // takes the argument away, instead of an operation
}

// Formula is arithmetic waiting to be emitted. Threads of it are written one
// after another and emitted in turns.
type Formula struct {
	g      *Generator
	inputs map[int]func() Vec
	values int
	lines  []line
}

// NewFormula begins a formula.
func (g *Generator) NewFormula() *Formula {
	return &Formula{g: g, inputs: map[int]func() Vec{}}
}

// Input is a vector that get puts into a register when it is first used. The
// formula may overwrite it.
func (f *Formula) Input(get func() Vec) Value {
	f.values++
	f.inputs[f.values] = get
	return Value{id: f.values}
}

// InRegister is the Input that v is already.
func InRegister(v Vec) func() Vec { return func() Vec { return v } }

// Thread is a list of lines that depend on each other. The comment of a line is
// made of its operations: each named result with the expression that it is, in
// which results without a name are written out.
type Thread struct {
	f     *Formula
	name  string
	lines []line
	texts map[int]text // of values
}

// Thread begins a list of lines; their comments begin with name.
func (f *Formula) Thread(name string) *Thread {
	return &Thread{f: f, name: name, texts: map[int]text{}}
}

// see gives a value of another thread, or an input, the name that it has in this
// thread's comments.
func (t *Thread) see(v Value, name string) Value {
	t.texts[v.id] = text{name, atom}
	return v
}

// line begins a line. Its comment ends with the note, if there is one: what the
// operations do not say.
func (t *Thread) line(note ...string) {
	t.lines = append(t.lines, line{note: strings.Join(note, ", ")})
}

// do is an operation without a name.
func (t *Thread) do(op Op, args ...Value) Value {
	return t.add(operation{op: op, args: args})
}

// let is an operation whose result has a name.
func (t *Thread) let(name string, op Op, args ...Value) Value {
	return t.named(name, t.do(op, args...))
}

// shift is a shifted left, by name.
func (t *Thread) shift(name string, a Value, bits int) Value {
	return t.named(name, t.add(operation{op: ShiftBits, args: []Value{a}, shift: bits}))
}

// named adds the result's name and expression to the comment of the line.
func (t *Thread) named(name string, v Value) Value {
	last := &t.lines[len(t.lines)-1]
	if last.text != "" {
		last.text += ", "
	}
	last.text += name + " = " + t.texts[v.id].string
	return t.see(v, name)
}

func (t *Thread) add(op operation) Value {
	t.f.values++
	op.result = Value{id: t.f.values}
	t.texts[op.result.id] = op.text(t.text)
	last := &t.lines[len(t.lines)-1]
	last.ops = append(last.ops, op)
	return op.result
}

// give hands v, once it is computed, to a function that stores it.
func (t *Thread) give(v Value, sink func(Vec)) {
	last := &t.lines[len(t.lines)-1]
	last.ops = append(last.ops, operation{args: []Value{v}, sink: sink})
}

// finished is line i with its whole comment.
func (t *Thread) finished(i int) line {
	l := t.lines[i]
	l.text = t.name + l.text
	if l.note != "" {
		l.text += " (" + l.note + ")"
	}
	return l
}

// Lockstep adds threads to the formula, at most width of them at a time, their
// lines taking turns.
func (f *Formula) Lockstep(width int, threads ...*Thread) {
	for group := range slices.Chunk(threads, width) {
		longest := 0
		for _, t := range group {
			longest = max(longest, len(t.lines))
		}
		for i := range longest {
			for _, t := range group {
				if i < len(t.lines) {
					f.lines = append(f.lines, t.finished(i))
				}
			}
		}
	}
}

// Emit emits the formula.
func (f *Formula) Emit() { f.EmitAmong(func(int, int) {}) }

// EmitAmong emits the formula with other code among its lines: among is called
// before each line with the number of lines done and of all.
func (f *Formula) EmitAmong(among func(done, all int)) {
	lastUse := map[int]int{} // of each value, counted in operations
	n := 0
	for _, l := range f.lines {
		for _, op := range l.ops {
			for _, a := range op.args {
				lastUse[a.id] = n
			}
			n++
		}
	}
	where := map[int]Vec{}
	n = 0
	for i, l := range f.lines {
		among(i, len(f.lines))
		if i == 0 || l.text != f.lines[i-1].text {
			f.g.Comment(l.text)
		}
		for _, op := range l.ops {
			args := make([]Operand, len(op.args))
			dies := make([]bool, len(op.args))
			for j, a := range op.args {
				if a.constant != nil {
					args[j].Constant = a.constant
					continue
				}
				if _, ok := where[a.id]; !ok {
					get := f.inputs[a.id]
					if get == nil {
						panic("gen: value used before it is computed in: " + l.text)
					}
					where[a.id] = get()
				}
				args[j].Vec = where[a.id]
				dies[j] = lastUse[a.id] == n
			}
			n++
			if op.sink != nil {
				op.sink(args[0].Vec)
				continue
			}
			where[op.result.id] = f.g.Do(op.op, args, dies, op.shift)
		}
	}
}
