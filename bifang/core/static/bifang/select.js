// Gives what select2 draws for a list the name that the list itself has, for who hears the page.
(function () {
  "use strict";

  function name(list) {
    const label = list.labels && list.labels[0];
    const told = list.getAttribute("aria-label") || (label ? label.textContent.trim() : list.name);
    const drawn = list.nextElementSibling;
    if (!told || !drawn || !drawn.matches(".select2-container")) return;
    drawn.querySelectorAll(".select2-selection, .select2-selection__rendered, .select2-search__field").forEach((part) => {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", told);
    });
  }

  function nameAll() {
    document.querySelectorAll("select.select2-hidden-accessible").forEach(name);
    document.querySelectorAll(".select2-dropdown .select2-search__field").forEach((box) => box.setAttribute("aria-label", "搜索"));
  }

  new MutationObserver(nameAll).observe(document.documentElement, { childList: true, subtree: true });
})();
