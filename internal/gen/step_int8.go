package gen

// stepInt8Function is the function of that name, whose kernel is a step of int8
// weights.
func stepInt8Function(name, does string, digits bool) *Function {
	return function(Function{
		Name:   name,
		Does:   does,
		Params: "from *chainStart, p *panels, x, h0, c, h []float32",
		Args:   stepInt8Args,
		Reads:  []string{"c[:len(h)]"},
		Writes: []string{"c[:len(h)]", "h"},
		Kernels: []*Kernel{{
			Name: name,
			Does: "updates c and h of consecutive units by one step, see " + name + "Generic.",
			Int8: true,
			Body: func(g *Generator) { g.stepInt8(digits) },
		}},
	})
}

func (g *Generator) stepInt8(digits bool) {}
