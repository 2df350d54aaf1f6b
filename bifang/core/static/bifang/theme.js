// Light or dark before anything is drawn: the choice is the admin's own (`adminTheme`, a JSON string), so both agree.
(function () {
  "use strict";
  const KEY = "adminTheme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return JSON.parse(window.localStorage.getItem(KEY)) || "auto";
    } catch {
      return "auto";
    }
  }

  function isDark() {
    return chosen() === "dark" || (chosen() === "auto" && system.matches);
  }

  function apply() {
    document.documentElement.classList.toggle("dark", isDark());
    document.documentElement.dispatchEvent(new CustomEvent("bf:theme"));
  }

  apply();
  system.addEventListener("change", apply);
  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-theme]")) return;
    window.localStorage.setItem(KEY, JSON.stringify(isDark() ? "light" : "dark"));
    apply();
  });
})();
