package gen

// float16Format is weights rounded to binary16. They are widened on their way to
// registers, where the arithmetic is float32's.
var float16Format = &Format{
	Name: "float16",
	Size: 2,
	load: func(g *Generator, base Reg, offset, n, uses int) []Weight {
		return g.LoadHalves(base, offset, n, uses)
	},
	atOnce: func(t *Tuning, columns int) int {
		if columns == 1 {
			return t.HalvesAtOnce
		}
		return t.WeightsAtOnce
	},
	shadowSteps: func(t *Tuning) int { return t.HalvesShadow },
}
