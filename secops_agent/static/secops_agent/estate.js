// Deciding about findings: how many are chosen, and what the dialog says.
//   form[data-bulk]    the list; [data-bar] shows while something is chosen; input[data-all="12"] chooses all that match
(function () {
  "use strict";
  const form = document.querySelector("form[data-bulk]");
  const dialog = document.getElementById("decision");
  const SETTLED = ["accepted", "false_positive", "not_affected", "fixed"]; // whoever ends something says why

  function count() {
    const all = form.querySelector("input[data-all]:checked");
    if (all) return Number(all.dataset.all);
    const ticked = [...form.querySelectorAll("input[name=ids]:checked, input[name=groups]:checked")];
    return ticked.reduce((sum, box) => sum + Number(box.dataset.counts || 1), 0);
  }

  function show() {
    const bar = form.querySelector("[data-bar]");
    if (!bar) return;
    bar.hidden = !count();
    bar.querySelector("[data-chosen]").textContent = count();
    if (dialog) dialog.querySelector("[data-what]").textContent = count() + " 条发现";
  }

  if (form) {
    form.addEventListener("change", show);
    document.addEventListener("change", () => window.setTimeout(show)); // after 选中这一页 has ticked the rows
    window.addEventListener("pageshow", show);
  }
  // Which assets it covers is told before it is decided: core ones and those that the internet reaches first.
  async function ask() {
    const place = dialog.querySelector("[data-asks]");
    place.textContent = "";
    const body = new FormData(document.getElementById("decide"));
    const answer = await fetch(place.dataset.asks, { method: "POST", body }).catch(() => null); // one can decide without it
    if (answer?.ok && !answer.redirected) place.innerHTML = await answer.text();
  }

  if (dialog) {
    document.addEventListener("click", (event) => event.target.closest('[data-opens="decision"]') && ask());
    dialog.addEventListener("change", function (event) {
      if (event.target.name === "decision") dialog.querySelector("#decision-note").required = SETTLED.includes(event.target.value);
    });
  }
})();
