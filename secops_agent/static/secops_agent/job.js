// Follows a background import: asks once a second until it has ended, then shows the page anew.
(function () {
  "use strict";
  const place = document.querySelector("[data-job-url]");
  if (!place || !place.dataset.jobOpen) return;

  async function look() {
    const answer = await fetch(place.dataset.jobUrl, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const job = await answer.json();
    place.querySelector("progress").value = job.percent;
    place.querySelector("[data-job-text]").textContent = job.text;
    if (job.ended) window.location.reload();
  }

  window.setInterval(function () {
    if (document.visibilityState === "visible") {
      look().catch(() => (place.querySelector("[data-job-text]").textContent = "页面暂时连不上服务器"));
    }
  }, 1000);
})();
