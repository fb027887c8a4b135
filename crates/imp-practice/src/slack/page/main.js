// The frame of the page: who one is, what is in the sidebar, which channel is open, and what comes in live.
import { avatar, closePopover, el, get, icon, nameOf, popover, send, store, toast } from "./dom.js";
import { composer } from "./composer.js";
import { drawBlocks } from "./kit.js";
import { drawList, threadOf } from "./messages.js";
import { showModals } from "./modal.js";
import { link, mrkdwn } from "./mrkdwn.js";
import { emoji } from "./emoji.js";

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const remembered = (k) => { try { return localStorage.getItem(`practice-slack-${k}`); } catch { return null; } };
const remember = (k, v) => { try { localStorage.setItem(`practice-slack-${k}`, v); } catch { /* private windows may forbid it */ } };

let stream = null;
let homeTab = null; // "home" | "messages" | "about" while the app's page is open

// ---- who one is

async function become(handle, wanted) {
  store.me = handle;
  store.values.clear();
  showModals([]);
  try {
    await boot();
  } catch (why) {
    if (!handle) throw why;
    toast(`There is nobody called ${handle} here.`);
    store.me = "";
    await boot();
  }
  remember("me", store.me);
  showModals(store.boot.modals);
  const all = [...store.channels.values()];
  const named = (n) => n && all.find((c) => c.id === n || (c.name === n.replace(/^#/, "") && (c.sort === "public" || c.sort === "private")));
  const first = named(wanted) || named(remembered("channel")) || named("incidents") || all.find((c) => c.member);
  if (wanted === "imp" && !named(wanted)) await openApp("home");
  else await openChannel(first.id);
  if (query.get("ts")) show(query.get("ts"));
  listen();
}

async function boot() {
  store.boot = await get("boot");
  store.people = new Map(store.boot.people.map((p) => [p.id, p]));
  store.groups = new Map(store.boot.groups.map((g) => [g.id, g]));
  store.channels = new Map(store.boot.channels.map((c) => [c.id, c]));
  store.me = store.people.get(store.boot.me).handle;
  drawSidebar();
}

const refresh = later(async () => { await boot(); }, 60);

/** Many calls within a moment become one. */
function later(f, ms) {
  let timer = null;
  return () => {
    if (timer) return;
    timer = setTimeout(() => { timer = null; f().catch((why) => console.warn(why)); }, ms);
  };
}

function switcher(ev) {
  const list = el("div.menu.people", { role: "listbox" });
  const fill = () => {
    const q = search.value.toLowerCase();
    const found = store.boot.people.filter((p) => !p.bot && `${p.name} ${p.handle} ${p.title}`.toLowerCase().includes(q));
    list.replaceChildren(...found.map((p) => el("button.item", { role: "option", "data-as": p.handle, "aria-selected": p.handle === store.me, onclick: () => { closePopover(); here(p.handle, store.here && !homeTab ? store.here.channel.id : null); } }, avatar(p.id, 28), el("span", {}, el("b", {}, p.name), el("small", {}, p.title)))));
  };
  const search = el("input.input", { placeholder: "Who are you?", "aria-label": "Who are you?", oninput: fill, onkeydown: (e) => { if (e.key === "Enter") list.querySelector("button")?.click(); } });
  fill();
  popover(ev.currentTarget, el("div.switcher", {}, search, list));
  search.focus();
}

function here(handle, channel) {
  address(handle, channel);
  return become(handle, channel);
}

function address(handle, channel) {
  const c = channel && store.channels.get(channel);
  const u = new URL(location.href);
  u.search = "";
  u.searchParams.set("as", handle);
  if (c) u.searchParams.set("channel", c.sort === "public" || c.sort === "private" ? c.name : c.id);
  history.replaceState(null, "", u);
}

// ---- the sidebar

function drawSidebar() {
  const all = [...store.channels.values()];
  const openId = homeTab ? "app" : store.here && store.here.channel.id;
  const row = (c) => {
    const bold = c.unread > 0 && c.id !== openId;
    const badge = bold && (c.sort === "direct" || c.sort === "group" ? c.unread : c.mentions);
    const mark = c.sort === "direct" ? avatar(c.with[0] || store.boot.me, 20) : icon(c.sort === "private" ? "lock" : c.sort === "group" ? "people" : "hash");
    return el(
      `button.row${bold ? ".unread" : ""}${c.id === openId ? ".on" : ""}`,
      { "data-channel": c.name, "data-channel-id": c.id, "data-unread": c.unread || undefined, onclick: () => openChannel(c.id) },
      mark,
      el("span.name", {}, c.name || "You"),
      badge ? el("span.badge", {}, badge) : null,
    );
  };
  const byName = (a, b) => a.name.localeCompare(b.name);
  const channels = all.filter((c) => (c.sort === "public" || c.sort === "private") && c.member && (!c.archived || c.id === openId)).sort(byName);
  const directs = all.filter((c) => (c.sort === "direct" || c.sort === "group") && !c.app && (c.open || c.unread)).sort(byName);
  const appRow = all.find((c) => c.app && c.sort === "direct");
  const unreadApp = appRow && appRow.unread && openId !== "app" ? appRow.unread : 0;
  const section = (title, rows, plus) => el("section", {}, el("h2", {}, title, plus), rows);
  const scroll = $("sidebar").querySelector(".scroll")?.scrollTop || 0;
  $("sidebar").replaceChildren(
    el("header", {}, el("h1", {}, store.boot.team), el("span.practice", { title: "A stand-in for Slack, to practise with" }, "practice")),
    el(
      "div.scroll",
      {},
      section("Channels", [channels.map(row), el("button.row.faint", { "data-browse": "", onclick: browse }, icon("plus"), el("span.name", {}, "Add channels"))]),
      section("Direct messages", [directs.map(row), el("button.row.faint", { "data-new-dm": "", onclick: newDirect }, icon("plus"), el("span.name", {}, "New message"))]),
      section("Apps", [
        el(`button.row${unreadApp ? ".unread" : ""}${openId === "app" ? ".on" : ""}`, { "data-channel": store.boot.app.name, "data-app": "", onclick: () => openApp(homeTab || (unreadApp ? "messages" : "home")) }, avatar(store.boot.app.user, 20), el("span.name", {}, store.boot.app.name), unreadApp ? el("span.badge", {}, unreadApp) : null),
      ]),
    ),
    el("button.me", { "data-switcher": "", "aria-label": "Who you are", onclick: switcher }, avatar(store.boot.me, 32), el("span", {}, el("b", {}, nameOf(store.boot.me)), el("small", {}, "Change who you are")), icon("chevron")),
  );
  $("sidebar").querySelector(".scroll").scrollTop = scroll;
  const waiting = all.reduce((n, c) => n + (c.id === openId ? 0 : c.mentions), 0);
  const title = homeTab ? store.boot.app.name : store.here ? store.here.channel.name : "";
  document.title = `${waiting ? `(${waiting}) ` : ""}${title} - ${store.boot.team} - Slack`;
}

function browse(ev) {
  const list = el("div.menu");
  const fill = () => {
    const q = search.value.toLowerCase().trim();
    const found = [...store.channels.values()].filter((c) => c.sort === "public" && c.name.includes(q)).sort((a, b) => a.archived - b.archived || a.name.localeCompare(b.name));
    list.replaceChildren(
      ...found.slice(0, 60).map((c) => el("button.item", { "data-open": c.name, onclick: () => { closePopover(); openChannel(c.id); } }, icon("hash"), el("span", {}, el("b", {}, c.name), el("small", {}, `${c.members} members${c.member ? " · joined" : ""}${c.archived ? " · archived" : ""}`)))),
      ...(q && !found.some((c) => c.name === q)
        ? [el("button.item", { "data-create": q, onclick: async () => {
            closePopover();
            try {
              const made = await send("do", { what: "create", name: q.replace(/\s+/g, "-") });
              await boot();
              openChannel(made.channel);
            } catch (why) { toast(why.message); }
          } }, icon("plus"), `Create #${q.replace(/\s+/g, "-")}`)]
        : []),
    );
  };
  const search = el("input.input", { placeholder: "Find or create a channel", oninput: fill });
  fill();
  popover(ev.currentTarget, el("div.switcher", {}, search, list));
  search.focus();
}

function choosePerson(beside, hint, chosen) {
  const list = el("div.menu.people");
  const fill = () => {
    const q = search.value.toLowerCase();
    list.replaceChildren(...store.boot.people.filter((p) => p.id !== store.boot.me && !p.bot && `${p.name} ${p.handle}`.toLowerCase().includes(q)).map((p) => el("button.item", { "data-person": p.handle, onclick: () => { closePopover(); chosen(p); } }, avatar(p.id, 28), el("span", {}, el("b", {}, p.name), el("small", {}, p.title)))));
  };
  const search = el("input.input", { placeholder: hint, oninput: fill });
  fill();
  popover(beside, el("div.switcher", {}, search, list));
  search.focus();
}

const newDirect = (ev) => choosePerson(ev.currentTarget, "To: a person", async (p) => {
  const { channel } = await send("do", { what: "open", users: [p.id] });
  await boot();
  openChannel(channel);
});

// ---- a channel

async function openChannel(id) {
  const c = store.channels.get(id);
  if (c && c.app) return openApp("messages");
  homeTab = null;
  if (!store.here || store.here.channel.id !== id) closeThread();
  try {
    store.here = await fetched(id);
  } catch (why) {
    return toast(why.message === "channel_not_found" ? "That conversation is private." : why.message);
  }
  const known = store.here.channel;
  store.channels.set(known.id, known);
  remember("channel", known.id);
  address(store.me, known.id);
  document.body.classList.remove("sidebar-open");
  drawChannel(true);
  read();
  drawSidebar();
  $("main").querySelector(".composer")?.focusIn?.();
}

function read() {
  const c = store.here && store.channels.get(store.here.channel.id);
  if (!c || document.hidden) return;
  c.unread = c.mentions = 0;
  send("do", { what: "read", channel: c.id }).catch(() => {});
}

function context() {
  const channel = store.here.channel.id;
  return { channel, read: store.here.channel.read, openThread: (ts) => openThread(channel, ts), redraw: () => drawMessages() };
}

function drawChannel(fresh) {
  const { channel: c, bookmarks, pins, members } = store.here;
  const people = c.sort === "public" || c.sort === "private";
  const main = $("main");
  const topic = el("div.topic", { title: c.topic, "data-topic": "" }, mrkdwn(c.topic));
  const header = el(
    "header.channel",
    { "data-header": "" },
    el("button.plain.square.drawer", { "aria-label": "Conversations", onclick: () => document.body.classList.toggle("sidebar-open") }, icon("menu")),
    el("button.title", { onclick: (ev) => about(ev.currentTarget) }, people ? icon(c.sort === "private" ? "lock" : "hash") : avatar(c.with[0] || store.boot.me, 24), el("h2", {}, c.name || "You")),
    people ? topic : null,
    el("span.grow"),
    people && el("button.pill", { "data-members": members.length, title: "Members", onclick: (ev) => memberList(ev.currentTarget) }, members.slice(0, 3).map((m) => avatar(m, 20)), el("span", {}, members.length)),
  );
  const bar = (bookmarks.length || pins.length) ? el(
    "div.bookmarks",
    { "data-bookmarks": "" },
    pins.length ? el("button.bookmark", { "data-pins": pins.length, onclick: (ev) => pinned(ev.currentTarget) }, icon("pin"), `${pins.length} pinned`) : null,
    bookmarks.map((b) => {
      const a = link(b.link, el("span", {}, (b.emoji && emoji(b.emoji.replaceAll(":", ""))) || icon("link")), b.title);
      a.classList.add("bookmark");
      a.dataset.bookmark = b.title;
      return a;
    }),
  ) : null;
  const list = el("div.messages", { "data-messages": c.name });
  const foot = c.archived
    ? el("div.notice", { "data-archived": "" }, "This channel is archived. ", el("button.linky", { onclick: () => act("unarchive") }, "Un-archive"))
    : !c.member && people
      ? el("div.notice", {}, "You are looking at ", el("b", {}, `#${c.name}`), " ", el("button.btn.primary", { "data-join": "", onclick: () => act("join") }, "Join channel"))
      : composer({ channel: c.id, name: people ? `#${c.name}` : c.name });
  if (fresh) main.replaceChildren(header, ...(bar ? [bar] : []), list, foot);
  else {
    main.querySelector("header.channel").replaceWith(header);
    main.querySelector(".bookmarks")?.remove();
    if (bar) header.after(bar);
    const old = main.querySelector(".composer, .notice");
    if (old && old.className !== foot.className) old.replaceWith(foot);
  }
  drawMessages(fresh);
}

async function act(what, more = {}) {
  try {
    await send("do", { what, channel: store.here.channel.id, ...more });
    await openChannel(store.here.channel.id);
  } catch (why) {
    toast(why.message);
  }
}

function drawMessages(toEnd) {
  if (homeTab === "home" || homeTab === "about" || !store.here) return;
  const list = $("main").querySelector(".messages");
  if (!list) return;
  const end = toEnd || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  // A menu that somebody is using is not drawn away under their hands.
  const held = list.contains(document.activeElement) && /^(SELECT|INPUT|TEXTAREA)$/.test(document.activeElement.tagName) ? document.activeElement : null;
  const holder = held && held.closest("[data-ts]");
  const { channel: c, created, creator } = store.here;
  const people = c.sort === "public" || c.sort === "private";
  const start = el(
    "div.start",
    {},
    people ? el("h3", {}, icon(c.sort === "private" ? "lock" : "hash"), c.name) : el("h3", {}, avatar(c.with[0] || store.boot.me, 40), c.name || "You"),
    people ? el("p", {}, `${nameOf(creator)} created this channel on ${new Date(created * 1000).toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric" })}. This is the very beginning of the `, el("b", {}, `#${c.name}`), " channel. ", c.purpose && mrkdwn(c.purpose)) : el("p", {}, "This conversation is just between the two of you."),
  );
  const drawn = drawList(store.here.messages, context());
  if (holder) {
    const n = drawn.findIndex((d) => d.dataset && d.dataset.ts === holder.dataset.ts);
    if (n >= 0) drawn[n] = holder;
  }
  list.replaceChildren(start, el("div.grow"), ...drawn);
  if (held) held.focus();
  if (end) {
    list.scrollTop = list.scrollHeight;
    for (const img of list.querySelectorAll("img")) img.addEventListener("load", () => { list.scrollTop = list.scrollHeight; }, { once: true });
  }
}

/** Scrolls to a message. */
function show(ts) {
  const m = document.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
  if (!m) return;
  m.scrollIntoView({ block: "center" });
  m.classList.add("found");
}

function about(beside) {
  const c = store.here.channel;
  if (c.sort !== "public" && c.sort !== "private") return;
  const topic = el("input.input", { value: c.topic, placeholder: "Add a topic", maxlength: 250, "aria-label": "Topic" });
  popover(
    beside,
    el(
      "div.about",
      {},
      el("h3", {}, `#${c.name}`),
      el("label.label", {}, "Topic", topic),
      el("p", {}, el("small", {}, "Description"), el("br"), mrkdwn(c.purpose || "None")),
      el("div.row", {}, el("button.btn.primary", { onclick: () => { closePopover(); act("topic", { name: topic.value }); } }, "Save topic"), c.member && el("button.btn", { "data-leave": "", onclick: () => { closePopover(); act("leave"); } }, "Leave"), !c.archived && el("button.btn", { onclick: () => { closePopover(); act("archive"); } }, "Archive")),
    ),
  );
}

function memberList(beside) {
  const c = store.here.channel;
  popover(
    beside,
    el(
      "div.switcher",
      {},
      el("b", {}, `${store.here.members.length} members`),
      el("div.menu.people", {}, store.here.members.map((m) => el("div.item", { "data-member": (store.people.get(m) || {}).handle }, avatar(m, 28), el("span", {}, el("b", {}, nameOf(m)), el("small", {}, (store.people.get(m) || {}).title || ""))))),
      c.member && !c.archived && el("button.btn", { onclick: () => choosePerson(beside, "Add a person", (p) => act("invite", { users: [p.id] })) }, "Add people"),
    ),
  );
}

function pinned(beside) {
  const ctx = { ...context(), plain: true };
  popover(beside, el("div.pins", {}, store.here.pins.map((m) => el("div.pin", { onclick: () => { closePopover(); show(m.ts); } }, drawList([m], { ...ctx, thread: true })))));
}

// ---- a thread

async function openThread(channel, ts) {
  try {
    const { messages } = await threadOf(channel, ts);
    store.thread = { channel, ts, messages };
  } catch (why) {
    return toast(why.message);
  }
  $("side").hidden = false;
  document.body.classList.add("thread-open");
  const c = store.channels.get(channel);
  $("side").replaceChildren(
    el("header.channel", {}, el("h2", {}, "Thread"), el("small", {}, c ? (c.sort === "public" || c.sort === "private" ? `# ${c.name}` : c.name) : ""), el("span.grow"), el("button.plain.square", { "aria-label": "Close thread", "data-close-thread": "", onclick: closeThread }, icon("close"))),
    el("div.messages", { "data-thread": ts }),
    composer({ channel, thread: ts, name: "" }),
  );
  drawThread();
  $("side").querySelector(".composer").focusIn();
}

function drawThread() {
  const { channel, messages } = store.thread;
  const list = $("side").querySelector(".messages");
  const ctx = { channel, thread: true, openThread: () => {}, redraw: drawThread };
  const replies = messages.length - 1;
  const drawn = drawList(messages, ctx);
  list.replaceChildren(...drawn.slice(0, 1), ...(replies > 0 ? [el("div.count", {}, `${replies} repl${replies === 1 ? "y" : "ies"}`)] : []), ...drawn.slice(1));
  list.scrollTop = list.scrollHeight;
}

function closeThread() {
  store.thread = null;
  $("side").hidden = true;
  $("side").replaceChildren();
  document.body.classList.remove("thread-open");
}

// ---- the app's own page

async function openApp(tab) {
  closeThread();
  homeTab = tab;
  document.body.classList.remove("sidebar-open");
  let said;
  try {
    said = await send("home", { tab: tab === "about" ? "home" : tab });
  } catch (why) {
    return toast(why.message);
  }
  store.here = await fetched(said.channel);
  store.channels.set(said.channel, store.here.channel);
  drawApp(await fetchHome());
  drawSidebar();
}

function drawApp(view) {
  const name = store.boot.app.name;
  const tabs = [["home", "Home"], ["messages", "Messages"], ["about", "About"]];
  const body =
    homeTab === "messages"
      ? [el("div.messages", { "data-messages": name }), composer({ channel: store.here.channel.id, name })]
      : homeTab === "about"
        ? [el("div.home", {}, el("h3", {}, name), el("p", {}, "Incident management for this workspace."), el("h3", {}, "Commands"), store.boot.commands.map((c) => el("p", {}, el("code", {}, c.name), ` ${c.hint}`)))]
        : [el("div.home", { "data-home": "", "data-view": view && view.id }, view ? drawBlocks(view.blocks, { key: `view ${view.id}`, where: { view: view.id } }) : el("div.empty", {}, avatar(store.boot.app.user, 64), el("h3", {}, "This is a work in progress"), el("p", {}, `${name} has not put anything here yet.`)))];
  $("main").replaceChildren(
    el("header.channel", { "data-header": "" }, el("button.plain.square.drawer", { "aria-label": "Conversations", onclick: () => document.body.classList.toggle("sidebar-open") }, icon("menu")), el("span.title", {}, avatar(store.boot.app.user, 24), el("h2", {}, name), el("span.app-badge", {}, "APP"))),
    el("div.tabs", { role: "tablist" }, tabs.map(([key, title]) => el(`button${key === homeTab ? ".on" : ""}`, { role: "tab", "data-tab": key, "aria-selected": key === homeTab, onclick: () => openApp(key) }, title))),
    ...body,
  );
  if (homeTab === "messages") {
    drawMessages(true);
    read();
  }
}

const redrawHome = later(async () => {
  if (homeTab !== "home") return;
  const fresh = await fetchHome();
  if (fresh && homeTab === "home") drawApp(fresh);
}, 30);

async function fetchHome() {
  const { home } = await get("boot");
  return home;
}

// ---- live

function listen() {
  stream?.close();
  const mine = store.me;
  stream = new EventSource(`client/events?as=${encodeURIComponent(mine)}`);
  let first = true;
  stream.onmessage = (ev) => {
    if (store.me !== mine) return;
    const what = JSON.parse(ev.data);
    if (what.type === "hello") {
      if (!first) resync();
      first = false;
      return;
    }
    happened(what);
  };
}

const resync = later(async () => {
  await boot();
  showModals(store.boot.modals);
  await reload();
}, 20);

const reload = later2(async () => {
  if (!store.here) return;
  const id = store.here.channel.id;
  const fresh = await fetched(id);
  if (!store.here || store.here.channel.id !== id) return;
  fresh.channel.read = store.here.channel.read;
  store.here = fresh;
  if (homeTab === "messages") drawMessages();
  else if (!homeTab) drawChannel(false);
});

/** Fetches under way, and what was heard while any was: the answer may be older than that. */
let fetching = 0;
const meanwhile = [];

/** A channel as it is, with what was heard while the answer was on its way. */
async function fetched(id) {
  const from = meanwhile.length;
  fetching++;
  try {
    const here = await get(`channel/${id}`);
    meanwhile.slice(from).filter((what) => what.channel === id).forEach((what) => take(here, what));
    return here;
  } finally {
    if (--fetching === 0) meanwhile.length = 0;
  }
}

/** Takes a message, a change of one or its end into a channel's list. */
function take(here, what) {
  if (what.type === "message_deleted") {
    here.messages = here.messages.filter((x) => x.ts !== what.ts);
    return;
  }
  const m = what.message;
  const reply = m.thread_ts && m.thread_ts !== m.ts;
  if (!reply || m.subtype === "thread_broadcast" || here.messages.some((x) => x.ts === m.ts)) put(here.messages, m);
}

/** One at a time; what comes meanwhile is done once more at the end. */
function later2(f) {
  let running = false;
  let again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    try { await f(); } catch (why) { console.warn(why); }
    running = false;
    if (again) { again = false; run(); }
  };
}

function put(messages, m) {
  const n = messages.findIndex((x) => x.ts === m.ts);
  if (n >= 0) messages[n] = m;
  else {
    messages.push(m);
    messages.sort((a, b) => (a.ts < b.ts ? -1 : 1));
  }
}

function happened(what) {
  switch (what.type) {
    case "modals":
      return showModals(what.stack);
    case "home":
      return redrawHome();
    case "channels":
      return void refresh(), void (store.here && reload());
    case "channel_changed":
      refresh();
      if (store.here && store.here.channel.id === what.channel) reload();
      return;
    case "resync":
      return resync();
    case "message":
    case "message_changed":
    case "message_deleted":
      return changed(what);
    default:
  }
}

function changed(what) {
  const open = store.here && store.here.channel.id === what.channel;
  const gone = what.type === "message_deleted";
  const m = what.message;
  const reply = gone ? what.thread_ts : m.thread_ts && m.thread_ts !== m.ts && m.thread_ts;
  if (fetching) meanwhile.push(what);
  if (open) {
    take(store.here, what);
    drawMessages();
    if (what.type === "message") read();
    if (m && m.pinned_to) reload();
  } else if (what.type === "message") refresh();
  const t = store.thread;
  if (t && t.channel === what.channel) {
    const had = t.messages.some((x) => x.ts === (gone ? what.ts : m.ts));
    if (gone && had) {
      t.messages = t.messages.filter((x) => x.ts !== what.ts);
      drawThread();
    } else if (!gone && (had || reply === t.ts)) {
      put(t.messages, m);
      drawThread();
    }
  }
}

document.addEventListener("click", (ev) => {
  const go = ev.target.closest("[data-goto]");
  if (go) {
    ev.preventDefault();
    if (store.channels.has(go.dataset.goto)) openChannel(go.dataset.goto);
  }
  if (document.body.classList.contains("sidebar-open") && ev.target.id === "frame") document.body.classList.remove("sidebar-open");
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) read(); });

become(query.get("as") || remembered("me") || "", query.get("channel")).catch((why) => {
  document.body.append(el("p", {}, `The practice workspace cannot be reached: ${why.message}`));
});
