// node worker.mjs PATH STATE: works for the agent PATH of the company whose state directory is STATE.
//
// A task's payload is {"words": ["one", "two"], "slow_ms": 0}; its output is a row for each word in the dataset `word`.
import { connect } from "@nats-io/transport-node";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const [path, state] = process.argv.slice(2);
const { company, nats_url } = JSON.parse(readFileSync(join(state, "runtime.json"), "utf8"));
const urls = nats_url.split(",").map((url) => new URL(url));
const { username: user, password: pass } = urls[0];
const nats = await connect({ servers: urls.map((url) => url.host), user, pass, maxReconnectAttempts: -1 });

/** An answer that names what is wrong: error.code says which. */
class Refused extends Error {
  constructor({ code, message, retry_after_ms }) {
    super(message);
    Object.assign(this, { code, retry_after_ms });
  }
}

/** One call, again while the agent is away or busy: calls are numbered, so that a repeat does nothing twice. */
async function call(verb, body, timeout = 3_000) {
  for (;;) {
    let answer;
    try {
      const reply = await nats.request(`cadre.${company}.worker.${path}.${verb}`, JSON.stringify(body), { timeout });
      answer = reply.json();
    } catch {
      await pause(200); // Nobody is there: the agent starts again, or moves.
      continue;
    }
    if (!answer.error) return answer;
    if (answer.error.code !== "busy") throw new Refused(answer.error);
    await pause(answer.error.retry_after_ms);
  }
}

/** What becomes of a run here: say() is durable once it is awaited, and throws once the run is not ours any more. */
class Run {
  constructor(session, request) {
    Object.assign(this, { session, id: request.run, task: request.task, agent: request.agent, seq: 0, stopped: null });
  }
  async say(...lines) {
    if (this.stopped) throw new Refused(this.stopped);
    await call("report", { session: this.session, run: this.id, seq: this.seq + 1, lines });
    this.seq += 1;
  }
}

async function work(run) {
  const { words, slow_ms = 0 } = run.task.payload;
  await run.say({ type: "journal", text: `attempt ${run.task.attempt} of ${words.length} words` });
  for (const [n, word] of words.entries()) {
    await pause(slow_ms);
    await run.say({ type: "output", dataset: "word", row: { word, letters: word.length } },
                  { type: "progress", done: n + 1, total: words.length });
  }
  await run.say({ type: "response", agent: run.agent, metrics: { words: words.length } });
}

let leave = () => process.exit(0);
process.once("SIGTERM", () => leave());

/** From attach until the agent does not know us any more. */
async function attached() {
  const { session, heartbeat_ms } = await call("attach", { name: `worker.mjs ${process.pid}`, protocol: 1 });
  leave = () => call("detach", { session }).finally(() => process.exit(0));
  let current = null;
  const beat = async () => {
    const { stop } = await call("heartbeat", { session, runs: current ? [current.id] : [] });
    for (const { run, code, message } of stop) if (current?.id === run) current.stopped = { code, message };
  };
  const timer = setInterval(() => beat().catch(() => {}), heartbeat_ms);
  try {
    for (let seq = 1; ; ++seq) {
      // Not longer than a heartbeat: an agent that was killed answers no claim of its earlier life.
      const request = await call("claim", { session, seq, wait_ms: heartbeat_ms }, heartbeat_ms + 2_000);
      if (request.op !== "run") continue;
      current = new Run(session, request);
      try {
        await work(current);
        console.log(`done ${current.id}`);
      } catch (error) {
        console.log(`lost ${current.id}: ${error.code ?? "failed"}: ${error.message}`);
        // What went wrong here must be said; what was taken away is not ours to fail.
        if (!(error instanceof Refused)) await current.say({ type: "failure", message: String(error) });
      }
      current = null;
    }
  } finally {
    clearInterval(timer);
  }
}

for (;;) {
  try {
    await attached();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`attaches again: ${error.code}: ${error.message}`);
  }
}
