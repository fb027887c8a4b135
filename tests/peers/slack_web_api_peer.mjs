// Slack's own Node client, unmodified, against the practice workspace.
import assert from "node:assert/strict";
import { WebClient, LogLevel } from "@slack/web-api";

const options = { slackApiUrl: `${process.env.SLACK_BASE}/api/`, retryConfig: { retries: 0 }, logLevel: LogLevel.ERROR };
const client = new WebClient(process.env.SLACK_BOT_TOKEN, options);
const plain = (text) => ({ type: "plain_text", text });
const refused = (error, call) => assert.rejects(call, (why) => why.data?.error === error || assert.fail(`${error} was expected, not ${why}`));

const me = await client.auth.test();
assert.ok(me.ok && me.bot_id && me.response_metadata.scopes.includes("chat:write"));
await refused("invalid_auth", () => new WebClient("nobody", options).auth.test());
await refused("not_allowed_token_type", () => client.apps.connections.open());
const link = await new WebClient(process.env.SLACK_APP_TOKEN, options).apps.connections.open();
assert.match(link.url, /^ws:/);

const names = [];
for await (const page of client.paginate("users.list", { limit: 9 })) names.push(...page.members.map((m) => m.name));
assert.ok(names.includes("ada.lima") && names.length > 20);
const people = (await client.users.list({ limit: 3 })).members.map((m) => m.id);

const { channel } = await client.conversations.create({ name: "inc-node-peer", is_private: true });
assert.equal(channel.is_private, true);
await client.conversations.invite({ channel: channel.id, users: people.join(",") });
const mixed = await client.conversations.invite({ channel: channel.id, users: `${people[0]},U0NOBODY`, force: true }).catch((why) => why.data);
assert.equal(mixed.ok, false);
await client.conversations.setTopic({ channel: channel.id, topic: "SEV1" });
const blocks = [
  { type: "section", text: { type: "mrkdwn", text: "*Status* & <https://x.example|link>" }, fields: [plain("a"), plain("b")] },
  { type: "actions", elements: [{ type: "static_select", action_id: "severity", placeholder: plain("Severity"), options: [{ text: plain("SEV1"), value: "SEV1" }] }] },
];
const posted = await client.chat.postMessage({ channel: channel.id, text: "card", blocks, metadata: { event_type: "card", event_payload: { ref: "IMP-1" } } });
assert.equal(posted.message.blocks[1].elements[0].action_id, "severity");
await client.chat.update({ channel: channel.id, ts: posted.ts, text: "card", blocks: blocks.slice(0, 1) });
const history = await client.conversations.history({ channel: channel.id, limit: 1, include_all_metadata: true });
assert.equal(history.messages[0].blocks.length, 1);
assert.deepEqual(history.messages[0].metadata.event_payload, { ref: "IMP-1" });
assert.ok(history.has_more && history.response_metadata.next_cursor);
await refused("invalid_blocks", () => client.chat.postMessage({ channel: channel.id, text: "x", blocks: [{ type: "divider", extra: 1 }] }));
await client.pins.add({ channel: channel.id, timestamp: posted.ts });
await client.bookmarks.add({ channel_id: channel.id, title: "Zoom", type: "link", link: "https://zoom.example/j/1" });
const opened = await client.conversations.open({ users: people[0], return_im: true });
assert.ok(opened.channel.is_im);
const home = await client.views.publish({ user_id: people[0], view: { type: "home", blocks: [{ type: "header", text: plain("Hello") }] } });
await refused("hash_conflict", () => client.views.publish({ user_id: people[0], hash: "0", view: { type: "home", blocks: [] } }));
assert.equal(home.view.type, "home");
await refused("invalid_trigger_id", () => client.views.open({ trigger_id: "1.2.3", view: { type: "modal", title: plain("x"), blocks: [] } }));
const later = await client.chat.scheduleMessage({ channel: channel.id, text: "later", post_at: Math.floor(Date.now() / 1000) + 3600 });
await client.chat.deleteScheduledMessage({ channel: channel.id, scheduled_message_id: later.scheduled_message_id });
const upload = await client.filesUploadV2({ channel_id: channel.id, filename: "a.txt", content: "hello", title: "A" });
assert.ok(upload.ok);
await client.conversations.archive({ channel: channel.id });
await refused("is_archived", () => client.chat.postMessage({ channel: channel.id, text: "x" }));
console.log("@slack/web-api: all is well");
