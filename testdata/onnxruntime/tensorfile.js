'use strict'

// Writes safetensors files of F32 tensors, as testdata/python/tensorfile.py does.

const fs = require('fs')

// save writes tensors, name -> {shape, data: Float32Array}, in the order given, and
// metadata, a map from strings to strings.
function save (path, tensors, metadata) {
  const header = { __metadata__: metadata }
  const chunks = []
  let end = 0
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    if (shape.reduce((a, b) => a * b, 1) !== data.length) throw new Error(`${name} has ${data.length} elements, want [${shape}]`)
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + 4 * data.length] }
    const bytes = Buffer.alloc(4 * data.length)
    data.forEach((v, i) => bytes.writeFloatLE(v, 4 * i))
    chunks.push(bytes)
    end += bytes.length
  }
  let text = Buffer.from(JSON.stringify(header))
  text = Buffer.concat([text, Buffer.alloc(-text.length & 7, ' ')])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  fs.writeFileSync(path, Buffer.concat([length, text, ...chunks]))
}

module.exports = { save }
