// Block Kit, drawn as Slack draws it, and what happens when somebody presses or chooses.
import { closePopover, el, icon, menu, notAnswered, popover, send, store, toast } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelMention, link, mrkdwn, plain, text, userMention, when } from "./mrkdwn.js";

/** What is chosen in one message or view. */
export function valuesOf(key) {
  if (!store.values.has(key)) store.values.set(key, {});
  return store.values.get(key);
}

function setValue(ctx, block, action, value) {
  const values = valuesOf(ctx.key);
  (values[block] ||= {})[action] = value;
}

const valueOf = (ctx, block, action) => (valuesOf(ctx.key)[block] || {})[action];

/** Draws blocks. ctx: {key, where: {channel, ts} or {view}, modal, errors}. */
export function drawBlocks(blocks, ctx) {
  return el("div.blocks", {}, (blocks || []).map((b) => drawBlock(b, ctx)));
}

function drawBlock(b, ctx) {
  const attrs = { "data-block-id": b.block_id, "data-block": b.type };
  switch (b.type) {
    case "header":
      return el("div.block.header", { ...attrs, role: "heading", "aria-level": 3 }, text(b.text));
    case "divider":
      return el("hr.block", attrs);
    case "section":
      return el(
        "div.block.section",
        attrs,
        el("div.grow", {}, b.text && el("div.text", {}, text(b.text)), b.fields && el("div.fields", {}, b.fields.map((f) => el("div.field", {}, text(f))))),
        b.accessory && el("div.accessory", {}, element(b.accessory, b, ctx)),
      );
    case "context":
      return el(
        "div.block.context",
        attrs,
        b.elements.map((e) => (e.type === "image" ? el("img", { src: e.image_url, alt: e.alt_text, title: e.alt_text }) : el("span", {}, text(e)))),
      );
    case "actions":
    case "context_actions":
      return el("div.block.actions", attrs, b.elements.map((e) => element(e, b, ctx)));
    case "image":
      return el("figure.block.image", attrs, b.title && el("figcaption", {}, text(b.title)), el("img", { src: b.image_url, alt: b.alt_text }));
    case "input":
      return input(b, ctx, attrs);
    case "rich_text":
      return el("div.block.rich", attrs, b.elements.map(rich));
    case "markdown":
      return el("div.block.text", attrs, mrkdwn(asMrkdwn(b.text)));
    case "table":
      return el(
        "div.block.table",
        attrs,
        el("table", {}, b.rows.map((row, n) => el("tr", {}, row.map((cell) => el(n ? "td" : "th", {}, cell.type === "rich_text" ? cell.elements.map(rich) : plain(cell.text || "")))))),
      );
    case "video":
      return el("div.block", attrs, link(b.title_url || b.video_url, text(b.title)));
    default:
      return el("div.block.unknown", attrs, `[${b.type}]`);
  }
}

/** CommonMark's most used signs in Slack's own. */
function asMrkdwn(source) {
  return (source || "")
    .replace(/&/g, "&amp;").replace(/</g, "&lt;")
    .replace(/^#{1,6} +(.*)$/gm, "*$1*")
    .replace(/\[([^\]\n]+)\]\((https?:[^)\s]+)\)/g, "<$2|$1>")
    .replace(/\*\*([^*\n]+)\*\*/g, "*$1*")
    .replace(/~~([^~\n]+)~~/g, "~$1~")
    .replace(/^[-*] +/gm, "• ");
}

function rich(part) {
  if (part.type === "rich_text_list") {
    const list = el(part.style === "ordered" ? "ol" : "ul", { start: part.offset ? part.offset + 1 : undefined }, part.elements.map((item) => el("li", {}, (item.elements || []).map(leaf))));
    list.style.marginLeft = `${(part.indent || 0) * 24}px`;
    return list;
  }
  const tag = { rich_text_quote: "blockquote", rich_text_preformatted: "pre" }[part.type] || "div";
  return el(tag, {}, (part.elements || []).map(leaf));
}

function leaf(l) {
  const inner = {
    text: () => broken(l.text),
    link: () => link(l.url, l.text || l.url),
    emoji: () => el("span.emoji", { title: `:${l.name}:` }, emoji(l.name) || `:${l.name}:`),
    user: () => userMention(l.user_id),
    channel: () => channelMention(l.channel_id),
    usergroup: () => el("span.mention", {}, `@${(store.groups.get(l.usergroup_id) || {}).handle || "group"}`),
    broadcast: () => el("span.mention.all", {}, `@${l.range}`),
    date: () => el("time", {}, when(l.timestamp, l.format, l.fallback)),
    color: () => el("code", {}, l.value),
  }[l.type];
  let node = inner ? inner() : "";
  const style = l.style || {};
  for (const [name, tag] of [["code", "code"], ["strike", "s"], ["italic", "i"], ["bold", "b"]]) if (style[name]) node = el(tag, {}, node);
  return node;
}

function broken(source) {
  const out = document.createDocumentFragment();
  (source || "").split("\n").forEach((line, n) => {
    if (n) out.append(el("br"));
    out.append(plain(line));
  });
  return out;
}

// ---- elements

/** Sends what somebody pressed or chose, asking first where the app wants that. */
async function act(node, e, b, ctx, more) {
  if (e.confirm && !(await asked(e.confirm))) return false;
  const action = { action_id: e.action_id, block_id: b.block_id, type: e.type, ...more };
  node.classList.add("busy");
  try {
    await send("action", { ...ctx.where, action, values: valuesOf(ctx.key) });
    return true;
  } catch (why) {
    toast(notAnswered(why.message));
    return false;
  } finally {
    node.classList.remove("busy");
  }
}

/** A confirmation dialog. */
export function asked(c) {
  return new Promise((done) => {
    const end = (yes) => {
      layer.remove();
      done(yes);
    };
    const layer = el(
      "div.layer",
      { "data-confirm": "", onkeydown: (ev) => ev.key === "Escape" && end(false) },
      el(
        "div.dialog.small",
        { role: "alertdialog", "aria-modal": "true" },
        el("header", {}, el("h2", {}, text(c.title))),
        el("div.body", {}, text(c.text)),
        el(
          "footer",
          {},
          el("button.btn", { type: "button", "data-deny": "", onclick: () => end(false) }, c.deny ? text(c.deny) : "Cancel"),
          el(`button.btn.${c.style === "danger" ? "danger" : "primary"}`, { type: "button", "data-accept": "", onclick: () => end(true) }, c.confirm ? text(c.confirm) : "Yes"),
        ),
      ),
    );
    document.body.append(layer);
    layer.querySelector("[data-accept]").focus();
  });
}

function element(e, b, ctx) {
  const common = { "data-action-id": e.action_id };
  switch (e.type) {
    case "image":
      return el("img.thumb", { src: e.image_url, alt: e.alt_text });
    case "button":
    case "workflow_button": {
      const press = () => {
        if (e.url) window.open(e.url, "_blank", "noopener,noreferrer");
        return act(node, e, b, ctx, { text: e.text, value: e.value });
      };
      const node = el(`button.btn.${e.style || "plain-look"}`, { ...common, type: "button", "data-value": e.value, "data-url": e.url, "aria-label": e.accessibility_label, onclick: press }, text(e.text));
      return node;
    }
    case "overflow": {
      const node = el("button.btn.plain-look.square", { ...common, type: "button", "aria-label": "More actions", onclick: () => {
        menu(node, e.options.map((o) => ({
          title: text(o.text),
          attrs: { "data-option": o.value },
          run: () => {
            if (o.url) window.open(o.url, "_blank", "noopener,noreferrer");
            act(node, e, b, ctx, { selected_option: o });
          },
        })));
      } }, icon("more"));
      return node;
    }
    default: {
      // Inputs that stand in actions or beside a section tell the app at once.
      const node = field(e, b, ctx, (more) => act(node, e, b, ctx, more));
      return node;
    }
  }
}

/** An input of any kind; `tell` is called with what to send when something was chosen. */
function field(e, b, ctx, tell) {
  const id = e.action_id;
  const common = { name: b.block_id, "data-action-id": id, placeholder: e.placeholder && e.placeholder.text, autofocus: e.focus_on_load };
  const now = valueOf(ctx, b.block_id, id);
  const keep = (name, value) => {
    const whole = { type: e.type, [name]: value };
    setValue(ctx, b.block_id, id, whole);
    if (tell) tell({ [name]: value });
  };
  const initial = (name, first) => (now && now[name] !== undefined ? now[name] : first);
  switch (e.type) {
    case "plain_text_input":
    case "email_text_input":
    case "url_text_input":
    case "number_input": {
      const value = initial("value", e.initial_value ?? null);
      setValue(ctx, b.block_id, id, { type: e.type, value });
      const kind = { email_text_input: "email", url_text_input: "url", number_input: "text" }[e.type] || "text";
      const typed = (ev) => setValue(ctx, b.block_id, id, { type: e.type, value: ev.target.value === "" ? null : ev.target.value });
      const enter = (ev) => {
        if (ev.key === "Enter" && tell && !e.multiline) {
          ev.preventDefault();
          tell({ value: ev.target.value });
        }
      };
      const more = { ...common, value: value || "", oninput: typed, onkeydown: enter, maxlength: e.max_length || 3000, autocomplete: "off" };
      if (e.multiline) return el("textarea.input", { ...more, rows: 4 });
      return el("input.input", { ...more, type: kind, inputmode: e.type === "number_input" ? "decimal" : undefined });
    }
    case "datepicker":
    case "timepicker": {
      const name = e.type === "datepicker" ? "selected_date" : "selected_time";
      const value = initial(name, e[e.type === "datepicker" ? "initial_date" : "initial_time"] ?? null);
      setValue(ctx, b.block_id, id, { type: e.type, [name]: value });
      return el("input.input.short", { ...common, type: e.type === "datepicker" ? "date" : "time", value: value || "", onchange: (ev) => keep(name, ev.target.value || null) });
    }
    case "datetimepicker": {
      const value = initial("selected_date_time", e.initial_date_time ?? null);
      setValue(ctx, b.block_id, id, { type: e.type, selected_date_time: value });
      const local = value ? new Date(value * 1000 - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16) : "";
      return el("input.input.short", { ...common, type: "datetime-local", value: local, onchange: (ev) => keep("selected_date_time", ev.target.value ? Math.floor(new Date(ev.target.value) / 1000) : null) });
    }
    case "checkboxes":
    case "radio_buttons":
      return ticks(e, b, ctx, common, initial, keep);
    case "static_select":
    case "users_select":
    case "channels_select":
    case "conversations_select":
      return select(e, b, ctx, common, initial, keep);
    case "external_select":
      return external(e, b, ctx, common, initial, keep);
    case "file_input":
      setValue(ctx, b.block_id, id, { type: e.type, files: [] });
      return el("input.input", { ...common, type: "file", disabled: true });
    default:
      if (e.type.startsWith("multi_")) return many(e, b, ctx, common, initial, keep);
      return el("span.unknown", {}, `[${e.type}]`);
  }
}

function ticks(e, b, ctx, common, initial, keep) {
  const many = e.type === "checkboxes";
  const name = many ? "selected_options" : "selected_option";
  const first = initial(name, (many ? e.initial_options : e.initial_option) ?? (many ? [] : null));
  setValue(ctx, b.block_id, e.action_id, { type: e.type, [name]: first });
  let chosen = first;
  const has = (o) => (many ? chosen.some((c) => c.value === o.value) : chosen && chosen.value === o.value);
  const box = el("div.ticks", { "data-action-id": e.action_id });
  for (const o of e.options) {
    const tick = el("input", {
      type: many ? "checkbox" : "radio",
      name: common.name,
      value: o.value,
      checked: Boolean(has(o)),
      "data-action-id": e.action_id,
      onchange: () => {
        chosen = many ? e.options.filter((x) => (x.value === o.value ? tick.checked : has(x))) : o;
        keep(name, chosen);
      },
    });
    box.append(el("label", {}, tick, el("span", {}, text(o.text), o.description && el("small", {}, text(o.description)))));
  }
  return box;
}

/** What a menu offers: groups of {value, title, option}. */
function offers(e) {
  const of = (options) => options.map((o) => ({ value: o.value, title: o.text.text, option: o }));
  if (e.options) return [[null, of(e.options)]];
  if (e.option_groups) return e.option_groups.map((g) => [g.label.text, of(g.options)]);
  if (/users_select$/.test(e.type)) return [[null, store.boot.people.filter((p) => !p.bot).map((p) => ({ value: p.id, title: p.name }))]];
  const channels = [...store.channels.values()].filter((c) => !c.archived && (c.sort === "public" || (c.sort === "private" && c.member)));
  const all = channels.map((c) => ({ value: c.id, title: `# ${c.name}` }));
  if (/conversations_select$/.test(e.type)) {
    return [["Channels", all], ["Direct messages", [...store.channels.values()].filter((c) => c.sort === "direct").map((c) => ({ value: c.id, title: c.name }))]];
  }
  return [[null, all]];
}

const FIELD = { static_select: "selected_option", external_select: "selected_option", users_select: "selected_user", channels_select: "selected_channel", conversations_select: "selected_conversation" };
const FIRST = { static_select: "initial_option", external_select: "initial_option", users_select: "initial_user", channels_select: "initial_channel", conversations_select: "initial_conversation" };

function select(e, b, ctx, common, initial, keep) {
  const name = FIELD[e.type];
  let first = initial(name, e[FIRST[e.type]] ?? null);
  if (!first && e.default_to_current_conversation && store.here) first = store.here.channel.id;
  setValue(ctx, b.block_id, e.action_id, { type: e.type, [name]: first });
  const groups = offers(e);
  const flat = groups.flatMap(([, all]) => all);
  const value = first && (first.value ?? first);
  const option = (o) => el("option", { value: o.value, selected: o.value === value }, plainText(o.title));
  const hint = el("option", { value: "", selected: !value }, common.placeholder || "Select an option");
  const node = el(
    "select.input.select",
    { ...common, placeholder: undefined, "data-value": value || "", onchange: () => {
      const picked = flat.find((o) => o.value === node.value);
      node.dataset.value = node.value;
      node.classList.toggle("blank", !picked);
      keep(name, picked ? picked.option || picked.value : null);
    } },
    hint,
    groups.map(([label, all]) => (label ? el("optgroup", { label }, all.map(option)) : all.map(option))),
  );
  node.classList.toggle("blank", !value);
  return node;
}

/** Options show their emoji too. */
const plainText = (s) => s.replace(/:([a-z0-9_+-]+):/g, (whole, name) => emoji(name) || whole);

function external(e, b, ctx, common, initial, keep) {
  const first = initial("selected_option", e.initial_option ?? null);
  setValue(ctx, b.block_id, e.action_id, { type: e.type, selected_option: first });
  const least = e.min_query_length ?? 3;
  const node = el("button.input.select.suggest", { ...common, type: "button" }, first ? plainText(first.text.text) : common.placeholder || "Select an option");
  node.classList.toggle("blank", !first);
  node.addEventListener("click", () => {
    const list = el("div.menu");
    const load = async () => {
      if (search.value.length < least) return list.replaceChildren(el("div.note", {}, `Type at least ${least} characters`));
      try {
        const action = { action_id: e.action_id, block_id: b.block_id };
        const got = await send("suggest", { ...ctx.where, action, query: search.value });
        const all = [...(got.options || []), ...(got.option_groups || []).flatMap((g) => g.options)];
        list.replaceChildren(...all.map((o) => el("button.item", { type: "button", "data-option": o.value, onclick: () => {
          closePopover();
          node.replaceChildren(plainText(o.text.text));
          node.classList.remove("blank");
          keep("selected_option", o);
        } }, plain(o.text.text))));
        if (!all.length) list.replaceChildren(el("div.note", {}, "No results"));
      } catch {
        list.replaceChildren(el("div.note", {}, "Could not load the options"));
      }
    };
    const search = el("input.input", { placeholder: "Search", oninput: load });
    popover(node, search, list);
    search.focus();
    load();
  });
  return node;
}

function many(e, b, ctx, common, initial, keep) {
  const one = e.type.replace("multi_", "");
  const name = `${FIELD[one]}s`;
  let chosen = initial(name, e[`${FIRST[one]}s`] ?? []);
  setValue(ctx, b.block_id, e.action_id, { type: e.type, [name]: chosen });
  const box = el("div.chips", { "data-action-id": e.action_id });
  const valueAt = (c) => c.value ?? c;
  const draw = () => {
    const flat = offers(e).flatMap(([, all]) => all);
    const full = e.max_selected_items && chosen.length >= e.max_selected_items;
    const left = flat.filter((o) => !chosen.some((c) => valueAt(c) === o.value));
    const change = (next) => {
      chosen = next;
      keep(name, chosen);
      draw();
    };
    const pick = el(
      "select.input.select.blank",
      { ...common, placeholder: undefined, disabled: Boolean(full), onchange: () => {
        const o = flat.find((x) => x.value === pick.value);
        if (o) change([...chosen, o.option || o.value]);
      } },
      el("option", { value: "" }, common.placeholder || "Select options"),
      left.map((o) => el("option", { value: o.value }, plainText(o.title))),
    );
    box.replaceChildren(
      ...chosen.map((c) => {
        const o = flat.find((x) => x.value === valueAt(c));
        return el("span.chip", { "data-value": valueAt(c) }, plainText(o ? o.title : valueAt(c)), el("button", { type: "button", "aria-label": "Remove", onclick: () => change(chosen.filter((x) => x !== c)) }, "×"));
      }),
      pick,
    );
  };
  draw();
  return box;
}

/** An input block: label, field, hint, and what is wrong with it. */
function input(b, ctx, attrs) {
  const wrong = ctx.errors && ctx.errors[b.block_id];
  const tell = b.dispatch_action ? (more) => act(node, b.element, b, ctx, more) : null;
  const control = field(b.element, b, ctx, tell);
  const group = control.matches("div");
  const id = `in-${ctx.key}-${b.block_id}`.replace(/[^\w-]/g, "_");
  if (!group) control.id = id;
  if (wrong) control.setAttribute("aria-invalid", "true");
  const node = el(
    wrong ? "div.block.field-block.wrong" : "div.block.field-block",
    attrs,
    el(group ? "div.label" : "label.label", group ? {} : { for: id }, text(b.label), b.optional && el("span.optional", {}, " (optional)")),
    control,
    wrong && el("div.error", { "data-error": b.block_id, role: "alert" }, wrong),
    b.hint && el("div.hint", {}, text(b.hint)),
  );
  return node;
}

