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
  }

  window.addEventListener("load", nameAll);
  document.addEventListener("formset:added", () => window.setTimeout(nameAll));
  window.addEventListener("load", function () {
    if (!window.django || !window.django.jQuery) return;
    // select2 tells nobody but jQuery that it opened, and draws its search box only then.
    window.django.jQuery(document).on("select2:open", function (event) {
      const box = document.querySelector(".select2-container--open .select2-search__field");
      const label = event.target.labels && event.target.labels[0];
      if (box) box.setAttribute("aria-label", "搜索" + (label ? "：" + label.textContent.trim() : ""));
    });
  });
})();
