'use strict'
module.exports = require('pino')({ name: 'notifier' })
