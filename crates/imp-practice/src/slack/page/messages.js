// Messages: drawing them, and what can be done with each.
import { avatar, el, get, icon, menu, nameOf, notAnswered, popover, closePopover, send, store, toast } from "./dom.js";
import { EMOJI, emoji } from "./emoji.js";
import { drawBlocks } from "./kit.js";
import { link, mrkdwn, plain } from "./mrkdwn.js";

const QUICK = ["white_check_mark", "eyes", "raised_hands"];
const TOGETHER_SECS = 300;

const at = (ts) => new Date(Number(ts) * 1000);
const clock = (ts) => at(ts).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });

function dayName(ts) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - at(ts).setHours(0, 0, 0, 0)) / 86400000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return at(ts).toLocaleDateString(undefined, { weekday: "long", month: "long", day: "numeric" });
}

/** A list of messages with day dividers, neighbours of one person drawn together. */
export function drawList(messages, ctx) {
  const out = [];
  let before = null;
  for (const m of messages) {
    const newDay = !before || at(before.ts).toDateString() !== at(m.ts).toDateString();
    if (newDay && !ctx.thread) out.push(el("div.day", {}, el("span", {}, dayName(m.ts))));
    if (ctx.read && !out.marked && before && m.ts > ctx.read && before.ts <= ctx.read && m.user !== store.boot.me && !m.is_ephemeral) {
      out.push(el("div.new-line", {}, el("span", {}, "New")));
      out.marked = true;
    }
    const joined = !newDay && before && before.user === m.user && !before.subtype && !m.subtype && !m.is_ephemeral && !before.is_ephemeral && !m.username && Number(m.ts) - Number(before.ts) < TOGETHER_SECS && !m.pinned_to && !before.reply_count;
    out.push(drawMessage(m, ctx, joined));
    before = m;
  }
  return out;
}

const SYSTEM = /^(channel_|tombstone)/;

function drawMessage(m, ctx, joined) {
  const system = SYSTEM.test(m.subtype || "");
  const bot = Boolean(m.bot_id);
  const name = m.username || nameOf(m.user || store.boot.app.user);
  const who = m.user || store.boot.app.user;
  const picture = m.icon_emoji ? el("span.avatar.sign", {}, emoji(m.icon_emoji.replaceAll(":", "")) || "?") : avatar(who);
  const body = el("div.message-body");
  if (m.is_ephemeral) body.append(el("div.only-you", {}, icon("eye"), "Only visible to you"));
  if (m.pinned_to && !ctx.plain) body.append(el("div.pinned-by", {}, icon("pin"), `Pinned by ${nameOf(m.pinned_info && m.pinned_info.pinned_by)}`));
  if (m.subtype === "thread_broadcast" && m.root && !ctx.thread) {
    body.append(el("button.root", { onclick: () => ctx.openThread(m.thread_ts) }, "replied to a thread: ", el("em", {}, shorten(m.root.text))));
  }
  if (!joined) {
    body.append(el("div.byline", {}, el("b.author", { "data-user": who }, name), bot && el("span.app-badge", {}, "APP"), el("a.time", { href: `archives/${ctx.channel}/p${m.ts.replace(".", "")}`, title: at(m.ts).toLocaleString(), onclick: (ev) => ev.preventDefault() }, clock(m.ts))));
  }
  body.append(content(m, ctx, system));
  if (m.reactions) body.append(reactions(m, ctx));
  if (m.reply_count && !ctx.thread && !ctx.plain) {
    body.append(el("button.replies", { "data-replies": m.reply_count, onclick: () => ctx.openThread(m.ts) }, (m.reply_users || []).slice(0, 4).map((u) => avatar(u, 22)), el("b", {}, `${m.reply_count} repl${m.reply_count === 1 ? "y" : "ies"}`), el("small", {}, `Last reply ${dayName(m.latest_reply).toLowerCase()} at ${clock(m.latest_reply)}`)));
  }
  const classes = ["message", joined && "joined", system && "system", m.is_ephemeral && "ephemeral", m.pinned_to && "pinned"].filter(Boolean).join(".");
  return el(
    `article.${classes}`,
    { "data-ts": m.ts, "data-user": who, "data-subtype": m.subtype },
    el("div.gutter", {}, joined ? el("a.time", { title: at(m.ts).toLocaleString() }, clock(m.ts)) : picture),
    body,
    !ctx.plain && m.subtype !== "tombstone" && tools(m, ctx),
  );
}

const shorten = (s) => (s && s.length > 60 ? `${s.slice(0, 60)}…` : s || "a message");

function content(m, ctx, system) {
  const edited = m.edited && !(m.bot_id && m.blocks) && el("span.edited", {}, " (edited)");
  const out = el("div.content", {});
  if (editing === m.ts && ctx.channel === editingIn) return editor(m, ctx);
  // What people typed is drawn from its text; what apps wrote, from its blocks.
  if (m.blocks && (m.bot_id || !m.client_msg_id)) {
    out.append(drawBlocks(m.blocks, { key: `message ${m.ts}`, where: { channel: ctx.channel, ts: m.ts } }));
    if (edited) out.append(edited);
  } else if (m.text) {
    const line = m.subtype === "me_message" ? el("i", {}, mrkdwn(m.text)) : mrkdwn(system ? m.text.replace(/^<@[A-Z0-9]+> (has joined|has left)/, "$1").replace(/^has (joined|left)/, "$1") : m.text);
    out.append(el(jumbo(m.text) ? "div.text.jumbo" : "div.text", {}, line, edited));
  }
  for (const a of m.attachments || []) out.append(attachment(a, m, ctx));
  for (const f of m.files || []) out.append(file(f));
  return out;
}

const jumbo = (s) => /^(\s*:[a-z0-9_+-]+:\s*){1,5}$/.test(s) && [...s.matchAll(/:([a-z0-9_+-]+):/g)].every((x) => emoji(x[1]));

function attachment(a, m, ctx) {
  const box = el(
    "div.attachment",
    {},
    a.pretext && el("div.text", {}, mrkdwn(a.pretext)),
    a.author_name && el("small", {}, a.author_name),
    a.title && el("b", {}, a.title_link ? link(a.title_link, plain(a.title)) : plain(a.title)),
    a.text && el("div.text", {}, mrkdwn(a.text)),
    a.fields && el("div.fields", {}, a.fields.map((f) => el("div.field", {}, el("b", {}, f.title), el("br"), mrkdwn(f.value)))),
    a.blocks && drawBlocks(a.blocks, { key: `message ${m.ts}`, where: { channel: ctx.channel, ts: m.ts } }),
    a.image_url && el("img", { src: a.image_url, alt: a.title || "" }),
    a.footer && el("small", {}, plain(a.footer)),
  );
  const colours = { good: "#2eb886", warning: "#daa038", danger: "#a30200" };
  const colour = colours[a.color] || (/^#?[0-9a-f]{6}$/i.test(a.color || "") ? `#${a.color.replace("#", "")}` : null);
  if (colour) box.style.borderLeftColor = colour;
  return box;
}

function file(f) {
  const href = `client/file/${f.id}`;
  if (/^image\/(png|jpeg|gif)/.test(f.mimetype)) return el("figure.file", {}, el("figcaption", {}, f.title), el("img", { src: href, alt: f.alt_txt || f.title }));
  return el("a.file.row", { href, download: f.name }, el("span.kind", {}, f.pretty_type.slice(0, 4)), el("span", {}, el("b", {}, f.title), el("small", {}, `${f.size} bytes`)));
}

function reactions(m, ctx) {
  return el(
    "div.reactions",
    {},
    m.reactions.map((r) => {
      const mine = r.users.includes(store.boot.me);
      return el(mine ? "button.reaction.mine" : "button.reaction", { "data-reaction": r.name, title: `${r.users.map(nameOf).join(", ")} reacted with :${r.name}:`, onclick: () => react(m, ctx, r.name) }, el("span", {}, emoji(r.name) || `:${r.name}:`), r.count);
    }),
    el("button.reaction.add", { "aria-label": "Add reaction", onclick: (ev) => pickEmoji(ev.currentTarget, (name) => react(m, ctx, name)) }, icon("smile")),
  );
}

const attempt = (promise) => promise.catch((why) => toast(why.message));
const react = (m, ctx, name) => attempt(send("do", { what: "react", channel: ctx.channel, ts: m.ts, name }));

/** The emoji picker. */
export function pickEmoji(beside, chosen) {
  const grid = el("div.emoji-grid");
  const fill = (q) => grid.replaceChildren(...[...EMOJI].filter(([name]) => name.includes(q)).slice(0, 120).map(([name, sign]) => el("button", { title: `:${name}:`, type: "button", "data-emoji": name, onclick: () => { closePopover(); chosen(name); } }, sign)));
  const search = el("input.input", { placeholder: "Search emoji", oninput: () => fill(search.value.toLowerCase()) });
  fill("");
  popover(beside, el("div.emoji-picker", {}, search, grid));
  search.focus();
}

function tools(m, ctx) {
  const tool = (name, title, run, attrs = {}) => el("button.tool", { type: "button", title, "aria-label": title, ...attrs, onclick: run }, typeof name === "string" && emoji(name) ? emoji(name) : icon(name));
  if (m.is_ephemeral) return el("div.tools", {}, tool("close", "Dismiss message", () => attempt(send("do", { what: "delete", channel: ctx.channel, ts: m.ts })), { "data-dismiss": "" }));
  return el(
    "div.tools",
    {},
    QUICK.map((name) => tool(name, `React with :${name}:`, () => react(m, ctx, name))),
    tool("smile", "Add reaction…", (ev) => pickEmoji(ev.currentTarget, (name) => react(m, ctx, name)), { "data-react": "" }),
    !ctx.thread && tool("reply", "Reply in thread", () => ctx.openThread(m.thread_ts && m.subtype !== "thread_broadcast" ? m.thread_ts : m.thread_ts || m.ts), { "data-reply": "" }),
    tool("more", "More actions", (ev) => more(ev.currentTarget, m, ctx), { "data-more": "" }),
  );
}

function more(beside, m, ctx) {
  const mine = m.user === store.boot.me && !m.bot_id;
  const act = (what) => attempt(send("do", { what, channel: ctx.channel, ts: m.ts }));
  menu(beside, [
    ...store.boot.shortcuts.map((s) => ({
      title: s.title,
      hint: store.boot.app.name,
      icon: "bolt",
      attrs: { "data-shortcut": s.callback_id },
      run: () => send("shortcut", { callback_id: s.callback_id, channel: ctx.channel, ts: m.ts }).catch((why) => toast(notAnswered(why.message))),
    })),
    null,
    { title: m.pinned_to ? "Un-pin from channel" : "Pin to channel", icon: "pin", attrs: { "data-pin": "" }, run: () => act(m.pinned_to ? "unpin" : "pin") },
    { title: "Copy link", icon: "link", run: () => navigator.clipboard?.writeText(new URL(`archives/${ctx.channel}/p${m.ts.replace(".", "")}`, document.baseURI).href) },
    ...(mine ? [{ title: "Edit message", icon: "hash", attrs: { "data-edit": "" }, run: () => { editing = m.ts; editingIn = ctx.channel; ctx.redraw(); } }, { title: "Delete message…", icon: "close", attrs: { "data-delete": "" }, run: () => act("delete") }] : []),
  ]);
}

let editing = null;
let editingIn = null;

function editor(m, ctx) {
  const raw = m.text.replace(/<@([A-Z0-9]+)>/g, (_, id) => `@${(store.people.get(id) || {}).handle || id}`).replace(/<#([A-Z0-9]+)\|?[^>]*>/g, (_, id) => `#${(store.channels.get(id) || {}).name || id}`).replace(/<!subteam\^([A-Z0-9]+)>/g, (_, id) => `@${(store.groups.get(id) || {}).handle || id}`).replace(/<!(\w+)>/g, "@$1").replace(/<(https?:[^>|]+)>/g, "$1").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
  const end = () => { editing = null; ctx.redraw(); };
  const save = async () => {
    editing = null;
    await attempt(send("do", { what: "edit", channel: ctx.channel, ts: m.ts, name: area.value }));
    ctx.redraw();
  };
  const area = el("textarea.input", { value: raw, rows: 2, onkeydown: (ev) => {
    if (ev.key === "Escape") end();
    if (ev.key === "Enter" && !ev.shiftKey) { ev.preventDefault(); save(); }
  } });
  setTimeout(() => area.focus());
  return el("div.editor", {}, area, el("div.row", {}, el("button.btn", { onclick: end }, "Cancel"), el("button.btn.primary", { onclick: save }, "Save")));
}

export const threadOf = (channel, ts) => get(`thread/${channel}/${ts}`);
