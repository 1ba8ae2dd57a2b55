package lstm

import "slices"

// reference computes a network straight from the contract's formulas and from
// the weights as PyTorch lays them out. It shares nothing with the package but
// the four functions that the contract names: fma, flush, sigmoid and tanh.
type reference struct {
	model *Model
	h, c  [][]float32
}

func newReference(m *Model) *reference {
	r := &reference{model: m}
	for l := range m.Layers {
		r.h = append(r.h, make([]float32, m.Layers[l].HiddenSize))
		r.c = append(r.c, make([]float32, m.Layers[l].HiddenSize))
	}
	return r
}

func (r *reference) step(x []float32) (y []float32) {
	x = slices.Clone(x)
	for i := range x {
		x[i] = flush(x[i])
	}
	for l := range r.model.Layers {
		x = r.stepLayer(l, x)
	}
	if r.model.Head == nil {
		return x
	}
	return referenceHead(r.model.Head, x)
}

func (r *reference) stepLayer(l int, x []float32) []float32 {
	w := &r.model.Layers[l]
	h, c := r.h[l], r.c[l]
	next := make([]float32, w.HiddenSize)
	for u := range next {
		var z [4]float32 // i, f, g, o
		for g := range z {
			row := g*w.HiddenSize + u
			var bih, bhh float32
			if w.BiasIH != nil {
				bih = w.BiasIH[row]
			}
			if w.BiasHH != nil {
				bhh = w.BiasHH[row]
			}
			sum := flush(bih + bhh)
			for k, v := range x {
				sum = fma(flush(w.WeightIH[row*w.InputSize+k]), v, sum)
			}
			for k, v := range h {
				sum = fma(flush(w.WeightHH[row*w.HiddenSize+k]), v, sum)
			}
			z[g] = sum
		}
		c[u] = flush(fma(sigmoid(z[1]), c[u], float32(sigmoid(z[0])*tanh(z[2]))))
		next[u] = flush(float32(sigmoid(z[3]) * tanh(c[u])))
	}
	r.h[l] = next
	return next
}

// referenceHead sums a row in 16 parts, element k in part k mod 16, then adds
// the parts in pairs a half, a quarter, an eighth and a sixteenth apart.
func referenceHead(d *Linear, x []float32) []float32 {
	y := make([]float32, d.OutFeatures)
	for o := range y {
		var part [16]float32
		for k, v := range x {
			part[k%16] = fma(flush(d.Weight[o*d.InFeatures+k]), v, part[k%16])
		}
		for _, apart := range []int{8, 4, 2, 1} {
			for i := range apart {
				part[i] += part[i+apart]
			}
		}
		y[o] = part[0]
		if d.Bias != nil {
			y[o] += flush(d.Bias[o])
		} else {
			y[o] += 0
		}
	}
	return y
}
