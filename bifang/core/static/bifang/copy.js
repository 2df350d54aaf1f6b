// Buttons that copy the text of another element: <button data-copy="its id">, also those that come to the page later.
(function () {
  "use strict";

  // Browsers give the clipboard to HTTPS and localhost only; elsewhere a selection is copied.
  async function copy(place) {
    if (navigator.clipboard) return navigator.clipboard.writeText(place.textContent.trim());
    const range = document.createRange();
    range.selectNodeContents(place);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    if (!document.execCommand("copy")) throw new Error("refused");
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    button.dataset.words = button.dataset.words || button.textContent;
    copy(document.getElementById(button.dataset.copy)).then(
      () => (button.textContent = "已复制"),
      () => (button.textContent = "请手工复制"),
    );
    window.setTimeout(() => (button.textContent = button.dataset.words), 3000);
  });
})();
