// pg-boss: batched insert, batched fetch and completion, LISTEN/NOTIFY instead of polling.
import { PgBoss } from "pg-boss";
import { given, main, ran, slices } from "./contract.mjs";

const QUEUE = "jobs";

async function started(options) {
  const boss = new PgBoss({ connectionString: given.url, ...options });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  return boss;
}

await main({
  async setup() {
    const boss = await started({ supervise: false, schedule: false });
    await boss.createQueue(QUEUE, { notify: true });
    await boss.stop();
  },
  async load() {
    const boss = await started({ supervise: false, schedule: false });
    const db = boss.getDb();
    return {
      async flood(payloads) {
        for (const some of slices(payloads, given.options.insert)) {
          await boss.insert(QUEUE, some.map((data) => ({ data })));
        }
      },
      put: (payload) => boss.send(QUEUE, payload),
      async outcomes() {
        const { rows } = await db.executeSql("SELECT count(*)::int AS n FROM pgboss.job WHERE state = 'completed'");
        return rows[0].n;
      },
    };
  },
  async work() {
    const boss = await started({ schedule: false, useListenNotify: true });
    const { batch } = given.options;
    await boss.work(QUEUE, { batchSize: batch, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }, async (jobs) => {
      for (const job of jobs) ran(job.data);
    });
  },
});
