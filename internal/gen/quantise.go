package gen

// quantiseFunction is the function of that name, whose kernel makes a quantised
// block, see package panel.
func quantiseFunction(name, does string, digits bool) *Function {
	return function(Function{
		Name:   name,
		Does:   does,
		Params: "dst, v []float32",
		Args:   []Arg{pointer("dst"), pointer("v"), {"n", "int", "len(v)"}},
		Reads:  []string{"v"},
		Kernels: []*Kernel{{
			Name: name,
			Does: "makes a quantised block of n elements, see " + name + "Generic.",
			Int8: true,
			Body: func(g *Generator) { g.quantise(digits) },
		}},
	})
}

func (g *Generator) quantise(digits bool) {}
