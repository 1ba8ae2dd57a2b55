'use strict'

// The formulas of ONNX's LSTM in float64, to say how far float32 is off.

const sigmoid = z => 1 / (1 + Math.exp(-z))

// activations by their names in the model, with ONNX's α and β.
const activations = {
  sigmoid,
  tanh: Math.tanh,
  hard_sigmoid: (z, a, b) => Math.max(0, Math.min(1, a * z + b)),
  relu: z => Math.max(0, z),
  leaky_relu: (z, a) => z < 0 ? a * z : z,
  thresholded_relu: (z, a) => z > a ? z : 0,
  softsign: z => z / (1 + Math.abs(z)),
  elu: (z, a) => z < 0 ? a * Math.expm1(z) : z,
  scaled_tanh: (z, a, b) => a * Math.tanh(b * z),
  affine: (z, a, b) => a * z + b,
  softplus: z => Math.log1p(Math.exp(z))
}

// run takes a direction through a sequence, xs being its inputs in the order in
// which it reads them. It returns the outputs in that order, and h and c. watch is
// told what each activation is of.
function run (c, direction, xs, h, c0, watch) {
  const { hidden } = c
  const [gate, candidate, output] = direction.activations.map(a => z => {
    watch(a, z)
    return activations[a.name](z, a.alpha, a.beta)
  })
  const clip = z => c.clip ? Math.max(-c.clip, Math.min(c.clip, z)) : z
  const peephole = (name, u, state) => direction[name] ? direction[name][u] * state : 0
  let state = [...c0]
  h = [...h]
  const ys = xs.map(x => {
    const next = []
    const nextState = []
    for (let u = 0; u < hidden; u++) {
      const [zi, zf, zg, zo] = [0, 1, 2, 3].map(g => {
        const row = g * hidden + u
        let z = direction.bias_ih ? direction.bias_ih[row] + direction.bias_hh[row] : 0
        x.forEach((v, k) => { z += direction.weight_ih[row * x.length + k] * v })
        h.forEach((v, k) => { z += direction.weight_hh[row * hidden + k] * v })
        return z
      })
      const i = gate(clip(zi + peephole('peephole_i', u, state[u])))
      const f = c.coupled ? 1 - i : gate(clip(zf + peephole('peephole_f', u, state[u])))
      nextState[u] = f * state[u] + i * candidate(clip(zg))
      next[u] = gate(clip(zo + peephole('peephole_o', u, nextState[u]))) * output(nextState[u])
    }
    state = nextState
    h = next
    return h
  })
  return { ys, h, c: state }
}

module.exports = { run }
