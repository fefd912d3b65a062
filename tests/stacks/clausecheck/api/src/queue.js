import { connect, headers, nanos, RetentionPolicy, StorageType, StringCodec } from 'nats'
import { randomBytes } from 'node:crypto'
import { logger } from './log.js'

const log = logger('queue')
const sc = StringCodec()
let js

export async function start() {
  const nc = await connect({ servers: process.env.NATS_URL, name: 'clausecheck-api' })
  const jsm = await nc.jetstreamManager()
  await jsm.streams.add({ name: 'CONTRACTS', subjects: ['contracts.>'], retention: RetentionPolicy.Workqueue, storage: StorageType.Memory, duplicate_window: nanos(1000) })
  js = nc.jetstream()
  log.info('connected to {server}', { server: nc.getServer() })
  setInterval(async () => {
    const s = await jsm.streams.info('CONTRACTS')
    log.info('queue depth {depth}', { stream: 'CONTRACTS', depth: s.state.messages })
  }, 20000)
}

export const newJobId = () => 'job_' + randomBytes(9).toString('base64url').replace(/[-_]/g, 'x')

export async function enqueue(subject, jobId, payload, { requestId, traceparent }) {
  const h = headers()
  h.set('message_id', jobId)
  h.set('correlation_id', requestId)
  if (traceparent) h.set('traceparent', traceparent)
  const ack = await js.publish(subject, sc.encode(JSON.stringify({ job_id: jobId, request_id: requestId, ...payload })), { headers: h })
  log.info('enqueued {subject}', { subject, jobId, stream: ack.stream, seq: ack.seq })
}
