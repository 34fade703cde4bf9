/* Sections that refresh themselves: <section data-live="/address" data-every="3000">.
   The answer replaces the section's content; nothing is asked while the tab is hidden; the header
   "X-Live: ended" says that nothing will change any more. */
(() => {
  "use strict";

  const say = (section, state, words) => {
    for (const mark of document.querySelectorAll(`[data-live-mark="${section.id}"]`)) {
      mark.dataset.state = state;
      mark.textContent = words;
    }
  };

  const toTheEnd = (root) => {
    root.querySelectorAll("[data-end]").forEach((box) => { box.scrollLeft = box.scrollWidth; });
  };

  const keepScroll = (section, change) => {
    const kept = {};
    const lefts = [...section.querySelectorAll(".tf-scroll")].map((box) => box.scrollLeft);
    for (const box of section.querySelectorAll("[data-scroll]")) {
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
      kept[box.dataset.scroll] = atEnd ? Infinity : box.scrollTop;
    }
    change();
    const boxes = section.querySelectorAll(".tf-scroll");
    if (boxes.length === lefts.length) boxes.forEach((box, place) => { box.scrollLeft = lefts[place]; });
    else toTheEnd(section);
    for (const box of section.querySelectorAll("[data-scroll]")) {
      const top = kept[box.dataset.scroll] ?? Infinity;
      box.scrollTop = top === Infinity ? box.scrollHeight : top;
    }
  };

  const shown = new WeakMap();
  const typing = (section) => section.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

  const replace = (section, html) => {
    if (shown.get(section) === html || typing(section)) return;
    shown.set(section, html);
    keepScroll(section, () => { section.innerHTML = html; });
  };

  const refresh = async (section) => {
    const answer = await fetch(section.dataset.live, { credentials: "same-origin", headers: { "X-Live": "1" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    replace(section, await answer.text());
    return answer.headers.get("X-Live") === "ended";
  };

  const follow = (section) => {
    const every = Number(section.dataset.every) || 3000;
    let timer = null;
    let over = false;
    const step = async () => {
      timer = null;
      if (document.hidden) return say(section, "paused", "paused");
      try {
        over = await refresh(section);
        if (over && section.dataset.reload) return location.reload();
        if (over) return say(section, "ended", "finished");
        say(section, "live", "live");
      } catch (problem) {
        say(section, "lost", "no answer, trying again");
      }
      timer = setTimeout(step, every);
    };
    document.addEventListener("visibilitychange", () => { if (!document.hidden && timer === null && !over) step(); });
    timer = setTimeout(step, every);
  };

  /* A panel that follows form fields: <div data-follows="#id_a, #id_b" data-live="/address">. */
  const followFields = (panel) => {
    const fields = () => [...document.querySelectorAll(panel.dataset.follows)];
    let timer = null;
    const load = async () => {
      const query = new URLSearchParams(fields().map((field) => [field.name, field.value]));
      const answer = await fetch(`${panel.dataset.source}?${query}`, { credentials: "same-origin" });
      if (answer.ok) panel.innerHTML = await answer.text();
    };
    const soon = () => { clearTimeout(timer); timer = setTimeout(load, 250); };
    for (const field of fields()) {
      field.addEventListener("input", soon);
      field.addEventListener("change", soon);
    }
    load();
  };

  /* <template data-after="#id_field">: its content goes below the row of that field in a generated form. */
  const place = (template) => {
    const field = document.querySelector(template.dataset.after);
    const line = field && field.closest(".field-line");
    if (line) line.parentElement.after(template.content.cloneNode(true));
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("template[data-after]").forEach(place);
    document.querySelectorAll("[data-live]").forEach(follow);
    document.querySelectorAll("[data-follows]").forEach(followFields);
    toTheEnd(document);
    document.querySelectorAll("[data-scroll]").forEach((box) => { box.scrollTop = box.scrollHeight; });
  });
})();
