// BullMQ: addBulk, one worker with many jobs at a time; a completed job stays in Redis.
import { Queue, Worker } from "bullmq";
import IORedis from "ioredis";
import { given, main, ran, slices } from "./contract.mjs";

const QUEUE = "jobs";
const { concurrency, insert } = given.options;
const connection = () => new IORedis(given.url, { maxRetriesPerRequest: null });

await main({
  async setup() {},
  async load() {
    const queue = new Queue(QUEUE, { connection: connection() });
    await queue.waitUntilReady();
    return {
      async flood(payloads) {
        for (const some of slices(payloads, insert)) {
          await queue.addBulk(some.map((data) => ({ name: "noop", data })));
        }
      },
      put: (payload) => queue.add("noop", payload),
      outcomes: () => queue.getCompletedCount(),
    };
  },
  async work() {
    const worker = new Worker(QUEUE, async (job) => ran(job.data), { connection: connection(), concurrency });
    worker.on("error", (error) => console.error(error));
    await worker.waitUntilReady();
  },
});
