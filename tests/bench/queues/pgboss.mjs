// pg-boss. Tuned for rates: insert, fetch and complete by 1,000. Tuned for latency: LISTEN/NOTIFY, which for rates is
// left off, because commits that notify happen one after another: it halves what concurrent senders add.
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { drive } from './driver.mjs';

const QUEUE = 'noop';
const POOL = 25;
const FETCH = { batchSize: 1000 };
const IDLE_MS = 50;
const DEFAULT_SECONDS_MAX = 20; // the default worker takes one job each 2 s

async function open({ url, senders, tuned, phase }) {
  const notified = tuned && phase === 'latency';
  const boss = new PgBoss(tuned ? { connectionString: url, max: POOL, useListenNotify: notified } : url);
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, notified ? { notify: true } : {});
  const ask = (sql) => boss.getDb().executeSql(sql);
  await Promise.all(Array.from({ length: senders }, () => ask('select 1'))); // the pool connects before the clock runs
  let closing = false;
  let fetching;

  // A third faster than work() with the same batch size and burstWhenBatchFull.
  async function fetchInBatches(onStart) {
    while (!closing) {
      const jobs = await boss.fetch(QUEUE, FETCH);
      jobs.forEach((job) => onStart(job.data));
      if (jobs.length) await boss.complete(QUEUE, jobs.map((job) => job.id));
      if (jobs.length < FETCH.batchSize) await sleep(IDLE_MS);
    }
  }

  return {
    secondsMax: tuned ? undefined : DEFAULT_SECONDS_MAX,
    add: (payload) => boss.send(QUEUE, payload),
    addBatch: (payloads) => boss.insert(QUEUE, payloads.map((data) => ({ data }))),
    async work(onStart) {
      if (tuned && !notified) fetching = fetchInBatches(onStart);
      else await boss.work(QUEUE, async (jobs) => jobs.forEach((job) => onStart(job.data)));
    },
    async unfinished() {
      const left = await ask(`select from pgboss.job where name = '${QUEUE}' and state < 'completed' limit 1`);
      return left.rows.length > 0;
    },
    async close() {
      closing = true;
      await fetching;
      await boss.stop();
    },
  };
}

await drive(open);
