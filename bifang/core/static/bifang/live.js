// Keeps the connection states of a page fresh: asks every few seconds while the page is visible.
(function () {
  "use strict";
  const EVERY_MS = 4000;
  const ADDRESS = "live/";

  function address() {
    const holder = document.querySelector("[data-live-url]");
    return holder ? holder.dataset.liveUrl : ADDRESS;
  }

  function show(place, state) {
    const badge = place.querySelector(".bf-badge");
    const note = place.querySelector(".bf-note");
    badge.textContent = state.text;
    badge.className = "bf-badge bf-" + state.tone;
    note.textContent = state.detail;
    place.title = state.error ? state.error + "（" + state.error_at + "）" : "";
  }

  async function refresh(places) {
    const ids = places.map((place) => place.dataset.live).join(",");
    const answer = await fetch(address() + "?ids=" + ids, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const states = (await answer.json()).configs;
    places.forEach((place) => states[place.dataset.live] && show(place, states[place.dataset.live]));
  }

  document.addEventListener("DOMContentLoaded", function () {
    const places = Array.from(document.querySelectorAll("[data-live]"));
    if (!places.length) return;
    window.setInterval(function () {
      if (document.visibilityState === "visible") {
        refresh(places).catch(() => places.forEach((place) => (place.title = "页面暂时连不上服务器")));
      }
    }, EVERY_MS);
  });
})();
