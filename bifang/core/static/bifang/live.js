// Keeps the connection states of a page fresh: asks every few seconds while the page is visible. State and error are
// renewed together, as the server shows them.
(function () {
  "use strict";
  const EVERY_MS = 4000;
  const ADDRESS = "live/";

  function address() {
    const holder = document.querySelector("[data-live-url]");
    return holder ? holder.dataset.liveUrl : ADDRESS;
  }

  function show(attribute, part, states) {
    document.querySelectorAll("[" + attribute + "]").forEach((place) => {
      const now = states[place.getAttribute(attribute)];
      if (now && place.innerHTML !== now[part]) place.innerHTML = now[part];
      place.title = "";
    });
  }

  async function refresh(places) {
    const ids = places.map((place) => place.dataset.live).join(",");
    const answer = await fetch(address() + "?ids=" + ids, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const states = (await answer.json()).configs;
    show("data-live", "state", states);
    show("data-live-problem", "problem", states);
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
