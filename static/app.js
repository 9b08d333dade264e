// Keyboard: "/" search, "g" then h m d f e to go somewhere, "j" and "k" through a list, "?" help. Nothing signs by key.
(function () {
  "use strict";
  const places = { h: "/", m: "/models", r: "/reviews", d: "/decisions", f: "/findings", p: "/policies", e: "/events" };
  let waiting = false;
  function typing(target) {
    return target.closest("input, textarea, select, [contenteditable]") !== null;
  }
  function step(by) {
    const links = Array.from(document.querySelectorAll("main tbody th a, main .gate summary"));
    if (links.length === 0) { return; }
    const at = links.indexOf(document.activeElement);
    links[Math.max(0, Math.min(links.length - 1, at + by))].focus();
  }
  function go(key) {
    waiting = false;
    if (places[key]) { window.location.assign(places[key]); }
  }
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) { return; }
    if (localStorage.getItem("keys") === "off") { return; }
    if (waiting) { go(event.key); return; }
    if (event.key === "g") { waiting = true; window.setTimeout(function () { waiting = false; }, 1200); }
    if (event.key === "j") { step(1); }
    if (event.key === "k") { step(-1); }
    if (event.key === "?") { window.location.assign("/help"); }
    if (event.key === "/") {
      const box = document.querySelector("input[type=search]");
      if (box) { event.preventDefault(); box.focus(); }
    }
  });
  function showTheme() {
    const now = localStorage.getItem("theme") || "system";
    document.querySelectorAll("[data-theme-choice]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === now));
    });
  }
  function showKeys() {
    const box = document.getElementById("keys");
    if (box) { box.checked = localStorage.getItem("keys") !== "off"; }
  }
  showTheme();
  showKeys();
  document.addEventListener("change", function (event) {
    if (event.target.id === "keys") { localStorage.setItem("keys", event.target.checked ? "on" : "off"); }
  });
  document.addEventListener("click", function (event) {
    const wish = event.target.closest("[data-theme-choice]");
    if (!wish) { return; }
    const chosen = wish.dataset.themeChoice;
    if (chosen === "system") { localStorage.removeItem("theme"); delete document.documentElement.dataset.theme; }
    else { localStorage.setItem("theme", chosen); document.documentElement.dataset.theme = chosen; }
    showTheme();
  });
  document.body.addEventListener("htmx:afterSwap", function (event) {
    const told = event.target.querySelector("[data-announce]");
    const place = document.getElementById("announcements");
    if (told && place) { place.textContent = told.dataset.announce; }
  });
})();
