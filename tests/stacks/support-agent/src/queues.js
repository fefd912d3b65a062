import Queue from 'bee-queue';
import * as truth from '../truth/recorder.js';

export const open = (name, worker) => new Queue(name, {
  redis: { port: Number(process.env.REDIS_PORT) }, isWorker: worker, getEvents: false, activateDelayedJobs: worker, delayedDebounce: 100,
  stallInterval: 2000,
});

export async function enqueue(queue, data, { retries = 2, backoff = ['exponential', 600] } = {}) {
  const at = truth.now();
  const job = await queue.createJob(data).retries(retries).backoff(...backoff).save();
  truth.published(queue.name, job.id, at);
  return job;
}
