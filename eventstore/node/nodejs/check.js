// Drives the node as an application in JavaScript would, with the official client for it. Every check prints its name
// when it has passed; the Go test beside this file compares the names with those that it expects.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  BACKWARDS, END, EventStoreDBClient, FORWARDS, NO_STREAM, PARK, RETRY, START, STREAM_EXISTS,
  StreamDeletedError, StreamNotFoundError, WrongExpectedVersionError,
  binaryEvent, eventTypeFilter, jsonEvent, streamNameFilter,
  persistentSubscriptionToAllSettingsFromDefaults, persistentSubscriptionToStreamSettingsFromDefaults,
} from "@eventstore/db-client";

const client = EventStoreDBClient.connectionString(process.argv[2]);
const collect = async (events, limit = Infinity) => {
  const all = [];
  for await (const e of events) {
    all.push(e);
    if (all.length >= limit) break;
  }
  return all;
};
const made = (n, type = "made") => jsonEvent({ id: randomUUID(), type, data: { n }, metadata: { $correlationId: `c${n}` } });
const within = (promise, what) =>
  Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`timed out: ${what}`)), 20_000).unref())]);

const parked = async (count) => {
  for (;;) {
    const info = await client.getPersistentSubscriptionToStreamInfo("js-1", "group");
    if (Number(info.stats.parkedMessageCount) === count) return;
    await new Promise((yes) => setTimeout(yes, 20));
  }
};

const checks = {
  async append() {
    const events = [made(0), made(1), made(2)];
    const first = await client.appendToStream("js-1", events, { expectedRevision: NO_STREAM });
    assert.equal(first.success, true);
    assert.equal(first.nextExpectedRevision, 2n);
    const repeated = await client.appendToStream("js-1", events, { expectedRevision: NO_STREAM });
    assert.equal(repeated.nextExpectedRevision, 2n);
    assert.deepEqual(repeated.position, first.position);
    const next = await client.appendToStream("js-1", made(3), { expectedRevision: 2n });
    assert.ok(next.position.commit > first.position.commit);
    await client.appendToStream("js-1", binaryEvent({ type: "raw", data: Buffer.from([0, 255]) }), { expectedRevision: STREAM_EXISTS });
  },

  async conflict() {
    await assert.rejects(client.appendToStream("js-1", made(9), { expectedRevision: 0n }), (e) => {
      assert.ok(e instanceof WrongExpectedVersionError, `${e}`);
      assert.equal(e.actualVersion, 4n);
      return true;
    });
    await assert.rejects(client.appendToStream("js-1", made(9), { expectedRevision: NO_STREAM }), WrongExpectedVersionError);
  },

  async "read a stream"() {
    const all = await collect(client.readStream("js-1"));
    assert.deepEqual(all.map((e) => e.event.revision), [0n, 1n, 2n, 3n, 4n]);
    assert.deepEqual(all[1].event.data, { n: 1 });
    assert.deepEqual(all[1].event.metadata, { $correlationId: "c1" });
    assert.deepEqual([...all[4].event.data], [0, 255]);
    const back = await collect(client.readStream("js-1", { direction: BACKWARDS, fromRevision: END, maxCount: 2 }));
    assert.deepEqual(back.map((e) => e.event.revision), [4n, 3n]);
    await assert.rejects(collect(client.readStream("js-none")), StreamNotFoundError);
  },

  async "read $all"() {
    const forward = await collect(client.readAll({ direction: FORWARDS, fromPosition: START }));
    const ours = forward.filter((e) => e.event.streamId === "js-1");
    assert.equal(ours.length, 5);
    const last = await collect(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 }));
    assert.deepEqual(last[0].event.id, forward.at(-1).event.id);
    const from = await collect(client.readAll({ fromPosition: ours[2].event.position, maxCount: 1 }));
    assert.equal(from[0].event.id, ours[2].event.id);
  },

  async "read links"() {
    const links = await collect(client.readStream("$ce-js", { resolveLinkTos: true }));
    assert.deepEqual(links.map((e) => e.event.revision), [0n, 1n, 2n, 3n, 4n]);
    assert.deepEqual(links.map((e) => e.link.revision), [0n, 1n, 2n, 3n, 4n]);
    const correlated = await collect(client.readStream("$bc-c3", { resolveLinkTos: true }));
    assert.deepEqual(correlated.map((e) => e.event.data), [{ n: 3 }]);
  },

  async "filtered subscription with checkpoints"() {
    for (let i = 0; i < 50; i++) {
      await client.appendToStream(`noise-${i}`, made(i));
      if (i % 10 === 0) await client.appendToStream(`wanted-${i}`, made(i));
    }
    const checkpoints = [];
    const subscription = client.subscribeToAll({
      fromPosition: START,
      filter: streamNameFilter({
        prefixes: ["wanted-"], maxSearchWindow: 8, checkpointInterval: 1,
        checkpointReached: async (_, position) => { checkpoints.push(position.commit); },
      }),
    });
    const seen = [];
    const live = (async () => {
      for await (const e of subscription) {
        seen.push(e.event.streamId);
        if (seen.length === 5) await client.appendToStream("wanted-live", made(0));
        if (e.event.streamId === "wanted-live") break;
      }
    })();
    await within(live, "the filtered subscription");
    assert.deepEqual(seen, ["wanted-0", "wanted-10", "wanted-20", "wanted-30", "wanted-40", "wanted-live"]);
    assert.ok(checkpoints.length > 3, `${checkpoints.length} checkpoints`);
    for (let i = 1; i < checkpoints.length; i++) assert.ok(checkpoints[i] > checkpoints[i - 1]);

    // What stands before a checkpoint does not come again.
    const after = client.subscribeToAll({
      fromPosition: { commit: checkpoints.at(-1), prepare: checkpoints.at(-1) },
      filter: eventTypeFilter({ regex: "^resu" }),
    });
    await client.appendToStream("wanted-50", [made(1, "other"), made(50, "resumed")]);
    const [resumed] = await within(collect(after, 1), "the resumed subscription");
    assert.equal(resumed.event.streamId, "wanted-50");
    assert.equal(resumed.event.type, "resumed");
  },

  async "subscription to a stream"() {
    const subscription = client.subscribeToStream("js-1", { fromRevision: 2n });
    const events = await within(collect(subscription, 2), "the subscription");
    assert.deepEqual(events.map((e) => e.event.revision), [3n, 4n]);
  },

  async "persistent subscription"() {
    const settings = persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START, maxRetryCount: 2, checkPointLowerBound: 1 });
    await client.createPersistentSubscriptionToStream("js-1", "group", settings);
    await assert.rejects(client.createPersistentSubscriptionToStream("js-1", "group", settings));
    const consumer = client.subscribeToPersistentSubscriptionToStream("js-1", "group");
    const seen = [];
    await within((async () => {
      for await (const e of consumer) {
        const revision = Number(e.event.revision);
        seen.push(`${revision}/${e.retryCount}`);
        if (revision === 1 && e.retryCount === 0) await consumer.nack(RETRY, "again", e);
        else if (revision === 2) await consumer.nack(PARK, "not now", e);
        else await consumer.ack(e);
        if (seen.length < 6) continue;
        await parked(1); // leaving at once would drop what was said last
        break;
      }
    })(), "the consumer");
    await consumer.unsubscribe(); // leaving the loop does not end the call
    assert.deepEqual(seen.toSorted(), ["0/0", "1/0", "1/1", "2/0", "3/0", "4/0"]);
    const info = await client.getPersistentSubscriptionToStreamInfo("js-1", "group");
    assert.equal(info.groupName, "group");
    assert.equal((await client.listAllPersistentSubscriptions()).length, 1);
    await client.replayParkedMessagesToStream("js-1", "group");
    const again = client.subscribeToPersistentSubscriptionToStream("js-1", "group");
    await within((async () => {
      for await (const e of again) {
        await again.ack(e);
        if (e.event.revision === 2n) break;
      }
    })(), "the replayed event");
    await client.deletePersistentSubscriptionToStream("js-1", "group");
  },

  async "persistent subscription to $all"() {
    await client.createPersistentSubscriptionToAll("all", persistentSubscriptionToAllSettingsFromDefaults({ startFrom: START }), {
      filter: streamNameFilter({ prefixes: ["wanted-"] }),
    });
    const consumer = client.subscribeToPersistentSubscriptionToAll("all");
    const seen = [];
    await within((async () => {
      for await (const e of consumer) {
        seen.push(e.event.streamId);
        await consumer.ack(e);
        if (seen.length === 6) break;
      }
    })(), "the consumer of $all");
    assert.equal(new Set(seen).size, 6);
    await client.deletePersistentSubscriptionToAll("all");
  },

  async metadata() {
    await client.setStreamMetadata("js-1", { maxCount: 2, custom: "kept" });
    const { metadata } = await client.getStreamMetadata("js-1");
    assert.equal(metadata.maxCount, 2);
    assert.equal(metadata.custom, "kept");
    assert.deepEqual((await collect(client.readStream("js-1"))).map((e) => e.event.revision), [3n, 4n]);
  },

  async "delete and tombstone"() {
    await client.appendToStream("gone-1", [made(0), made(1)]);
    await client.deleteStream("gone-1", { expectedRevision: 1n });
    await assert.rejects(collect(client.readStream("gone-1")), StreamNotFoundError);
    await client.appendToStream("gone-1", made(2));
    assert.deepEqual((await collect(client.readStream("gone-1"))).map((e) => e.event.revision), [2n]);
    await assert.rejects(client.deleteStream("gone-1", { expectedRevision: 7n }));
    await client.tombstoneStream("gone-1");
    await assert.rejects(collect(client.readStream("gone-1")), StreamDeletedError);
    await assert.rejects(client.appendToStream("gone-1", made(3)), StreamDeletedError);
  },
};

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (e) {
    console.log(`not ok ${name}: ${e.stack}`);
    process.exitCode = 1;
  }
}
await client.dispose();
process.exit();
