// A form that says what it would do while it is filled in: asks the address of [data-preview-url] with what stands in the
// form, less what data-preview-without names. The answer: {known, text}, one line after the other.
(function () {
  "use strict";
  const WAIT_MS = 500;
  const place = document.querySelector("[data-preview-url]");
  const form = place && place.closest("form");
  if (!form) return;
  const without = (place.dataset.previewWithout || "").split(" ");
  let waiting = 0;
  let asking = false;
  let again = false;

  function filled() {
    const given = new FormData(form);
    without.forEach((name) => given.delete(name));
    return given;
  }

  function show(told) {
    place.textContent = told.text;
    place.hidden = !told.text;
    place.classList.toggle("bf-error", !told.known);
  }

  async function look() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(place.dataset.previewUrl, {
        method: "POST", body: filled(), headers: { Accept: "application/json" },
      });
      if (answer.ok && !answer.redirected) show(await answer.json());
    } catch (error) {
      place.hidden = true; // no connection: saving still says what is wrong
    }
    place.removeAttribute("aria-busy");
    asking = false;
    if (again) {
      again = false;
      look();
    }
  }

  function soon() {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(look, WAIT_MS);
  }

  form.addEventListener("change", soon);
  form.addEventListener("input", soon);
  const jquery = window.django && window.django.jQuery;
  if (jquery) jquery(form).on("change", "select", soon); // select2 tells jQuery alone

  // Buttons that fill a field: <button data-sets="id_minutes" data-value="60">.
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sets]");
    if (!button) return;
    const field = document.getElementById(button.dataset.sets);
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  look();
})();
