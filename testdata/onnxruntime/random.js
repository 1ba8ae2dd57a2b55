'use strict'

// Random numbers that are the same everywhere.

// generator returns a function whose results are evenly between 0 and 1.
function generator (seed) {
  let state = seed >>> 0
  return () => { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

// uniform is n numbers evenly between -bound and bound.
function uniform (random, n, bound) {
  return Float32Array.from({ length: n }, () => (2 * random() - 1) * bound)
}

// bell is n numbers of that deviation, by the sum of twelve: no logarithm or
// cosine, which may round in another way elsewhere.
function bell (random, n, deviation) {
  return Float32Array.from({ length: n }, () => {
    let sum = -6
    for (let i = 0; i < 12; i++) sum += random()
    return sum * deviation
  })
}

module.exports = { generator, uniform, bell }
