// What the drivers of all queues share: the command line, the phases, the clock and the one line that is printed.
//
// drive(open) is called by each of them. open({ url, senders, tuned }) connects, makes the schema, and resolves to:
//   add(payload)         adds one task; resolves when it is durable
//   addBatch(payloads)   adds many in one call; resolves when all are durable
//   work(onStart)        starts the worker, whose handler calls onStart(payload) and does nothing else
//   unfinished()         whether a task is left that is not durably done
//   close()              stops the worker, if it was started, and closes all connections
//   secondsMax           optional: a phase ends after this time, and reports what was done until then
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const PHASE_SECONDS_MAX = 240;
const PROCESS_SECONDS_MAX = 290;
const TIMER_MS = 2;
const TEXT = 'x'.repeat(240);

const payload = (n) => ({ n, kind: 'summarize', text: TEXT, company: 'bench', attempt: 1 });

const payloads = (first, count) => Array.from({ length: count }, (_, i) => payload(first + i));

function parse() {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      tasks: { type: 'string', default: '1000' },
      phase: { type: 'string', default: 'both' },
      senders: { type: 'string', default: '1' },
      batch: { type: 'string', default: '1' },
      rate: { type: 'string', default: '1' },
      tuned: { type: 'string', default: 'no' },
    },
  });
  const count = (name) => {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} must be a whole number above 0`);
    return number;
  };
  if (!values.url) throw new Error('--url is missing');
  if (!(values.phase in PHASES)) throw new Error(`--phase is one of ${Object.keys(PHASES).join(', ')}`);
  if (!['yes', 'no'].includes(values.tuned)) throw new Error('--tuned is yes or no');
  return {
    url: values.url, phase: values.phase, tuned: values.tuned === 'yes',
    tasks: count('tasks'), senders: count('senders'), batch: count('batch'), rate: count('rate'),
  };
}

function stopwatch(queue) {
  const start = performance.now();
  const limit = (queue.secondsMax ?? PHASE_SECONDS_MAX) * 1000;
  const ms = () => performance.now() - start;
  return { ms, left: () => limit - ms(), expired: () => ms() >= limit };
}

const rate = (tasks, ms) => ({
  tasks, seconds: Number((ms / 1000).toFixed(4)), per_s: Number((tasks / (ms / 1000)).toFixed(2)),
});

/** Resolves to the number of tasks added. */
async function send(queue, { tasks, senders, batch }, watch) {
  let next = 0;
  let added = 0;
  const sender = async () => {
    while (next < tasks && !watch.expired()) {
      const first = next;
      const count = Math.min(batch, tasks - first);
      next += count;
      await (batch === 1 ? queue.add(payload(first)) : queue.addBatch(payloads(first, count)));
      added += count;
    }
  };
  await Promise.all(Array.from({ length: senders }, sender));
  return added;
}

/** Resolves to the number of tasks whose handler has run, when that is `tasks` or the time is up. */
async function runHandlers(queue, tasks, watch) {
  let started = 0;
  let timer;
  const all = new Promise((resolve, reject) => {
    timer = setTimeout(resolve, watch.left());
    queue.work(() => {
      started += 1;
      if (started === tasks) resolve();
    }).catch(reject);
  });
  await all.finally(() => clearTimeout(timer));
  return started;
}

/** Handlers that ran are not tasks that are done: libraries write that down later, and do not always say when. */
async function settle(queue, watch) {
  while (!watch.expired() && (await queue.unfinished()));
}

async function enqueue(queue, options) {
  const watch = stopwatch(queue);
  const added = await send(queue, options, watch);
  return rate(added, watch.ms());
}

async function drain(queue, { tasks }) {
  const watch = stopwatch(queue);
  const done = await runHandlers(queue, tasks, watch);
  await settle(queue, watch);
  return rate(done, watch.ms());
}

async function both(queue, options) {
  const watch = stopwatch(queue);
  const [done] = await Promise.all([runHandlers(queue, options.tasks, watch), send(queue, options, watch)]);
  await settle(queue, watch);
  return rate(done, watch.ms());
}

function percentiles(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share) => Number(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(3));
  return [at(0.5), at(0.99), at(0.999)];
}

async function latency(queue, { tasks }) {
  const samples = { started_ms: [], added_ms: [], completed_ms: [] };
  let onStart;
  await queue.work(() => onStart());
  const watch = stopwatch(queue);
  for (let n = 0; n < tasks && !watch.expired(); n += 1) {
    const since = performance.now();
    const elapsed = () => performance.now() - since;
    const started = new Promise((resolve) => { onStart = () => resolve(elapsed()); });
    const added = queue.add(payload(n)).then(elapsed);
    samples.added_ms.push(await added);
    samples.started_ms.push(await started);
    await settle(queue, watch);
    samples.completed_ms.push(elapsed());
  }
  const tasksDone = samples.added_ms.length;
  return { tasks: tasksDone, ...Object.fromEntries(Object.entries(samples).map(([k, v]) => [k, percentiles(v)])) };
}

/** Waits without blocking; timers are a millisecond too coarse for the end of it. */
async function until(due, watch) {
  if (due - watch.ms() > TIMER_MS) await sleep(due - watch.ms() - TIMER_MS);
  while (watch.ms() < due) await setImmediate();
}

/** `rate` tasks a second arrive at fixed times, whatever becomes of those before; times count from when one was due. */
async function load(queue, { tasks, rate: perSecond }) {
  const samples = { added_ms: [], started_ms: [] };
  const due = (n) => (n * 1000) / perSecond;
  let watch;
  let allStarted;
  const started = new Promise((resolve) => { allStarted = resolve; });
  await queue.work(({ n }) => {
    samples.started_ms.push(watch.ms() - due(n));
    if (samples.started_ms.length === tasks) allStarted();
  });
  watch = stopwatch(queue);
  const adds = [];
  for (let n = 0; n < tasks && !watch.expired(); n += 1) {
    await until(due(n), watch);
    adds.push(queue.add(payload(n)).then(() => samples.added_ms.push(watch.ms() - due(n))));
  }
  await Promise.all(adds);
  await Promise.race([started, sleep(watch.left(), undefined, { ref: false })]);
  const count = samples.started_ms.length;
  if (count < tasks) throw new Error(`${count} of ${tasks} were started in time`);
  return { tasks, ...Object.fromEntries(Object.entries(samples).map(([k, v]) => [k, percentiles(v)])) };
}

const PHASES = { enqueue, drain, both, latency, load };

function fail(error) {
  console.error(error);
  process.exit(1);
}

export async function drive(open) {
  setTimeout(() => fail(new Error(`not finished after ${PROCESS_SECONDS_MAX} s`)), PROCESS_SECONDS_MAX * 1000).unref();
  try {
    const options = parse();
    const queue = await open(options);
    const result = await PHASES[options.phase](queue, options);
    await queue.close();
    console.log(JSON.stringify(result));
  } catch (error) {
    fail(error);
  }
}
