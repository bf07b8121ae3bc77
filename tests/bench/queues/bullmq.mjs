// BullMQ on Redis. Tuned: addBulk, concurrency 100 (the low end of what its docs call standard; 300 was slower), and
// finished jobs are removed instead of kept.
import { Queue, Worker } from 'bullmq';
import { drive } from './driver.mjs';

const NAME = 'noop';
const TUNED_CONCURRENCY = 100;

async function open({ url, tuned }) {
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port) };
  const queue = new Queue(NAME, { connection, ...(tuned && { defaultJobOptions: { removeOnComplete: true } }) });
  await queue.waitUntilReady();
  let worker;
  return {
    add: (payload) => queue.add(NAME, payload),
    addBatch: (payloads) => queue.addBulk(payloads.map((data) => ({ name: NAME, data }))),
    async work(onStart) {
      const options = { connection, ...(tuned && { concurrency: TUNED_CONCURRENCY }) };
      worker = new Worker(NAME, async (job) => onStart(job.data), options);
      worker.on('error', (error) => console.error(error));
      await worker.waitUntilReady();
    },
    async unfinished() {
      const counts = await queue.getJobCounts('wait', 'active');
      return counts.wait + counts.active > 0;
    },
    async close() {
      await worker?.close();
      await queue.close();
    },
  };
}

await drive(open);
