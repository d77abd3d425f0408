// Graphile Worker: add_jobs in batches, a local queue, batched completion.
import { makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { given, main, ran, slices } from "./contract.mjs";

const TASK = "noop";
const { size, concurrency, delay, insert } = given.options;

const preset = {
  worker: {
    connectionString: given.url,
    concurrentJobs: concurrency,
    localQueue: { size },
    completeJobBatchDelay: delay,
    failJobBatchDelay: delay,
  },
};

await main({
  async setup() {
    const utils = await makeWorkerUtils({ connectionString: given.url });
    await utils.migrate();
    await utils.release();
  },
  async load() {
    const utils = await makeWorkerUtils({ connectionString: given.url });
    const pool = new pg.Pool({ connectionString: given.url, max: 2 });
    let submitted = 0;
    return {
      async flood(payloads) {
        for (const some of slices(payloads, insert)) {
          await utils.addJobs(some.map((payload) => ({ identifier: TASK, payload })));
        }
        submitted += payloads.length;
      },
      async put(payload) {
        await utils.addJob(TASK, payload);
        submitted += 1;
      },
      // A job that succeeded is deleted; that is all there is to see.
      async outcomes() {
        const { rows } = await pool.query("SELECT count(*)::int AS n FROM graphile_worker._private_jobs");
        return submitted - rows[0].n;
      },
    };
  },
  async work() {
    const logger = { scope: () => logger, error: console.error, warn: console.error, info() {}, debug() {} };
    await run({ preset, taskList: { [TASK]: (payload) => ran(payload) }, noHandleSignals: true });
  },
});
