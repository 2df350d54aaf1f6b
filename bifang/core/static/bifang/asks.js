// A form with data-asks is asked once: a dialog says what will change, and the form goes when that is agreed to.
(function () {
  "use strict";

  function dialog(form, button) {
    const box = document.createElement("dialog");
    box.className = "bf-panel bf-asks";
    box.setAttribute("aria-labelledby", "bf-asks-title");
    const title = document.createElement("h2");
    title.id = "bf-asks-title";
    title.textContent = button.getAttribute("aria-label") || button.textContent.trim();
    const text = document.createElement("p");
    text.textContent = form.dataset.asks;
    const row = document.createElement("div");
    row.className = "bf-act-row";
    const no = document.createElement("button");
    no.type = "button";
    no.className = "bf-button";
    no.textContent = "取消";
    const yes = document.createElement("button");
    yes.type = "button";
    yes.className = "bf-button bf-danger";
    yes.textContent = form.dataset.agrees || "确定";
    row.append(yes, no);
    box.append(title, text, row);
    no.addEventListener("click", () => box.close());
    yes.addEventListener("click", () => {
      form.dataset.agreed = "1";
      box.close();
      form.requestSubmit(button);
    });
    box.addEventListener("close", () => {
      box.remove();
      button.focus();
    });
    document.body.append(box);
    box.showModal();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.asks || form.dataset.agreed) return;
    event.preventDefault();
    dialog(form, event.submitter || form.querySelector("button[type=submit]"));
  });
})();
