// A policy while it is typed: the server checks the draft, and form, text and results are brought up to date.
// Without this file the button "Check" does the same.
(function () {
  "use strict";
  const PREFIX = "policy-draft:";
  const WAIT = 350;
  const key = PREFIX + window.location.pathname + window.location.search;

  if (document.querySelector("[data-forget-drafts]")) {
    Object.keys(sessionStorage).filter(function (name) { return name.startsWith(PREFIX); }).forEach(function (name) {
      if (JSON.parse(sessionStorage.getItem(name) || "{}").proposing) { sessionStorage.removeItem(name); }
    });
  }
  const form = document.getElementById("editor");
  if (!form) { return; }
  const byId = function (id) { return document.getElementById(id); };
  let typedTimes = 0;
  let timer = 0;
  let busy = false;
  let waiting = null;
  let unnoticed = [];
  let openPane = "pane-text";

  // The draft in this tab -------------------------------------------------------------------------

  function kept() {
    return Array.from(form.elements).filter(function (one) {
      return one.name === "text" || one.name === "note" || one.name.startsWith("case-");
    }).map(function (one) { return [one.name, one.value]; });
  }
  function keep(proposing) {
    const draft = { at: new Date().toISOString(), proposing: proposing === true, fields: kept() };
    try { sessionStorage.setItem(key, JSON.stringify(draft)); } catch (full) { sessionStorage.removeItem(key); }
  }
  function offer() {
    const draft = JSON.parse(sessionStorage.getItem(key) || "null");
    if (!draft || JSON.stringify(draft.fields) === JSON.stringify(kept())) { return; }
    byId("restore-when").textContent = new Date(draft.at).toLocaleTimeString();
    byId("restore").hidden = false;
    byId("restore-drop").addEventListener("click", function () {
      sessionStorage.removeItem(key);
      byId("restore").hidden = true;
      byId("p-text").focus();
    });
    byId("restore-take").addEventListener("click", function () {
      draft.fields.forEach(function (pair) { put(pair[0], pair[1]); });
      byId("restore").hidden = true;
      byId("p-text").focus();
      typed(0);
    });
  }
  function put(name, value) {
    let place = form.elements.namedItem(name);
    if (!place) {
      place = document.createElement("textarea");
      place.name = name;
      place.hidden = true;
      form.append(place);
    }
    place.value = value;
  }

  // Asking the server -----------------------------------------------------------------------------

  function typed(wait) {
    typedTimes += 1;
    keep(false);
    window.clearTimeout(timer);
    timer = window.setTimeout(function () { ask("check"); }, wait);
  }
  function body(action, from) {
    const sent = new URLSearchParams();
    Array.from(form.elements).forEach(function (one) {
      const same = one.name.startsWith("f.") && one.dataset.was === one.value;
      if (one.name && one.type !== "submit" && one.name !== "from" && !same) { sent.append(one.name, one.value); }
    });
    sent.set("do", action);
    sent.set("back", "/");
    if (from) { sent.set("from", from); }
    return sent;
  }
  async function ask(action, from) {
    window.clearTimeout(timer);
    if (busy) { waiting = [action, from]; return; }
    busy = true;
    const before = typedTimes;
    byId("busy").textContent = "checking …";
    try {
      const answer = await fetch(form.getAttribute("action"), {
        method: "POST",
        body: body(action, from),
        headers: { "HX-Request": "true", "HX-Current-URL": window.location.href },
      });
      await take(answer, before, action);
    } catch (failed) {
      trouble("The server could not be reached. What you typed is kept in this tab; it is checked again when you type on.");
    }
    busy = false;
    byId("busy").textContent = "";
    const next = waiting;
    waiting = null;
    if (next) { ask(next[0], next[1]); }
    else if (before !== typedTimes) { timer = window.setTimeout(function () { ask("check"); }, WAIT); }
  }
  async function take(answer, before, action) {
    if (answer.headers.get("HX-Redirect")) { return signIn(answer.headers.get("HX-Redirect")); }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("editor");
    if (!fresh) { return trouble((page.querySelector(".notice, main p, p") || page.body).textContent.trim()); }
    byId("trouble").hidden = true;
    if (before !== typedTimes && action === "check") { return undefined; }
    if (action === "weaken") { gather(fresh); }
    const next = action === "weaken" ? fresh.querySelector("#weak").dataset.next : "";
    apply(fresh);
    keep(false);
    if (next) { waiting = ["weaken", next]; }
    return undefined;
  }
  function trouble(words) {
    const place = byId("trouble");
    place.textContent = words;
    place.hidden = false;
  }
  function signIn(address) {
    keep(false);
    trouble("You are signed out. What you typed is kept in this tab: ");
    const link = document.createElement("a");
    link.href = address.startsWith("/") ? address : "/sign-in";
    link.textContent = "sign in again and take it back.";
    byId("trouble").append(link);
  }

  // Bringing the page up to date ------------------------------------------------------------------

  function gather(fresh) {
    const list = fresh.querySelector("#weak ul");
    if (!list) { return; }
    const mine = Array.from(list.children);
    unnoticed.slice().reverse().forEach(function (words) {
      const item = document.createElement("li");
      item.textContent = words;
      list.prepend(item);
    });
    unnoticed = unnoticed.concat(mine.map(function (item) { return item.textContent; }));
    const end = fresh.querySelector("[data-finished]");
    if (end && unnoticed.length > 0) { end.textContent = "No case noticed these."; }
  }
  function apply(fresh) {
    if (fresh.dataset.shape !== form.dataset.shape) { redraw(fresh); } else { merge(fresh); }
    remember();
    dress();
  }
  function merge(fresh) {
    fresh.querySelectorAll("[data-slot]").forEach(function (slot) {
      const place = byId(slot.id);
      const kept = ["weak", "impact"].includes(slot.id) && slot.childElementCount === 0;
      if (!place || kept) { return; }
      place.className = slot.className;
      if (place.innerHTML !== slot.innerHTML) { place.replaceChildren(...slot.childNodes); }
    });
    Array.from(fresh.elements).forEach(function (one) {
      const mine = one.name && one.type !== "submit" ? form.elements.namedItem(one.name) : null;
      if (!mine || mine.value === undefined) { return; }
      if (mine.value !== one.value) {
        const line = mine.closest(".code") ? firstChange(mine.value, one.value) : 0;
        mine.value = one.value;
        if (line > 0 && document.activeElement !== mine) { mine.scrollTop = Math.max(0, (line - 6) * lineHeight(mine)); }
      }
      if (one.hasAttribute("aria-invalid")) { mine.setAttribute("aria-invalid", "true"); } else { mine.removeAttribute("aria-invalid"); }
    });
  }
  function firstChange(old, now) {
    const before = old.split("\n");
    return now.split("\n").findIndex(function (words, at) { return words !== before[at]; }) + 1;
  }
  function lineHeight(text) { return parseFloat(getComputedStyle(text).lineHeight); }
  function redraw(fresh) {
    const open = Array.from(form.querySelectorAll("details[open]")).map(function (one) { return one.dataset.gate; });
    const before = Array.from(form.querySelectorAll("details[data-gate]")).map(function (one) { return one.dataset.gate; });
    const at = document.activeElement;
    const focused = form.contains(at) ? at.id : "";
    const place = focused && at.selectionStart !== undefined ? [at.selectionStart, at.selectionEnd] : null;
    const textBefore = byId("p-text").value;
    const scrolled = {};
    form.querySelectorAll("textarea[id]").forEach(function (one) { scrolled[one.id] = [one.scrollTop, one.scrollLeft]; });
    form.dataset.shape = fresh.dataset.shape;
    form.replaceChildren(...fresh.childNodes);
    let added = null;
    form.querySelectorAll("details[data-gate]").forEach(function (one) {
      if (open.includes(one.dataset.gate)) { one.open = true; }
      if (!before.includes(one.dataset.gate) && before.length > 0) { one.open = true; added = one; }
    });
    Object.keys(scrolled).forEach(function (id) {
      if (byId(id)) { [byId(id).scrollTop, byId(id).scrollLeft] = scrolled[id]; }
    });
    const told = byId("p-text");
    if (focused !== "p-text") { told.scrollTop = Math.max(0, (firstChange(textBefore, told.value) - 6) * lineHeight(told)); }
    const again = focused ? byId(focused) : null;
    if (again) {
      again.focus({ preventScroll: true });
      if (place && again.setSelectionRange && again.type !== "select-one") { again.setSelectionRange(place[0], place[1]); }
    } else if (added) { added.querySelector("summary").focus(); }
    else { byId("p-text").focus({ preventScroll: true }); }
  }
  function remember() {
    Array.from(form.elements).forEach(function (one) {
      if (one.name.startsWith("f.")) { one.dataset.was = one.value; }
    });
  }

  // Tabs and line numbers -------------------------------------------------------------------------

  function dress() {
    tabs();
    form.querySelectorAll(".code").forEach(function (code) {
      const text = code.querySelector("textarea");
      if (!code.querySelector(".lines")) {
        const lines = document.createElement("pre");
        lines.className = "lines";
        lines.setAttribute("aria-hidden", "true");
        code.prepend(lines);
        text.addEventListener("scroll", function () { lines.scrollTop = text.scrollTop; });
      }
      number(code, text);
    });
  }
  function number(code, text) {
    const bad = new Set(Array.from(form.querySelectorAll("[data-in='" + text.id + "']")).map(function (one) { return one.dataset.line; }));
    const many = text.value.split("\n").length;
    const lines = code.querySelector(".lines");
    lines.style.height = text.clientHeight + "px";
    const parts = [];
    for (let i = 1; i <= many; i += 1) {
      if (bad.has(String(i))) {
        const mark = document.createElement("b");
        mark.textContent = i;
        parts.push(mark, "\n");
      } else { parts.push(i + "\n"); }
    }
    lines.replaceChildren(...parts);
    lines.scrollTop = text.scrollTop;
  }
  function tabs() {
    const panes = Array.from(form.querySelectorAll(".pane"));
    let bar = form.querySelector(".panes-tabs");
    if (!bar) {
      bar = document.createElement("div");
      bar.className = "panes-tabs";
      bar.setAttribute("role", "tablist");
      bar.setAttribute("aria-label", "The text and its cases");
      panes[0].before(bar);
      panes.forEach(function (pane) {
        const tab = document.createElement("button");
        tab.type = "button";
        tab.id = pane.id + "-tab";
        tab.setAttribute("role", "tab");
        tab.setAttribute("aria-controls", pane.id);
        tab.addEventListener("click", function () { show(pane.id); });
        bar.append(tab);
        pane.setAttribute("role", "tabpanel");
        pane.setAttribute("aria-labelledby", tab.id);
      });
      bar.addEventListener("keydown", function (event) {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) { return; }
        const all = Array.from(bar.children);
        const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
        next.click();
        next.focus();
        event.preventDefault();
      });
    }
    panes.forEach(function (pane) { byId(pane.id + "-tab").textContent = byId(pane.id + "-title").textContent; });
    show(byId(openPane) ? openPane : "pane-text");
  }
  function show(id) {
    openPane = id;
    form.querySelectorAll(".pane").forEach(function (pane) {
      const chosen = pane.id === id;
      pane.hidden = !chosen;
      const tab = byId(pane.id + "-tab");
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) { pane.querySelectorAll(".code").forEach(function (code) { if (code.querySelector(".lines")) { number(code, code.querySelector("textarea")); } }); }
    });
  }
  function goTo(link) {
    const text = byId(link.dataset.in);
    if (!text) { return; }
    show(text.closest(".pane").id);
    const lines = text.value.split("\n");
    const line = Math.min(Number(link.dataset.line), lines.length);
    const start = lines.slice(0, line - 1).reduce(function (sum, one) { return sum + one.length + 1; }, 0);
    text.focus();
    text.setSelectionRange(start + Number(link.dataset.column) - 1, start + lines[line - 1].length);
    text.scrollTop = Math.max(0, (line - 4) * lineHeight(text));
  }

  form.addEventListener("input", function (event) {
    if (event.target.name === "note" || event.target.name === "new-check") { keep(false); return; }
    const code = event.target.closest(".code");
    if (code) { number(code, event.target); }
    typed(WAIT);
  });
  form.addEventListener("click", function (event) {
    const link = event.target.closest("[data-line]");
    if (link) { event.preventDefault(); goTo(link); }
  });
  form.addEventListener("submit", function (event) {
    const button = event.submitter;
    const action = button && button.name === "do" ? button.value : "check";
    if (action === "propose") { keep(true); return; }
    event.preventDefault();
    if (action === "weaken") { unnoticed = []; }
    ask(action);
  });
  remember();
  dress();
  offer();
})();
