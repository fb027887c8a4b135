// Keeps the parts of a page that are marked `data-live` as they are on the server, sends forms without leaving the page,
// and remembers who is looking.
"use strict";

(() => {
  const EVERY_MS = 1500;
  let timer;

  const busy = (part) => {
    const at = document.activeElement;
    const typing = at && part.contains(at) && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
    return typing || part.querySelector("details[open]") !== null;
  };

  const refresh = async () => {
    clearTimeout(timer);
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live]")) {
          const next = fresh.getElementById(part.id);
          if (next && next.innerHTML !== part.dataset.was && !busy(part)) {
            part.dataset.was = next.innerHTML;
            if (part.innerHTML !== next.innerHTML) part.replaceChildren(...next.childNodes);
          }
        }
        document.body.classList.remove("cut-off");
      } catch {
        document.body.classList.add("cut-off");
      }
    }
    timer = setTimeout(refresh, EVERY_MS);
  };

  const send = async (form, button) => {
    const data = new URLSearchParams(new FormData(form));
    if (button && button.name) data.set(button.name, button.value);
    const told = form.querySelector("[data-told]");
    try {
      const answer = await fetch(form.action, { method: "POST", body: data });
      const words = answer.ok ? "" : await answer.text();
      if (told) told.textContent = words || form.dataset.done || "";
      else if (words) alert(words);
      if (answer.ok) {
        if (form.hasAttribute("data-clear")) form.reset();
        form.closest("details")?.removeAttribute("open");
        if (document.activeElement && form.contains(document.activeElement)) document.activeElement.blur();
      }
    } catch {
      if (told) told.textContent = "The practice workspace does not answer.";
    }
    refresh();
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.hasAttribute("data-quiet")) {
      event.preventDefault();
      send(form, event.submitter);
    }
  });

  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.hasAttribute("data-who")) {
      document.cookie = `practice_person=${field.value}; path=/; SameSite=Lax`;
      location.reload();
    } else if (field.hasAttribute("data-submit")) {
      field.form.requestSubmit();
    } else if (field.hasAttribute("data-fill")) {
      const chosen = field.selectedOptions[0];
      for (const [name, value] of Object.entries(chosen.dataset)) {
        const other = field.form.elements.namedItem(name);
        if (other) other.value = value;
      }
    }
  });

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    }
  });

  if (document.querySelector("[data-live]")) timer = setTimeout(refresh, EVERY_MS);
})();
