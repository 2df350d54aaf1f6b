// Steps of escalation: those that are filled in, and one more when it is asked for.
(function () {
  "use strict";
  const lines = [];
  for (let step = 0; ; step += 1) {
    const field = document.getElementById("id_after_" + step);
    if (!field) break;
    lines.push({ field, to: document.getElementById("id_to_" + step), row: rowOf(field, step) });
  }
  if (lines.length < 2 || lines.some((line) => !line.row)) return;

  // The smallest element that holds both fields of the step.
  function rowOf(field, step) {
    let row = field.parentElement;
    while (row && !row.querySelector("#id_to_" + step)) row = row.parentElement;
    return row && row.querySelectorAll("[id^=id_after_]").length === 1 ? row : null;
  }

  const isFilled = (line) => line.field.value || (line.to && line.to.selectedOptions.length);
  let shown = Math.max(1, lines.reduce((last, line, step) => (isFilled(line) ? step + 1 : last), 0));

  const more = document.createElement("button");
  more.type = "button";
  more.className = "bf-button bf-more";
  more.textContent = "再加一步";
  lines[lines.length - 1].row.after(more);
  more.addEventListener("click", () => {
    shown += 1;
    show();
    lines[shown - 1].field.focus();
  });

  function show() {
    lines.forEach((line, step) => { line.row.hidden = step >= shown; });
    more.hidden = shown >= lines.length;
  }
  show();
})();
