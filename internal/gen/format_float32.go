package gen

// float32Format is weights as they are trained. Machines that can multiply from
// memory do.
var float32Format = &Format{
	Name: "float32",
	Size: floatSize,
	load: func(g *Generator, base Reg, offset, n, uses int) []Weight {
		return g.LoadWeights(base, offset, n, uses)
	},
	atOnce:      func(t *Tuning, _ int) int { return t.WeightsAtOnce },
	shadowSteps: func(t *Tuning) int { return t.ShadowSteps },
}
