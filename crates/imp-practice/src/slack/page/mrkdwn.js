// Slack's own markup, drawn. Everything that is not markup becomes a text node.
import { el, store, nameOf } from "./dom.js";
import { emoji } from "./emoji.js";

const unescape = (s) => s.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

/** Text with nothing in it but emoji. */
export function plain(text, withEmoji = true) {
  const out = document.createDocumentFragment();
  let last = 0;
  const source = text || "";
  if (withEmoji) {
    for (const m of source.matchAll(/:([a-z0-9_+'-]+(?:::skin-tone-\d)?):/g)) {
      const sign = emoji(m[1]);
      if (!sign) continue;
      out.append(source.slice(last, m.index), el("span.emoji", { title: m[0] }, sign));
      last = m.index + m[0].length;
    }
  }
  out.append(source.slice(last));
  return out;
}

/** A safe link. */
export function link(url, ...children) {
  const fits = /^(https?|mailto|tel|slack):/i.test(url);
  return fits ? el("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, children) : el("span", {}, children);
}

export function userMention(id) {
  const p = store.people.get(id);
  const mine = p && p.handle === store.me;
  return el(mine ? "span.mention.me" : "span.mention", { "data-user": id }, `@${p ? p.name : id}`);
}

export function channelMention(id) {
  const c = store.channels.get(id);
  return el("a.mention", { href: "#", "data-goto": id }, c ? `#${c.name}` : "a private channel");
}

export function when(ts, format, fallback) {
  const at = new Date(Number(ts) * 1000);
  if (Number.isNaN(at.getTime())) return fallback || "";
  const f = (o) => new Intl.DateTimeFormat(undefined, o).format(at);
  const near = () => {
    const days = Math.round((new Date(at).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86400000);
    return { 0: "today", 1: "tomorrow", "-1": "yesterday" }[days];
  };
  const table = {
    date_num: () => `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`,
    date_slash: () => f({ day: "2-digit", month: "2-digit", year: "numeric" }),
    date: () => f({ month: "long", day: "numeric", year: "numeric" }),
    date_short: () => f({ month: "short", day: "numeric", year: "numeric" }),
    date_long: () => f({ weekday: "long", month: "long", day: "numeric", year: "numeric" }),
    day_divider_pretty: () => near() || f({ weekday: "long", month: "long", day: "numeric" }),
    time: () => f({ hour: "2-digit", minute: "2-digit" }),
    time_secs: () => f({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    ago: () => ago(at),
  };
  return format.replace(/\{(\w+)\}/g, (whole, name) => {
    if (name.endsWith("_pretty")) return near() || (table[name.replace("_pretty", "")] || (() => whole))();
    return (table[name] || (() => whole))();
  });
}

export function ago(at) {
  const mins = Math.round((Date.now() - at) / 60000);
  if (mins < 1) return "just now";
  if (mins < 60) return `${mins} minute${mins === 1 ? "" : "s"} ago`;
  const hours = Math.round(mins / 60);
  if (hours < 24) return `${hours} hour${hours === 1 ? "" : "s"} ago`;
  const days = Math.round(hours / 24);
  return `${days} day${days === 1 ? "" : "s"} ago`;
}

function special(inside) {
  const [target, label] = [inside.split("|")[0], inside.includes("|") ? inside.slice(inside.indexOf("|") + 1) : null];
  if (target.startsWith("@")) return userMention(target.slice(1));
  if (target.startsWith("#")) return channelMention(target.slice(1));
  if (target.startsWith("!date^")) {
    const [, ts, format, url] = target.split("^");
    const text = when(ts, format || "{date_short}", label);
    const title = new Date(Number(ts) * 1000).toLocaleString();
    return url ? link(unescape(url), text) : el("time", { title }, text);
  }
  if (target.startsWith("!subteam^")) {
    const g = store.groups.get(target.slice(9));
    return el("span.mention", {}, g ? `@${g.handle}` : label || "@group");
  }
  if (target.startsWith("!")) return el("span.mention.all", {}, `@${label || target.slice(1)}`);
  const url = unescape(target);
  return link(url, label ? plain(unescape(label)) : url.replace(/^mailto:/, ""));
}

const MARKS = [
  [/(?<![\p{L}\p{N}`])`([^`\n]+)`(?![\p{L}\p{N}`])/u, "code"],
  [/(?<![\p{L}\p{N}*])\*(?!\s)([^*\n]+?)(?<!\s)\*(?![\p{L}\p{N}*])/u, "b"],
  [/(?<![\p{L}\p{N}_])_(?!\s)([^_\n]+?)(?<!\s)_(?![\p{L}\p{N}_])/u, "i"],
  [/(?<![\p{L}\p{N}~])~(?!\s)([^~\n]+?)(?<!\s)~(?![\p{L}\p{N}~])/u, "s"],
];

function inline(text, nodes) {
  const out = document.createDocumentFragment();
  let rest = text;
  while (rest) {
    let best = null;
    for (const [shape, tag] of MARKS) {
      const m = shape.exec(rest);
      if (m && (!best || m.index < best.m.index)) best = { m, tag };
    }
    if (!best) break;
    const { m, tag } = best;
    out.append(leaves(rest.slice(0, m.index), nodes));
    out.append(el(tag, {}, tag === "code" ? leaves(m[1], nodes, false) : inline(m[1], nodes)));
    rest = rest.slice(m.index + m[0].length);
  }
  out.append(leaves(rest, nodes));
  return out;
}

function leaves(text, nodes, withEmoji = true) {
  const out = document.createDocumentFragment();
  for (const part of text.split(/(\uE000\d+\uE001)/)) {
    const m = /^\uE000(\d+)\uE001$/.exec(part);
    if (m) out.append(nodes[Number(m[1])] || "");
    else if (part) out.append(plain(unescape(part), withEmoji));
  }
  return out;
}

/** Draws mrkdwn text. */
export function mrkdwn(text) {
  const out = document.createDocumentFragment();
  const parts = (text || "").replace(/[\uE000\uE001]/g, "").split(/```/);
  parts.forEach((part, n) => {
    if (n % 2 === 1 && n < parts.length - 1) {
      out.append(el("pre", {}, unescape(part.replace(/^\n|\n$/g, "").replace(/<([^<>|]+)(\|[^<>]*)?>/g, (_, u, l) => (l ? l.slice(1) : u)))));
      return;
    }
    const source = n % 2 === 1 ? "```" + part : part;
    const nodes = [];
    const marked = source.replace(/<([^<>\n]+)>/g, (_, inside) => `\uE000${nodes.push(special(inside)) - 1}\uE001`);
    let quote = null;
    const lines = marked.replace(/^\n/, n > 0 ? "" : "\n").split("\n");
    lines.forEach((line, i) => {
      const q = /^(?:&gt;|>) ?(.*)$/.exec(line);
      if (q) {
        if (!quote) out.append((quote = el("blockquote")));
        else quote.append(el("br"));
        quote.append(inline(q[1], nodes));
      } else {
        const after = quote !== null;
        quote = null;
        if (i > 0 && !after) out.append(el("br"));
        out.append(inline(line, nodes));
      }
    });
  });
  return out;
}

/** A text object. */
export function text(o) {
  if (!o) return "";
  return o.type === "mrkdwn" ? mrkdwn(o.text) : plain(o.text, o.emoji !== false);
}
