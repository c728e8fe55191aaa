// Runs the models of a directory, as main.go writes them, with ONNX Runtime,
// and prints the largest relative error of each result.
//
//   node check.mjs DIR
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import ort from 'onnxruntime-node'

const most = { float32: 1e-5, float64: 1e-12 }
const array = { float32: Float32Array, float64: Float64Array }
// What ONNX Runtime has in float32 alone; gomlx has Conv in both.
const unknown = {
  'conv-encoder-float64': 'Conv',
  'conv-decoder-float64': 'Conv',
  'conv-decoder-bias-encoder-float64': 'Conv',
  'conv-decoder-bias-decoder-float64': 'Conv',
  'realnvp-softclamp-forward-float64': 'Atan',
  'realnvp-softclamp-inverse-float64': 'Atan',
  'image-forward-float64': 'Conv',
  'image-inverse-float64': 'Conv',
}
const dir = process.argv[2]
let checked = 0
let failed = 0

for (const file of readdirSync(dir).filter((f) => f.endsWith('.json')).sort()) {
  const name = file.slice(0, -'.json'.length)
  const lacks = unknown[name] || (/^edge-softclamp.*64$/.test(name) && 'Atan')
  if (lacks) {
    console.log(`${name.padEnd(36)} left out: no ${lacks} in float64`)
    continue
  }
  const v = JSON.parse(readFileSync(join(dir, file)))
  const session = await ort.InferenceSession.create(join(dir, name + '.onnx'))
  const feeds = {}
  for (const [key, a] of Object.entries(v.in)) {
    feeds[key] = new ort.Tensor(v.dtype, array[v.dtype].from(a.data), a.shape)
  }
  const got = await session.run(feeds)
  for (const [key, want] of Object.entries(v.out)) {
    const data = got[key].data
    let error = data.length === want.data.length ? 0 : Infinity
    want.data.forEach((w, i) => {
      const x = Number(w) // infinities are strings
      if (Object.is(data[i] + 0, x + 0)) return // infinities and NaN too
      const e = Math.abs(data[i] - x) / Math.max(v.floor?.[key] ?? 1, Math.abs(x))
      error = Number.isNaN(e) ? Infinity : Math.max(error, e)
    })
    const ok = error <= most[v.dtype]
    checked++
    if (!ok) failed++
    console.log(`${name.padEnd(36)} ${key.padEnd(9)} ${error.toExponential(1)}${ok ? '' : '  too large'}`)
  }
}
console.log(`${checked - failed} passed, ${failed} failed`)
process.exit(failed > 0 || checked === 0 ? 1 : 0)
