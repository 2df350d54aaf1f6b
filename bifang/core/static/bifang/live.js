// Keeps the connection states of a page fresh: asks every few seconds while the page is visible. State and error are
// renewed together, as the server shows them.
(function () {
  "use strict";
  const EVERY_MS = 4000;
  const ADDRESS = "live/";

  const seen = new WeakMap(); // place → what the server last sent for it: a fold that is open is no change

  function address(ids) {
    const holder = document.querySelector("[data-live-url]");
    const place = holder ? holder.dataset.liveUrl : ADDRESS;
    return place + (place.includes("?") ? "&" : "?") + "ids=" + ids;
  }

  function show(attribute, part, states) {
    document.querySelectorAll("[" + attribute + "]").forEach((place) => {
      const now = states[place.getAttribute(attribute)];
      if (now && part in now && seen.get(place) !== now[part]) {
        if (seen.has(place) || place.innerHTML !== now[part]) place.innerHTML = now[part];
        seen.set(place, now[part]);
      }
      place.title = "";
    });
  }

  async function refresh(places) {
    const ids = places.map((place) => place.dataset.live).join(",");
    const answer = await fetch(address(ids), { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const states = (await answer.json()).configs;
    for (const part of ["state", "problem", "facts", "next"]) {
      show(part === "state" ? "data-live" : "data-live-" + part, part, states);
    }
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
