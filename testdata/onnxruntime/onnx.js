'use strict'

// Writes a layer as an ONNX model: the fields of onnx.proto that one LSTM node
// needs, by their numbers.

// A Message is an encoded protocol buffer.
class Message {
  constructor () { this.parts = [] }

  number (field, n) {
    this.parts.push(varint(field << 3), varint(n))
    return this
  }

  float (field, v) {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(v)
    this.parts.push(varint(field << 3 | 5), bytes)
    return this
  }

  bytes (field, b) {
    this.parts.push(varint(field << 3 | 2), varint(b.length), b)
    return this
  }

  text (field, s) { return this.bytes(field, Buffer.from(s)) }
  part (field, message) { return this.bytes(field, message.encode()) }
  encode () { return Buffer.concat(this.parts) }
}

function varint (n) {
  const bytes = []
  for (; n > 127; n = Math.floor(n / 128)) bytes.push(n % 128 | 128)
  bytes.push(n)
  return Buffer.from(bytes)
}

// What the enumerations of onnx.proto call types.
const FLOAT = 1
const INT32 = 6
const ATTRIBUTE = { float: 1, int: 2, string: 3, floats: 6, strings: 8 }

const attribute = (name, type) => new Message().text(1, name).number(20, ATTRIBUTE[type])

// gates puts the rows of one direction's matrix into ONNX's order of the gates,
// i o f c, from PyTorch's, i f g o.
function gates (rows) {
  const quarter = rows.length / 4
  return [0, 3, 1, 2].flatMap(gate => [...rows.subarray(gate * quarter, (gate + 1) * quarter)])
}

function tensor (name, values, dims) {
  const m = new Message()
  for (const d of dims) m.number(1, d)
  const raw = Buffer.alloc(4 * values.length)
  values.forEach((v, i) => raw.writeFloatLE(v, 4 * i))
  return m.number(2, FLOAT).text(8, name).bytes(9, raw)
}

function value (name, dims, type = FLOAT) {
  const shape = new Message()
  for (const d of dims) shape.part(1, new Message().number(1, d))
  return new Message().text(1, name).part(2, new Message().part(1, new Message().number(1, type).part(2, shape)))
}

// model is the file of an LSTM node. directions are the parameters of each, by
// their names in PyTorch, with ONNX's words for the activations.
function model (c, directions) {
  const { input, hidden } = c
  const [steps, batch, count] = [Math.max(...c.lengths), c.lengths.length, directions.length]
  const all = f => directions.flatMap(f)
  const hasPeepholes = directions[0].peephole_i !== undefined
  const hasBias = directions[0].bias_ih !== undefined

  const node = new Message()
  for (const name of ['X', 'W', 'R', hasBias ? 'B' : '', c.given ? 'sequence_lens' : '', 'initial_h', 'initial_c', hasPeepholes ? 'P' : '']) {
    node.text(1, name)
  }
  for (const name of ['Y', 'Y_h', 'Y_c']) node.text(2, name)
  node.text(3, 'lstm').text(4, 'LSTM')
  node.part(5, attribute('hidden_size', 'int').number(3, hidden))
  node.part(5, attribute('direction', 'string').text(4, c.direction))
  if (c.clip) node.part(5, attribute('clip', 'float').float(2, c.clip))
  if (c.coupled) node.part(5, attribute('input_forget', 'int').number(3, 1))
  if (c.activations) {
    const names = attribute('activations', 'strings')
    const alphas = attribute('activation_alpha', 'floats')
    const betas = attribute('activation_beta', 'floats')
    for (const a of c.activations) {
      names.text(9, a.onnx)
      if (a.alpha !== undefined) alphas.float(7, a.alpha)
      if (a.beta !== undefined) betas.float(7, a.beta)
    }
    node.part(5, names).part(5, alphas).part(5, betas)
  }

  const state = [count, batch, hidden]
  const graph = new Message().part(1, node).text(2, 'lstm')
    .part(5, tensor('W', all(d => gates(d.weight_ih)), [count, 4 * hidden, input]))
    .part(5, tensor('R', all(d => gates(d.weight_hh)), [count, 4 * hidden, hidden]))
  if (hasBias) graph.part(5, tensor('B', all(d => [...gates(d.bias_ih), ...gates(d.bias_hh)]), [count, 8 * hidden]))
  if (hasPeepholes) graph.part(5, tensor('P', all(d => [...d.peephole_i, ...d.peephole_o, ...d.peephole_f]), [count, 3 * hidden]))
  graph.part(11, value('X', [steps, batch, input]))
  if (c.given) graph.part(11, value('sequence_lens', [batch], INT32))
  graph.part(11, value('initial_h', state)).part(11, value('initial_c', state))
    .part(12, value('Y', [steps, count, batch, hidden])).part(12, value('Y_h', state)).part(12, value('Y_c', state))
  return new Message().number(1, 8).part(7, graph).part(8, new Message().text(1, '').number(2, 14)).encode()
}

module.exports = { model }
