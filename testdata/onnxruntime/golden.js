'use strict'

// Makes the vectors of testdata/variants that ONNX Runtime can say: peepholes,
// clip, coupled gates, other activations, reverse and both directions, lengths.
//
//   npm install --ignore-scripts --prefix FOLDER onnxruntime-node@1.30.0
//   NODE_PATH=FOLDER/node_modules node testdata/onnxruntime/golden.js
//
// The files are as testdata/python/variants.py describes them. ONNX Runtime has
// no float64 LSTM, so the drifts are from the formulas in lstm.js; a case that is
// further off than float32 explains is an error, which also says that ONNX
// Runtime does what the model says.

const path = require('path')
const ort = require('onnxruntime-node')
const lstm = require('./lstm.js')
const onnx = require('./onnx.js')
const random = require('./random.js')
const tensorfile = require('./tensorfile.js')

const VARIANTS = path.join(__dirname, '..', 'variants')
const VERSION = require('onnxruntime-node/package.json').version

// Names of the model and of ONNX, with α and β that are no defaults, in float32.
const say = (name, onnx, alpha, beta) => ({
  name, onnx, alpha: alpha && Math.fround(alpha), beta: beta && Math.fround(beta)
})
const [SIGMOID, TANH] = [say('sigmoid', 'Sigmoid'), say('tanh', 'Tanh')]
const KERAS = say('hard_sigmoid', 'HardSigmoid', 0.2, 0.5)
const FUNCTIONS = [
  SIGMOID, say('relu', 'Relu'), say('hard_sigmoid', 'HardSigmoid', 0.3, 0.4), TANH, say('leaky_relu', 'LeakyRelu', 0.05),
  say('softsign', 'Softsign'), say('thresholded_relu', 'ThresholdedRelu', 0.125), say('elu', 'Elu', 0.75),
  say('scaled_tanh', 'ScaledTanh', 1.5, 0.6), say('softplus', 'Softplus'), say('affine', 'Affine', 0.3, 0.45)
]

// A case has PyTorch's cell, one direction and sequences of the lengths below,
// where it says nothing else. given: the lengths are an input of the node.
const EQUAL = [8, 8, 8]
const UNEVEN = [7, 3, 9, 1, 4]
const CASES = [
  { name: 'onnx_forward', lengths: EQUAL },
  { name: 'onnx_nobias', lengths: EQUAL, bias: false },
  { name: 'onnx_reverse', lengths: EQUAL, direction: 'reverse' },
  { name: 'onnx_bidirectional', lengths: EQUAL, direction: 'bidirectional' },
  { name: 'onnx_lengths' },
  { name: 'onnx_lengths_reverse', direction: 'reverse' },
  { name: 'onnx_lengths_bidirectional', direction: 'bidirectional' },
  { name: 'onnx_lengths_none', lengths: [5, 0, 3, 0] },
  { name: 'onnx_lengths_none_bidirectional', lengths: [0, 6, 2], direction: 'bidirectional', begin: 'zero' },
  { name: 'onnx_peepholes', peepholes: true },
  { name: 'onnx_peepholes_wide', peepholes: true, input: 20, hidden: 33, lengths: [12, 5] },
  { name: 'onnx_peepholes_reverse', peepholes: true, direction: 'reverse' },
  { name: 'onnx_peepholes_bidirectional', peepholes: true, direction: 'bidirectional' },
  { name: 'onnx_clip', clip: 0.7 },
  { name: 'onnx_clip_peepholes', clip: 0.9, peepholes: true },
  { name: 'onnx_clip_bidirectional', clip: 1.1, direction: 'bidirectional' },
  { name: 'onnx_coupled', coupled: true },
  { name: 'onnx_coupled_peepholes', coupled: true, peepholes: true },
  { name: 'onnx_coupled_wide', coupled: true, input: 20, hidden: 33, lengths: [12, 5] },
  { name: 'onnx_coupled_peepholes_clip_bidirectional', coupled: true, peepholes: true, clip: 0.8, direction: 'bidirectional' },
  { name: 'onnx_keras', activations: [KERAS, TANH, TANH] },
  { name: 'onnx_keras_peepholes_clip', activations: [KERAS, TANH, TANH], peepholes: true, clip: 1.5 },
  { name: 'onnx_keras_coupled_reverse', activations: [KERAS, SIGMOID, TANH], coupled: true, direction: 'reverse' },
  { name: 'onnx_activations_wide', activations: [KERAS, FUNCTIONS[7], FUNCTIONS[5]], input: 20, hidden: 33, lengths: [12, 5] },
  {
    name: 'onnx_activations_bidirectional',
    direction: 'bidirectional',
    activations: [KERAS, FUNCTIONS[7], FUNCTIONS[8], FUNCTIONS[5], FUNCTIONS[10], FUNCTIONS[4]]
  },
  // Each function as each of the three.
  ...FUNCTIONS.map((f, i) => ({
    name: 'onnx_gate_' + f.name,
    activations: [0, 3, 7].map(k => FUNCTIONS[(i + k) % FUNCTIONS.length]),
    gain: 0.75,
    lengths: [6, 2, 4]
  }))
].map((c, i) => ({
  input: 5, hidden: 9, direction: 'forward', lengths: UNEVEN, begin: 'given', gain: 1.5, seed: 301 + i, ...c
})).map(c => ({ ...c, given: c.lengths.some(n => n !== c.lengths[0]) }))

// parameters of a direction, by PyTorch's names and in its order of the gates.
// Recurrent weights are half as large as the others, so that no case is chaotic.
function parameters (c, next) {
  const { input, hidden } = c
  const d = {
    weight_ih: random.bell(next, 4 * hidden * input, c.gain / Math.sqrt(input)),
    weight_hh: random.bell(next, 4 * hidden * hidden, c.gain / 2 / Math.sqrt(hidden))
  }
  if (c.bias !== false) for (const name of ['bias_ih', 'bias_hh']) d[name] = random.uniform(next, 4 * hidden, 0.5)
  if (c.peepholes) for (const gate of 'ifo') d['peephole_' + gate] = random.bell(next, hidden, 0.5)
  return d
}

const SHAPES = c => ({ weight_ih: [4 * c.hidden, c.input], weight_hh: [4 * c.hidden, c.hidden] })

// cell is the model's words for what differs from PyTorch's cell.
function cell (c, d) {
  const words = {}
  if (c.clip) words.clip = Math.fround(c.clip)
  if (c.coupled) words.coupled = true
  if (c.activations) {
    for (const [i, place] of ['gate', 'candidate', 'output'].entries()) {
      const { name, alpha, beta } = d.activations[i]
      words[place] = { function: name, alpha: alpha || 0, beta: beta || 0 }
    }
  }
  return words
}

async function make (c) {
  if (c.clip) c.clip = Math.fround(c.clip)
  const next = random.generator(c.seed)
  const names = { forward: ['forward'], reverse: ['backward'], bidirectional: ['forward', 'backward'] }[c.direction]
  const directions = names.map(name => ({ name, ...parameters(c, next) }))
  const [batch, steps] = [c.lengths.length, Math.max(...c.lengths)]
  const x = c.lengths.map(length => Array.from({ length }, () => random.bell(next, c.input, 1)))
  directions.forEach((d, k) => {
    d.activations = c.activations ? c.activations.slice(3 * k).slice(0, 3) : [SIGMOID, TANH, TANH]
    d.h0 = c.lengths.map(() => random.uniform(next, c.hidden, c.begin === 'zero' ? 0 : 1))
    d.c0 = c.lengths.map(() => random.bell(next, c.hidden, c.begin === 'zero' ? 0 : 1))
  })

  const got = await runONNX(c, directions, x)
  const tensors = {}
  for (const d of directions) {
    for (const [name, data] of Object.entries(d)) {
      if (data instanceof Float32Array) tensors[`${d.name}.${name}`] = { shape: SHAPES(c)[name] || [data.length], data }
    }
  }
  const rows = x.flat()
  tensors.x = { shape: [rows.length, c.input], data: join(rows) }

  const drifts = { drift_h: 0, drift_c: 0, drift_y: 0 }
  const note = (name, float, exact) => float.forEach((v, i) => { drifts[name] = Math.max(drifts[name], Math.abs(v - exact[i])) })
  directions.forEach((d, k) => {
    c.lengths.forEach((length, b) => {
      const order = d.name === 'backward' ? list => [...list].reverse() : list => list
      const want = lstm.run(c, d, order(x[b]), d.h0[b], d.c0[b], watch(c))
      order(want.ys).forEach((y, t) => note('drift_y', got.y(b, t, k), y))
      // A sequence without steps leaves zeros, whatever it begins with.
      note('drift_h', got.h(b, k), length ? want.h : want.h.map(() => 0))
      note('drift_c', got.c(b, k), length ? want.c : want.c.map(() => 0))
      for (let t = length; t < steps; t++) {
        if (got.y(b, t, k).some(v => v !== 0)) throw new Error(`${c.name}: an output beyond the end of a sequence is not zero`)
      }
    })
  })
  for (const [name, drift] of Object.entries(drifts)) {
    if (!(drift < 2e-6)) throw new Error(`${c.name}: ${name} is ${drift}, which is more than rounding`)
  }

  const ys = x.flatMap((sequence, b) => sequence.map((_, t) => join(directions.map((_, k) => got.y(b, t, k)))))
  tensors.y = { shape: [ys.length, directions.length * c.hidden], data: join(ys) }
  directions.forEach((d, k) => {
    const state = list => ({ shape: [batch, c.hidden], data: join(list) })
    if (c.begin === 'given') Object.assign(tensors, { [`h0.${k}`]: state(d.h0), [`c0.${k}`]: state(d.c0) })
    Object.assign(tensors, { [`h.${k}`]: state(c.lengths.map((_, b) => got.h(b, k))), [`c.${k}`]: state(c.lengths.map((_, b) => got.c(b, k))) })
  })

  const layer = { kind: 'lstm' }
  for (const d of directions) layer[d.name] = { tensors: d.name + '.*', cell: cell(c, d) }
  const metadata = {
    model: JSON.stringify({ layers: [layer], heads: [] }),
    lengths: c.lengths.join(','),
    onnxruntime: VERSION,
    seed: String(c.seed)
  }
  for (const [name, drift] of Object.entries(drifts)) metadata[name] = drift.toExponential(3)
  tensorfile.save(path.join(VARIANTS, c.name + '.safetensors'), tensors, metadata)
  const digits = Object.values(drifts).map(d => d.toExponential(1)).join(' | ')
  console.log(`| ${c.name} | ${batch} of up to ${steps} | ${digits} |`)
}

// watch refuses a case in which rounding could decide which side of a jump an
// activation is on, or that leaves the range where float32 says something.
const watch = c => (a, z) => {
  if (a.name === 'thresholded_relu' && Math.abs(z - a.alpha) < 1e-4) throw new Error(`${c.name}: ${z} is too near to the threshold`)
  if (Math.abs(z) > 20) throw new Error(`${c.name}: ${z} is too large`)
}

// runONNX returns what ONNX Runtime computes: y of a sequence, step and direction,
// and h and c of a sequence and direction.
async function runONNX (c, directions, x) {
  const [batch, steps, count, { input, hidden }] = [c.lengths.length, Math.max(...c.lengths), directions.length, c]
  const padded = new Float32Array(steps * batch * input).fill(3) // what must not be read
  x.forEach((sequence, b) => sequence.forEach((row, t) => padded.set(row, (t * batch + b) * input)))
  const state = name => new ort.Tensor('float32', join(directions.flatMap(d => d[name])), [count, batch, hidden])
  const feeds = { X: new ort.Tensor('float32', padded, [steps, batch, input]), initial_h: state('h0'), initial_c: state('c0') }
  if (c.given) feeds.sequence_lens = new ort.Tensor('int32', Int32Array.from(c.lengths), [batch])
  const session = await ort.InferenceSession.create(onnx.model(c, directions), { intraOpNumThreads: 1, interOpNumThreads: 1 })
  const { Y, Y_h: h, Y_c: last } = await session.run(feeds)
  const part = (t, i) => t.data.slice(i * hidden, (i + 1) * hidden)
  return {
    y: (b, t, k) => part(Y, (t * count + k) * batch + b),
    h: (b, k) => part(h, k * batch + b),
    c: (b, k) => part(last, k * batch + b)
  }
}

function join (arrays) {
  return Float32Array.from(arrays.flatMap(a => [...a]))
}

async function main () {
  console.log('| case | sequences | drift_h | drift_c | drift_y |')
  console.log('|---|---|---|---|---|')
  for (const c of CASES) await make(c)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
