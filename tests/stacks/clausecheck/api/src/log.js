import { AsyncLocalStorage } from 'node:async_hooks'
import { configure, getConsoleSink, getJsonLinesFormatter, getLogger, withContext } from '@logtape/logtape'

await configure({
  sinks: { console: getConsoleSink({ formatter: getJsonLinesFormatter({ message: 'rendered' }) }) },
  loggers: [
    { category: 'clausecheck', sinks: ['console'], lowestLevel: 'info' },
    { category: ['logtape', 'meta'], sinks: ['console'], lowestLevel: 'warning' },
  ],
  contextLocalStorage: new AsyncLocalStorage(),
})

export const logger = (...c) => getLogger(['clausecheck', ...c])
export { withContext }
