// graphile-worker. Tuned as https://worker.graphile.org/docs/performance measures its own best rates.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { drive } from './driver.mjs';

const TASK = 'noop';

const BEST_RATES = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

// The default logger writes a line for each job to stdout, where our result belongs.
const logger = new Logger(() => (level, message) => {
  if (level === 'error' || level === 'warning') console.error(message);
});

async function open({ url, senders, tuned }) {
  const preset = { worker: { connectionString: url, logger, ...(tuned && BEST_RATES) } };
  const utils = await makeWorkerUtils({ preset });
  await utils.migrate();
  const ask = (sql) => utils.withPgClient((client) => client.query(sql));
  await Promise.all(Array.from({ length: senders }, () => ask('select 1'))); // the pool connects before the clock runs
  let runner;
  return {
    add: (payload) => utils.addJob(TASK, payload),
    addBatch: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: TASK, payload }))),
    async work(onStart) {
      runner = await run({ preset, taskList: { [TASK]: async (payload) => onStart(payload) }, noHandleSignals: true });
    },
    // Its event job:complete comes before the row is deleted, so we ask for the rows.
    unfinished: async () => (await ask('select from graphile_worker._private_jobs limit 1')).rowCount > 0,
    async close() {
      await runner?.stop();
      await utils.release();
    },
  };
}

await drive(open);
