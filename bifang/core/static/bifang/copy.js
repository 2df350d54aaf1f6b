// Buttons that copy the text of another element: <button data-copy="its id">.
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

  document.querySelectorAll("[data-copy]").forEach(function (button) {
    const words = button.textContent;
    button.addEventListener("click", function () {
      copy(document.getElementById(button.dataset.copy)).then(
        () => (button.textContent = "已复制"),
        () => (button.textContent = "请手工复制"),
      );
      window.setTimeout(() => (button.textContent = words), 3000);
    });
  });
})();
