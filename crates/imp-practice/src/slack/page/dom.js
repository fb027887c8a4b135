// Making elements, talking to the server, and what every part of the page shares. Text is only ever set as text.

export const store = {
  boot: null,
  me: null,
  people: new Map(),
  channels: new Map(),
  groups: new Map(),
  here: null, // the channel that is open, as the server gave it
  thread: null, // {channel, ts, messages}
  values: new Map(), // what is chosen in messages and views: key → block → action → value
};

/** An element: el("button.primary", {onclick, "data-x": 1}, "text", child…). */
export function el(spec, attrs = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(attrs)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected" || name === "disabled") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  add(node, children);
  return node;
}

export function add(node, children) {
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

const ICONS = {
  hash: "M6 2 4.5 14M11.5 2 10 14M2.5 5.5h11M2 10.5h11",
  lock: "M4 7h8v6.5H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  reply: "M2.5 3h11v8H8l-3 2.5V11H2.5z",
  smile: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M5.2 9.5c1.4 2 4.2 2 5.6 0M5.8 6v.6M10.2 6v.6",
  pin: "M9.5 2 14 6.5l-3 1-2.5 4L4.5 7.5l4-2.5zM6.5 9.5 2.5 13.5",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  send: "M2.5 2.5 13.5 8l-11 5.5 1.8-5.5zM4.3 8h4.7",
  plus: "M8 3v10M3 8h10",
  people: "M6 7.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6M1.8 13.5c0-5 8.4-5 8.4 0M11 7.5a2 2 0 0 0 0-4M12 9.3c1.6.4 2.4 1.7 2.4 4.2",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.4 10.4 14 14",
  link: "M6.5 9.5l3-3M7.5 4.5 9 3a2.8 2.8 0 0 1 4 4l-1.5 1.5M8.5 11.5 7 13a2.8 2.8 0 0 1-4-4l1.5-1.5",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8M8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  back: "M10 3 5 8l5 5",
  bolt: "M9 1.5 3 9h4l-1 5.5L12.5 7H8.300z",
  chevron: "M4 6l4 4 4-4",
  flag: "M3.5 14V2.500h9L10.500 5.5l2 3h-9",
};

/** One of the page's line drawings. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name] || ICONS.more);
  svg.append(path);
  return svg;
}

/** Somebody's picture: initials on their colour. */
export function avatar(user, size = 36) {
  const p = store.people.get(user);
  const name = p ? p.name : user === "USLACKBOT" ? "Slackbot" : "?";
  const initials = name.split(/\s+/).map((w) => w[0]).filter((c) => /\p{L}|\p{N}/u.test(c || "")).slice(0, 2).join("").toUpperCase();
  const node = el(p && p.bot ? "span.avatar.bot" : "span.avatar", { "aria-hidden": "true" }, p && p.bot ? icon("flag") : initials || "?");
  node.style.width = node.style.height = `${size}px`;
  node.style.fontSize = `${Math.round(size * 0.4)}px`;
  node.style.backgroundColor = p && p.bot ? "#e01e5a" : `#${p ? p.colour : "616061"}`;
  return node;
}

export const nameOf = (user) => (store.people.get(user) || {}).name || (user === "USLACKBOT" ? "Slackbot" : user || "Somebody");

export async function get(path) {
  const mark = path.includes("?") ? "&" : "?";
  const answer = await fetch(`client/${path}${mark}as=${encodeURIComponent(store.me || "")}`);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error || `HTTP ${answer.status}`);
  return body;
}

export async function send(path, body = {}) {
  let answer;
  try {
    answer = await fetch(`client/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ as: store.me, ...body }),
    });
  } catch {
    throw new Error("connection_failed");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.error || `HTTP ${answer.status}`);
  return said;
}

export function toast(text, kind = "bad") {
  const box = el(`div.toast.${kind}`, { "data-toast": kind }, text, el("button.plain", { "aria-label": "Dismiss", onclick: () => box.remove() }, icon("close")));
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), 8000);
}

/** What Slack says when an app did not do its part. */
export function notAnswered(why) {
  const app = store.boot.app.name;
  if (why === "operation_timeout") return `${app} took too long to respond. Try again in a moment.`;
  if (why === "dispatch_failed") return `This app is not responding. ${app} may be down; try again in a moment.`;
  return `${app}: ${why}`;
}

const TALLEST_POPOVER = 480; // pixels; a longer list is scrolled

/**
 * A floating box beside something; closes when one clicks elsewhere. Where the room below would not do for the tallest,
 * it grows upward from what it stands beside: its content may come, or change, after it was placed.
 */
export function popover(beside, ...content) {
  const box = document.getElementById("popover");
  box.replaceChildren(...content);
  box.hidden = false;
  const at = beside.getBoundingClientRect();
  const below = innerHeight - at.bottom - 12;
  const above = at.top - 12;
  const up = above > below && below < Math.max(box.scrollHeight, TALLEST_POPOVER);
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = up ? "auto" : `${at.bottom + 4}px`;
  box.style.bottom = up ? `${innerHeight - at.top + 4}px` : "auto";
  box.style.maxHeight = `${Math.min(TALLEST_POPOVER, up ? above : below)}px`;
  const shut = (e) => {
    if (e.type === "keydown" ? e.key === "Escape" : !box.contains(e.target) && !beside.contains(e.target)) closePopover();
  };
  closePopover.off?.();
  addEventListener("mousedown", shut, true);
  addEventListener("keydown", shut, true);
  closePopover.off = () => {
    removeEventListener("mousedown", shut, true);
    removeEventListener("keydown", shut, true);
  };
  return box;
}

export function closePopover() {
  document.getElementById("popover").hidden = true;
  closePopover.off?.();
  closePopover.off = null;
}

/** A list of choices in a popover. */
export function menu(beside, items) {
  popover(
    beside,
    el(
      "div.menu",
      { role: "menu" },
      items.map((i) =>
        i === null
          ? el("hr")
          : el("button.item", { ...i.attrs, role: "menuitem", onclick: () => { closePopover(); i.run(); } }, i.icon && icon(i.icon), i.title, i.hint && el("small", {}, i.hint)),
      ),
    ),
  );
}
