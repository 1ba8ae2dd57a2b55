'use strict'

// Runs the graphs of torch/, written/ and quantized/ in ONNX Runtime, and writes of
// each NAME.run.safetensors: its inputs, random, and its outputs.
//
//   npm install --ignore-scripts --prefix FOLDER onnxruntime-node@1.30.0
//   NODE_PATH=FOLDER/node_modules node formats/onnx/testdata/run.js torch written quantized
//
// cases.json of a folder says which inputs a graph has, see export.py.

const fs = require('fs')
const path = require('path')
const ort = require('onnxruntime-node')
const random = require('../../../testdata/onnxruntime/random.js')
const tensorfile = require('../../../testdata/onnxruntime/tensorfile.js')

const VERSION = require('onnxruntime-node/package.json').version

async function run (folder, c, seed) {
  const next = random.generator(seed)
  const session = await ort.InferenceSession.create(path.join(folder, c.name + '.onnx'), { graphOptimizationLevel: 'disabled' })
  const feeds = {}
  const tensors = {}
  for (const { name, axes, shape, integers } of c.inputs) {
    const n = shape.reduce((a, b) => a * b, 1)
    let data = random.bell(next, n, 0.8)
    if (integers) {
      // Lengths are from the longest to the shortest, as PyTorch's exporter has them.
      data = Float32Array.from(data, (_, i) => axes === 'B' ? integers - i : Math.floor(next() * integers))
    }
    tensors['in.' + name] = { shape, data }
    if (!session.inputNames.includes(name)) continue
    feeds[name] = integers ? new ort.Tensor('int64', BigInt64Array.from(data, BigInt), shape) : new ort.Tensor('float32', data, shape)
  }
  const outputs = await session.run(feeds)
  for (const { name } of c.outputs) tensors['out.' + name] = { shape: outputs[name].dims, data: Float32Array.from(outputs[name].data) }
  tensorfile.save(path.join(folder, c.name + '.run.safetensors'), tensors, { onnxruntime: VERSION })
}

async function main () {
  for (const name of process.argv.slice(2)) {
    const folder = path.join(__dirname, name)
    const cases = JSON.parse(fs.readFileSync(path.join(folder, 'cases.json')))
    for (const [i, c] of cases.entries()) {
      await run(folder, c, 501 + i).catch(e => { throw new Error(`${c.name}: ${e.message}`) })
    }
  }
}

main().catch(e => { console.error(e); process.exit(1) })
