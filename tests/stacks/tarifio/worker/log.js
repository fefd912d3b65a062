'use strict'
const winston = require('winston')
const { combine, timestamp, json, errors } = winston.format
module.exports = winston.createLogger({ level: 'info', format: combine(errors({ stack: true }), timestamp(), json()), defaultMeta: { service: 'tarifio-worker', worker: process.env.WORKER_NAME }, transports: [new winston.transports.Console()] })
