// 测试连接, by its button and once after saving: sends the form as it stands, and shows each check as it ends. The server escapes what it sends.
(function () {
  "use strict";
  const panel = document.getElementById("bf-try");
  const button = document.querySelector("[data-try]");
  if (!panel || !button) return;
  const plan = panel.querySelector("[data-try-plan]");
  const end = panel.querySelector("[data-try-end]");

  function say(text, wrong) {
    const line = document.createElement("p");
    line.className = wrong ? "bf-outcome bf-failed" : "bf-note";
    line.textContent = text;
    end.replaceChildren(line);
  }

  const form = document.getElementById(button.dataset.form);

  function blame(name, text) {
    const box = form.elements[name];
    if (!box) return;
    const line = document.createElement("p");
    line.className = "bf-error";
    line.dataset.blame = name;
    line.textContent = text;
    (box.closest(".bf-secret") || box.parentElement).after(line);
  }

  function markRunning() {
    const waiting = plan.querySelector("li:not([class])");
    if (waiting) waiting.className = "bf-running";
  }

  function take(line) {
    if (line.error) return say(line.error, true);
    if (line.plan) plan.innerHTML = line.plan;
    if (line.step) {
      const place = plan.querySelector('li[data-step="' + line.name + '"]');
      if (place) place.outerHTML = line.step;
      if (line.field) blame(line.field, line.detail);
    }
    if (line.end) end.innerHTML = line.end;
    else markRunning();
    return undefined;
  }

  async function read(answer) {
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value || new Uint8Array(), { stream: !done });
      const lines = rest.split("\n");
      rest = lines.pop();
      lines.filter(Boolean).forEach((line) => take(JSON.parse(line)));
      if (done) return;
    }
  }

  async function run() {
    button.disabled = true;
    panel.hidden = false;
    plan.replaceChildren();
    form.querySelectorAll("[data-blame]").forEach((one) => one.remove());
    say("正在测试…");
    panel.scrollIntoView({ block: "nearest", behavior: "smooth" });
    try {
      const answer = await fetch(button.dataset.try, { method: "POST", body: new FormData(form) });
      if (answer.redirected) throw new Error("登录已过期，请在另一个页面登录后再试。");
      if (answer.status === 429) throw new Error((await answer.json()).error);
      if (!answer.ok) throw new Error("没有测成（HTTP " + answer.status + "）：您可能没有修改配置的权限，或页面已过期，请刷新后再试。");
      await read(answer);
      if (plan.querySelector(".bf-running")) throw new Error("测试中断了，请再试一次。");
    } catch (error) {
      say(error instanceof TypeError ? "连不上毕方的网页服务，请稍后再试。" : error.message, true);
      plan.querySelectorAll(".bf-running").forEach((one) => one.removeAttribute("class"));
    }
    panel.scrollIntoView({ block: "nearest" });
    button.disabled = false;
  }

  function fill(choice) {
    const box = form.elements[choice.dataset.fill];
    if (!box) return;
    box.value = choice.dataset.value;
    box.dispatchEvent(new Event("change", { bubbles: true }));
    const folded = box.closest("details");
    if (folded) folded.open = true;
    box.scrollIntoView({ block: "center" });
    box.focus();
  }

  button.addEventListener("click", run);
  if ("tryNow" in panel.dataset) {
    window.history.replaceState(null, "", window.location.pathname);
    run();
  }
  end.addEventListener("click", function (event) {
    const choice = event.target.closest("[data-fill]");
    if (choice) fill(choice);
  });
})();
