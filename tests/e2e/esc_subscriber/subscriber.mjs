// node subscriber.mjs STATE LOG NAME: writes each step of the escalations of the company whose state directory is STATE
// to the file LOG, one line of JSON each, as the durable consumer NAME. It may be killed at any moment.
//
// A line is on disk before its message is acknowledged. Who dies between the two is sent the message again, and knows by
// its place in the stream that he has it; such lines are marked.
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { decode } from "@msgpack/msgpack";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [state, log, name] = process.argv.slice(2);
const { company, nats_url } = JSON.parse(readFileSync(join(state, "runtime.json"), "utf8"));
const urls = nats_url.split(",").map((url) => new URL(url));
const { username: user, password: pass } = urls[0];
const nats = await connect({ servers: urls.map((url) => url.host), user, pass, maxReconnectAttempts: -1 });

const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").filter((line) => line.endsWith("}")) : [];
let known = lines.length ? JSON.parse(lines.at(-1)).stream_seq : 0;

await (await jetstreamManager(nats)).consumers.add("CADRE_EVENTS", {
  durable_name: name,
  filter_subject: `cadre.${company}.esc.>`,
  deliver_policy: "all",
  ack_policy: "explicit",
  ack_wait: 500_000_000, // ns
  max_ack_pending: 1, // One after the other, also where one is sent again.
});
const consumer = await jetstream(nats).consumers.get("CADRE_EVENTS", name);
console.log("listening");
for await (const message of await consumer.consume({ max_messages: 50 })) {
  const { body } = decode(message.data);
  const data = typeof body.data === "string" ? JSON.parse(body.data) : body.data;
  const line = {
    stream_seq: message.seq,
    event_seq: Number(body.seq),
    subject: message.subject,
    again: message.seq <= known,
    id: data.id,
    hop: data.hop,
    action: data.action,
    holder: data.holder,
  };
  // A line that a kill cut in two has no end: the next one begins on a line of its own.
  if (!line.again) appendFileSync(log, `\n${JSON.stringify(line)}`, { flush: true });
  known = Math.max(known, message.seq);
  await message.ackAck();
}
