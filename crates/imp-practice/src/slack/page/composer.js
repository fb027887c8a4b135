// Where one writes: Enter sends, and names, channels, emoji and commands complete themselves.
import { avatar, el, icon, menu, notAnswered, send, store, toast } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { pickEmoji } from "./messages.js";

const drafts = new Map();

/** A composer for a channel or a thread. */
export function composer({ channel, name, thread, sent }) {
  const key = `${channel} ${thread || ""}`;
  const box = el("div.completion", { hidden: true, role: "listbox" });
  const area = el("textarea", { rows: 1, value: drafts.get(key) || "", placeholder: thread ? "Reply…" : `Message ${name}`, "aria-label": thread ? "Reply" : `Message ${name}`, "data-composer": thread ? "thread" : "channel" });
  const broadcast = thread && el("input", { type: "checkbox" });
  let found = [];
  let at = 0;

  const size = () => {
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 240)}px`;
    go.disabled = !area.value.trim();
  };

  const complete = () => {
    const before = area.value.slice(0, area.selectionStart);
    found = offers(before);
    at = 0;
    box.hidden = !found.length;
    box.replaceChildren(...found.map((f, n) => el("button.item", { type: "button", role: "option", "data-complete": f.insert, onmousedown: (ev) => { ev.preventDefault(); take(n); } }, f.mark, el("b", {}, f.title), f.hint && el("small", {}, f.hint))));
    mark();
  };
  const mark = () => [...box.children].forEach((c, n) => c.classList.toggle("on", n === at));
  const take = (n) => {
    const f = found[n];
    const start = area.selectionStart - f.typed.length;
    area.setRangeText(f.insert, start, area.selectionStart, "end");
    drafts.set(key, area.value);
    complete();
    size();
    area.focus();
  };

  const post = async () => {
    const text = area.value;
    if (!text.trim()) return;
    area.value = "";
    drafts.delete(key);
    box.hidden = true;
    found = [];
    size();
    try {
      await send("send", { channel, text, thread_ts: thread, broadcast: Boolean(broadcast && broadcast.checked) });
      sent?.();
    } catch (why) {
      if (text.startsWith("/")) toast(why.message.includes("failed with") || why.message.includes("valid command") ? why.message.replaceAll("`", "") : notAnswered(why.message));
      else toast(why.message);
      if (!area.value && !text.startsWith("/")) {
        area.value = text;
        size();
      }
    }
  };

  area.addEventListener("input", () => { drafts.set(key, area.value); size(); complete(); });
  area.addEventListener("blur", () => setTimeout(() => (box.hidden = true), 100));
  area.addEventListener("keydown", (ev) => {
    if (ev.isComposing) return;
    if (!box.hidden && found.length) {
      if (ev.key === "ArrowDown" || ev.key === "ArrowUp") {
        ev.preventDefault();
        at = (at + (ev.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
        return mark();
      }
      const whole = found[at].typed === found[at].insert.trim();
      if (ev.key === "Tab" || (ev.key === "Enter" && !whole && !found[at].command)) {
        ev.preventDefault();
        return take(at);
      }
      if (ev.key === "Escape") {
        box.hidden = true;
        return ev.stopPropagation();
      }
    }
    if (ev.key === "Enter" && !ev.shiftKey) {
      ev.preventDefault();
      post();
    }
  });

  const shortcuts = (ev) =>
    menu(ev.currentTarget, [
      ...store.boot.shortcuts.map((s) => ({ title: s.title, hint: store.boot.app.name, icon: "bolt", attrs: { "data-shortcut": s.callback_id }, run: () => send("shortcut", { callback_id: s.callback_id }).catch((why) => toast(notAnswered(why.message))) })),
      null,
      ...store.boot.commands.map((c) => ({ title: c.name, hint: c.hint, icon: "hash", run: () => { area.value = `${c.name} `; area.focus(); size(); complete(); } })),
    ]);
  const go = el("button.go", { type: "button", "aria-label": "Send now", "data-send": "", disabled: true, onclick: post }, icon("send"));
  const node = el(
    "div.composer",
    {},
    box,
    area,
    el(
      "div.composer-bar",
      {},
      el("button.tool", { type: "button", "aria-label": "Shortcuts", title: "Shortcuts", "data-shortcuts": "", onclick: shortcuts }, icon("plus")),
      el("button.tool", { type: "button", "aria-label": "Emoji", title: "Emoji", onclick: (ev) => pickEmoji(ev.currentTarget, (n) => { area.setRangeText(`:${n}: `, area.selectionStart, area.selectionEnd, "end"); area.focus(); size(); }) }, icon("smile")),
      broadcast && el("label.broadcast", {}, broadcast, "Also send to channel"),
      el("span.grow"),
      go,
    ),
  );
  setTimeout(size);
  node.focusIn = () => area.focus();
  return node;
}

function offers(before) {
  const command = /^\/(\S*)$/.exec(before);
  if (command) {
    return store.boot.commands.filter((c) => c.name.startsWith(before)).map((c) => ({ typed: before, insert: `${c.name} `, title: c.name, hint: `${c.hint} · ${store.boot.app.name}`, command: true, mark: avatar(store.boot.app.user, 20) }));
  }
  const word = /^(\/\S+) (\S*)$/.exec(before);
  if (word) {
    const c = store.boot.commands.find((x) => x.name === word[1]);
    const words = c ? c.hint.replace(/[[\]]/g, "").split(/,\s*/) : [];
    return words.filter((w) => w.startsWith(word[2]) && w !== word[2]).map((w) => ({ typed: word[2], insert: `${w} `, title: w, command: !word[2] }));
  }
  const person = /(?:^|\s)@([\p{L}\p{N}._-]*)$/u.exec(before);
  if (person) {
    const q = person[1].toLowerCase();
    const people = store.boot.people.filter((p) => p.handle.startsWith(q) || p.name.toLowerCase().includes(q)).map((p) => ({ typed: `@${person[1]}`, insert: `@${p.handle} `, title: p.name, hint: p.handle, mark: avatar(p.id, 20) }));
    const groups = store.boot.groups.filter((g) => g.handle.includes(q)).map((g) => ({ typed: `@${person[1]}`, insert: `@${g.handle} `, title: `@${g.handle}`, hint: g.name }));
    return [...people.slice(0, 7), ...groups.slice(0, 3)];
  }
  const channel = /(?:^|\s)#([\w-]*)$/.exec(before);
  if (channel) return [...store.channels.values()].filter((c) => c.sort === "public" && !c.archived && c.name.includes(channel[1])).slice(0, 8).map((c) => ({ typed: `#${channel[1]}`, insert: `#${c.name} `, title: `# ${c.name}` }));
  const sign = /(?:^|\s):([a-z0-9_+-]{2,})$/.exec(before);
  if (sign) return [...EMOJI].filter(([n]) => n.includes(sign[1])).slice(0, 8).map(([n, s]) => ({ typed: `:${sign[1]}`, insert: `:${n}: `, title: `${s} :${n}:` }));
  return [];
}
