// Modals: the top one of the stack, as the app last wrote it.
import { el, icon, notAnswered, send, store } from "./dom.js";
import { drawBlocks, valuesOf } from "./kit.js";
import { text } from "./mrkdwn.js";

let shown = null; // {id, hash} of what is drawn
let errors = {};
let stack = [];

const keyOf = (view) => `view ${view.id}`;

/** Shows the modals that the server says are open. */
export function showModals(next) {
  const before = new Map(stack.map((v) => [v.id, v.hash]));
  stack = next;
  for (const view of stack) {
    // What has been typed here stays where the same input is still there.
    const mine = valuesOf(keyOf(view));
    const theirs = view.state.values;
    if (before.get(view.id) === view.hash) continue;
    const merged = {};
    for (const [block, elements] of Object.entries(theirs)) {
      merged[block] = {};
      for (const [action, value] of Object.entries(elements)) {
        const kept = (mine[block] || {})[action];
        merged[block][action] = kept && kept.type === value.type ? kept : value;
      }
    }
    store.values.set(keyOf(view), merged);
  }
  const top = stack.at(-1);
  if (!top) {
    shown = null;
    errors = {};
    document.getElementById("modals").replaceChildren();
  } else if (!shown || shown.id !== top.id || shown.hash !== top.hash) {
    errors = {};
    draw(top);
  }
}

function draw(view, trouble) {
  const layerBox = document.getElementById("modals");
  const fresh = !shown || shown.id !== view.id;
  const focus = !fresh && document.activeElement && layerBox.contains(document.activeElement) ? document.activeElement : null;
  const again = focus && focus.name ? [focus.name, focus.dataset.actionId, focus.selectionStart] : null;
  shown = { id: view.id, hash: view.hash };
  const ctx = { key: keyOf(view), where: { view: view.id }, modal: true, errors };
  const close = (all) => send("close", { view: view.id, all }).catch(() => {});
  const submitButton = view.submit && el("button.btn.primary", { type: "submit", "data-submit": "", disabled: Boolean(view.submit_disabled) }, text(view.submit));
  const submit = async (ev) => {
    ev.preventDefault();
    if (!submitButton || submitButton.classList.contains("busy")) return;
    submitButton.classList.add("busy");
    try {
      const said = await send("submit", { view: view.id, values: valuesOf(keyOf(view)) });
      if (said.errors) {
        errors = said.errors;
        draw(view);
        layerBox.querySelector("[aria-invalid]")?.focus();
      }
    } catch (why) {
      draw(view, why.message === "operation_timeout" || why.message === "dispatch_failed" ? "We had some trouble connecting. Try again?" : notAnswered(why.message));
    } finally {
      submitButton.classList.remove("busy");
    }
  };
  const layer = el(
    fresh ? "div.layer.fresh" : "div.layer",
    { onmousedown: (ev) => { if (ev.target === layer) layer.dataset.down = "1"; } },
    el(
      "form.dialog",
      {
        role: "dialog", "aria-modal": "true", "aria-label": view.title.text, novalidate: true,
        "data-modal": "", "data-callback-id": view.callback_id, "data-view": view.id, onsubmit: submit,
      },
      el(
        "header",
        {},
        stack.length > 1 ? el("button.plain.square", { type: "button", "aria-label": "Back", onclick: () => close(false) }, icon("back")) : el("span.app-mark", {}, icon("flag")),
        el("h2", {}, text(view.title)),
        el("button.plain.square", { type: "button", "aria-label": "Close", "data-close": "", onclick: () => close(true) }, icon("close")),
      ),
      trouble && el("div.trouble", { role: "alert" }, trouble),
      el("div.body", {}, drawBlocks(view.blocks, ctx)),
      (view.submit || view.close) &&
        el("footer", {}, el("button.btn", { type: "button", "data-cancel": "", onclick: () => close(false) }, view.close ? text(view.close) : stack.length > 1 ? "Back" : "Cancel"), submitButton),
    ),
  );
  const scroll = layerBox.querySelector(".body")?.scrollTop || 0;
  layerBox.replaceChildren(layer);
  const body = layer.querySelector(".body");
  if (!fresh) body.scrollTop = scroll;
  if (again) {
    const field = [...layer.querySelectorAll("[name]")].find((f) => f.name === again[0] && f.dataset.actionId === again[1]);
    field?.focus();
    if (field?.setSelectionRange && again[2] !== null && field.type !== "email") field.setSelectionRange(again[2], again[2]);
  } else if (fresh || !layer.contains(document.activeElement)) {
    // From the beginning, where a long text may begin with what is to be filled in.
    for (const a of body.querySelectorAll("textarea")) a.setSelectionRange(0, 0);
    (layer.querySelector("[autofocus]") || body.querySelector("input:not([type=radio]):not([type=checkbox]), textarea, select") || layer.querySelector("footer button, [data-close]"))?.focus();
  }
}

addEventListener("keydown", (ev) => {
  if (ev.key !== "Escape" || !stack.length || document.querySelector("[data-confirm]")) return;
  if (!document.getElementById("popover").hidden) return;
  send("close", { view: stack.at(-1).id, all: false }).catch(() => {});
});
