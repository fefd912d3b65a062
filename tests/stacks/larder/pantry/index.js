'use strict'
const express = require('express')
const logger = require('pino')({ name: 'pantry' })
const pinoHttp = require('pino-http')({ logger })
const foods = require('./foods.json')

const app = express()
app.use(pinoHttp)
app.use(express.json())
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

async function find (name) {
  await sleep(10 + Math.random() * 60)
  return foods[name]
}

app.get('/foods/:name', async (req, res) => {
  const f = await find(req.params.name)
  if (!f) return res.status(404).json({ error: 'unknown food' })
  res.json({ name: req.params.name, ...f })
})

app.post('/foods/batch', async (req, res, next) => {
  try {
    const out = []
    for (const n of req.body.names) {
      const f = await find(n)
      if (!f) req.log.warn({ food: n }, 'no facts for food')
      else if (f.kcal < 0) throw new RangeError(`negative energy for ${n}`)
      else out.push({ name: n, ...f })
    }
    req.log.info({ asked: req.body.names.length, matched: out.length }, 'batch matched')
    res.json(out)
  } catch (e) { next(e) }
})

app.use((err, req, res, next) => {
  req.log.error(err)
  res.status(500).json({ error: 'internal' })
})

let n = 0
setInterval(() => logger.info({ foods: Object.keys(foods).length, rss: process.memoryUsage().rss, tick: ++n }, 'cache refreshed'), 20000)
app.listen(8830, '127.0.0.1', () => logger.info('pantry listening on 8830'))
