// 告警处置 by keyboard. Every key presses a button or follows a link of the page: what it may do is decided there.
//   data-open, data-back, data-before, data-after    links that keys follow
//   data-key="e"                                     a button that a key presses
//   data-collect="/cases/…"                          a button that goes there with the chosen alerts
//   data-deed="close"                                a button that opens <dialog id="deed-close">, telling to how many
(function () {
  "use strict";
  const CURSOR = "bf-alert-cursor";
  const CHORD_MS = 1500;
  const page = document.querySelector("form[data-list]");
  const rows = page ? [...page.querySelectorAll("tbody tr")] : [];
  const form = document.getElementById("triage");
  const said = document.getElementById("said");
  let at = -1;
  let chord = 0;

  function say(text) {
    if (said) said.textContent = text;
  }

  // The list: one row is current; its link has the focus, so a screen reader tells it.
  function move(to, quietly) {
    if (!rows.length) return;
    at = Math.max(0, Math.min(rows.length - 1, to));
    rows.forEach((row, place) => row.setAttribute("aria-selected", String(place === at)));
    const link = rows[at].querySelector("[data-open]");
    link.focus({ preventScroll: true });
    if (!quietly || window.matchMedia("(min-width: 641px)").matches) rows[at].scrollIntoView({ block: "nearest" });
    if (!quietly) say("");
  }

  function ticked() {
    return rows.filter((row) => row.querySelector("input[name=ids]:checked"));
  }

  function whole() {
    const all = document.querySelector("input[name=all]:checked");
    return all ? Number(all.dataset.all) : 0;
  }

  function count() {
    return whole() || ticked().length;
  }

  function showBulk() {
    const bar = document.getElementById("bulk");
    if (!bar) return;
    const number = count();
    bar.hidden = !number;
    bar.querySelector("[data-chosen]").textContent = number;
  }

  // What the form will be about: the ticked rows, else the current one. Returns how many.
  function aim() {
    if (!page) return 1;
    const one = form.querySelector("input[name=one]");
    one.value = "";
    if (count()) return count();
    if (at < 0) return 0;
    one.value = rows[at].dataset.pk;
    return 1;
  }

  function named(number) {
    if (!page) return "A" + form.querySelector("input[name=one]").value;
    return number > 1 ? number + " 条告警" : "A" + (form.querySelector("input[name=one]").value || ticked()[0].dataset.pk);
  }

  function openDeed(name) {
    const number = aim();
    const dialog = document.getElementById("deed-" + name);
    if (!dialog || !number) return say("请先用 j 和 k 选一条告警");
    dialog.querySelectorAll("[data-what]").forEach((place) => (place.textContent = named(number)));
    const why = dialog.querySelector("#close-note");
    if (why) {
      why.required = number > 1; // whoever ends many says why
      dialog.querySelector("[data-optional]").hidden = number > 1;
    }
    dialog.showModal();
    const cases = dialog.querySelector("[data-asks]");
    if (cases) ask(cases);
  }

  // Whose they are, and what closing leaves open, is told before it is done.
  async function ask(place) {
    const spares = place.parentElement.querySelector("[data-spares]");
    place.textContent = "";
    if (spares) spares.hidden = !(spares.control.checked = false);
    const answer = await fetch(place.dataset.asks, { method: "POST", body: new FormData(form) }).catch(() => null); // one went on
    if (!answer?.ok || answer.redirected) return;
    place.textContent = await answer.text();
    const number = answer.headers.get("X-Spares");
    if (spares && number) [spares.hidden, spares.querySelector("span").textContent] = [false, number];
  }

  // One act of the current row or the ticked ones, without a dialog: it can be undone.
  function submit(values) {
    if (!aim()) return say("请先用 j 和 k 选一条告警");
    Object.entries(values).forEach(function ([name, value]) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      form.append(field);
    });
    form.querySelectorAll("[required]").forEach((each) => (each.required = false));
    form.submit();
  }

  // To the page where alerts become a case: those that are ticked, or the one whose page this is.
  function collect(address) {
    const chosen = page ? ticked().map((row) => row.dataset.pk) : [form.querySelector("input[name=one]").value];
    const query = new URLSearchParams(chosen.map((pk) => ["alerts", pk]));
    query.append("next", window.location.pathname + window.location.search);
    window.location.href = address + "?" + query;
  }

  function press(key) {
    const button = document.querySelector(`main [data-key="${key}"]`);
    if (button) button.click();
    return Boolean(button);
  }

  function follow(selector) {
    const link = document.querySelector(selector);
    if (link) link.click();
    return Boolean(link);
  }

  function direct(name, values, key) {
    if (!form) return;
    if (!page) return press(key);
    if (count() > 1) return openDeed(name);
    remember();
    submit(values);
  }

  function comment() {
    const note = document.getElementById("note");
    if (note) return note.focus();
    if (at >= 0) window.location.href = rows[at].querySelector("[data-open]").href + "#note";
  }

  const KEYS = {
    j: () => move(at + 1),
    k: () => move(at - 1),
    o: () => at >= 0 && rows[at].querySelector("[data-open]").click(),
    x: function () {
      const box = at >= 0 && rows[at].querySelector("input[name=ids]");
      if (!box) return;
      box.checked = !box.checked;
      showBulk();
      say((box.checked ? "已选中，共 " : "已取消，还有 ") + count() + " 条");
    },
    e: () => form && document.getElementById("deed-close") && (page || document.querySelector("[data-deed=close]")) && openDeed("close"),
    a: () => document.getElementById("deed-acknowledge") && direct("acknowledge", { act: "acknowledge" }, "a"),
    i: () => document.getElementById("deed-assign") && direct("assign", { act: "assign", person: "me" }, "i"),
    c: comment,
    n: () => (page ? move(at + 1) : follow("[data-after]") || say("列表里没有下一条了")),
    p: () => (page ? move(at - 1) : follow("[data-before]") || say("列表里没有上一条了")),
    u: () => follow("#undo button"),
    "/": () => document.getElementById("q") && document.getElementById("q").focus(),
    "?": () => document.getElementById("keys").showModal(),
  };

  function isTyping(target) {
    return target.isContentEditable || (target.matches("input, textarea, select") && target.type !== "checkbox");
  }

  document.addEventListener("keydown", function (event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const dialog = document.querySelector("dialog[open]");
    if (isTyping(event.target)) {
      if (event.key === "Escape" && !dialog) event.target.blur();
      return;
    }
    if (dialog) {
      const button = dialog.querySelector(`[data-key="${event.key}"]`);
      if (button) {
        event.preventDefault();
        button.click();
      }
      return;
    }
    if (chord && event.key === "l") {
      chord = 0;
      return follow("[data-back]");
    }
    chord = 0;
    if (event.key === "g") {
      chord = window.setTimeout(() => (chord = 0), CHORD_MS);
      return;
    }
    if (!Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  document.addEventListener("click", function (event) {
    const opener = event.target.closest("[data-deed]");
    if (opener) openDeed(opener.dataset.deed);
    const collector = event.target.closest("[data-collect]");
    if (collector) collect(collector.dataset.collect);
  });
  document.addEventListener("change", showBulk);
  document.addEventListener("close", function (event) {
    const why = event.target.querySelector && event.target.querySelector("#close-note");
    if (why) why.required = false;
    if (page && at >= 0) move(at, true);
  }, true);
  rows.forEach((row, place) => row.addEventListener("focusin", function () {
    at = place;
    rows.forEach((each) => each.setAttribute("aria-selected", String(each === row)));
  }));

  // After an act, and after it is taken back, the list is drawn anew: the cursor stands on its alert, or where the next one is;
  // after an act on many at the top, where the answer is.
  function remember() {
    if (count()) at = 0;
    window.sessionStorage.setItem(CURSOR, JSON.stringify({ place: at, pk: at < 0 ? "" : rows[at].dataset.pk }));
  }
  if (page) {
    [form, document.getElementById("undo")].forEach((each) => each?.addEventListener("submit", remember));
    let kept = null;
    try {
      kept = JSON.parse(window.sessionStorage.getItem(CURSOR));
    } catch {
      kept = null;
    }
    window.sessionStorage.removeItem(CURSOR);
    const same = kept ? rows.findIndex((row) => row.dataset.pk === kept.pk) : -1;
    if (kept && kept.place >= 0) move(same < 0 ? kept.place : same, true);
    showBulk();
  } else {
    const note = document.getElementById("note");
    if (note && window.location.hash === "#note") note.focus();
  }

  // Nobody reads a list behind another window; and an answer that comes as a whole page is not put into a line.
  document.body.addEventListener("htmx:beforeRequest", function (event) {
    if (event.target.matches("[data-polls]") && document.hidden) event.preventDefault();
  });

  // The filters are open beside the list, closed above it.
  const facets = document.getElementById("facets");
  if (facets && window.matchMedia("(min-width: 1024px)").matches) facets.open = true;

  // What was done is told once the page stands.
  const told = [...document.querySelectorAll("#messages .bf-toast, #undo > span:first-of-type")].map((each) => each.textContent);
  if (told.length) window.setTimeout(() => say(told.join("。")), 300);
})();
