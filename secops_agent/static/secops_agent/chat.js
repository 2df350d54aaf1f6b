// 问一问: Enter sends, a message that was taken empties the field, the newest line stays in view.
(function () {
  "use strict";
  const log = document.getElementById("log");
  const text = document.getElementById("text");
  if (!log || !text) return;

  // A message that is sent twice by accident is one message; the next one needs a name of its own.
  function renew(form) {
    const bytes = window.crypto.getRandomValues(new Uint8Array(16));
    form.elements.nonce.value = Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
  }

  function isAtEnd() {
    return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  }

  let follow = true;
  text.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (text.value.trim()) text.form.requestSubmit();
  });

  document.body.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.target === log) follow = isAtEnd() || event.detail.requestConfig.elt.tagName === "FORM";
  });

  document.body.addEventListener("htmx:afterSwap", function (event) {
    if (event.detail.target !== log) return;
    const form = event.detail.requestConfig.elt;
    if (form.tagName === "FORM" && !log.querySelector("[data-refused]")) {
      renew(form);
      if (form.id === "ask") text.value = "";
    }
    if (follow) log.scrollTop = log.scrollHeight;
  });

  log.scrollTop = log.scrollHeight;
  if (!window.matchMedia("(max-width: 640px)").matches) text.focus();
})();
