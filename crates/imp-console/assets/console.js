// Keeps the page current: when an incident changes, the main part is fetched anew and put in place.
"use strict";
(() => {
  const main = document.getElementById("main");
  const live = main && main.dataset.live;
  if (!live) return;
  const words = document.getElementById("live");
  let wanted = false;
  let busy = false;
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
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        main.replaceChildren(...page.getElementById("main").childNodes);
        document.title = page.title;
        words.textContent = "";
        local(main);
      }
    } finally {
      busy = false;
      if (wanted) refresh();
    }
  };
  const source = new EventSource("/live");
  source.onmessage = (e) => { if (live === "all" || live === e.data) refresh(); };
  source.onopen = () => { words.textContent = ""; };
  source.onerror = () => { words.textContent = "Not connected; trying again."; };
})();
// Times in the reader's own zone.
function local(root) {
  for (const t of root.querySelectorAll("time[datetime]")) {
    const at = new Date(t.getAttribute("datetime"));
    if (isNaN(at)) continue;
    t.title = at.toLocaleString();
    t.textContent = at.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  }
}
local(document);
