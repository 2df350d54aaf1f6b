// What every page of ours does: the menu on a phone, dialogs, forms that submit themselves, messages that go away.
//   data-menu               a button that opens and closes the menu
//   data-opens="id"         a button that opens <dialog id>; data-closes inside it closes it;
//                           data-fills='{"id": "value"}': what stands in its fields then
//   data-submits            a field that submits its form when it changes
//   data-hits               the form of the search: its list of links is walked by the arrows, Enter opens the first
//   data-adds="，"          a field of several, with a list: what it offers comes after those that stand there
//   data-more="id"          a checkbox that ticks all checkboxes inside #id
//   .tr-tick                a cell with a checkbox: with Shift, the boxes between it and the one before follow
//   data-parts              an element that htmx asks for again: of the answer, only each <… data-part id> that has
//                           changed replaces its own; its trigger "bf:seen" fires when the page is looked at again
(function () {
  "use strict";
  const MESSAGE_MS = 8000;

  function toggleMenu(open) {
    document.body.classList.toggle("bf-menu-open", open);
    document.querySelectorAll("[data-menu]").forEach((each) => each.setAttribute("aria-expanded", String(open)));
    if (open) document.querySelector("#menu a").focus();
  }

  function closeDrops(event) {
    document.querySelectorAll("details.bf-drop[open]").forEach(function (drop) {
      if (!drop.contains(event.target)) drop.open = false;
    });
  }

  let ticked = null;
  function tick(box, withShift) {
    const boxes = [...box.closest("tbody").querySelectorAll(".tr-tick input")];
    const [from, to] = [boxes.indexOf(ticked), boxes.indexOf(box)].sort((a, b) => a - b);
    if (withShift && from >= 0) boxes.slice(from, to).forEach((each) => (each.checked = box.checked));
    ticked = box;
  }

  // What an address names inside something folded: unfolded, in sight.
  function unfold() {
    const named = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!named) return;
    for (let fold = named.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    named.scrollIntoView({ block: "center" });
    named.focus({ preventScroll: true });
  }
  window.addEventListener("hashchange", unfold);
  document.addEventListener("DOMContentLoaded", unfold);

  document.addEventListener("click", function (event) {
    closeDrops(event);
    event.target.closest("#messages .bf-toast:not(form)")?.remove();
    const menu = event.target.closest("[data-menu]");
    if (menu) return toggleMenu(!document.body.classList.contains("bf-menu-open"));
    if (document.body.classList.contains("bf-menu-open") && !event.target.closest("#menu")) toggleMenu(false);
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      for (const [id, value] of Object.entries(JSON.parse(opener.dataset.fills || "{}"))) document.getElementById(id).value = value;
      return document.getElementById(opener.dataset.opens).showModal();
    }
    const box = event.target.closest(".tr-tick input");
    if (box) tick(box, event.shiftKey);
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog").close();
  });

  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-more]")) {
      const boxes = document.getElementById(event.target.dataset.more).querySelectorAll("input[type=checkbox]");
      boxes.forEach((box) => (box.checked = event.target.checked));
    }
  });

  document.addEventListener("input", function (event) {
    if (!event.target.matches("[data-adds]")) return;
    const { value, list, dataset } = event.target, kept = value.slice(0, value.search(/[^，,、]*$/));
    Array.from(list.options, function (each) {
      each.dataset.value ||= each.value;
      each.value = kept.replace(/[,、]/g, dataset.adds) + each.dataset.value;
    });
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") toggleMenu(false);
    if (event.key === "k" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      document.getElementById("find").showModal();
    }
    const form = event.target.closest("[data-hits]");
    const hits = Array.from(event.target.closest(".bf-find")?.querySelectorAll(".bf-hits a") || []);
    const next = hits[hits.indexOf(document.activeElement) + { ArrowDown: 1, ArrowUp: -1 }[event.key]];
    if (next && (form || hits.includes(document.activeElement))) {
      event.preventDefault();
      next.focus();
    }
  });
  document.addEventListener("submit", function (event) {
    if (!event.target.matches("[data-hits]")) return;
    event.preventDefault();
    event.target.parentElement.querySelector(".bf-hits a")?.click();
  });

  // What went well goes away by itself, except on a phone, where the page would move; an error stays until it is pressed.
  function fade(root) {
    if (window.matchMedia("(max-width: 640px)").matches) return;
    root.querySelectorAll(".bf-toast-success, .bf-toast-info").forEach(function (each) {
      window.setTimeout(() => each.remove(), MESSAGE_MS);
    });
  }
  fade(document);
  document.body.addEventListener("htmx:afterSwap", (event) => fade(event.target));

  const served = new Map(Array.from(document.querySelectorAll("[data-part]"), (each) => [each.id, each.outerHTML]));

  function pieces(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return Array.from(holder.content.querySelectorAll("[data-part]"));
  }

  function renew(fresh) {
    const old = document.getElementById(fresh.id);
    if (served.get(fresh.id) === fresh.outerHTML) return;
    served.set(fresh.id, fresh.outerHTML);
    const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceChildren(...fresh.childNodes);
    window.htmx.process(old);
    if (focused) Array.from(old.querySelectorAll("a[href]")).find((each) => each.getAttribute("href") === focused)?.focus();
  }

  document.body.addEventListener("htmx:beforeRequest", function (event) {
    const holder = event.detail.elt;
    if (document.hidden && holder.matches("[data-parts]") && holder.querySelector("[data-part]")) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterRequest", function (event) {
    if (event.detail.elt.matches("[data-parts]")) event.detail.elt.classList.toggle("bf-stale", !event.detail.successful);
  });
  document.body.addEventListener("htmx:beforeSwap", function (event) {
    const holder = event.detail.target;
    if (!event.detail.shouldSwap || !holder.matches("[data-parts]")) return;
    const found = pieces(event.detail.xhr.response), present = Array.from(holder.querySelectorAll("[data-part]"));
    if (found.map((each) => each.id).join() !== present.map((each) => each.id).join()) {
      found.forEach((each) => served.set(each.id, each.outerHTML));
      return;
    }
    event.detail.shouldSwap = false;
    found.forEach(renew);
    document.body.dispatchEvent(new CustomEvent("bf:renewed"));
  });
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden) document.querySelectorAll("[data-parts]").forEach((each) => window.htmx.trigger(each, "bf:seen"));
  });

  // A session that ended: an answer that was sent to the login is not put into the page.
  document.body.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.xhr.responseURL.includes("/login/")) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
  });
})();
