'use strict'

// Makes the models of this folder with TensorFlow.js, and runs them with it.
//
//   npm install --ignore-scripts --prefix FOLDER @tensorflow/tfjs@4.22.0
//   NODE_PATH=FOLDER/node_modules node formats/keras/testdata/golden.js
//
// Two runs write the same bytes. README.md says what is in the files.

const fs = require('fs')
const path = require('path')
const tf = require('@tensorflow/tfjs')
const random = require('../../../testdata/onnxruntime/random.js')

const INPUT = 3
const STEPS = 7
const L = tf.layers

// lstm and its relatives have few units, and recurrent_activation sigmoid.
const options = o => ({ units: 4, recurrentActivation: 'sigmoid', returnSequences: true, ...o })
const lstm = o => L.lstm(options(o))
const last = o => lstm({ ...o, returnSequences: false })
const dense = (units, activation = 'linear', o) => L.dense({ units, activation, ...o })
const each = layer => L.timeDistributed({ layer })
const both = (mergeMode, o) => L.bidirectional({ layer: lstm(o), mergeMode })

function sequential (...layers) {
  return tf.sequential({ layers: [L.inputLayer({ inputShape: [null, INPUT] }), ...layers] })
}

// chain is layers one after another from a tensor on.
const chain = (x, ...layers) => layers.reduce((x, layer) => layer.apply(x), x)

function heads () {
  const x = tf.input({ shape: [null, INPUT] })
  const trunk = chain(x, lstm({ units: 5 }), dense(4, 'relu'))
  return tf.model({ inputs: x, outputs: [chain(trunk, dense(3, 'softmax', { name: 'class' })), chain(trunk, L.dropout({ rate: 0.5 }), dense(2), dense(1, 'sigmoid', { name: 'gate' })), trunk] })
}

// states is a model that is given initial states and puts out the final ones.
function states () {
  const x = tf.input({ shape: [null, INPUT] })
  const [h, c] = [tf.input({ shape: [4] }), tf.input({ shape: [4] })]
  const [y, finalH, finalC] = lstm({ returnState: true }).apply([x, h, c])
  return tf.model({ inputs: [x, h, c], outputs: [dense(2).apply(y), finalH, finalC] })
}

function functional () {
  const x = tf.input({ shape: [null, INPUT] })
  return tf.model({ inputs: x, outputs: chain(x, dense(5, 'tanh'), lstm(), L.dropout({ rate: 0.2 }), last({ units: 6 }), dense(2, 'softmax')) })
}

const cell = (units, o) => L.lstmCell({ units, recurrentActivation: 'sigmoid', ...o })

// Of a model, and how it is stored: shards, the bytes that the files of each group
// have, and quantization.
const CASES = {
  lstm: () => sequential(lstm()),
  lstm_defaults: () => sequential(L.lstm({ units: 4, returnSequences: true })),
  lstm_last: () => sequential(last()),
  lstm_last_dense: () => sequential(last(), dense(2, 'softplus'), dense(2)),
  no_bias: () => sequential(lstm({ useBias: false }), dense(2, 'linear', { useBias: false })),
  no_unit_forget_bias: () => sequential(lstm({ unitForgetBias: false, implementation: 1 })),
  unit_forget_bias: () => sequential(lstm({ unitForgetBias: true, implementation: 2, dropout: 0.3, recurrentDropout: 0.2 })),
  relu_cell: () => sequential(lstm({ activation: 'relu' })),
  linear_cell: () => sequential(lstm({ activation: 'linear' })),
  softsign_cell: () => sequential(lstm({ activation: 'softsign', recurrentActivation: 'hardSigmoid' })),
  elu_cell: () => sequential(lstm({ activation: 'elu', recurrentActivation: 'softsign' })),
  softplus_cell: () => sequential(lstm({ activation: 'softplus', recurrentActivation: 'tanh' })),
  sigmoid_cell: () => sequential(lstm({ activation: 'sigmoid', recurrentActivation: 'hardSigmoid' })),
  stack: () => sequential(lstm({ units: 5 }), L.dropout({ rate: 0.4 }), lstm(), each(dense(3, 'relu')), each(L.activation({ activation: 'tanh' })), last({ units: 2 })),
  text_generator: () => tf.sequential({ layers: [L.lstm({ units: 16, inputShape: [null, 20], returnSequences: true }), L.lstm({ units: 12 }), L.dense({ units: 20, activation: 'softmax' })] }),
  go_backwards: () => sequential(lstm({ goBackwards: true }), dense(2)),
  go_backwards_last: () => sequential(last({ goBackwards: true }), dense(2)),
  go_backwards_then_forward: () => sequential(lstm({ goBackwards: true }), lstm({ units: 2 })),
  go_backwards_then_last: () => sequential(lstm({ goBackwards: true }), last({ units: 2 })),
  go_backwards_twice: () => sequential(lstm({ goBackwards: true }), lstm({ units: 2, goBackwards: true })),
  go_backwards_then_both: () => sequential(lstm({ goBackwards: true }), both('sum', { units: 2 })),
  both_concat: () => sequential(both('concat'), dense(2)),
  both_sum: () => sequential(both('sum')),
  both_mul: () => sequential(both('mul')),
  both_ave: () => sequential(both('ave', { useBias: false })),
  both_go_backwards: () => sequential(both('ave', { goBackwards: true })),
  both_stack: () => sequential(both('concat'), both('mul', { units: 3, activation: 'softsign' }), lstm(), each(dense(3, 'softmax'))),
  both_last: () => sequential(both('concat'), last()),
  rnn_cell: () => sequential(L.rnn({ cell: cell(4), returnSequences: true })),
  rnn_cells: () => sequential(L.rnn({ cell: [cell(4), cell(3, { useBias: false }), cell(5, { activation: 'relu' })] }), dense(2)),
  rnn_cells_go_backwards: () => sequential(L.rnn({ cell: [cell(4), cell(3)], returnSequences: true, goBackwards: true })),
  activation_layers: () => sequential(lstm({ units: 6 }), L.leakyReLU({ alpha: 0.3 }), dense(6), L.elu(), dense(6), L.thresholdedReLU({ theta: 0.25 }), dense(6), L.reLU(), dense(6, 'hardSigmoid'), L.softmax({ axis: -1 })),
  softmax_axis: () => sequential(last(), L.softmax({ axis: 1 })),
  noise: () => sequential(L.gaussianNoise({ stddev: 1 }), lstm(), L.gaussianDropout({ rate: 0.2 }), L.alphaDropout({ rate: 0.2 }), dense(2)),
  dense_first: () => sequential(each(dense(5, 'relu')), dense(4, 'tanh'), lstm(), dense(3)),
  functional,
  functional_heads: heads,
  functional_states: states,
  stateful: () => tf.sequential({ layers: [L.lstm(options({ batchInputShape: [1, null, INPUT], stateful: true })), dense(2)] }),
  shards: { model: () => sequential(lstm(), dense(3)), shards: [[101, 200, 1000]] },
  groups: { model: () => sequential(lstm(), last({ units: 2 }), dense(3)), shards: [[1000], [50, 1000], [1000]] },
  uint8: { model: () => sequential(lstm(), dense(3)), quantization: 'uint8' },
  uint16: { model: () => sequential(lstm(), dense(3)), quantization: 'uint16' },
  float16: { model: () => sequential(lstm(), dense(3)), quantization: 'float16' },
  cudnn: () => tf.sequential({ layers: [lstm({ units: 5, inputShape: [null, INPUT] }), last({ units: 3 }), dense(2)] }),
  embedding: () => tf.sequential({ layers: [L.embedding({ inputDim: 9, outputDim: 3, batchInputShape: [null, null] }), lstm(), last({ units: 5 }), dense(9, 'softmax')] }),
  both_end_concat: () => sequential(both('concat', { returnSequences: false }), dense(3, 'relu'), dense(2, 'softmax')),
  both_end_sum: () => sequential(both('sum', { returnSequences: false })),
  both_end_mul: () => sequential(lstm({ goBackwards: true }), both('mul', { returnSequences: false }), dense(2)),
  both_end_ave: () => sequential(both('concat', { units: 3 }), L.dropout({ rate: 0.2 }), both('ave', { returnSequences: false, goBackwards: true }))
}

// randomize gives a model weights that say something about their order.
function randomize (model, next) {
  for (const layer of model.layers) {
    layer.setWeights(layer.getWeights().map(w => tf.tensor(random.bell(next, w.size, w.shape.length === 1 ? 0.4 : 0.8 / Math.sqrt(w.shape[0])), w.shape)))
  }
}

// quantize stores numbers as TensorFlow.js's converter does.
function quantize (spec, data, dtype) {
  if (dtype === 'float16') {
    spec.quantization = { dtype, original_dtype: 'float32' }
    return Buffer.from(Uint16Array.from(data, half).buffer)
  }
  const [least, most] = [Math.min(...data), Math.max(...data)]
  const steps = dtype === 'uint8' ? 255 : 65535
  const scale = (most - least) / steps
  spec.quantization = { dtype, min: least, scale, original_dtype: 'float32' }
  const array = dtype === 'uint8' ? Uint8Array : Uint16Array
  return Buffer.from(array.from(data, v => Math.round((v - least) / scale)).buffer)
}

// half is the nearest float16, of numbers that are less than 2 and may be subnormal.
function half (v) {
  const sign = v < 0 ? 0x8000 : 0
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(v))))
  const units = Math.round(Math.abs(v) / 2 ** (exponent - 10))
  return sign | (units < 1024 ? units : ((exponent + 15) << 10) + units - 1024)
}

// save writes a model in its folder and returns what TensorFlow.js reads.
async function save (folder, model, { shards, quantization }) {
  let artifacts
  await model.save(tf.io.withSaveHandler(async a => {
    artifacts = a
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
  }))
  const floats = new Float32Array(artifacts.weightData)
  let read = 0
  const parts = artifacts.weightSpecs.map(spec => {
    const n = spec.shape.reduce((a, b) => a * b, 1)
    const data = floats.slice(read, read += n)
    return quantization ? quantize(spec, data, quantization) : Buffer.from(data.buffer)
  })
  const manifest = []
  const groups = shards ? shards.length : 1
  for (let g = 0; g < groups; g++) {
    const [from, to] = [g, g + 1].map(i => Math.round(i * parts.length / groups))
    let bytes = Buffer.concat(parts.slice(from, to))
    const paths = []
    const count = shards ? shards[g].length : 1
    for (let s = 0; s < count; s++) {
      const name = shards ? `group${g + 1}-shard${s + 1}of${count}.bin` : './weights.bin'
      fs.writeFileSync(path.join(folder, name), bytes.subarray(0, shards && shards[g][s]))
      bytes = bytes.subarray(shards ? shards[g][s] : bytes.length)
      paths.push(name)
    }
    manifest.push({ paths, weights: artifacts.weightSpecs.slice(from, to) })
  }
  const { modelTopology, format, generatedBy, convertedBy } = artifacts
  fs.writeFileSync(path.join(folder, 'model.json'), JSON.stringify({ modelTopology: lean(modelTopology), format, generatedBy, convertedBy, weightsManifest: manifest }, null, 1) + '\n')
  const all = Buffer.concat(parts)
  return { ...artifacts, weightData: all.buffer.slice(all.byteOffset, all.byteOffset + all.length) }
}

// lean leaves out how training begins, which makes files small.
function lean (v) {
  if (Array.isArray(v)) return v.map(lean)
  if (v === null || typeof v !== 'object') return v
  return Object.fromEntries(Object.entries(v).filter(([key]) => !/_(initializer|regularizer|constraint)$/.test(key)).map(([key, v]) => [key, lean(v)]))
}

const rows = tensor => tensor.arraySync()[0]

// Of an Embedding the rows of x are one-hot; it reads the places of the ones.
const places = x => x.map(row => row.indexOf(1))
const oneHot = (n, place) => Array.from({ length: n }, (_, i) => i === place ? 1 : 0)

// run returns the outputs of each step, those of several heads one after another.
function run (name, model, x) {
  const predict = (x, ...states) => [model.predict([tf.tensor([name === 'embedding' ? places(x) : x]), ...states.map(s => tf.tensor([s]))])].flat()
  if (name === 'stateful') return { y: [x.slice(0, 3), x.slice(3)].flatMap(part => rows(predict(part)[0])) }
  if (name === 'functional_states') {
    const [h0, c0] = [[0.5, -0.25, 0.125, 1], [-1, 0.75, 0.5, -0.125]]
    const [y, h, c] = predict(x, h0, c0).map(rows)
    return { y, h0, c0, h, c }
  }
  const outputs = predict(x).map(rows)
  if (Array.isArray(outputs[0][0])) return { y: x.map((_, t) => outputs.flatMap(o => o[t])) }
  // One output: that of every shorter sequence, too.
  const part = name === 'go_backwards_last' || name === 'go_backwards_then_last' ? t => x.slice(t) : t => x.slice(0, t + 1)
  return { y: x.map((_, t) => rows(predict(part(t))[0])) }
}

async function make (name, c, seed) {
  const next = random.generator(seed)
  const model = (c.model || c)()
  randomize(model, next)
  const folder = path.join(__dirname, 'models', name)
  fs.mkdirSync(folder, { recursive: true })
  const artifacts = await save(folder, model, c)
  const loaded = await tf.loadLayersModel({ load: async () => artifacts })
  const width = loaded.inputs[0].shape[2]
  const x = Array.from({ length: STEPS }, (_, t) => name === 'embedding' ? oneHot(9, [4, 0, 8, 8, 2, 7, 1][t]) : Array.from(random.bell(next, width, 1)))
  // Nine digits tell every float32 from the others.
  const weights = c.quantization && loaded.getWeights().map(w => Array.from(w.dataSync()))
  const text = JSON.stringify({ x, ...run(name, loaded, x), weights }, (_, v) => typeof v === 'number' ? Number(v.toPrecision(9)) : v)
  fs.writeFileSync(path.join(folder, 'run.json'), text + '\n')
}

async function main () {
  await tf.setBackend('cpu')
  let seed = 501
  for (const [name, c] of Object.entries(CASES)) await make(name, c, seed++)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
