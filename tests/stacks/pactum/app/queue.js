'use strict'
const Queue = require('bee-queue')

exports.RETRIES = 3
exports.connect = (opts) => new Queue('contracts', { redis: { url: process.env.REDIS_URL }, stallInterval: 5000, getEvents: false, sendEvents: false, storeJobs: false, ...opts })

exports.add = (queue, data) => queue.createJob(data).retries(exports.RETRIES).backoff('exponential', 1200).save()
