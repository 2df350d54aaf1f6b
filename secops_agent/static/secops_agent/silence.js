// A new silence: says what it would cover, as soon as scope and object are chosen.
(function () {
  "use strict";
  const place = document.querySelector("[data-preview-url]");
  const scope = document.getElementById("id_scope");
  const value = document.getElementById("id_value");
  if (!place || !scope || !value) return;
  let asked = 0;
  let waiting = 0;

  async function look() {
    const mine = ++asked;
    if (!scope.value || (scope.value !== "all" && !value.value.trim())) {
      place.hidden = true;
      return;
    }
    const query = new URLSearchParams({ scope: scope.value, value: value.value });
    const answer = await fetch(place.dataset.previewUrl + "?" + query, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected || mine !== asked) return;
    const told = await answer.json();
    place.textContent = told.text;
    place.hidden = false;
    place.classList.toggle("bf-error", !told.known);
  }

  scope.addEventListener("change", look);
  value.addEventListener("change", look);
  value.addEventListener("input", function () {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(look, 300);
  });
  look();
})();
