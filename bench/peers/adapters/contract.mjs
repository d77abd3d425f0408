// What every adapter in JavaScript shares: the words that the bench says to it and that it answers, one JSON per line.
//
// An adapter calls `main` with three functions. `setup()` makes what both sides need. `load()` returns
// { flood(payloads), put(payload), outcomes() }: enqueue many in the peer's fastest durable way, enqueue one, and how
// many jobs have an outcome by now. `work()` starts one worker process, whose handler calls `ran(payload)` first.

import { createInterface } from "node:readline";

// { url, options, pad }: where the peer's server is, what its row of the table says, the filler of a payload.
export const given = JSON.parse(process.env.PEER);

// Microseconds of the machine's monotonic clock, which is one for all processes.
export const clock = () => Number(process.hrtime.bigint() / 1000n);

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
let count = 0;
let told = 0;

// A job began to run; `at` is when it was submitted, 0 when nobody asks.
export function ran(payload) {
  count += 1;
  if (payload.at || count === 1) {
    const now = clock();
    say(payload.at ? { late: now - payload.at } : { first: now });
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const commands = {
  async flood(load, { jobs }) {
    const payloads = Array.from({ length: jobs }, () => ({ at: 0, pad: given.pad }));
    const began = clock();
    await load.flood(payloads);
    return { began, ended: clock() };
  },
  async pace(load, { jobs, per_s }) {
    let due = clock();
    for (let at = 0; at < jobs; at += 1) {
      due += 1e6 / per_s;
      await sleep(Math.max(0, (due - clock()) / 1000));
      await load.put({ at: clock(), pad: given.pad });
    }
    return {};
  },
  async wait(load, { outcomes }) {
    while ((await load.outcomes()) < outcomes) await sleep(3);
    return { ended: clock() };
  },
};

export async function main({ setup, load, work }) {
  process.on("SIGTERM", () => process.exit(0));
  const role = process.argv[2];
  if (role === "setup") {
    await setup();
    process.exit(0);
  }
  if (role === "work") {
    await work();
    setInterval(() => {
      if (count !== told) say({ ran: (told = count) });
    }, 10);
    say({ ready: true });
    return;
  }
  const loading = await load();
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    say({ answer: await commands[command.do](loading, command) });
  }
  process.exit(0);
}

// Slices of at most `size`.
export function* slices(list, size) {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
