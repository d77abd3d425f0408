// NATS JetStream: many publishes under way at once, a pull consumer that is kept filled; with `results`, each outcome is
// published to a second stream before its message is acknowledged.
import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { given, main, ran, slices } from "./contract.mjs";

const { window, pull, results } = given.options;
const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));

await main({
  async setup() {
    const link = await connect({ servers: given.url });
    const manager = await jetstreamManager(link);
    const kept = { storage: StorageType.File, num_replicas: 1 };
    await manager.streams.add({ name: "JOBS", subjects: ["jobs"], retention: RetentionPolicy.Workqueue, ...kept });
    await manager.consumers.add("JOBS", { durable_name: "workers", ack_policy: AckPolicy.Explicit, max_ack_pending: 20000 });
    if (results) await manager.streams.add({ name: "RESULTS", subjects: ["results"], ...kept });
    await link.close();
  },
  async load() {
    const link = await connect({ servers: given.url });
    const stream = jetstream(link);
    const manager = await jetstreamManager(link);
    let submitted = 0;
    return {
      async flood(payloads) {
        for (const some of slices(payloads, window)) {
          await Promise.all(some.map((payload) => stream.publish("jobs", bytes(payload))));
        }
        submitted += payloads.length;
      },
      async put(payload) {
        await stream.publish("jobs", bytes(payload));
        submitted += 1;
      },
      // A message that was acknowledged is gone from the stream; an outcome counts once both is true.
      async outcomes() {
        const left = submitted - (await manager.streams.info("JOBS")).state.messages;
        if (!results) return left;
        return Math.min(left, (await manager.streams.info("RESULTS")).state.messages);
      },
    };
  },
  async work() {
    const link = await connect({ servers: given.url });
    const stream = jetstream(link);
    const consumer = await stream.consumers.get("JOBS", "workers");
    const done = bytes({ status: "done" });
    await consumer.consume({
      max_messages: pull,
      callback(message) {
        ran(message.json());
        if (!results) return message.ack();
        stream.publish("results", done).then(() => message.ack(), (error) => console.error(error));
      },
    });
  },
});
