// Keeps pages current, puts times into the reader's zone, searches while one types, and listens to keys. Without it
// everything can still be read and declared.
"use strict";

// Times in the reader's own zone.
function local(root) {
  for (const t of root.querySelectorAll("time[datetime]")) {
    const at = new Date(t.getAttribute("datetime"));
    if (isNaN(at)) continue;
    const clock = t.classList.contains("clock");
    t.title = at.toLocaleString();
    t.textContent = clock
      ? at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })
      : at.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  }
}

// A moment that somebody corrects is chosen and written in their zone too, and sent as what it is everywhere.
function localMoments(root) {
  const short = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
  for (const o of root.querySelectorAll("option[data-at]")) {
    const at = new Date(o.dataset.at);
    if (!isNaN(at)) o.textContent = o.dataset.said.replace("…", at.toLocaleString(undefined, short));
  }
  for (const field of root.querySelectorAll("input[data-moment]")) {
    const kept = new Date(field.getAttribute("value"));
    if (field.getAttribute("value") && !isNaN(kept)) {
      field.value = new Date(kept - kept.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    }
    field.closest("label").querySelector(".zone").textContent = "(in your time zone)";
  }
}
document.addEventListener("formdata", (e) => {
  for (const field of e.target.querySelectorAll("input[data-moment]")) {
    const at = new Date(field.value);
    if (field.value && !isNaN(at)) e.formData.set(field.name, at.toISOString());
  }
});

const main = document.getElementById("main");
const words = document.getElementById("live");
local(document);
localMoments(document);

// On a narrow screen the bar scrolls: where one is stands in it.
const here = document.querySelector(".top nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 24;

// Takes the named parts of another page over into this one.
async function fetched(url, signal) {
  const answer = await fetch(url, { headers: { accept: "text/html" }, signal });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// ---- current without reloading
(() => {
  const live = main && main.dataset.live;
  if (!live) return;
  let wanted = false;
  let busy = false;
  let soon = 0;
  // What somebody is writing must not vanish under their hands.
  const writing = () => {
    const a = document.activeElement;
    const fields = [...main.querySelectorAll("textarea, input:not([type=hidden])")];
    return (a && main.contains(a) && /^(TEXTAREA|INPUT|SELECT)$/.test(a.tagName)) || fields.some((f) => f.value !== f.defaultValue) || main.querySelector("details[open]");
  };
  const refresh = async () => {
    if (busy) { wanted = true; return; }
    if (writing()) { words.textContent = "There is news. It shows once you have finished writing."; return; }
    busy = true;
    wanted = false;
    try {
      const page = await fetched(location.href);
      const fresh = page.getElementById("main");
      // Somebody may have begun to write while the page was on its way.
      if (fresh && writing()) words.textContent = "There is news. It shows once you have finished writing.";
      else if (fresh) {
        main.replaceChildren(...fresh.childNodes);
        document.title = page.title;
        words.textContent = "";
        local(main);
        localMoments(main);
      }
    } catch {
      words.textContent = "Not connected; trying again.";
    } finally {
      busy = false;
      if (wanted) refresh();
    }
  };
  // Many changes at once are one refresh.
  const refreshSoon = () => { clearTimeout(soon); soon = setTimeout(refresh, 60); };
  const source = new EventSource("/live");
  source.onmessage = (e) => { if (live === "all" || live === e.data || e.data === "many") refreshSoon(); };
  source.onopen = () => { words.textContent = ""; };
  source.onerror = () => { words.textContent = "Not connected; trying again."; };
  addEventListener("pagehide", () => source.close());
})();

// ---- search while one types
(() => {
  const form = document.querySelector("form[data-search]");
  const results = document.querySelector("[data-results]");
  if (!form || !results) return;
  let timer = 0;
  let under = null;
  const search = async () => {
    if (under) under.abort();
    under = new AbortController();
    const query = new URLSearchParams([...new FormData(form)].filter(([, v]) => v !== ""));
    const url = form.getAttribute("action") + (query.size ? "?" + query : "");
    try {
      const page = await fetched(url, under.signal);
      const fresh = page.querySelector("[data-results]");
      if (fresh) {
        results.replaceChildren(...fresh.childNodes);
        local(results);
        history.replaceState(null, "", url);
      }
    } catch (e) {
      if (e.name !== "AbortError") words.textContent = "The search did not arrive; press Show.";
    }
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 120); });
})();

// ---- long work says that it is under way
document.addEventListener("click", (e) => {
  const a = e.target.closest && e.target.closest("[data-busy]");
  if (a) { a.textContent = a.dataset.busy; a.setAttribute("aria-busy", "true"); }
});

// ---- keys
(() => {
  const help = document.getElementById("keys");
  if (!help) return;
  const button = document.getElementById("keys-open");
  button.hidden = false;
  const show = () => { if (!help.open) help.showModal(); };
  button.addEventListener("click", show);
  const places = { n: "/", m: "/insights", i: "/incidents", r: "/reviews", s: "/services", t: "/teams", p: "/process", d: "/deliveries", a: "/audit" };
  let going = 0;
  const step = (by) => {
    const all = [...main.querySelectorAll(".incidents .cover, table[data-rows] tbody a:first-of-type")];
    if (!all.length) return;
    const here = all.indexOf(document.activeElement);
    all[Math.min(all.length - 1, Math.max(0, here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by))].focus();
  };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(TEXTAREA|INPUT|SELECT)$/.test(e.target.tagName) || e.target.isContentEditable) return;
    if (help.open) return;
    if (Date.now() - going < 1500 && places[e.key]) { e.preventDefault(); location.href = places[e.key]; return; }
    going = 0;
    switch (e.key) {
      case "g": going = Date.now(); break;
      case "?": e.preventDefault(); show(); break;
      case "/": { e.preventDefault(); const q = document.querySelector("input[type=search]"); if (q) q.focus(); else location.href = "/incidents#search"; break; }
      case "c": e.preventDefault(); location.href = "/declare"; break;
      case "j": step(1); break;
      case "k": step(-1); break;
      case "u": { const t = document.getElementById("update-text"); if (t) { e.preventDefault(); t.focus(); } break; }
    }
  });
  if (location.hash === "#search") { const q = document.querySelector("input[type=search]"); if (q) q.focus(); }
})();
